"""A run in shards: entered and cut here, sent wherever there are hands, added up here again."""

import asyncio
import json
from collections import Counter
from contextlib import suppress

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.batch import Delivered, OnProgress, StopWhen
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.register import enter_run
from jobmojito_batch.pipeline.run_log import ProgressLog
from jobmojito_batch.pipeline.sharding.coordinator import Launcher, Overseer
from jobmojito_batch.pipeline.sharding.exchange_files import open_place, sweep
from jobmojito_batch.pipeline.sharding.living import living
from jobmojito_batch.pipeline.sharding.partition import cut
from jobmojito_batch.sending import Counts, Stop, Tally


async def deliver_in_shards(
    ready: ReadyToSend,
    crew: Launcher,
    *,
    on_progress: OnProgress | None = None,
    drain_seconds: float | None = None,
    stop_when: StopWhen | None = None,
) -> Delivered:
    """
    Enter the run, cut its rows, have the shards sent; returns when all of them have ended.

    *drain_seconds* bounds the wait for them after a signal. Raises BatchError; shards stop then,
    and the run is marked crashed where the ledger still can.
    """
    planned, ledger = ready.planned, ready.ledger
    if on_progress is not None:
        on_progress = ProgressLog(planned.run_id, on_progress)
    place = open_place(planned.parameters.shard_folder or "")
    await asyncio.to_thread(sweep, place, lambda run_id: _is_over(ledger, run_id))
    position_ids = await asyncio.to_thread(enter_run, ready)
    try:
        async with living(ledger, planned.run_id):
            orders = await asyncio.to_thread(cut, planned, place)
            overseer = Overseer(planned, ledger, crew, orders)
            stop, signal_number, seconds = await overseer.oversee(
                on_progress, drain_seconds, lambda: place.remove(planned.run_id), stop_when
            )
            return await asyncio.to_thread(
                _together, planned, ledger, position_ids, stop, signal_number, seconds
            )
    except BaseException:
        with suppress(Exception):  # what went wrong first is what to tell
            ledger.runs.abandon(planned.run_id)
        raise
    finally:
        place.remove(planned.run_id)


def _is_over(ledger: Ledger, run_id: str) -> bool:
    """Whether it is a run that nobody carries out any more; other names are not ours."""
    run = ledger.runs.find(run_id)
    return run is not None and run.run_id == run_id and not ledger.runs.is_running(run)


def _together(
    planned: Planned,
    ledger: Ledger,
    position_ids: dict[int, int],
    stop: Stop | None,
    signal_number: int | None,
    seconds: float,
) -> Delivered:
    """What the shards did, as if one had done it: from the ledger, and from what each kept."""
    run_id = planned.run_id
    tally = Tally(outcomes=Counter(ledger.results.outcomes(run_id)))
    settled = Counts() if planned.settles else None
    for attempt in ledger.shards.attempts(run_id):
        kept = json.loads(attempt.summary) if attempt.summary else {}
        tally.lookups += kept.get("lookups", 0)
        tally.latencies.extend(kept.get("latencies", []))
        for name, count in (kept.get("settled") or {}).items():
            if settled is not None:
                setattr(settled, name, getattr(settled, name) + count)
    tally.calls = ledger.results.calls_of(run_id) + tally.lookups
    tally.retries = ledger.results.retries_of(run_id)
    new = _new_positions(planned, position_ids)
    tally.positions_created = ledger.lookups.opened_among(new)
    return Delivered(
        tally=tally, stopped=stop, signal_number=signal_number, seconds=seconds, settled=settled
    )


def _new_positions(planned: Planned, position_ids: dict[int, int]) -> list[int]:
    """The ids of positions that nobody had opened when the run was planned."""
    new = planned.plan.places.filter(~planned.plan.places["has_id"])
    return sorted({position_ids[place] for place in new["place"] if place in position_ids})
