"""The second step: the run is entered in the ledger, its rows are sent, and nothing is lost."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ORDINAL, ErrorCode
from jobmojito_batch.ledger import Ledger, RowEnd
from jobmojito_batch.pipeline import work
from jobmojito_batch.pipeline.gc_tuning import rare_collections
from jobmojito_batch.pipeline.plan_stage import planned_slices
from jobmojito_batch.pipeline.prepare import Planned, ReadyToSend
from jobmojito_batch.pipeline.register import by_place, enter_run, sent_kinds
from jobmojito_batch.pipeline.run_log import ProgressLog
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.plan import ACCOUNT, PLACE, POSITION, Kind
from jobmojito_batch.sending import (
    Budget,
    Cap,
    Counts,
    Doubt,
    FirstGate,
    FirstRows,
    Position,
    Progress,
    RowReader,
    Sender,
    Stop,
    Tally,
)
from jobmojito_batch.settings import Settings

T = TypeVar("T")

MOST_SHOWN: Final = 10
"""Of the first rows, those whose ends are shown one by one."""
TICK_SECONDS: Final = 0.25
"""How often progress is told."""

OnProgress = Callable[[Progress], None]
DecideOnRest = Callable[[FirstRows, list[RowEnd]], bool]
"""Whether the rows after the first follow; may ask somebody, and take its time."""
StopWhen = Callable[[], Awaitable[str]]
"""Returns when the run shall send nothing more, with why: somebody above it may end it, too."""
OpenApi = Callable[[ReadyToSend], JobMojito]
"""Tests put a scripted transport below; everybody else talks to the base URL."""


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


def over_http(ready: ReadyToSend) -> JobMojito:
    """The API at the base URL of the settings."""
    return JobMojito(ready.planned.settings, ready.tokens)


async def deliver(
    ready: ReadyToSend,
    *,
    on_progress: OnProgress | None = None,
    drain_seconds: float | None = None,
    open_api: OpenApi = over_http,
    stop_when: StopWhen | None = None,
    may_go_on: DecideOnRest | None = None,
) -> Delivered:
    """
    Claim and send what the plan says; calls in flight at a stop are waited for.

    *drain_seconds* bounds that wait; calls left then stay claimed and read as unknown. Where the
    first rows go alone *may_go_on* decides on the rest; without it that is whether each of them is
    settled. Raises LedgerError, after which the run is marked crashed if the ledger still can.
    """
    if on_progress is not None:
        on_progress = ProgressLog(ready.planned.run_id, on_progress)
    position_ids = await asyncio.to_thread(enter_run, ready)
    first = _first_gate(ready, may_go_on)
    try:
        return await _send(
            ready, position_ids, on_progress, drain_seconds, open_api, stop_when, first
        )
    except BaseException:
        with suppress(Exception):  # what went wrong first is what to tell
            ready.ledger.runs.abandon(ready.planned.run_id)
        raise


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


async def _send(
    ready: ReadyToSend,
    position_ids: dict[int, int],
    on_progress: OnProgress | None,
    drain_seconds: float | None,
    open_api: OpenApi,
    stop_when: StopWhen | None,
    first: FirstGate | None,
) -> Delivered:
    prepared, ledger = ready.planned, ready.ledger
    places = prepared.plan.places.drop(POSITION).join(by_place(position_ids), on=PLACE, how="left")
    positions = work.positions_of(_rows_to_go(prepared), places)
    doubts = await asyncio.to_thread(_doubts_of, prepared, ledger, places, positions)
    batch = Batch(
        run_id=prepared.run_id,
        rows_run_id=prepared.run_id,
        settings=prepared.settings,
        tokens=ready.tokens,
        rows=work.reader_of(prepared.spool.prepared),
        positions=positions,
        doubts=doubts,
        budget=_budget(prepared, ledger),
        settles=prepared.settles,
        tidy=prepared.spool.remove,
    )
    async with open_api(ready) as api:
        return await send_batch(
            batch, api, ledger, on_progress, drain_seconds, stop_when=stop_when, first=first
        )


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
    writer = ledger.writer()
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


def _first_gate(ready: ReadyToSend, decide: DecideOnRest | None) -> FirstGate | None:
    planned = ready.planned
    count = planned.parameters.first
    if count is None:
        return None

    async def may_go_on(first: FirstRows) -> bool:
        if decide is None:
            return first.are_settled
        ends = ready.ledger.results.ends_of(planned.run_id, first.ordinals[:MOST_SHOWN])
        return await beside_the_loop(lambda: decide(first, ends))

    return FirstGate(count=count, may_go_on=may_go_on)


async def beside_the_loop(work: Callable[[], T]) -> T:
    """
    What *work* gives, from a thread that nobody has to wait for.

    Somebody who is asked may never answer: the claims are kept alive meanwhile, and a run that is
    stopped ends without the answer.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else outcome())

    def carry_out() -> None:
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 - raised again where it is waited for
            error = exc
            tell(lambda: done.set_exception(error))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=carry_out, name="decide", daemon=True).start()
    return await done


