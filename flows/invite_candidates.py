"""
The Prefect flow: the same staircase as the command line, watched in the UI.

Rows are not task runs: three tasks a run, however many rows. Nothing that pays is retried or
answered from a cache by Prefect (a second run of the flow finds the claims in the ledger). No
exception leaves a task or the flow, since Prefect pickles it to disk with its text; no person, link
or token is in parameters, states, logs or artifacts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, TypeVar
from uuid import UUID

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Crashed, Failed

from flows.artifacts import TABLE_ROWS, publish, publish_broken_off
from flows.events import Herald
from flows.link import Link, Log
from flows.own_state import OwnState, report
from flows.shards import PrefectCrew, check_deployment
from flows.steadfast import carried_through
from flows.token_block import with_token
from flows.watching import Watcher
from jobmojito_batch import pipeline
from jobmojito_batch.alerts import Alert
from jobmojito_batch.errors import BatchError, told
from jobmojito_batch.intake import shown
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Attendant,
    Attention,
    Conclusion,
    Delivered,
    Prepared,
    Taken,
    attending,
    hold_if_unsure,
    needs_a_person,
)
from jobmojito_batch.pipeline.broken_pipes import console_may_break
from jobmojito_batch.pipeline.dates import moment_name
from jobmojito_batch.pipeline.deliver import OnProgress, StopWhen
from jobmojito_batch.pipeline.sharding import deliver_in_shards
from jobmojito_batch.sending import Progress
from jobmojito_batch.settings import Settings

RUNNER_DRAIN_SECONDS: Final = 25.0
"""A Prefect runner kills a cancelled run after 30 s; what is left by then stays claimed."""

HURRY_SECONDS: Final = 3.0
"""How long a run that was told to end may take to tell of it: its state has to get through too."""
SIGNALLED: Final = 128
"""Exit codes from here on are signals."""
TAG: Final = "jobmojito"
STATE_NAMES: Final = {1: "NeedsRepair", 3: "Unsettled", 4: "Stopped"}
"""Exit codes whose states have a name of their own (spec section 8)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """A step that ended without what the next one needs; `message` is safe to show."""

    message: str
    error: Exception = field(repr=False)


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


@task(name="take", persist_result=False, cache_policy=NO_CACHE, retries=0)
async def take(parameters: InviteParameters, settings: Settings) -> Taken | Ended:
    """Which files tonight; may wait some seconds until those of an inbox are whole."""
    return await asyncio.to_thread(_caught, lambda: pipeline.taking(parameters, settings=settings))


@task(name="prepare", persist_result=False, cache_policy=NO_CACHE, retries=0)
def prepare(taken: Taken, is_attended: bool) -> Prepared | Conclusion | Ended:
    """Read, normalise, plan; sends nothing. A conclusion where there is nothing to do."""
    return _caught(lambda: pipeline.prepare_taken(taken, is_attended=is_attended))


@task(name="deliver", persist_result=False, cache_policy=NO_CACHE, retries=0)
async def deliver(
    prepared: Prepared,
    attendant: Attendant,
    watcher: Watcher,
    stop_when: StopWhen,
    found: list[Delivered | Ended],
) -> None:
    """
    Claim and send. Never retried: the next run finds in the ledger what this one did.

    What it came to is put into *found*: of a run that was suspended meanwhile Prefect's engine
    keeps no result, and its files are still to be written.
    """

    def on_progress(progress: Progress) -> None:
        attendant.progress(progress)
        watcher.progress(progress)

    try:
        if prepared.parameters.is_sharded:
            found.append(await _in_shards(prepared, on_progress, stop_when))
        else:
            found.append(
                await pipeline.deliver(
                    prepared,
                    on_progress=on_progress,
                    drain_seconds=drain_seconds(),
                    stop_when=stop_when,
                )
            )
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        found.append(caught(exc))


