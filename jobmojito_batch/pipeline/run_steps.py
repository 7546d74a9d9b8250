"""The steps of a run, one after the other, for the command line and for the flow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from jobmojito_batch.alerts import Alert
from jobmojito_batch.client import replaced_by, replacement_due
from jobmojito_batch.errors import BatchError, DoubtError, SettingsError, VolumeError
from jobmojito_batch.inbox import Sleep
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.batch import Delivered, OnProgress, StopWhen
from jobmojito_batch.pipeline.conclude import conclude
from jobmojito_batch.pipeline.deliver import DecideOnRest
from jobmojito_batch.pipeline.deliver import deliver as deliver_here
from jobmojito_batch.pipeline.nightly.housekeeping import finish
from jobmojito_batch.pipeline.nightly.prepared_runs import IdleRun, ReadyRun, prepare_taken
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.nightly.selection import taking
from jobmojito_batch.pipeline.nightly.tries import Tries
from jobmojito_batch.pipeline.nightly.volume_guard import hold_if_unsure
from jobmojito_batch.pipeline.nightly.waiting import Pausing, waited
from jobmojito_batch.pipeline.prepare import ReadyToSend, settings_for
from jobmojito_batch.pipeline.run_observer import RunObserver
from jobmojito_batch.pipeline.run_result import RunResult
from jobmojito_batch.pipeline.run_signals import RunSignals
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import Summary

T = TypeVar("T")

Clock = Callable[[], datetime]


class StepName(StrEnum):
    """The steps that somebody may have carried out in a way of theirs."""

    TAKE = "take"
    PREPARE = "prepare"
    CONCLUDE = "conclude"
    FINISH = "finish"
    TELL = "tell"


class Step(Protocol):
    """Carries a step out; raises what *work* raises."""

    async def __call__(self, name: StepName, work: Callable[[], T], /) -> T:
        """What *work* gives."""


class Deliver(Protocol):
    """Claims and sends."""

    def __call__(
        self, ready: ReadyToSend, *, on_progress: OnProgress, may_go_on: DecideOnRest
    ) -> Awaitable[Delivered]:
        """What sending came to. Raises BatchError."""


async def in_place(name: StepName, work: Callable[[], T]) -> T:  # noqa: ARG001 - see Step
    """Carry a step out here and now."""
    return work()


async def settings_here(parameters: InviteParameters) -> Settings:
    """This machine's settings. Raises SettingsError."""
    return settings_for(parameters)


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


async def run_steps(
    parameters: InviteParameters,
    observer: RunObserver,
    *,
    step: Step = in_place,
    deliver: Deliver | None = None,
    settings_of: Callable[[InviteParameters], Awaitable[Settings]] = settings_here,
    now: datetime | None = None,
    sleep: Sleep = time.sleep,
    clock: Clock = utc_now,
    pause: Pausing = asyncio.sleep,
    stop_when: StopWhen | None = None,
) -> RunResult:
    """
    Take, prepare, deliver, conclude, finish: the whole of a run, however it ends.

    *step* and *deliver* carry the steps out, by default here and now; *sleep* waits between two
    looks at an inbox. A night that stopped may be tried again (`retry_until`): *clock* says when,
    *pause* waits, and a signal or *stop_when* ends the waiting; machines and people are told of the
    last try. An exception becomes the result's error; what is none (an interruption) goes on, once
    what the run held is let go. Raises SettingsError if shards are asked for and *deliver* is not
    given.
    """
    if deliver is None:
        if parameters.is_sharded:
            raise SettingsError(
                "--shards is for runs through Prefect, whose workers send the shards: set "
                "PREFECT_API_URL and say --prefect, or leave it out"
            )
        deliver = deliver_here
    began = now or clock()
    tries = Tries(parameters, began=began, is_unattended=not observer.confirms)
    signals = _signals_of(parameters, observer)
    signals.begins()
    while True:
        run = _Run(tries, observer, night=began, now=clock() if tries.earlier else now)
        try:
            result = await run.up_to_conclusion(step, deliver, settings_of, sleep)
            if result.was_declined:
                return result
            alerts = await step(StepName.FINISH, run.finishing(result))
        finally:
            run.close()
        upcoming = tries.next_after(result.conclusion, now=clock())
        if upcoming is None or not await waited(upcoming, observer, pause, stop_when):
            await step(StepName.TELL, run.telling(result, signals))
            return replace(result, alerts=alerts, was_broken_off=upcoming is not None)
        tries.add(result.concluded, run.settings)


