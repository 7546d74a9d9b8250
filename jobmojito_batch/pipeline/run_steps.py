"""The steps of a run, one after the other, for the command line and for the flow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.inbox import Sleep
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.batch import StopWhen
from jobmojito_batch.pipeline.nightly.tries import Tries
from jobmojito_batch.pipeline.nightly.waiting import Pausing, waited
from jobmojito_batch.pipeline.one_try import OneTry
from jobmojito_batch.pipeline.run_observer import RunObserver
from jobmojito_batch.pipeline.run_result import RunResult
from jobmojito_batch.pipeline.run_signals import RunSignals
from jobmojito_batch.pipeline.steps import (
    Deliver,
    Step,
    StepName,
    StepWays,
    in_place,
    settings_here,
)
from jobmojito_batch.settings import Settings

Clock = Callable[[], datetime]


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
    ways = StepWays(step=step, settings_of=settings_of, sleep=sleep)
    if deliver is not None:
        ways = replace(ways, deliver=deliver)
    elif parameters.is_sharded:
        raise SettingsError(
            "--shards is for runs through Prefect, whose workers send the shards: set "
            "PREFECT_API_URL and say --prefect, or leave it out"
        )
    began = now or clock()
    tries = Tries(parameters, began=began, is_unattended=not observer.confirms)
    signals = _signals_of(parameters, observer)
    signals.begins()
    while True:
        run = OneTry(tries, observer, ways, night=began, now=clock() if tries.earlier else now)
        try:
            result = await run.up_to_conclusion()
            if result.was_declined:
                return result
            alerts = await step(StepName.FINISH, run.finishing(result))
        finally:
            run.close()
        upcoming = tries.next_after(result.conclusion, now=clock())
        if upcoming is None or not await waited(upcoming, observer, pause, stop_when):
            await step(StepName.TELL, signals.telling(result, run.settings))
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
