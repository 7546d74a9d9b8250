"""
What a sender is given: positions with the rows that wait for them, what is in doubt, a context.

Whole runs, shards and the model tests get it here, so that what is proved is what sends.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ROW, SOURCE
from jobmojito_batch.ledger import Doubted, Ledger, TakeSlots, Writer
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.plan import ACCOUNT, EMAIL, MAY_GO, PLACE, POSITION, at_ordinals
from jobmojito_batch.sending import (
    Clock,
    Doubt,
    Pace,
    Position,
    PositionState,
    RetryPolicy,
    RowQueue,
    RowReader,
    SendContext,
    SenderPolicy,
    StopSignal,
    TakeBlock,
    utc_now,
)
from jobmojito_batch.settings import Settings


def reader_of(prepared: Path, ordinals: pl.Series | None = None) -> RowReader:
    """What of a row is needed to send it; *ordinals* are those of a file with some of the rows."""
    names = pl.scan_parquet(prepared).collect_schema().names()
    columns = [name for name in (SOURCE, ROW, *MEMBERS) if name in names]
    return RowReader(prepared, columns, ordinals)


def positions_of(rows: Iterable[pl.DataFrame], places: pl.DataFrame) -> list[Position]:
    """
    The positions of the rows, each with its queue in the order of the rows.

    `rows`, in parts: ORDINAL, PLACE, MAY_GO. `places`: PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY,
    POSITION as the ledger has it, has_id, known_id, is_unresolved. A row that may not go stands in
    no queue; its position is given all the same, for the row may be sent once it was looked up.
    """
    queues: dict[int, RowQueue] = {}
    numbers: dict[int, dict[int, None]] = {}
    for part in rows:
        by_position = (
            part.join(places.select(PLACE, POSITION), on=PLACE, maintain_order="left")
            .group_by(POSITION, maintain_order=True)
            .agg(pl.col(ORDINAL).filter(MAY_GO), pl.col(PLACE).unique(maintain_order=True))
        )
        for position_id, ordinals, numbers_of_part in by_position.iter_rows():
            queues.setdefault(position_id, RowQueue()).extend(ordinals)
            numbers.setdefault(position_id, {}).update(dict.fromkeys(numbers_of_part))
    facts = {place[PLACE]: place for place in places.iter_rows(named=True)}
    return [
        _position(position_id, queue, [facts[number] for number in numbers[position_id]])
        for position_id, queue in queues.items()
    ]


def _position(position_id: int, queue: RowQueue, places: list[dict[str, Any]]) -> Position:
    """A position and the keys the input has for it: a name and its id may be one position."""
    named = next((place for place in places if place[OPENING_KEY] is not None), None)
    given = [place for place in places if place[POSITION_KEY].startswith("id:")]
    known_id = next((place["known_id"] for place in places if place["known_id"]), None)
    if known_id is None and given:
        known_id = given[0][POSITION_KEY].removeprefix("id:")
    return Position(
        position_id=position_id,
        account=places[0][ACCOUNT],
        opening_key=f"{named[ACCOUNT]}|{named[OPENING_KEY]}" if named else None,
        position_def_set_id=known_id,
        is_given=len(given) == len(places),
        # One that exists and whose id nobody told (it was found by looking) goes alone first, too.
        state=PositionState.OPEN if known_id is not None else PositionState.CLOSED,
        is_in_doubt=any(place["is_unresolved"] for place in places),
        exists=any(place["has_id"] for place in places),
        queue=queue,
    )


def invitations_of(
    rows: pl.DataFrame, places: pl.DataFrame, prepared: pl.LazyFrame
) -> dict[tuple[int, str], int]:
    """The ordinals of a few rows (ORDINAL, PLACE) by position id and e-mail."""
    if rows.is_empty():
        return {}  # and there may be no column of e-mails at all
    emails = at_ordinals(prepared, rows[ORDINAL], EMAIL)
    both = rows.join(emails, on=ORDINAL).join(places.select(PLACE, POSITION), on=PLACE)
    return {
        (position_id, email): ordinal
        for position_id, email, ordinal in both.select(POSITION, EMAIL, ORDINAL).iter_rows()
    }


def in_doubt_of(
    ledger: Ledger,
    doubted: Iterable[Doubted],
    unknown: Mapping[tuple[int, str], int],
    positions: Iterable[Position],
) -> list[Doubt]:
    """
    What of *doubted*, all that the ledger has in doubt, concerns this batch's rows and positions.

    *unknown* are the rows that may not go before they were looked up, as by `invitations_of`. A
    position whose opening is in doubt is held until that is settled. A row whose doubt somebody
    settled after this batch was planned is among them: the ledger knows how.
    """
    held = {
        position.opening_key: position
        for position in positions
        if position.is_in_doubt and position.opening_key
    }
    doubts: list[Doubt] = []
    for of in doubted:
        ordinal = unknown.get((of.position_id, of.candidate_email))
        position = held.get(f"{of.account}|{of.opening_key}")
        if ordinal is not None or position is not None:
            doubts.append(Doubt(of=of, ordinal=ordinal, position=position))
        if position is not None:
            position.state = PositionState.OPENING
    seen = {doubt.ordinal for doubt in doubts}
    settled = [invitation for invitation, ordinal in unknown.items() if ordinal not in seen]
    return doubts + [
        Doubt(of=of, ordinal=unknown[of.position_id, of.candidate_email])
        for of in ledger.doubts.once_in_doubt(settled)
    ]


def context_of(
    run_id: str,
    settings: Settings,
    api: JobMojito,
    tokens: TokenSource,
    ledger: Ledger,
    writer: Writer,
    *,
    settles: bool,
    rows_run_id: str | None = None,
    wall: Callable[[], datetime] = utc_now,
) -> SendContext:
    """What sending and settling share, in the running loop; *rows_run_id* is that of a shard."""
    stop_signal = StopSignal(run_id)
    clock = Clock.of_loop(stop_signal.nap, wall=wall)
    return SendContext(
        run_id=run_id,
        rows_run_id=rows_run_id or run_id,
        api=api,
        tokens=tokens,
        ledger=ledger,
        writer=writer,
        clock=clock,
        pace=Pace(
            settings.requests_per_second,
            clock,
            take_block=shared_starts(writer, settings.base_url, clock),
        ),
        policy=SenderPolicy(
            max_in_flight=settings.max_in_flight,
            credits_per_candidate=settings.credits_per_candidate,
            breaker_failures=settings.breaker_failures,
            retry=RetryPolicy(max_attempts=settings.max_attempts),
            pace_key=settings.base_url,
            settle_seconds=settings.settle_seconds if settles else None,
            day_limit=settings.max_credits_per_day,
        ),
        stop_signal=stop_signal,
    )


def shared_starts(writer: Writer, key: str, clock: Clock) -> TakeBlock:
    """Starts handed out by the ledger, so that all processes that use it keep one pace."""

    async def take_block(count: int, interval: float) -> tuple[float, float]:
        first, paused_until = await writer.submit(
            TakeSlots(key=key, count=count, interval=interval, now=clock.wall().timestamp()),
            is_urgent=True,
        )
        ahead = clock.now() - clock.wall().timestamp()
        return first + ahead, paused_until + ahead

    return take_block
