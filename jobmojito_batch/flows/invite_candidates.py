"""
The Prefect flow: the same staircase as the command line, watched in the UI.

Rows are not task runs: three tasks a run, however many rows. Nothing that pays is retried or
answered from a cache by Prefect (a second run of the flow finds the claims in the ledger). No
exception leaves a task or the flow, since Prefect pickles it to disk with its text; no person, link
or token is in parameters, states, logs or artifacts.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, TypeVar
from uuid import UUID

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Crashed, Failed

from jobmojito_batch import pipeline
from jobmojito_batch.errors import BatchError, told
from jobmojito_batch.events import Event, warn
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.flows.alert_publisher import AlertPublisher
from jobmojito_batch.flows.artifacts import TABLE_ROWS, publish, publish_broken_off
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.own_state import OwnState, rename, report
from jobmojito_batch.flows.run_reporter import RunReporter
from jobmojito_batch.flows.shards import PrefectCrew, check_deployment
from jobmojito_batch.flows.shielded import carried_through
from jobmojito_batch.flows.token_block import with_token
from jobmojito_batch.ledger import RowEnd
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Attention,
    Delivered,
    NextTry,
    ReadyRun,
    ReadyToSend,
    RunObserver,
    RunResult,
    needs_a_person,
    run_steps,
)
from jobmojito_batch.pipeline.batch import OnProgress
from jobmojito_batch.pipeline.broken_pipes import console_may_break
from jobmojito_batch.pipeline.deliver import DecideOnRest
from jobmojito_batch.pipeline.nightly.path_templates import moment_name
from jobmojito_batch.pipeline.nightly.trend import NightLine, recent_nights
from jobmojito_batch.pipeline.nightly.waiting import Pausing
from jobmojito_batch.pipeline.run_steps import Clock, StepName, utc_now
from jobmojito_batch.pipeline.sharding import deliver_in_shards
from jobmojito_batch.sending import FirstRows, Progress
from jobmojito_batch.settings import Settings, settings_sources
from jobmojito_batch.summary import Summary
from jobmojito_batch.urls import shown

RUNNER_DRAIN_SECONDS: Final = 25.0
"""A Prefect runner kills a cancelled run after 30 s; what is left by then stays claimed."""

HURRY_SECONDS: Final = 3.0
"""How long a run that was told to end may take to tell of it: its state has to get through too."""
TAG: Final = "jobmojito"
STATE_NAMES: Final = {
    ExitCode.NEEDS_REPAIR: "NeedsRepair",
    ExitCode.UNSETTLED: "Unsettled",
    ExitCode.STOPPED: "Stopped",
}
"""Exit codes whose states have a name of their own (spec section 8)."""

WAITING: Final = "Waiting"
"""What a running run is called in lists of runs while its night waits for another try."""

T = TypeVar("T")


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


@task(persist_result=False, cache_policy=NO_CACHE, retries=0)
async def carry_out(work: Callable[[], Awaitable[None]]) -> None:
    """A step of the run, under the step's name. Never retried: the next run finds the claims."""
    await work()


async def as_task(
    name: str, work: Callable[[], Awaitable[T]], *, is_kept_if_suspended: bool = False
) -> T:
    """
    What *work* gives, or raises, carried out as a task.

    Neither goes through Prefect, which would pickle an exception, text and all. Its engine leaves
    after a task during which the run was suspended: what the task came to is lost then, unless it
    *is_kept_if_suspended*.
    """
    outcome: Future[T] = Future()

    async def settle() -> None:
        try:
            outcome.set_result(await work())
        except Exception as exc:  # noqa: BLE001 - raised again outside of the task
            outcome.set_exception(exc)

    try:
        await carry_out.with_options(name=name)(settle)
    except Pause:
        if not (is_kept_if_suspended and outcome.done()):
            raise
    return outcome.result()


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
        with console_may_break():
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


def tell_what_is_not_taken() -> None:
    """Say what of a `.env` in the flow's folder does not count. Raises SettingsError."""
    for file in settings_sources().files:
        if file.notice is not None:
            why = file.distrust or "a folder may not set them"
            warn(Event.SETTINGS_NOT_TAKEN, variables=file.refused or ["all"], says=f".env: {why}")


