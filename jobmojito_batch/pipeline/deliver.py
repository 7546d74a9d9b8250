"""The second step: the run is entered in the ledger, its rows are sent, and nothing is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import (
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ROW,
    SOURCE,
    ErrorCode,
)
from jobmojito_batch.ledger import Ledger, TakeSlots, Writer
from jobmojito_batch.pipeline.collector import rare_collections
from jobmojito_batch.pipeline.entering import by_place, enter_run, sent_kinds
from jobmojito_batch.pipeline.planning import planned_slices
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.plan import (
    ACCOUNT,
    EMAIL,
    PLACE,
    POSITION,
    Kind,
    at_ordinals,
)
from jobmojito_batch.sending import (
    Budget,
    Cap,
    Counts,
    Door,
    Doubt,
    Pace,
    Position,
    Progress,
    RetryPolicy,
    RowQueue,
    RowReader,
    Sender,
    SenderPolicy,
    Stop,
    TakeBlock,
    Tally,
)
from jobmojito_batch.settings import Settings

TICK_SECONDS: Final = 0.25
"""How often progress is told."""

OnProgress = Callable[[Progress], None]
StopWhen = Callable[[], Awaitable[str]]
"""Returns when the run shall send nothing more, with why: somebody above it may end it, too."""
OpenApi = Callable[[Prepared], JobMojito]
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
    """What looking unknown rows up came to; None where they were left alone."""


def over_http(prepared: Prepared) -> JobMojito:
    """The API at the base URL of the settings."""
    assert prepared.tokens is not None  # noqa: S101 - prepare() read one, since it will send
    return JobMojito(prepared.settings, prepared.tokens)


async def deliver(
    prepared: Prepared,
    *,
    on_progress: OnProgress | None = None,
    drain_seconds: float | None = None,
    open_api: OpenApi = over_http,
    stop_when: StopWhen | None = None,
) -> Delivered:
    """
    Claim and send what the plan says; calls in flight at a stop are waited for.

    *drain_seconds* bounds that wait; calls left then stay claimed and read as unknown. Raises
    LedgerError, after which the run is marked crashed where the ledger still can.
    """
    ledger = prepared.ledger
    assert ledger is not None  # noqa: S101 - prepare() opened one, since it will send
    position_ids = await asyncio.to_thread(enter_run, prepared, ledger)
    try:
        return await _send(
            prepared, ledger, position_ids, on_progress, drain_seconds, open_api, stop_when
        )
    except BaseException:
        with suppress(Exception):  # what went wrong first is what to tell
            ledger.abandon_run(prepared.run_id)
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
    """What to remove where a second signal ends the process at once."""


async def _send(
    prepared: Prepared,
    ledger: Ledger,
    position_ids: dict[int, int],
    on_progress: OnProgress | None,
    drain_seconds: float | None,
    open_api: OpenApi,
    stop_when: StopWhen | None,
) -> Delivered:
    assert prepared.tokens is not None  # noqa: S101 - prepare() read one, since it will send
    positions = positions_of(prepared, position_ids)
    doubts = await asyncio.to_thread(doubts_of, prepared, ledger, positions)
    batch = Batch(
        run_id=prepared.run_id,
        rows_run_id=prepared.run_id,
        settings=prepared.settings,
        tokens=prepared.tokens,
        rows=_reader(prepared),
        positions=positions,
        doubts=doubts,
        budget=_budget(prepared, ledger),
        settles=prepared.settles,
        tidy=prepared.spool.remove,
    )
    async with open_api(prepared) as api:
        return await send_batch(batch, api, ledger, on_progress, drain_seconds, stop_when=stop_when)


async def send_batch(
    batch: Batch,
    api: JobMojito,
    ledger: Ledger,
    on_progress: OnProgress | None,
    drain_seconds: float | None,
    *,
    watch: Callable[[Sender], Coroutine[Any, Any, None]] | None = None,
    stop_when: StopWhen | None = None,
) -> Delivered:
    """
    Send the rows of a batch; *watch* looks on and may stop it, *stop_when* ends it.

    Raises LedgerError.
    """
    settings = batch.settings
    signals: list[int] = []
    writer = ledger.writer()
    try:
        sender = Sender(
            batch.run_id,
            api,
            batch.tokens,
            writer,
            batch.rows,
            batch.positions,
            pace=lambda sleep: Pace(
                settings.requests_per_second,
                now=asyncio.get_running_loop().time,
                sleep=sleep,
                take_block=shared_starts(writer, settings.base_url),
            ),
            budget=batch.budget,
            policy=_policy(settings, settles=batch.settles),
            ledger=ledger,
            doubts=batch.doubts,
            pace_key=settings.base_url,
            rows_run_id=batch.rows_run_id,
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


def _reader(prepared: Prepared) -> RowReader:
    there = pl.scan_parquet(prepared.spool.prepared).collect_schema().names()
    wanted = [SOURCE, ROW, *MEMBERS]
    return RowReader(prepared.spool.prepared, [name for name in wanted if name in there])


def _budget(prepared: Prepared, ledger: Ledger) -> Budget:
    left = prepared.account.credits_left if prepared.account is not None else None
    return budget_of(prepared.settings, ledger, credits_left=left)


def budget_of(
    settings: Settings, ledger: Ledger, *, credits_left: float | None, spent: float = 0.0
) -> Budget:
    """The caps of the account, the run and the day; *spent* counts towards the first two."""
    caps = []
    if credits_left is not None:
        caps.append(
            Cap(
                credits_left,
                spent=spent,
                code=ErrorCode.INSUFFICIENT_CREDITS,
                message="the account's credits are used up; buy more and run again",
            )
        )
    if settings.max_credits_per_run is not None:
        caps.append(Cap(settings.max_credits_per_run, spent=spent))
    if settings.max_credits_per_day is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        caps.append(Cap(settings.max_credits_per_day, spent=ledger.credits_since(midnight)))
    return Budget(caps)


def shared_starts(
    writer: Writer, key: str, *, unix_time: Callable[[], float] = time.time
) -> TakeBlock:
    """Starts handed out by the ledger, so that all processes that use it keep one pace."""

    async def take_block(count: int, interval: float) -> tuple[float, float]:
        first, paused_until = await writer.submit(
            TakeSlots(key=key, count=count, interval=interval, now=unix_time()), is_urgent=True
        )
        ahead = asyncio.get_running_loop().time() - unix_time()
        return first + ahead, paused_until + ahead

    return take_block


def _policy(settings: Settings, *, settles: bool) -> SenderPolicy:
    return SenderPolicy(
        settle_seconds=settings.settle_seconds if settles else None,
        day_limit=settings.max_credits_per_day,
        max_in_flight=settings.max_in_flight,
        credits_per_candidate=settings.credits_per_candidate,
        breaker_failures=settings.breaker_failures,
        retry=RetryPolicy(max_attempts=settings.max_attempts),
    )


def positions_of(prepared: Prepared, position_ids: dict[int, int]) -> list[Position]:
    """
    The positions of the rows that may be sent, each with its queue in input order.

    Those of unknown rows are among them, with no queue of theirs: such a row is sent once more
    where looking shows that it did not happen.
    """
    ids = by_place(position_ids)
    queues: dict[int, RowQueue] = {}
    numbers: dict[int, dict[int, None]] = {}
    for kinds in (sent_kinds(prepared), [Kind.UNKNOWN.value]):
        for rows in planned_slices(prepared.plan, kinds):
            with_ids = rows.join(ids, on=PLACE, how="left", maintain_order="left")
            for position_id, ordinals, some in (
                with_ids.group_by("position_id", maintain_order=True)
                .agg(ORDINAL, pl.col(PLACE).unique(maintain_order=True))
                .iter_rows()
            ):
                queue = queues.setdefault(position_id, RowQueue())
                numbers.setdefault(position_id, {}).update(dict.fromkeys(some))
                if Kind.UNKNOWN.value not in kinds:
                    queue.extend(ordinals)
    places = {place[PLACE]: place for place in prepared.plan.places.iter_rows(named=True)}
    return [
        position_of(position_id, queue, [places[number] for number in numbers[position_id]])
        for position_id, queue in queues.items()
    ]


def position_of(position_id: int, queue: RowQueue, places: list[dict[str, Any]]) -> Position:
    """A position and the keys the input has for it: a name and its id may be one position."""
    name = next((place for place in places if place[OPENING_KEY] is not None), None)
    given = [place for place in places if place[POSITION_KEY].startswith("id:")]
    known_id = next((place["known_id"] for place in places if place["known_id"]), None)
    if known_id is None and given:
        known_id = given[0][POSITION_KEY].removeprefix("id:")
    return Position(
        position_id=position_id,
        opening_key=f"{name[ACCOUNT]}|{name[OPENING_KEY]}" if name else None,
        position_def_set_id=known_id,
        is_given=len(given) == len(places),
        # One that exists and whose id nobody told (it was found by looking) goes alone first, too.
        door=Door.OPEN if known_id is not None else Door.CLOSED,
        is_in_doubt=any(place["is_unresolved"] for place in places),
        exists=any(place["has_id"] for place in places),
        queue=queue,
    )


def doubts_of(prepared: Prepared, ledger: Ledger, positions: list[Position]) -> list[Doubt]:
    """
    What earlier or other runs left in doubt and rows of this run hang on.

    A position whose opening is in doubt is held until that is settled.
    """
    if not prepared.settles:
        return []
    accounts = prepared.plan.places[ACCOUNT].unique().to_list()
    rows = _unknown_rows(prepared)
    held = {one.opening_key: one for one in positions if one.is_in_doubt and one.opening_key}
    found: list[Doubt] = []
    for of in ledger.doubts(accounts):
        ordinal = rows.get((of.position_id, of.candidate_email))
        position = held.get(f"{of.account}|{of.opening_key}")
        if ordinal is not None or position is not None:
            found.append(Doubt(of=of, ordinal=ordinal, position=position))
            if position is not None:
                position.door = Door.OPENING
    return [*found, *settled_meanwhile(ledger, rows, found)]


def settled_meanwhile(
    ledger: Ledger, rows: dict[tuple[int, str], int], found: list[Doubt]
) -> Iterator[Doubt]:
    """Rows whose doubt another run settled after this one was planned: the ledger knows how."""
    seen = {doubt.ordinal for doubt in found}
    gone = [key for key, ordinal in rows.items() if ordinal not in seen]
    for of in ledger.once_in_doubt(gone):
        yield Doubt(of=of, ordinal=rows[of.position_id, of.candidate_email], position=None)


def _unknown_rows(prepared: Prepared) -> dict[tuple[int, str], int]:
    """Ordinals of the rows whose invitation is in doubt, by position id and e-mail."""
    if not prepared.plan.counts[Kind.UNKNOWN]:
        return {}  # and there may be no column of e-mails at all
    unknown = pl.concat(planned_slices(prepared.plan, [Kind.UNKNOWN.value]), how="vertical").join(
        prepared.plan.places.select(PLACE, POSITION), on=PLACE
    )
    emails = at_ordinals(pl.scan_parquet(prepared.spool.prepared), unknown[ORDINAL], EMAIL)
    both = unknown.join(emails, on=ORDINAL)
    return {
        (position_id, email): ordinal
        for position_id, email, ordinal in both.select(POSITION, EMAIL, ORDINAL).iter_rows()
    }
