"""
The flow of one shard: sends what is left of its rows, on whichever machine its worker is.

Started by a run of invite-candidates, one for each shard and attempt; not by hand. As there, no
exception leaves the flow, and nothing private is in parameters, states or logs.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Crashed, Failed

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.events import Event, emit
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.delivery import drain_seconds
from jobmojito_batch.flows.flow_settings import with_token
from jobmojito_batch.flows.own_state import OwnState
from jobmojito_batch.flows.shielded import carried_through
from jobmojito_batch.flows.states import failed_by
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline import settings_for
from jobmojito_batch.pipeline.sharding import ShardEnd, deliver_shard


def run_name() -> str:
    """The run's name in the UI."""
    given = flow_run.parameters.get("parameters") or {}
    told = given.model_dump() if isinstance(given, ShardParameters) else given
    return f"{told.get('run_id', 'run')} shard {told.get('shard')} attempt {told.get('attempt')}"


@flow(
    name="send-shard",
    flow_run_name=run_name,
    description="Sends one shard of a run of invite-candidates; started by that run.",
    retries=0,
    persist_result=False,
    log_prints=False,
)
async def send_shard(parameters: ShardParameters) -> State[Any]:
    """One attempt at a shard as a flow: returns a state, never raises."""
    # A runner pickles this function by value, and with it what it names: so it names one thing.
    return await _send(parameters)


async def _send(parameters: ShardParameters) -> State[Any]:
    return await carried_through(_shard(parameters), get_run_logger())


async def _shard(parameters: ShardParameters) -> State[Any]:
    link = BestEffortApi()
    own = OwnState(link)
    try:
        settings = await with_token(settings_for(parameters), link)
        end = await deliver_shard(
            parameters, settings, drain_seconds=drain_seconds(), stop_when=own.until_stopped
        )
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        state = failed_by(exc)
    else:
        state = shard_state(end)
        log_shard(end)
    get_run_logger().info(state.message)
    return state


def log_shard(end: ShardEnd) -> None:
    """What the attempt came to, in counts."""
    emit(
        Event.SHARD_ENDED,
        run_id=end.id.run_id,
        shard=end.id.shard,
        attempt=end.id.attempt,
        counts=end.outcomes,
        code=end.stop_code.value if end.stop_code is not None else "",
    )


def shard_state(end: ShardEnd) -> State[Any]:
    """The state of an attempt; what became of the run, the run itself tells."""
    if end.signal_number is not None:
        return Crashed(message=end.sentence)
    if end.stop_code is ErrorCode.INTERRUPTED:
        return Cancelled(message=end.sentence)
    if end.stop_code is not None:
        return Failed(name="Stopped", message=end.sentence)
    return Completed(message=end.sentence)