class FlowRun(RunObserver):
    """One run inside the flow: its steps as tasks, its page, and what is told at its end."""

    def __init__(self, caller: RunObserver | None, *, clock: Clock, pause: Pausing) -> None:
        self._clock = clock
        self._pause = pause
        self._is_called = caller is not None
        self._caller = caller or RunObserver()
        self.confirms = self._caller.confirms
        self.is_counted = self._caller.is_counted
        self._api = BestEffortApi()
        self._reporter = RunReporter(self._api)
        self._alerts = AlertPublisher(is_watched=self.confirms)
        self._own = OwnState(self._api)
        self._settings: Settings | None = None
        self._attention = Attention()
        self._nights: list[NightLine] = []
        self._overrun: asyncio.Task[None] | None = None

    async def run(self, parameters: InviteParameters) -> RunResult:
        """All the steps, whatever they come to."""
        try:
            return await run_steps(
                parameters,
                self,
                step=self._step,
                deliver=self._deliver,
                settings_of=self._settings_of,
                clock=self._clock,
                pause=self._pause,
                stop_when=self._own.until_stopped,
            )
        finally:
            self._stop_waiting()

    async def _settings_of(self, parameters: InviteParameters) -> Settings:
        if not self._is_called:  # a command has said it where it was started
            tell_what_is_not_taken()
        self._settings = await with_token(pipeline.settings_for(parameters), self._api)
        return self._settings

    async def _step(self, name: StepName, work: Callable[[], T]) -> T:
        """A step as a task; what may take long without the run's own work in a thread."""

        async def here() -> T:
            return work()

        match name:
            case StepName.TAKE:
                return await as_task(name, lambda: asyncio.to_thread(work))
            case StepName.PREPARE:
                return await as_task(name, here)
            case StepName.CONCLUDE:
                await self._own.look()
                # Prefect starts no task of a run that is suspended or cancelled, and its files are
                # wanted.
                return work() if self._own.is_stopped else await as_task(name, here)
            case StepName.FINISH:
                self._stop_waiting()
                return await asyncio.to_thread(work)
            case StepName.TELL:
                return await asyncio.to_thread(work)

    async def _deliver(
        self, ready: ReadyToSend, *, on_progress: OnProgress, may_go_on: DecideOnRest
    ) -> Delivered:
        """Sending as a task: here, or by runs of the shard deployment, wherever workers are."""

        async def sent() -> Delivered:
            until_stopped = self._own.until_stopped
            if not ready.planned.parameters.is_sharded:
                return await pipeline.deliver(
                    ready,
                    on_progress=on_progress,
                    drain_seconds=drain_seconds(),
                    stop_when=until_stopped,
                    may_go_on=may_go_on,
                )
            link = BestEffortApi()
            await check_deployment(link)
            return await deliver_in_shards(
                ready,
                PrefectCrew(link),
                on_progress=on_progress,
                drain_seconds=drain_seconds(),
                stop_when=until_stopped,
            )

        return await as_task("deliver", sent, is_kept_if_suspended=True)

    def reading(self) -> AbstractContextManager[None]:
        """As the caller shows it."""
        return self._caller.reading()

    def planned(self, run: ReadyRun) -> None:
        """The run's page shows what it is about to do."""
        self._reporter.planned(run.planned)

    def may_send(self, run: ReadyRun) -> bool:
        """As the caller says."""
        return self._caller.may_send(run)

    def may_go_on(self, first: FirstRows, ends: Sequence[RowEnd]) -> bool:
        """As the caller says."""
        return self._caller.may_go_on(first, ends)

    def begins(self, run: ReadyRun) -> None:
        """From here on the run may take too long."""
        super().begins(run)
        self._caller.begins(run)
        self._overrun = asyncio.create_task(self._alerts.tell_overrun(run))

    def progress(self, progress: Progress) -> None:
        """To the caller and to the run's page."""
        self._caller.progress(progress)
        self._reporter.progress(progress)

    def concluded(self, run: ReadyRun, conclusion: Summary) -> None:
        """What needs a person; nothing if the ledger cannot say, since the run itself is done."""
        with suppress(BatchError):
            self._attention = needs_a_person(
                run.ready.ledger, conclusion.run_id, at_most=TABLE_ROWS
            )
            self._nights = recent_nights(run.ready.ledger, run.taken.series)

    @asynccontextmanager
    async def waits(self, upcoming: NextTry) -> AsyncIterator[None]:
        """The run's state says so: it is running to Prefect, and called otherwise."""
        async with self._caller.waits(upcoming):
            await self._api.quietly(rename(WAITING, upcoming.sentence))
            yield
            await self._api.quietly(rename("Running", None))

    def warns(self, text: str) -> None:
        """To the caller; the run's page has the event of it."""
        self._caller.warns(text)

    def _stop_waiting(self) -> None:
        if self._overrun is not None:
            self._overrun.cancel()

    async def end(self, result: RunResult, state: State[Any]) -> State[Any]:
        """The run is told of; gives the state that tells it best."""
        conclusion = result.conclusion
        was_signalled = result.was_broken_off or (
            conclusion is not None and conclusion.exit_code.is_signal
        )
        async with asyncio.timeout(HURRY_SECONDS if was_signalled else None):
            await self._tell(result)
            if not was_signalled:  # what is shown would be lost where the API is away just now
                await self._api.until_back()
            await self._show(result)
        await self._own.look()
        final = self._own.final(state)
        if final is not state:  # a runner would say of a cancelled run only that it cancelled it
            await report(final)
        return final

    async def _tell(self, result: RunResult) -> None:
        """Both at once, since each may take its time where a server or a channel hangs."""
        if result.conclusion is not None:
            self._reporter.ended(result.conclusion)
        await asyncio.gather(
            self._reporter.finish(), self._alerts.tell(result.alerts, self._settings)
        )

    async def _show(self, result: RunResult) -> None:
        """Summary, table and tags; of a run that broke off after it began, what is known of it."""
        environment = self._settings.environment if self._settings is not None else None
        if result.conclusion is not None:
            name = STATE_NAMES.get(result.conclusion.exit_code)
            shown = publish(self._api, result.conclusion, self._attention, self._nights)
        elif result.has_begun and result.error is not None:
            name = STATE_NAMES[ExitCode.STOPPED]
            shown = publish_broken_off(self._api, told(result.error), self._reporter.last)
        else:
            return
        await asyncio.gather(shown, self._api.quietly(_tag(name, environment)))


