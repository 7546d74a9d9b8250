"""One run inside the flow: its steps as tasks, its page, and what is told at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from prefect.client.schemas.objects import State

from jobmojito_batch.flows.alert_publisher import AlertPublisher
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.delivery import deliver_as_task
from jobmojito_batch.flows.flow_settings import tell_what_is_not_taken, with_token
from jobmojito_batch.flows.own_state import OwnState, report
from jobmojito_batch.flows.run_reporter import RunReporter
from jobmojito_batch.flows.tasks import as_task
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Clock,
    DecideOnRest,
    Delivered,
    NextTry,
    OnProgress,
    Pausing,
    ReadyRun,
    ReadyToSend,
    RelayingObserver,
    RunObserver,
    RunResult,
    StepName,
    run_steps,
    settings_for,
)
from jobmojito_batch.sending import Progress
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import Summary

HURRY_SECONDS: Final = 3.0
"""How long a run that was told to end may take to tell of it: its state has to get through too."""

T = TypeVar("T")


class FlowRun(RelayingObserver):
    """One run inside the flow, told of also to whoever called the flow."""

    def __init__(self, caller: RunObserver | None, *, clock: Clock, pause: Pausing) -> None:
        super().__init__(caller or RunObserver())
        self._clock = clock
        self._pause = pause
        self._is_called = caller is not None
        self._api = BestEffortApi()
        self._reporter = RunReporter(self._api)
        self._alerts = AlertPublisher(is_watched=self.confirms)
        self._own = OwnState(self._api)
        self._settings: Settings | None = None
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
        self._settings = await with_token(settings_for(parameters), self._api)
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
        return await deliver_as_task(
            ready,
            on_progress=on_progress,
            may_go_on=may_go_on,
            stop_when=self._own.until_stopped,
        )

    def planned(self, run: ReadyRun) -> None:
        """The run's page shows what it is about to do."""
        super().planned(run)
        self._reporter.planned(run.planned)

    def begins(self, run: ReadyRun) -> None:
        """From here on the run may take too long."""
        super().begins(run)
        self._overrun = asyncio.create_task(self._alerts.tell_overrun(run))

    def progress(self, progress: Progress) -> None:
        """To the caller and to the run's page."""
        super().progress(progress)
        self._reporter.progress(progress)

    def concluded(self, run: ReadyRun, conclusion: Summary) -> None:
        """What needs a person is looked for while the ledger is open."""
        super().concluded(run, conclusion)
        self._reporter.concluded(run, conclusion)

    @asynccontextmanager
    async def waits(self, upcoming: NextTry) -> AsyncIterator[None]:
        """The run's state says so, too."""
        async with super().waits(upcoming), self._own.waiting(upcoming.sentence):
            yield

    def _stop_waiting(self) -> None:
        if self._overrun is not None:
            self._overrun.cancel()

    async def end(self, result: RunResult, state: State[Any]) -> State[Any]:
        """The run is told of; gives the state that tells it best."""
        conclusion = result.conclusion
        was_signalled = result.was_broken_off or (
            conclusion is not None and conclusion.exit_code.is_signal
        )
        environment = self._settings.environment if self._settings is not None else None
        async with asyncio.timeout(HURRY_SECONDS if was_signalled else None):
            # Both at once, since each may take its time where a server or a channel hangs.
            await asyncio.gather(
                self._reporter.ended(conclusion), self._alerts.tell(result.alerts, self._settings)
            )
            if not was_signalled:  # what is shown would be lost where the API is away just now
                await self._api.until_back()
            await self._reporter.show(result, environment)
        await self._own.look()
        final = self._own.final(state)
        if final is not state:  # a runner would say of a cancelled run only that it cancelled it
            await report(final)
        return final
