"""
The Prefect flow: the same staircase as the command line, watched in the UI.

Rows are not task runs: three tasks a run, however many rows. Nothing that pays is retried or
answered from a cache by Prefect (a second run of the flow finds the claims in the ledger). No
exception leaves a task or the flow, since Prefect pickles it to disk with its text; no person, link
or token is in parameters, states, logs or artifacts.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from jobmojito_batch.events import Event, warn
from jobmojito_batch.flows.flow_run import FlowRun
from jobmojito_batch.flows.shielded import carried_through
from jobmojito_batch.flows.states import state_of
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Clock, Pausing, RunObserver, RunResult, utc_now
from jobmojito_batch.pipeline.nightly.path_templates import moment_name
from jobmojito_batch.urls import shown


def is_configured() -> bool:
    """Whether a Prefect API is configured: PREFECT_API_URL or the active profile; empty is none."""
    return bool(get_current_settings().api.url)


def run_name() -> str:
    """The run's name in the UI: source and date, in the zone whose days its folders have."""
    parameters = flow_run.parameters.get("parameters") or {}
    given = parameters.model_dump() if isinstance(parameters, InviteParameters) else parameters
    inputs = given.get("inputs") or []
    first = PurePath(shown(inputs[0])).name if inputs else "candidates"
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return f"{first}{more} {moment_name(datetime.now(UTC), given.get('time_zone'))}"


@flow(
    name="invite-candidates",
    flow_run_name=run_name,
    description="Invites a spreadsheet of candidates to interviews: each person once.",
    retries=0,
    persist_result=False,
    log_prints=False,
)
async def invite_candidates(parameters: InviteParameters) -> State[Any]:
    """The main job as a flow: returns a state, never raises."""
    # A runner pickles this function by value, and with it what it names: so it names one thing.
    return await _invite(parameters)


async def _invite(parameters: InviteParameters) -> State[Any]:
    return await FlowCall(None).carry_out(parameters)


class FlowCall:
    """A run of the flow, for whoever called it in this process; a runner calls it for nobody."""

    def __init__(
        self, caller: RunObserver | None, *, clock: Clock = utc_now, pause: Pausing = asyncio.sleep
    ) -> None:
        self.result: RunResult | None = None
        """How the run ended; None before, and if Prefect broke it off."""
        self._caller = caller
        self._clock = clock
        self._pause = pause

    @property
    def flow(self) -> Flow[[InviteParameters], Coroutine[Any, Any, State[Any]]]:
        """The flow that is this call; Prefect knows it for the same."""

        async def invite_for_caller(parameters: InviteParameters) -> State[Any]:
            return await self.carry_out(parameters)

        return Flow(
            invite_for_caller,
            name=invite_candidates.name,
            flow_run_name=run_name,
            description=invite_candidates.description,
            retries=0,
            persist_result=False,
            log_prints=False,
        )

    async def carry_out(self, parameters: InviteParameters) -> State[Any]:
        """The whole run, inside the flow: gives its state, never raises."""
        return await carried_through(self._run(parameters), get_run_logger())

    async def _run(self, parameters: InviteParameters) -> State[Any]:
        run = FlowRun(self._caller, clock=self._clock, pause=self._pause)
        try:
            result = await run.run(parameters)
        except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
            result = RunResult(error=exc, has_begun=run.has_begun)
        self.result = result
        state = state_of(result, repairs_fail=parameters.repairs_fail)
        try:
            state = await run.end(result, state)
        except Exception as exc:  # noqa: BLE001 - what is to be told stands in the state
            warn(Event.RUN_UNTOLD, error=type(exc).__name__)
        get_run_logger().info(state.message)
        return state