async def _stopped(sender: Sender, stop_when: StopWhen) -> None:
    sender.stop(ErrorCode.INTERRUPTED, await stop_when())


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None] | None) -> AsyncIterator[None]:
    """*work* goes on while inside, and ends with it."""
    task = asyncio.create_task(work) if work is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


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


def _budget(prepared: Planned, ledger: Ledger) -> Budget:
    return budget_of(
        prepared.settings,
        ledger,
        prepared.accounts.credits_left,
        own_merchant=prepared.accounts.merchant,
    )


def budget_of(
    settings: Settings,
    ledger: Ledger,
    credits_left: Mapping[str | None, float],
    *,
    own_merchant: str,
    spent: float = 0.0,
) -> Budget:
    """
    The caps of the merchants (None: the token's own), the run and the day.

    *spent* counts towards all but the day's.
    """
    caps = []
    if settings.max_credits_per_run is not None:
        caps.append(Cap(settings.max_credits_per_run, spent=spent))
    if settings.max_credits_per_day is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        caps.append(Cap(settings.max_credits_per_day, spent=ledger.results.credits_since(midnight)))
    balances = {
        merchant: _balance(merchant, left, spent) for merchant, left in credits_left.items()
    }
    if None in balances:
        balances[own_merchant] = balances[None]  # a row may name it, too
    return Budget(caps, balances)


def _balance(merchant_id: str | None, left: float, spent: float) -> Cap:
    whose = "the account's" if merchant_id is None else f"merchant {merchant_id}'s"
    return Cap(
        left,
        spent=spent,
        code=ErrorCode.INSUFFICIENT_CREDITS,
        message=f"{whose} credits are used up; buy more and run again",
    )


def _rows_to_go(prepared: Planned) -> Iterator[pl.DataFrame]:
    """
    The rows that may be sent, and those in doubt, for `work.positions_of`.

    One in doubt is sent once more if looking shows that it did not happen.
    """
    kinds_to_send, in_doubt = sent_kinds(prepared), [Kind.UNKNOWN.value]
    for kinds, may_go in ((kinds_to_send, True), (in_doubt, False)):
        for rows in planned_slices(prepared.plan, kinds):
            yield rows.select(ORDINAL, PLACE, pl.lit(may_go).alias(work.MAY_GO))


def _doubts_of(
    prepared: Planned, ledger: Ledger, places: pl.DataFrame, positions: list[Position]
) -> list[Doubt]:
    """What earlier or other runs left in doubt and rows of this run hang on."""
    if not prepared.settles:
        return []
    unknown: dict[tuple[int, str], int] = {}
    if prepared.plan.counts[Kind.UNKNOWN]:
        rows = pl.concat(planned_slices(prepared.plan, [Kind.UNKNOWN.value]))
        unknown = work.invitations_of(rows, places, pl.scan_parquet(prepared.spool.prepared))
    doubted = ledger.doubts.of_accounts(places[ACCOUNT].unique().to_list())
    return work.in_doubt_of(ledger, doubted, unknown, positions)
