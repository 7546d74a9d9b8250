"""
What the server has planned: a schedule that nobody turns into runs says nothing by itself.

The page of a deployment says Ready whether or not its next run exists. So the runs are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
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
)
from prefect.client.schemas.objects import StateType, WorkPoolStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from flows.invite_candidates import invite_candidates

NOT_PLANNED: Final = (
    "the Prefect server has planned no run for the schedule: nothing will start. Look for "
    "`scheduler` in the server's log; is the server of the same version as this program "
    f"({prefect.__version__}), and is PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED not false?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How something that the night needs stands in Prefect."""

    what: str
    state: str
    """ok, warning or fault."""
    says: str


async def next_run(client: PrefectClient, deployment: UUID) -> datetime | None:
    """When the next planned run of the deployment is due; None where none is planned."""
    planned = await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
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


async def standings() -> list[Standing]:
    """The server's version, and each deployment of the flow: is it planned, does anybody run it."""
    async with get_client() as client:
        found = await client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[invite_candidates.name]))
        )
        lines = [*await _version(client)]
        for deployment in found:
            lines += await _deployment(client, deployment)
        return lines


async def _version(client: PrefectClient) -> list[Standing]:
    version = await client.api_version()
    if version == prefect.__version__:
        return []
    says = (
        f"the server is Prefect {version}, this program's is {prefect.__version__}: install the "
        "same on both"
    )
    return [Standing(what="Prefect", state="warning", says=says)]


async def _deployment(client: PrefectClient, deployment: DeploymentResponse) -> list[Standing]:
    name = f"{invite_candidates.name}/{deployment.name}"
    lines = [*_idle(name, deployment), *await _pool(client, name, deployment)]
    scheduled = [one for one in deployment.schedules if one.active]
    if not scheduled or deployment.paused:
        return lines
    due = await next_run(client, deployment.id)
    if due is None:
        return [*lines, Standing(what="schedule", state="fault", says=f"{name}: {NOT_PLANNED}")]
    zone = getattr(scheduled[0].schedule, "timezone", None)
    says = f"{name}: next run {moment_text(due, zone)}"
    return [*lines, Standing(what="schedule", state="ok", says=says)]


def _idle(name: str, deployment: DeploymentResponse) -> Iterator[Standing]:
    """A schedule that is there and switched off."""
    is_off = deployment.paused or not any(one.active for one in deployment.schedules)
    if deployment.schedules and is_off:
        says = f"{name}: its schedule is paused; `prefect deployment schedule resume` or the UI"
        yield Standing(what="schedule", state="warning", says=says)


async def _pool(client: PrefectClient, name: str, deployment: DeploymentResponse) -> list[Standing]:
    """Whether anybody would take a run that is due: a worker of its pool, or `serve`."""
    if deployment.work_pool_name is None:
        if deployment.status is not None and deployment.status.value == "READY":
            return []
        says = f"{name}: no `jobmojito-batch serve` is running for it; its runs would wait"
        return [Standing(what="schedule", state="warning", says=says)]
    pool = await client.read_work_pool(deployment.work_pool_name)
    if pool.status is WorkPoolStatus.READY:
        return []
    if pool.is_paused:
        says = f"{name}: its work pool {pool.name} is paused (`prefect work-pool resume`)"
    else:
        says = (
            f"{name}: no worker of its work pool {pool.name} is there; `prefect worker start "
            f"--pool {pool.name}`"
        )
    return [Standing(what="schedule", state="warning", says=says)]
