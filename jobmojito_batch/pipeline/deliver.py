"""The second step: the run is entered in the ledger, its rows are sent, and nothing is lost."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import polars as pl

from jobmojito_batch.client import JobMojito
from jobmojito_batch.ledger import Ledger, RowEnd
from jobmojito_batch.pipeline import work
from jobmojito_batch.pipeline.batch import Batch, Delivered, OnProgress, StopWhen, send_batch
from jobmojito_batch.pipeline.beside import beside_the_loop
from jobmojito_batch.pipeline.budget import budget_of
from jobmojito_batch.pipeline.plan_stage import planned_slices
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.register import by_place, enter_run, rows_to_go
from jobmojito_batch.pipeline.run_log import ProgressLog
from jobmojito_batch.plan import ACCOUNT, PLACE, POSITION, Kind
from jobmojito_batch.sending import Budget, Doubt, FirstGate, FirstRows, Position

MOST_SHOWN: Final = 10
"""Of the first rows, those whose ends are shown one by one."""
DecideOnRest = Callable[[FirstRows, list[RowEnd]], bool]
"""Whether the rows after the first follow; may ask somebody, and take its time."""
OpenApi = Callable[[ReadyToSend], JobMojito]
"""Tests put a scripted transport below; everybody else talks to the base URL."""


def over_http(ready: ReadyToSend) -> JobMojito:
    """The API at the base URL of the settings."""
    return JobMojito(ready.planned.settings, ready.planned.request.tokens)


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
    positions = work.positions_of(rows_to_go(prepared), places)
    doubts = await asyncio.to_thread(_doubts_of, prepared, ledger, places, positions)
    batch = Batch(
        run_id=prepared.run_id,
        rows_run_id=prepared.run_id,
        settings=prepared.settings,
        tokens=ready.planned.request.tokens,
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


def _budget(prepared: Planned, ledger: Ledger) -> Budget:
    return budget_of(
        prepared.settings,
        ledger,
        prepared.accounts.credits_left,
        own_merchant=prepared.accounts.merchant,
    )


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
