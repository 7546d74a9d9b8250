"""
What `serve` does: one deployment, its schedule, and the processes that carry its runs.

The `flow.serve` of Prefect kills a running flow at once on SIGTERM and leaves it Running, and
ends (the run with it) where the server is away for three polls. Here the loop around Prefect's
Runner is our own: a stop forwards SIGTERM to the runs and waits for their drain, and a server that
is away is waited for.
"""

import asyncio
import multiprocessing
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.flows.delivery import RUNNER_DRAIN_SECONDS
from jobmojito_batch.flows.invite_candidates import invite_candidates
from jobmojito_batch.flows.provision import heartbeat_warning
from jobmojito_batch.flows.run_reporter import TAG
from jobmojito_batch.flows.schedules import (
    PLANNED_SECONDS,
    is_paused,
    moment_text,
    next_run,
    not_planned,
)
from jobmojito_batch.parameters import InviteParameters

GRACE_SECONDS: Final = RUNNER_DRAIN_SECONDS + 10.0
"""How long a run may take to end after SIGTERM: its drain, then its files and its last state."""
TICK_SECONDS: Final = 0.1
LOOK_AGAIN_SECONDS: Final = 600.0
"""How often a schedule that was planned is asked for its next run again."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The deployment to serve."""

    name: str
    parameters: InviteParameters
    cron: str | None = None
    time_zone: str | None = None
    tags: tuple[str, ...] = ()


def check_schedule(cron: str, time_zone: str | None) -> None:
    """Raises SettingsError where Prefect would not take the schedule."""
    _schedule(cron, time_zone)


async def serve(served: Served, say: Say) -> bool:
    """
    Register the deployment and run what is due until a signal comes.

    The first SIGINT or SIGTERM drains the runs, a second one kills them; on SIGUSR1 they go on to
    their own end. False where the deployment has become another's meanwhile: that is said, and the
    runs that go on end first. Raises SettingsError.
    """
    mark = _mark()
    runner, deployment_id = await _register(served, mark)
    warning = await heartbeat_warning()
    if warning is not None:
        say(f"warning       {warning}")
    stop = _Stop()
    own = _Own(deployment_id, mark, served, say)
    with stop.listening():
        async with runner:
            say(f"serving       {own.name}")
            ending = asyncio.create_task(_end_children(stop))
            is_own = await _poll(runner, own, stop, say)
            if is_own and not stop.is_asked:
                say("draining      no run is started any more; runs that are going on end first")
                await _end_of_runs(stop)
            elif is_own:
                say("stopping      no run is started any more; runs that are going on are drained")
            else:
                await _end_of_runs(stop)
            # Leaving the runner waits for the runs, and tells Prefect how each ended.
    ending.cancel()
    with suppress(asyncio.CancelledError):
        await ending
    return is_own or stop.is_asked


async def _refuse_a_workers(served: Served) -> None:
    """Raises SettingsError where workers run it: serve would take it from them unasked."""
    name = f"{invite_candidates.name}/{served.name}"
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            return
    if deployment.work_pool_name is not None:
        raise SettingsError(
            f"the deployment {name} is run by the workers of the pool {deployment.work_pool_name} "
            "(`prefect deploy` made it); give `serve` another --name, or take it from them: "
            f"`prefect deployment delete {name}`"
        )