async def _in_shards(prepared: Prepared, on_progress: OnProgress, stop_when: StopWhen) -> Delivered:
    """Others send: runs of the shard deployment, on whichever machines have workers."""
    log = get_run_logger()
    link = Link(log)
    await check_deployment(link)
    return await deliver_in_shards(
        prepared,
        PrefectCrew(link, log),
        on_progress=on_progress,
        drain_seconds=drain_seconds(),
        stop_when=stop_when,
    )


@task(name="conclude", persist_result=False, cache_policy=NO_CACHE, retries=0)
def conclude(prepared: Prepared, delivered: Delivered) -> Conclusion | Ended:
    """Settle the rest, check the sums, write the files."""
    return _caught(lambda: pipeline.conclude(prepared, delivered))


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
    return await carried_through(_night(parameters), get_run_logger())


async def _night(parameters: InviteParameters) -> State[Any]:
    night = Night(parameters, attending.get() or Attendant(), get_run_logger())
    with console_may_break():
        try:
            state = await night.climb()
        except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
            state = night.failed(caught(exc))
        except BaseException:  # Prefect leaves so where the run was suspended before it sent
            night.let_go()
            raise
        try:
            await asyncio.to_thread(night.let_go)
            state = await night.end(state)
        except Exception as exc:  # noqa: BLE001 - what is to be told stands in the state
            night.log.warning("run.untold error=%s", type(exc).__name__)
        night.log.info(state.message)
    return state


class Night:
    """One run of the flow: the staircase, who watches it, and what is told at its end."""

    def __init__(self, parameters: InviteParameters, attendant: Attendant, log: Log) -> None:
        self.log = log
        self._parameters = parameters
        self._attendant = attendant
        self._link = Link(log)
        self._watcher = Watcher(self._link, log)
        self._herald = Herald(is_watched=attendant.confirms)
        self._own = OwnState(self._link)
        self._settings: Settings | None = None
        self._taken: Taken | None = None
        self._prepared: Prepared | None = None
        self._attention = Attention()
        self._overrun: asyncio.Task[None] | None = None

    async def climb(self) -> State[Any]:
        """Take, prepare, look at the volume, deliver, conclude; gives the state. May raise."""
        attendant = self._attendant
        self._settings = await with_token(pipeline.settings_for(self._parameters), self._link)
        self._taken = _good(await take(self._parameters, self._settings))
        found = prepare(self._taken, attendant.confirms)
        if isinstance(found, Ended):
            raise found.error
        if isinstance(found, Conclusion):
            attendant.conclusion = found
            return final_state(found)
        self._prepared = prepared = found
        self._watcher.planned(prepared)
        hold_if_unsure(prepared, is_attended=attendant.confirms)
        if not attendant.may_send(prepared):
            attendant.was_declined = True
            return Cancelled(message="not confirmed; nothing was sent")
        attendant.has_begun = True
        self._overrun = asyncio.create_task(self._herald.tell_overrun(prepared))
        delivered = _good(await self._deliver(prepared))
        await self._own.look()
        # Prefect starts no task of a run that is suspended or cancelled, and its files are wanted.
        step = conclude.fn if self._own.is_stopped else conclude
        conclusion = _good(step(prepared, delivered))
        attendant.conclusion = conclusion
        self._attention = _attention(prepared, conclusion)
        return final_state(conclusion)

    async def _deliver(self, prepared: Prepared) -> Delivered | Ended:
        found: list[Delivered | Ended] = []
        try:
            await deliver(prepared, self._attendant, self._watcher, self._own.until_stopped, found)
        except Pause:  # the engine leaves after the task, and the run is not at its end
            if not found:
                raise
        return found[0]

    def failed(self, ended: Ended) -> State[Any]:
        """The state of a run without a conclusion; once it may have sent, it is a stopped one."""
        self._attendant.error = ended.error
        name = STATE_NAMES[4] if self._attendant.has_begun else None
        return Failed(name=name, message=ended.message)

    def let_go(self) -> None:
        """Files leave the inbox, and what the run held is let go: it is over, however it ended."""
        attendant = self._attendant
        if self._overrun is not None:
            self._overrun.cancel()
        try:
            if not attendant.was_declined and (attendant.error or attendant.conclusion):
                attendant.alerts = self._finish()
        finally:
            for held in (self._prepared, self._taken):
                if held is not None:
                    held.close()

    async def end(self, state: State[Any]) -> State[Any]:
        """The run is told of; gives the state that tells it best."""
        attendant = self._attendant
        was_signalled = (
            attendant.conclusion is not None and attendant.conclusion.exit_code >= SIGNALLED
        )
        async with asyncio.timeout(HURRY_SECONDS if was_signalled else None):
            await self._tell()
            if not was_signalled:  # what is shown would be lost where the API is away just now
                await self._link.until_back()
            await self._show()
        await self._own.look()
        final = self._own.final(state)
        if final is not state:  # a runner would say of a cancelled run only that it cancelled it
            await report(final)
        return final

    def _finish(self) -> list[Alert]:
        attendant = self._attendant
        return pipeline.finish(
            self._parameters,
            taken=self._taken,
            prepared=self._prepared,
            conclusion=attendant.conclusion,
            error=attendant.error if attendant.conclusion is None else None,
            has_begun=attendant.has_begun,
            settings=self._settings,
        )

    async def _tell(self) -> None:
        """Both at once, since each may take its time where a server or a channel hangs."""
        if self._attendant.conclusion is not None:
            self._watcher.ended(self._attendant.conclusion)
        await asyncio.gather(
            self._watcher.finish(), self._herald.tell(self._attendant.alerts, self._settings)
        )

    async def _show(self) -> None:
        """Summary, table and tags; of a run that broke off after it began, what is known of it."""
        conclusion = self._attendant.conclusion
        settings = self._settings
        environment = settings.environment if settings is not None else None
        if conclusion is not None:
            name = STATE_NAMES.get(conclusion.exit_code)
            shown = publish(self._link, conclusion, self._attention)
        elif self._attendant.has_begun and self._attendant.error is not None:
            name = STATE_NAMES[4]
            shown = publish_broken_off(self._link, told(self._attendant.error), self._watcher.last)
        else:
            return
        await asyncio.gather(shown, self._link.quietly(_tag(name, environment)))