async def _tag(state_name: str | None, environment: str | None) -> None:
    """
    A NeedsRepair run may be as green as a clean one in lists of runs; its tags are not.

    What an earlier try was called is taken away: a retry that ended well is no run to repair.
    """
    kept = set(flow_run.tags) - set(STATE_NAMES.values())
    tags = kept | {TAG} | {name for name in (state_name, environment) if name}
    run_id = flow_run.id
    if run_id is not None:
        async with get_client() as client:
            await client.update_flow_run(UUID(run_id), tags=sorted(tags))


def state_of(result: RunResult, *, repairs_fail: bool = False) -> State[Any]:
    """The state of a run; one that broke off once it may have sent is a stopped one."""
    if result.error is not None:
        name = STATE_NAMES[ExitCode.STOPPED] if result.has_begun else None
        return Failed(name=name, message=told(result.error))
    if result.conclusion is None:
        return Cancelled(message="not confirmed; nothing was sent")
    return final_state(result.conclusion, repairs_fail=repairs_fail)


def final_state(conclusion: Summary, *, repairs_fail: bool = False) -> State[Any]:
    """
    The state of spec section 8, by exit code; its message is the one sentence.

    If *repairs_fail*, a run with rows to repair is as red as one that failed (decision 0022).
    """
    message = conclusion.sentence
    match conclusion.exit_code:
        case ExitCode.OK:
            return Completed(message=message)
        case ExitCode.NEEDS_REPAIR as code if repairs_fail:
            return Failed(name=STATE_NAMES[code], message=message)
        case ExitCode.NEEDS_REPAIR as code:
            return Completed(name=STATE_NAMES[code], message=message)
        case ExitCode.UNSETTLED | ExitCode.STOPPED as code:
            return Failed(name=STATE_NAMES[code], message=message)
        case _:  # a signal: as Prefect has an interrupted run
            return Crashed(message=message)


def drain_seconds() -> float | None:
    """Bounded where a runner started the run, since it will kill it; else all calls may finish."""
    return RUNNER_DRAIN_SECONDS if deployment.id else None
