"""Rows that one sender sends: those of a whole run, or those of a shard."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import work
from jobmojito_batch.pipeline.beside import beside
from jobmojito_batch.pipeline.gc_tuning import rare_collections
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.sending import (
    Budget,
    Counts,
    Doubt,
    FirstGate,
    Position,
    Progress,
    RowReader,
    Sender,
    Stop,
    Tally,
)
from jobmojito_batch.settings import Settings

TICK_SECONDS: Final = 0.25
"""How often progress is told."""


OnProgress = Callable[[Progress], None]
StopWhen = Callable[[], Awaitable[str]]
"""Returns when the run shall send nothing more, with why: somebody above it may end it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What sending came to."""

    tally: Tally
    stopped: Stop | None
    signal_number: int | None
    """The signal that ended the run early: 2 or 15."""
    seconds: float
    settled: Counts | None = None
    """What looking unknown rows up came to; None if they were left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows to be sent by one sender, and within what bounds."""

    run_id: str
    """Whose claims they are."""
    rows_run_id: str
    """Whose rows they are: the same, or the parent of this shard."""
    settings: Settings = field(repr=False)
    tokens: TokenSource = field(repr=False)
    rows: RowReader = field(repr=False)
    positions: list[Position] = field(repr=False)
    doubts: list[Doubt] = field(repr=False)
    budget: Budget
    settles: bool
    tidy: Callable[[], None] = field(repr=False)
    """What to remove if a second signal ends the process at once."""


async def send_batch(
    batch: Batch,
    api: JobMojito,
    ledger: Ledger,
    on_progress: OnProgress | None,
    drain_seconds: float | None,
    *,
    watch: Callable[[Sender], Coroutine[Any, Any, None]] | None = None,
    stop_when: StopWhen | None = None,
    first: FirstGate | None = None,
) -> Delivered:
    """
    Send the rows of a batch; *watch* looks on and may stop it, *stop_when* ends it.

    With a *first* gate some rows go alone until that lets the others follow.

    Raises LedgerError.
    """
    signals: list[int] = []
    writer = ledger.writer(in_flight=batch.settings.max_in_flight)
    try:
        context = work.context_of(
            batch.run_id,
            batch.settings,
            api,
            batch.tokens,
            ledger,
            writer,
            settles=batch.settles,
            rows_run_id=batch.rows_run_id,
        )
        sender = Sender(
            context,
            batch.rows,
            batch.positions,
            budget=batch.budget,
            doubts=batch.doubts,
            first=first,
        )

        def on_signal(number: int) -> None:
            signals.append(number)
            sender.stop(ErrorCode.INTERRUPTED, "the run was interrupted; run it again")

        # A drain with an end of its own needs no second signal to end it.
        leaves = drain_seconds is None
        with rare_collections(), stop_on_signals(on_signal, batch.tidy, leaves_on_second=leaves):
            async with (
                beside(watch(sender) if watch is not None else None),
                beside(_stopped(sender, stop_when) if stop_when is not None else None),
            ):
                await _with_progress(sender, on_progress, drain_seconds)
    finally:
        await writer.close()
    return Delivered(
        tally=sender.tally,
        stopped=sender.stopped,
        signal_number=signals[0] if signals else None,
        seconds=sender.progress.seconds,
        settled=sender.settling.counts if sender.settling is not None else None,
    )


async def _stopped(sender: Sender, stop_when: StopWhen) -> None:
    sender.stop(ErrorCode.INTERRUPTED, await stop_when())


async def _with_progress(
    sender: Sender, on_progress: OnProgress | None, drain_seconds: float | None
) -> None:
    async def tell() -> None:
        while on_progress is not None:
            on_progress(sender.progress)
            await asyncio.sleep(TICK_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        await sender.run(drain_seconds=drain_seconds)
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        if on_progress is not None:
            on_progress(sender.progress)
