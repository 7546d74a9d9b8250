"""Sending as a task: here, or by runs of the shard deployment, wherever workers are."""

from typing import Final

from prefect.runtime import deployment

from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.shards import PrefectCrew, check_deployment
from jobmojito_batch.flows.tasks import as_task
from jobmojito_batch.pipeline import (
    DecideOnRest,
    Delivered,
    OnProgress,
    ReadyToSend,
    StopWhen,
    deliver,
)
from jobmojito_batch.pipeline.sharding import deliver_in_shards

RUNNER_DRAIN_SECONDS: Final = 25.0
"""A Prefect runner kills a cancelled run after 30 s; what is left by then stays claimed."""


def drain_seconds() -> float | None:
    """Bounded where a runner started the run, since it will kill it; else all calls may finish."""
    return RUNNER_DRAIN_SECONDS if deployment.id else None


async def deliver_as_task(
    ready: ReadyToSend, *, on_progress: OnProgress, may_go_on: DecideOnRest, stop_when: StopWhen
) -> Delivered:
    """What sending came to, until *stop_when* at most. Raises BatchError."""

    async def sent() -> Delivered:
        if not ready.planned.parameters.is_sharded:
            return await deliver(
                ready,
                on_progress=on_progress,
                drain_seconds=drain_seconds(),
                stop_when=stop_when,
                may_go_on=may_go_on,
            )
        link = BestEffortApi()
        await check_deployment(link)
        return await deliver_in_shards(
            ready,
            PrefectCrew(link),
            on_progress=on_progress,
            drain_seconds=drain_seconds(),
            stop_when=stop_when,
        )

    return await as_task("deliver", sent, is_kept_if_suspended=True)