async def _register(served: Served, mark: str) -> tuple[Runner, UUID]:
    try:
        runner = Runner(name=served.name, pause_on_shutdown=False)
        await _refuse_a_workers(served)
        deployment_id = await runner.aadd_flow(
            invite_candidates,
            name=served.name,
            schedule=_schedule(served.cron, served.time_zone) if served.cron else None,
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            parameters={"parameters": served.parameters.model_dump(mode="json")},
            tags=[TAG, *served.tags],
            version=mark,
            # The path of a file would be looked up in whatever folder a later run starts in.
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    except SettingsError:
        raise
    except Exception as exc:
        # Prefect's message may quote the parameters' text; its type says enough beside the advice.
        raise SettingsError(
            f"the deployment {served.name} cannot be registered ({type(exc).__name__}); is the "
            "Prefect server of the same version as this program, and the name without / and %?"
        ) from exc
    return runner, deployment_id


def _mark() -> str:
    """The version of the deployment as registered by this process, by which it knows its own."""
    now = datetime.now(UTC)
    return f"served by {platform.node()}, process {os.getpid()}, {now:%Y-%m-%dT%H:%M:%S.%fZ}"


class _Own:
    """The deployment as this process registered it: is it still that one, is a run planned?"""

    def __init__(self, deployment_id: UUID, mark: str, served: Served, say: Say) -> None:
        self.name = f"{invite_candidates.name}/{served.name}"
        self._id = deployment_id
        self._mark = mark
        self._served = served
        self._say = say
        self._is_planned = False
        self._has_warned = False
        self._planned_at = self._asked_at = time.monotonic()

    async def look(self) -> bool:
        """Whether it is still its own; tells of the next run. Raises what Prefect's client does."""
        async with get_client() as client:
            try:
                deployment = await client.read_deployment(self._id)
            except ObjectNotFound:
                deployment = None
            lost = self._lost(deployment)
            if lost is not None:
                self._say(
                    f"stopping      the deployment {self.name} {lost}: no run of it is started "
                    "here any more, those that are going on end first"
                )
            elif (
                deployment is not None and self._served.cron is not None and self._is_to_be_asked()
            ):
                self._asked_at = time.monotonic()
                await self._tell_next_run(client, deployment)
        return lost is None

    def _lost(self, deployment: DeploymentResponse | None) -> str | None:
        """How it has become somebody else's."""
        if deployment is None:
            return "was deleted"
        if deployment.work_pool_name is not None:
            return (
                f"was given to the workers of the pool {deployment.work_pool_name} "
                "(`prefect deploy`; another --name keeps the two apart)"
            )
        if deployment.version != self._mark:
            return (
                f"was registered by another `serve` ({deployment.version}; another --name keeps "
                "the two apart)"
            )
        return None

    def _is_to_be_asked(self) -> bool:
        """Until there is a run, each time; then now and then."""
        return not self._is_planned or time.monotonic() - self._asked_at >= LOOK_AGAIN_SECONDS

    async def _tell_next_run(self, client: PrefectClient, deployment: DeploymentResponse) -> None:
        """Once where it is planned, and once where it has not been for a minute."""
        due = await next_run(client, self._id)
        if due is not None:
            if not self._is_planned:
                self._say(f"next run      {moment_text(due, self._served.time_zone)}")
            self._planned_at = self._asked_at
        elif not self._has_warned and self._asked_at - self._planned_at >= PLANNED_SECONDS:
            self._say(f"warning       {await self._why(client, deployment)}")
            self._has_warned = True
        self._is_planned = due is not None
        self._has_warned = self._has_warned and due is None

    @staticmethod
    async def _why(client: PrefectClient, deployment: DeploymentResponse) -> str:
        if is_paused(deployment):
            return "the schedule is paused in Prefect: nothing starts by itself until it is resumed"
        return await not_planned(client)


def _schedule(cron: str, time_zone: str | None) -> Schedule:
    try:
        CronSchedule(cron=cron, timezone=time_zone)
    except ValueError as exc:
        if "timezone" in str(exc).lower():
            raise SettingsError(
                f"--timezone {time_zone}: is no time zone; it looks like Europe/Bratislava"
            ) from None
        raise SettingsError(
            f'--cron {cron}: is no cron schedule; five fields, "30 3 * * *" is each night at 03:30'
        ) from None
    return Cron(cron, timezone=time_zone)


async def _poll(runner: Runner, own: _Own, stop: "_Stop", say: Say) -> bool:
    """
    Start what is due, every few seconds, until told to stop; an API that is away comes back.

    False where the deployment is not its own any more.
    """
    away_since: float | None = None
    while not stop.is_over:
        try:
            if not await own.look():
                return False
            # The one step of Runner.start() that is wanted here. A test pins that it is there.
            await runner._get_and_submit_flow_runs()  # type: ignore[no-untyped-call]  # noqa: SLF001
        except Exception as exc:  # noqa: BLE001 - whatever it is, runs that go on must not end with it
            if away_since is None:
                away_since = time.monotonic()
                say(f"the Prefect API is away ({type(exc).__name__}); runs go on, asking again")
        else:
            if away_since is not None:
                say(f"the Prefect API is back after {time.monotonic() - away_since:.0f} s")
                away_since = None
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.over.wait(), runner.query_seconds)
    return True


async def _end_of_runs(stop: "_Stop") -> None:
    """Wait for the runs inside the runner, where a cancel in the UI still reaches them."""
    while multiprocessing.active_children() and not stop.is_asked:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.asked.wait(), TICK_SECONDS)


async def _end_children(stop: "_Stop") -> None:
    """From the stop on: SIGTERM to each run once, also to one that starts now; at last SIGKILL."""
    await stop.asked.wait()
    told: set[int | None] = set()
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        for child in multiprocessing.active_children():
            if stop.is_urgent or time.monotonic() > deadline:
                child.kill()
            elif child.pid not in told:
                told.add(child.pid)
                child.terminate()
        await asyncio.sleep(TICK_SECONDS)


class _Stop:
    """The first signal asks, the second is urgent; SIGUSR1 ends the serving and no run."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.over = asyncio.Event()
        """Nothing is started any more."""
        self.is_urgent = False

    @property
    def is_over(self) -> bool:
        return self.over.is_set()

    @property
    def is_asked(self) -> bool:
        return self.asked.is_set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask while inside; handlers that were there before come back."""
        loop = asyncio.get_running_loop()

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.is_urgent = self.is_asked
            loop.call_soon_threadsafe(self.over.set)
            loop.call_soon_threadsafe(self.asked.set)

        def drain(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.over.set)

        before = {
            number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
        }
        if hasattr(signal, "SIGUSR1"):
            before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, drain)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