def _signals_of(parameters: InviteParameters, observer: RunObserver) -> RunSignals:
    return RunSignals(
        parameters.inputs,
        environment=parameters.environment,
        is_counted=observer.is_counted,
        is_unattended=not observer.confirms,
        warns=observer.warns,
    )


class _Run:
    """A run on its way, and what it holds until its end."""

    def __init__(
        self, tries: Tries, observer: RunObserver, *, night: datetime, now: datetime | None
    ) -> None:
        self._parameters = tries.parameters
        self._tries = tries
        self._observer = observer
        self._night = night
        self._now = now
        self._settings: Settings | None = None
        self._taken: SelectedInputs | None = None
        self._run: ReadyRun | None = None

    @property
    def settings(self) -> Settings:
        """Those that it ran with; only of one that came to a conclusion."""
        if self._settings is None:
            raise BatchError("the run has no settings; please report this")
        return self._settings

    async def up_to_conclusion(
        self,
        step: Step,
        deliver: Deliver,
        settings_of: Callable[[InviteParameters], Awaitable[Settings]],
        sleep: Sleep,
    ) -> RunResult:
        """The steps up to the conclusion; an exception is the result's error."""
        observer = self._observer
        try:
            self._settings = await settings_of(self._parameters)
            with observer.reading():
                run = await self._prepared(self._settings, step, sleep)
            if isinstance(run, IdleRun):
                return RunResult(conclusion=self._told(run.conclusion(self._now)))
            observer.planned(run)
            hold_if_unsure(run.planned, run.comparison, is_attended=observer.confirms)
            if not observer.may_send(run):
                return RunResult(was_declined=True)
            observer.begins(run)
            delivered = await deliver(
                run.ready, on_progress=observer.progress, may_go_on=observer.may_go_on
            )
            conclusion = await step(StepName.CONCLUDE, lambda: conclude(run.ready, delivered))
            conclusion = self._told(conclusion)
            observer.concluded(run, conclusion)
        except Exception as exc:  # noqa: BLE001 - whoever asked for the run tells it
            return RunResult(error=exc, has_begun=observer.has_begun)
        return RunResult(conclusion=conclusion, has_begun=True)

    def _told(self, conclusion: Summary) -> Summary:
        """With what is told of a run and not written: tries before it, its token's end."""
        told: dict[str, object] = {"earlier_tries": self._tries.told}
        if self._taken is not None and conclusion.ended_at is not None:
            replaced = replaced_by(self._taken.tokens.current())
            told["token_replaced_by"] = replaced
            told["token_due"] = replacement_due(replaced, conclusion.ended_at)
        return conclusion.model_copy(update=told)

    async def _prepared(self, settings: Settings, step: Step, sleep: Sleep) -> ReadyRun | IdleRun:
        taken = await step(
            StepName.TAKE,
            lambda: taking(self._parameters, now=self._night, sleep=sleep, settings=settings),
        )
        self._taken = taken
        is_attended = self._observer.confirms
        run = await step(
            StepName.PREPARE,
            lambda: prepare_taken(taken, now=self._now, is_attended=is_attended),
        )
        self._taken = run.taken
        if isinstance(run, ReadyRun):
            self._run = run
        return run

    def finishing(self, result: RunResult) -> Callable[[], list[Alert]]:
        """Files leave the inbox; gives what to tell people. Never raises."""
        return lambda: finish(
            self._parameters,
            taken=self._taken,
            planned=self._run.planned if self._run is not None else None,
            conclusion=result.conclusion,
            error=result.error,
            has_begun=result.has_begun,
            now=self._now,
            settings=self._settings,
            earlier_tries=[summary.run_id for summary in self._tries.earlier],
        )

    def telling(self, result: RunResult, signals: RunSignals) -> Callable[[], None]:
        """Machines are told. Never raises."""
        return lambda: signals.ends(
            result.exit_code,
            self._settings,
            summary=result.conclusion,
            is_held=isinstance(result.error, (VolumeError, DoubtError)),
            has_begun=result.has_begun,
        )

    def close(self) -> None:
        """Let go of what it holds."""
        if self._run is not None:
            self._run.close()
        if self._taken is not None:
            self._taken.close()
