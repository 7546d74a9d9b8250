"""No new run of a work pool, and the end of those that go on: what an upgrade waits for."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from jobmojito_batch.errors import SettingsError

ASK_SECONDS: Final = 2.0
GOES_ON: Final = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""A worker has taken it, and it has not ended."""

Say = Callable[[str], None]


async def drain(pool: str, say: Say, *, patience_seconds: float | None) -> bool:
    """
    Pause the pool and wait until none of its runs goes on; whether that was so in time.

    Nothing is cut: the runs end by themselves. Raises SettingsError where there is no such pool.
    """
    async with get_client() as client:
        await _pause(client, pool, is_paused=True)
        say(f"paused        {pool}: no new run starts")
        return await _idle(client, pool, say, patience_seconds)


async def resume(pool: str) -> None:
    """Let runs of the pool start again. Raises SettingsError where there is no such pool."""
    async with get_client() as client:
        await _pause(client, pool, is_paused=False)


async def _pause(client: PrefectClient, pool: str, *, is_paused: bool) -> None:
    try:
        await client.update_work_pool(pool, WorkPoolUpdate(is_paused=is_paused))
    except ObjectNotFound:
        raise SettingsError(
            f"there is no work pool {pool}; `prefect work-pool ls` lists them"
        ) from None


async def _idle(client: PrefectClient, pool: str, say: Say, patience_seconds: float | None) -> bool:
    deadline = None if patience_seconds is None else time.monotonic() + patience_seconds
    before = None
    while going_on := await _count(client, pool):
        if going_on != before:
            say(f"waiting       {going_on} run{'s' if going_on > 1 else ''} of it still going on")
            before = going_on
        if deadline is not None and time.monotonic() >= deadline:
            return False
        await asyncio.sleep(ASK_SECONDS)
    return True


async def _count(client: PrefectClient, pool: str) -> int:
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(GOES_ON)))
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )
    return len(runs)
