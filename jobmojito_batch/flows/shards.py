"""
Shards as runs of a deployment: `run_deployment`, and what Prefect knows of those that never began.

The ledger tells how shards stand; Prefect is asked only of attempts that the ledger does not know.
An API that is away delays the next attempt and nothing else.
"""

import time
from contextlib import suppress
from typing import Final, NamedTuple
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.parameters import ShardParameters

DEPLOYMENT: Final = "send-shard/shard"
BEGIN_SECONDS: Final = 300.0
"""How long a run that a worker has taken may need until the ledger knows it."""
WAITING_SECONDS: Final = 60.0
"""How often a line tells that no worker takes a shard."""


class PrefectCrew:
    """Starts attempts as flow runs that any worker of the pool takes."""

    def __init__(self, link: BestEffortApi) -> None:
        self._link = link
        self._runs: dict[tuple[int, int], UUID] = {}
        self._taken_at: dict[UUID, float] = {}
        self._told_at = time.monotonic()

    async def start(self, order: ShardParameters) -> bool:
        """Create the flow run; the key makes it one, however often it is asked for."""
        flow_run = await self._link.quietly(self._created(order))
        if flow_run is None:
            return False
        self._runs[order.shard, order.attempt] = flow_run.id
        emit(Event.SHARD_STARTED, run_id=order.run_id, shard=order.shard, attempt=order.attempt)
        return True

    async def _created(self, order: ShardParameters) -> FlowRun:
        return await arun_deployment(
            DEPLOYMENT,
            parameters={"parameters": order.model_dump()},
            flow_run_name=f"{order.run_id} shard {order.shard} attempt {order.attempt}",
            timeout=0,
            idempotency_key=f"{order.run_id}-{order.shard}-{order.attempt}",
            as_subflow=True,
        )

    async def is_lost(self, order: ShardParameters) -> bool:
        """Whether its flow run is over or deleted, or was taken long ago by a worker that died."""
        run_id = self._runs[order.shard, order.attempt]
        standing = await self._link.quietly(_standing_of(run_id))
        if standing is None:
            return False
        state = standing.state
        if standing.is_deleted:
            _tell_lost(order, state="deleted", says="somebody deleted its flow run")
            return True
        if state is None:
            return False
        if state.is_final():
            _tell_lost(order, state=state.name or "", says=state.message or "")
            return True
        if state.is_scheduled():
            self._tell_waiting(state)
            return False
        taken_at = self._taken_at.setdefault(run_id, time.monotonic())
        return time.monotonic() - taken_at > BEGIN_SECONDS

    def _tell_waiting(self, state: State) -> None:
        now = time.monotonic()
        if now - self._told_at >= WAITING_SECONDS:
            self._told_at = now
            emit(Event.SHARD_WAITING, state=state.name or "", says="no worker has taken it yet")

    async def cancel(self, order: ShardParameters) -> None:
        """Cancel a flow run that has not begun."""
        run_id = self._runs.get((order.shard, order.attempt))
        if run_id is not None:
            await self._link.quietly(_cancelled(run_id))


def _tell_lost(order: ShardParameters, *, state: str, says: str) -> None:
    warn(
        Event.SHARD_LOST,
        says=says,
        run_id=order.run_id,
        shard=order.shard,
        attempt=order.attempt,
        state=state,
    )


async def check_deployment(link: BestEffortApi) -> None:
    """Raises SettingsError where the server has no deployment for shards."""
    if await link.quietly(_has_deployment()) is False:
        raise SettingsError(
            f"Prefect has no deployment {DEPLOYMENT} for shards: run `prefect deploy --all` from "
            "a checkout, or leave --shards out"
        )


async def _has_deployment() -> bool:
    async with get_client() as client:
        try:
            await client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return False
        return True


class _Standing(NamedTuple):
    """What the server says of a flow run."""

    state: State | None
    is_deleted: bool = False
    """It has none of this id any more: nobody will carry it out."""


async def _standing_of(run_id: UUID) -> _Standing:
    async with get_client() as client:
        try:
            return _Standing((await client.read_flow_run(run_id)).state)
        except ObjectNotFound:  # an answer, so the API is not away
            return _Standing(None, is_deleted=True)


async def _cancelled(run_id: UUID) -> None:
    async with get_client() as client:
        with suppress(ObjectNotFound):  # somebody deleted it
            await client.set_flow_run_state(run_id, Cancelled(message="the run was stopped"))