def _attention(prepared: Prepared, conclusion: Conclusion) -> Attention:
    """What needs a person; nothing where the ledger cannot say, since the run itself is done."""
    assert prepared.ledger is not None  # noqa: S101 - the run was delivered
    try:
        return needs_a_person(prepared.ledger, conclusion.run_id, at_most=TABLE_ROWS)
    except BatchError:
        return Attention()


async def _tag(state_name: str | None, environment: str | None) -> None:
    """
    A NeedsRepair run is as green as a clean one in lists of runs; its tags are not.

    What an earlier try was called is taken away: a retry that ended well is no run to repair.
    """
    kept = set(flow_run.tags) - set(STATE_NAMES.values())
    tags = kept | {TAG} | {name for name in (state_name, environment) if name}
    run_id = flow_run.id
    if run_id is not None:
        async with get_client() as client:
            await client.update_flow_run(UUID(run_id), tags=sorted(tags))


def final_state(conclusion: Conclusion) -> State[Any]:
    """The state of spec section 8, by exit code; its message is the one sentence."""
    message = conclusion.sentence
    match conclusion.exit_code:
        case 0:
            return Completed(message=message)
        case 1:
            return Completed(name=STATE_NAMES[1], message=message)
        case 3 | 4 as code:
            return Failed(name=STATE_NAMES[code], message=message)
        case _:  # a signal: as Prefect has an interrupted run
            return Crashed(message=message)


def _good(found: T | Ended) -> T:
    """What a task gave; raises in the flow what was caught in the task."""
    if isinstance(found, Ended):
        raise found.error
    return found


def _caught(step: Callable[[], T]) -> T | Ended:
    try:
        return step()
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        return caught(exc)


def caught(exc: Exception) -> Ended:
    """An exception as what may be shown."""
    return Ended(message=told(exc), error=exc)


def drain_seconds() -> float | None:
    """Bounded where a runner started the run, since it will kill it; else all calls may finish."""
    return RUNNER_DRAIN_SECONDS if deployment.id else None
