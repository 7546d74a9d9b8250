"""
What keeps a run going whatever Prefect does in its middle.

Prefect breaks a run off where it cannot renew the concurrency lease of its deployment (the server
was away, restarted with leases in memory, or gave the slot to somebody else). For work that pays
that is the wrong way round: a call that is broken off may have taken effect, and nobody is invited
twice by two runs at once, since every row is claimed in the ledger.
"""

import math
from collections.abc import Awaitable
from typing import Any

import anyio
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext

from flows.link import Log


async def carried_through(work: Awaitable[State[Any]], log: Log) -> State[Any]:
    """The state that *work* ends in, although Prefect may break the run off meanwhile."""
    with anyio.CancelScope(shield=True):
        state = await work
    if anyio.current_effective_deadline() == -math.inf:
        with anyio.CancelScope(shield=True):
            log.warning("run.carried_through: the run lost its concurrency slot and went on")
            try:
                await _report(state)
            except Exception as exc:  # noqa: BLE001 - Prefect would pickle it; the files are there
                log.warning("run.untold error=%s", type(exc).__name__)
    return state


async def _report(state: State[Any]) -> None:
    """Tell Prefect the final state ourselves: the engine of a run that was broken off cannot."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    async with get_client() as client:
        await client.set_flow_run_state(context.flow_run.id, state, force=True)
    # The engine reports a crash for a run that it does not know to be over, and misses a result.
    context.flow_run.state = state.model_copy(update={"data": state.message})
