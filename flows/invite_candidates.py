"""
The Prefect flow: the same staircase as the command line, watched in the UI.

Rows are not task runs: three tasks a run, however many rows. Nothing that pays is retried or
answered from a cache by Prefect (a second run of the flow finds the claims in the ledger). No
exception leaves a task or the flow, since Prefect pickles it to disk with its text; no person, link
or token is in parameters, states, logs or artifacts.
"""

import asyncio
import traceback
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
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Crashed, Failed

from flows.artifacts import TABLE_ROWS, publish
from flows.link import Link
from flows.token_block import with_token
from flows.watching import Watcher
from jobmojito_batch import pipeline
from jobmojito_batch.errors import BatchError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Attendant,
    Attention,
    Conclusion,
    Delivered,
    Prepared,
    attending,
    needs_a_person,
)
from jobmojito_batch.sending import Progress
from jobmojito_batch.settings import Settings

RUNNER_DRAIN_SECONDS: Final = 25.0
"""A Prefect runner kills a cancelled run after 30 s; what is left by then stays claimed."""

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
    """Whether a Prefect API is configured: PREFECT_API_URL or the active profile."""
    return get_current_settings().api.url is not None


def run_name() -> str:
    """The run's name in the UI: source and date; a file name is no person."""
    parameters = flow_run.parameters.get("parameters") or {}
    inputs = (
        parameters.inputs
        if isinstance(parameters, InviteParameters)
        else parameters.get("inputs", [])
    )
    first = PurePath(inputs[0]).name if inputs else "candidates"
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return f"{first}{more} {datetime.now(UTC):%Y-%m-%d %H:%M}"


@task(name="prepare", persist_result=False, cache_policy=NO_CACHE, retries=0)
def prepare(parameters: InviteParameters, settings: Settings) -> Prepared | Ended:
    """Read, normalise, plan; sends nothing."""
    return _caught(lambda: pipeline.prepare(parameters, will_send=True, settings=settings))


@task(name="deliver", persist_result=False, cache_policy=NO_CACHE, retries=0)
async def deliver(prepared: Prepared, attendant: Attendant, watcher: Watcher) -> Delivered | Ended:
    """Claim and send. Never retried: the next run finds in the ledger what this one did."""

    def on_progress(progress: Progress) -> None:
        attendant.progress(progress)
        watcher.progress(progress)

    try:
        return await pipeline.deliver(
            prepared, on_progress=on_progress, drain_seconds=_drain_seconds()
        )
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        return _ended(exc)


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
    attendant = attending.get() or Attendant()
    logger = get_run_logger()
    link = Link(logger)
    try:
        state = await _climb(parameters, attendant, Watcher(link, logger), link)
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        state = _failed(_ended(exc), attendant)
    logger.info(state.message)
    return state


async def _climb(
    parameters: InviteParameters, attendant: Attendant, watcher: Watcher, link: Link
) -> State[Any]:
    settings = await with_token(pipeline.settings_for(parameters), link)
    prepared = prepare(parameters, settings)
    if isinstance(prepared, Ended):
        return _failed(prepared, attendant)
    try:
        watcher.planned(prepared)
        volume = _caught(lambda: pipeline.check_volume(prepared))
        if isinstance(volume, Ended):
            return _failed(volume, attendant)
        if not attendant.may_send(prepared):
            attendant.was_declined = True
            return Cancelled(message="not confirmed; nothing was sent")
        attendant.has_begun = True
        delivered = await deliver(prepared, attendant, watcher)
        if isinstance(delivered, Ended):
            return _failed(delivered, attendant)
        conclusion = conclude(prepared, delivered)
        if isinstance(conclusion, Ended):
            return _failed(conclusion, attendant)
        attention = _attention(prepared, conclusion)
    finally:
        prepared.close()
    attendant.conclusion = conclusion
    watcher.ended(conclusion)
    # The files are there by now: what is left is to show it.
    await asyncio.gather(
        watcher.finish(),
        publish(link, conclusion, attention),
        link.quietly(_tag(conclusion)),
    )
    return final_state(conclusion)


def _attention(prepared: Prepared, conclusion: Conclusion) -> Attention:
    """What needs a person; nothing where the ledger cannot say, since the run itself is done."""
    assert prepared.ledger is not None  # noqa: S101 - the run was delivered
    try:
        return needs_a_person(prepared.ledger, conclusion.run_id, at_most=TABLE_ROWS)
    except BatchError:
        return Attention()


async def _tag(conclusion: Conclusion) -> None:
    """A NeedsRepair run is as green as a clean one in lists of runs; its tags are not."""
    state = STATE_NAMES.get(conclusion.exit_code)
    tags = {*flow_run.tags, TAG, conclusion.summary["environment"], *([state] if state else [])}
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


def _failed(ended: Ended, attendant: Attendant) -> State[Any]:
    attendant.error = ended.error
    return Failed(message=ended.message)


def _caught(step: Callable[[], T]) -> T | Ended:
    try:
        return step()
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        return _ended(exc)


def _ended(exc: Exception) -> Ended:
    """An exception as what may be shown: our own texts hold no person, others' may."""
    if isinstance(exc, BatchError):
        return Ended(message=str(exc), error=exc)
    last = traceback.extract_tb(exc.__traceback__)[-1]
    where = f"{PurePath(last.filename).name}:{last.lineno}"
    return Ended(message=f"unexpected {type(exc).__name__} at {where}", error=exc)


def _drain_seconds() -> float | None:
    """Bounded where a runner started the run, since it will kill it; else all calls may finish."""
    return RUNNER_DRAIN_SECONDS if deployment.id else None
