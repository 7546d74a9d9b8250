"""One try of a run, from taking its inputs to what is told of its end."""

from collections.abc import Callable
from datetime import UTC, datetime

from jobmojito_batch.alerts import Alert
from jobmojito_batch.pipeline.conclude import conclude
from jobmojito_batch.pipeline.nightly.housekeeping import finish
from jobmojito_batch.pipeline.nightly.night_end import NightEnd
from jobmojito_batch.pipeline.nightly.prepared_runs import IdleRun, ReadyRun, prepare_taken
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.nightly.selection import taking
from jobmojito_batch.pipeline.nightly.tries import Tries
from jobmojito_batch.pipeline.run_observer import RunObserver
from jobmojito_batch.pipeline.run_result import RunResult
from jobmojito_batch.pipeline.steps import StepName, StepWays
from jobmojito_batch.settings import Settings


class OneTry:
    """A run on its way, and what it holds until its end."""

    def __init__(
        self,
        tries: Tries,
        observer: RunObserver,
        ways: StepWays,
        *,
        night: datetime,
        now: datetime | None,
    ) -> None:
        self._parameters = tries.parameters
        self._tries = tries
        self._observer = observer
        self._ways = ways
        self._night = night
        self._now = now
        self._taken: SelectedInputs | None = None
        self._run: ReadyRun | None = None
        self.settings: Settings | None = None
        """Those that it runs with; None before they were read."""

    async def up_to_conclusion(self) -> RunResult:
        """The steps up to the conclusion; an exception is the result's error."""
        observer = self._observer
        try:
            self.settings = await self._ways.settings_of(self._parameters)
            with observer.reading():
                run = await self._prepared(self.settings)
            if isinstance(run, IdleRun):
                conclusion = run.conclusion(self._now)
                return RunResult(conclusion=self._tries.told_with(conclusion, run.taken.tokens))
            observer.planned(run)
            run.hold_if_unsure(is_attended=observer.confirms)
            if not observer.may_send(run):
                return RunResult(was_declined=True)
            observer.begins(run)
            delivered = await self._ways.deliver(
                run.ready, on_progress=observer.progress, may_go_on=observer.may_go_on
            )
            conclusion = await self._ways.step(
                StepName.CONCLUDE, lambda: conclude(run.ready, delivered)
            )
            conclusion = self._tries.told_with(conclusion, run.taken.tokens)
            observer.concluded(run, conclusion)
        except Exception as exc:  # noqa: BLE001 - whoever asked for the run tells it
            return RunResult(error=exc, has_begun=observer.has_begun)
        return RunResult(conclusion=conclusion, has_begun=True)

    async def _prepared(self, settings: Settings) -> ReadyRun | IdleRun:
        taken = await self._ways.step(
            StepName.TAKE,
            lambda: taking(
                self._parameters, now=self._night, sleep=self._ways.sleep, settings=settings
            ),
        )
        self._taken = taken
        is_attended = self._observer.confirms
        run = await self._ways.step(
            StepName.PREPARE,
            lambda: prepare_taken(taken, now=self._now, is_attended=is_attended),
        )
        self._taken = run.taken
        if isinstance(run, ReadyRun):
            self._run = run
        return run

    def finishing(self, result: RunResult) -> Callable[[], list[Alert]]:
        """Files leave the inbox; gives what to tell people. Never raises."""
        end = NightEnd(
            parameters=self._parameters,
            at=self._now or datetime.now(UTC),
            taken=self._taken,
            planned=self._run.planned if self._run is not None else None,
            settings=self.settings,
            conclusion=result.conclusion,
            error=result.error,
            has_begun=result.has_begun,
        )
        return lambda: finish(end, earlier_tries=self._tries.earlier_runs)

    def close(self) -> None:
        """Let go of what it holds."""
        if self._run is not None:
            self._run.close()
        if self._taken is not None:
            self._taken.close()
