"""
What the server has planned: a schedule that nobody turns into runs says nothing by itself.

The page of a deployment says Ready whether or not its next run exists. So the runs are asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import prefect
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import DeploymentStatus, StateType, WorkPoolStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from jobmojito_batch.flows.invite_candidates import invite_candidates
from jobmojito_batch.flows.send_shard import send_shard

PLANNED_SECONDS: Final = 60.0
"""The server's scheduler looks every few seconds for new deployments, and each minute at all."""
BY_THE_SCHEDULER: Final = "auto-scheduled"
"""The tag of a run that a schedule has planned; one that a person planned says nothing of it."""
OURS: Final = (invite_candidates.name, send_shard.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How something that the night needs stands in Prefect."""

    what: str
    state: str
    """ok, warning or fault."""
    says: str


async def next_run(client: PrefectClient, deployment: UUID) -> datetime | None:
    """When the next run that the scheduler has planned is due; None where none is."""
    planned = await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            tags=FlowRunFilterTags(all_=[BY_THE_SCHEDULER]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=datetime.now(UTC)),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    return planned[0].expected_start_time if planned else None


def moment_text(moment: datetime, time_zone: str | None) -> str:
    """A moment as a person of that zone reads it: `2026-11-27 03:30 Europe/Bratislava`."""
    zone = time_zone or "UTC"
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


def is_paused(deployment: DeploymentResponse) -> bool:
    """Whether somebody has switched its schedules off: each of them, or the deployment."""
    return deployment.paused or not any(schedule.active for schedule in deployment.schedules)


async def not_planned(client: PrefectClient) -> str:
    """What a schedule without a planned run means, and where to look."""
    return (
        "the Prefect server has planned no run for the schedule: nothing will start by itself. "
        f"Look for `scheduler` in the server's log; it is Prefect {await client.api_version()}, "
        f"this program's is {prefect.__version__}: both have to be the same, and "
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED not false there"
    )


async def standings() -> list[Standing]:
    """The server's version, and each deployment of ours: is it planned, does anybody run it."""
    async with get_client() as client:
        deployments = await client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(OURS)))
        )
        names = {deployment.id: await _name(client, deployment) for deployment in deployments}
        lines = await _version(client)
        for deployment in deployments:
            lines += await _schedule(client, names[deployment.id], deployment)
            lines += _unserved(names[deployment.id], deployment)
        for pool in sorted(
            {deployment.work_pool_name for deployment in deployments if deployment.work_pool_name}
        ):
            waiting = sorted(
                names[deployment.id]
                for deployment in deployments
                if deployment.work_pool_name == pool
            )
            lines += await _pool(client, pool, waiting)
        return lines


async def _name(client: PrefectClient, deployment: DeploymentResponse) -> str:
    flow = await client.read_flow(deployment.flow_id)
    return f"{flow.name}/{deployment.name}"


async def _version(client: PrefectClient) -> list[Standing]:
    version = await client.api_version()
    if version == prefect.__version__:
        return []
    says = (
        f"the server is Prefect {version}, this program's is {prefect.__version__}: install the "
        "same on both"
    )
    return [Standing(what="Prefect", state="warning", says=says)]


async def _schedule(
    client: PrefectClient, name: str, deployment: DeploymentResponse
) -> list[Standing]:
    if not deployment.schedules:
        return []
    if is_paused(deployment):
        says = f"{name}: is paused, nothing starts by itself; resume it on its page in the UI"
        return [Standing(what="schedule", state="warning", says=says)]
    scheduled = [schedule for schedule in deployment.schedules if schedule.active]
    due = await next_run(client, deployment.id)
    if due is not None:
        zone = getattr(scheduled[0].schedule, "timezone", None)
        says = f"{name}: next run {moment_text(due, zone)}"
        return [Standing(what="schedule", state="ok", says=says)]
    created_at = max((schedule.created for schedule in scheduled if schedule.created), default=None)
    if created_at and datetime.now(UTC) - created_at < timedelta(seconds=PLANNED_SECONDS):
        says = f"{name}: is new and not planned yet; ask again in a minute"
        return [Standing(what="schedule", state="warning", says=says)]
    says = f"{name}: {await not_planned(client)}"
    return [Standing(what="schedule", state="fault", says=says)]


def _unserved(name: str, deployment: DeploymentResponse) -> Iterator[Standing]:
    """A deployment of `serve` whose `serve` is not there."""
    if deployment.work_pool_name is None and deployment.status is not DeploymentStatus.READY:
        says = f"{name}: no `jobmojito-batch serve` is running for it; its runs would wait"
        yield Standing(what="schedule", state="warning", says=says)


async def _pool(client: PrefectClient, name: str, waiting: Sequence[str]) -> list[Standing]:
    """Whether a worker would take a run that is due."""
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:  # deleted a moment ago
        return []
    runs = f"runs of {', '.join(waiting)} would wait"
    if pool.is_paused:
        says = f"{name} is paused, {runs}; `prefect work-pool resume {name}`"
    elif pool.status is not WorkPoolStatus.READY:
        says = f"{name} has no worker, {runs}; `prefect worker start --pool {name}`"
    else:
        return []
    return [Standing(what="pool", state="warning", says=says)]
