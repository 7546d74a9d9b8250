"""
What Prefect has decided of this run, looked at by the run itself.

Nobody else tells it for sure: a runner asks only where it could ask all along (its polling is over
after an outage of a minute), a worker may be gone, and a suspended run that is then cancelled has
no process any more as far as the server knows. A run that goes on sending then spends money against
somebody's will.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Cancelled

from jobmojito_batch.flows.best_effort_api import BestEffortApi

LOOK_SECONDS: Final = 3.0
STOPPING: Final = {
    StateType.CANCELLING: "cancelled",
    StateType.CANCELLED: "cancelled",
    StateType.PAUSED: "suspended",
}
"""The states in which a run sends nothing more, and what a person calls them."""
WAITING: Final = "Waiting"
"""What a running run is called in lists of runs while its night waits for another try."""


class OwnState:
    """The state of the flow run that this process carries out."""

    def __init__(self, link: BestEffortApi) -> None:
        self._link = link
        self._stopped: State[Any] | None = None

    async def until_stopped(self) -> str:
        """Returns when the run shall send nothing more, with why; asks on where nobody answers."""
        while True:
            state = await self.look()
            if state is not None and state.type in STOPPING:
                return f"the run was {STOPPING[state.type]} in Prefect; run it again to go on"
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> State[Any] | None:
        """The state that the server has; None where it does not answer."""
        run_id = flow_run.id
        state = await self._link.quietly(_read(UUID(run_id))) if run_id is not None else None
        if state is not None:
            self._stopped = state if state.type in STOPPING else None
        return state

    @property
    def is_suspended(self) -> bool:
        """At the last look it was: the next run is the one that somebody resumes."""
        return self._stopped is not None and self._stopped.type is StateType.PAUSED

    @property
    def is_stopped(self) -> bool:
        """Whether at the last look it was to send no more: Prefect starts no task of it then."""
        return self._stopped is not None

    def final(self, state: State[Any]) -> State[Any]:
        """*state*, or Cancelled with its sentence where the run was cancelled at the last look."""
        if self.is_stopped and not self.is_suspended:
            return Cancelled(message=state.message)
        return state

    @asynccontextmanager
    async def waiting(self, message: str) -> AsyncIterator[None]:
        """Meanwhile the state says so: it is running to Prefect, and called otherwise."""
        await self._link.quietly(_rename(WAITING, message))
        yield
        await self._link.quietly(_rename("Running", None))


async def report(state: State[Any]) -> None:
    """
    Tell Prefect the final state ourselves, where its engine cannot or would tell another.

    A suspended run stays suspended: whoever resumes it starts the next run. Raises what Prefect's
    client does.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    async with get_client() as client:
        now = (await client.read_flow_run(context.flow_run.id)).state
        if now is None or now.type is not StateType.PAUSED:
            # A copy: the client marks what it sends, and the engine takes a marked one for another
            # run's.
            await client.set_flow_run_state(
                context.flow_run.id, state.model_copy(deep=True), force=True
            )
    # The engine reports a crash for a run that it does not know to be over, and misses a result.
    context.flow_run.state = state.model_copy(update={"data": state.message})


async def _rename(name: str, message: str | None) -> None:
    """
    Call the running run *name* in lists of runs; one that is about to end is left as it is.

    Raises what Prefect's client does.
    """
    run_id = flow_run.id
    if run_id is None:
        return
    async with get_client() as client:
        now = (await client.read_flow_run(UUID(run_id))).state
        if now is not None and now.type is StateType.RUNNING:
            # A copy, whose details hold the slot of the deployment. Not forced: the server takes no
            # run that is being cancelled for a running one.
            new = now.model_copy(deep=True, update={"name": name, "message": message})
            await client.set_flow_run_state(UUID(run_id), new)


async def _read(run_id: UUID) -> State[Any] | None:
    async with get_client() as client:
        return (await client.read_flow_run(run_id)).state
