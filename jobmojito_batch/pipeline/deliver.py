"""The second step: the run is entered in the ledger, its rows are sent, and nothing is lost."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from jobmojito_batch.client import JobMojito
from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ROW,
    SOURCE,
    ErrorCode,
)
from jobmojito_batch.ledger import Ledger, RunRecord, TakeSlots, Writer
from jobmojito_batch.normalise import RESUME_PROBLEM
from jobmojito_batch.pipeline.layout import Layout, to_json
from jobmojito_batch.pipeline.planning import planned_slices, slices
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.preview import MEMBERS, faults_of
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    EMAIL,
    FIRST,
    KIND,
    OUTCOME_OF,
    PLACE,
    POSITION,
    Kind,
    Plan,
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

PERSON: Final = (
    "candidate_email",
    "candidate_name",
    "candidate_external_id",
    "position_name",
    "position_def_set_id",
)
TICK_SECONDS: Final = 0.25
"""How often progress is told."""

OnProgress = Callable[[Progress], None]
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
        return await _send(prepared, ledger, position_ids, on_progress, drain_seconds, open_api)
    except BaseException:
        with suppress(Exception):  # what went wrong first is what to tell
            ledger.abandon_run(prepared.run_id)
        raise


async def _send(
    prepared: Prepared,
    ledger: Ledger,
    position_ids: dict[int, int],
    on_progress: OnProgress | None,
    drain_seconds: float | None,
    open_api: OpenApi,
) -> Delivered:
    settings = prepared.settings
    signals: list[int] = []
    writer = ledger.writer()
    assert prepared.tokens is not None  # noqa: S101 - prepare() read one, since it will send
    try:
        async with open_api(prepared) as api:
            positions = positions_of(prepared, position_ids)
            doubts = await asyncio.to_thread(doubts_of, prepared, ledger, positions)
            sender = Sender(
                prepared.run_id,
                api,
                prepared.tokens,
                writer,
                _reader(prepared),
                positions,
                pace=lambda sleep: Pace(
                    settings.requests_per_second,
                    now=asyncio.get_running_loop().time,
                    sleep=sleep,
                    take_block=shared_starts(writer, settings.base_url),
                ),
                budget=_budget(prepared, ledger),
                policy=_policy(settings, settles=prepared.settles),
                ledger=ledger,
                doubts=doubts,
                pace_key=settings.base_url,
            )

            def on_signal(number: int) -> None:
                signals.append(number)
                sender.stop(ErrorCode.INTERRUPTED, "the run was interrupted; run it again")

            # A drain with an end of its own needs no second signal to end it.
            with stop_on_signals(
                on_signal, prepared.spool.remove, leaves_on_second=drain_seconds is None
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
    settings = prepared.settings
    caps = []
    left = prepared.account.credits_left if prepared.account is not None else None
    if left is not None:
        caps.append(
            Cap(
                left,
                code=ErrorCode.INSUFFICIENT_CREDITS,
                message="the account's credits are used up; buy more and run again",
            )
        )
    if settings.max_credits_per_run is not None:
        caps.append(Cap(settings.max_credits_per_run))
    if settings.max_credits_per_day is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        caps.append(Cap(settings.max_credits_per_day, spent=ledger.credits_since(midnight)))
    return Budget(caps)


def shared_starts(
    writer: Writer, key: str, *, unix_time: Callable[[], float] = time.time
) -> TakeBlock:
    """Starts handed out by the ledger, so that all processes that use it keep one pace."""

    async def take_block(count: int, interval: float) -> tuple[float, float]:
        now = unix_time()
        first, paused_until = await writer.submit(
            TakeSlots(key=key, count=count, interval=interval, now=now)
        )
        ahead = asyncio.get_running_loop().time() - now
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
    """The positions of the rows that may be sent, each with its queue in input order."""
    ids = pl.DataFrame(
        list(position_ids.items()), schema={PLACE: pl.UInt32, POSITION: pl.Int64}, orient="row"
    )
    queues: dict[int, RowQueue] = {}
    numbers: dict[int, dict[int, None]] = {}
    for rows in planned_slices(prepared.plan, sent_kinds(prepared)):
        with_ids = rows.join(ids, on=PLACE, how="left", maintain_order="left")
        for position_id, ordinals, some in (
            with_ids.group_by(POSITION, maintain_order=True)
            .agg(ORDINAL, pl.col(PLACE).unique(maintain_order=True))
            .iter_rows()
        ):
            queues.setdefault(position_id, RowQueue()).extend(ordinals)
            numbers.setdefault(position_id, {}).update(dict.fromkeys(some))
    places = {place[PLACE]: place for place in prepared.plan.places.iter_rows(named=True)}
    return [
        _position(position_id, queue, [places[number] for number in numbers[position_id]])
        for position_id, queue in queues.items()
    ]


def _position(position_id: int, queue: RowQueue, places: list[dict[str, Any]]) -> Position:
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


def sent_kinds(prepared: Prepared) -> list[str]:
    """The kinds of rows that the sender gets: where it settles, those whose position waits too."""
    kinds = [Kind.TO_SEND.value]
    if prepared.settles and prepared.parameters.limit is None:
        kinds.append(Kind.UNRESOLVED.value)
    return kinds


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
    return found


def _unknown_rows(prepared: Prepared) -> dict[tuple[int, str], int]:
    """Ordinals of the rows whose invitation is in doubt, by position id and e-mail."""
    unknown = pl.concat(planned_slices(prepared.plan, [Kind.UNKNOWN.value]), how="vertical").join(
        prepared.plan.places.select(PLACE, POSITION), on=PLACE
    )
    emails = at_ordinals(pl.scan_parquet(prepared.spool.prepared), unknown[ORDINAL], EMAIL)
    both = unknown.join(emails, on=ORDINAL)
    return {
        (position_id, email): ordinal
        for position_id, email, ordinal in both.select(POSITION, EMAIL, ORDINAL).iter_rows()
    }


# Entering the run


def enter_run(prepared: Prepared, ledger: Ledger) -> dict[int, int]:
    """Write the run, its positions and all its rows; gives the position id by place."""
    plan = prepared.plan
    ledger.begin_run(
        RunRecord(
            run_id=prepared.run_id,
            base_url=prepared.settings.base_url,
            merchant=prepared.merchant,
            environment=prepared.settings.environment,
            started_at=prepared.started_at.replace(tzinfo=None),
            rows=prepared.rows,
            layouts=to_json(prepared.layouts),
            series=prepared.series,
            to_send=plan.to_send,
            known=prepared.known,
        )
    )
    position_ids = _ensure_positions(plan, ledger)
    for rows in run_rows(prepared, position_ids):
        ledger.add_rows(rows)
    return position_ids


def _ensure_positions(plan: Plan, ledger: Ledger) -> dict[int, int]:
    to_be_sent = pl.col(KIND).is_in([Kind.TO_SEND.value, Kind.UNRESOLVED.value])
    sent_places = plan.rows.filter(to_be_sent).select(PLACE).unique().collect(engine="streaming")
    used = plan.places.join(sent_places, on=PLACE, how="semi", maintain_order="left")
    made = ledger.ensure_positions(used.select(ACCOUNT, POSITION_KEY, OPENING_KEY).iter_rows())
    known = dict(plan.places.filter(pl.col(POSITION) >= 0).select(PLACE, POSITION).iter_rows())
    return known | {
        place: made[account, key]
        for place, account, key in used.select(PLACE, ACCOUNT, POSITION_KEY).iter_rows()
    }


def run_rows(prepared: Prepared, position_ids: dict[int, int]) -> Iterator[list[dict[str, Any]]]:
    """The rows as the ledger keeps them (columns of run_rows), some thousand at a time."""
    layouts = {layout.source: layout for layout in prepared.layouts}
    cells = sorted(
        {f"{CELL_PREFIX}{number}" for one in prepared.layouts for number in range(len(one.headers))}
    )
    start = 0
    for rows in slices(
        prepared.spool.prepared,
        only=[ORDINAL, SOURCE, ROW, FAULTS, RESUME_PROBLEM, *MEMBERS, *cells],
    ):
        planned = prepared.plan.rows.slice(start, rows.height).drop(ORDINAL).collect()
        start += rows.height
        both = (
            rows.hstack(planned)
            .with_columns(_kept_cells(prepared.layouts))
            .join(_firsts(prepared, planned), on=FIRST, how="left", maintain_order="left")
        )
        yield [
            _run_row(prepared, layouts[row[SOURCE]], row, position_ids)
            for row in both.iter_rows(named=True)
        ]


def _firsts(prepared: Prepared, planned: pl.DataFrame) -> pl.DataFrame:
    """Where the rows stand that duplicates repeat: FIRST, first_source, first_row."""
    wanted = planned[FIRST].drop_nulls().unique()
    return (
        pl.scan_parquet(prepared.spool.prepared)
        .select(
            pl.col(ORDINAL).alias(FIRST),
            pl.col(SOURCE).alias("first_source"),
            pl.col(ROW).alias("first_row"),
        )
        .filter(pl.col(FIRST).is_in(wanted.implode()))
        .collect()
    )


def _kept_cells(layouts: tuple[Layout, ...]) -> pl.Expr:
    """The original cells of a row as JSON by column number, without those of a résumé."""
    choice = pl.lit("{}")
    for layout in layouts:
        kept = [pl.col(f"{CELL_PREFIX}{number}").alias(str(number)) for number in layout.kept]
        if kept:
            text = pl.struct(kept).struct.json_encode()
            choice = pl.when(pl.col(SOURCE) == layout.source).then(text).otherwise(choice)
    return choice.alias("cells")


def _run_row(
    prepared: Prepared, layout: Layout, row: dict[str, Any], position_ids: dict[int, int]
) -> dict[str, Any]:
    kind = Kind(row[KIND])
    outcome = OUTCOME_OF.get(kind)
    code, field, message = _reason(prepared, layout, row, kind)
    if kind is Kind.UNRESOLVED and kind.value in sent_kinds(prepared):
        outcome = code = message = None  # it waits until its position is settled
    return {
        "run_id": prepared.run_id,
        "ordinal": row[ORDINAL],
        "source": row[SOURCE],
        "row": row[ROW],
        "position_id": None if kind is Kind.INVALID else position_ids.get(row[PLACE]),
        **{name: row.get(name) for name in PERSON},
        "outcome": outcome.value if outcome else None,
        "error_code": code,
        "error_field": field,
        "error_message": message,
        "cells": row["cells"],
    }


def _reason(
    prepared: Prepared, layout: Layout, row: dict[str, Any], kind: Kind
) -> tuple[str | None, str | None, str | None]:
    """Error code, field and message of a row that will not be sent."""
    if kind is Kind.INVALID:
        faults = faults_of(
            row,
            layout,
            prepared.refused_by_model,
            max_resume_characters=prepared.settings.max_resume_characters,
        )
        first, *others = faults
        also = f" Also: {'; '.join(fault.message for fault in others)}" if others else ""
        return first.code, first.field or None, first.message + also
    code = CODE_OF.get(kind)
    return (code.value if code else None), None, _message(row, kind)


def _message(row: dict[str, Any], kind: Kind) -> str | None:
    match kind:
        case Kind.DUPLICATE:
            first = f"row {row['first_row']} of {row['first_source']}"
            return f"the same invitation as {first}; nothing is sent for this row"
        case Kind.UNKNOWN if row["is_in_flight"]:
            return f"run {row['held_by']} is sending this invitation now; it is not sent twice"
        case Kind.UNKNOWN:
            return (
                f"sent in run {row['held_by']} without a trustworthy answer: the interview may "
                "exist, so it is not sent again; look the candidate up in JobMojito"
            )
        case Kind.UNRESOLVED:
            return (
                "the first call of this position had no trustworthy answer; until that is settled "
                "nobody else of the position is sent"
            )
        case Kind.OVER_LIMIT:
            return "the limit of this run was reached; run again to send the rest"
        case _:
            return None
