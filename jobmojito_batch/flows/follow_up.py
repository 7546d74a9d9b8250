"""
The flow that looks up what became of invitations: the same as the command `followup`.

As in invite-candidates no exception leaves the flow, and nothing private is in parameters, states,
logs or artifacts: the funnel and the alert have counts alone.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from jobmojito_batch.alerts import Alert, chase
from jobmojito_batch.flows.alert_publisher import AlertPublisher
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.flow_settings import tell_what_is_not_taken, with_token
from jobmojito_batch.flows.own_state import OwnState, report
from jobmojito_batch.flows.shielded import carried_through
from jobmojito_batch.flows.states import failed_by, look_state
from jobmojito_batch.flows.tasks import as_task
from jobmojito_batch.parameters import FollowUpParameters
from jobmojito_batch.pipeline import followup
from jobmojito_batch.pipeline.followup import FollowUpSummary
from jobmojito_batch.settings import Settings

FUNNEL_KEY: Final = "follow-up-funnel"
BAR_CELLS: Final = 20


def run_name() -> str:
    """The run's name in the UI."""
    return f"follow-up {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(
    name="follow-up",
    flow_run_name=run_name,
    description="Looks up who started, finished, was scored, was decided; costs nothing.",
    retries=0,
    persist_result=False,
    log_prints=False,
)
async def follow_up(parameters: FollowUpParameters) -> State[Any]:
    """A look as a flow: returns a state, never raises."""
    # A runner pickles this function by value, and with it what it names: so it names one thing.
    return await _look(parameters)


async def _look(parameters: FollowUpParameters) -> State[Any]:
    return await carried_through(_run(parameters), get_run_logger())


async def _run(parameters: FollowUpParameters) -> State[Any]:
    link = BestEffortApi()
    own = OwnState(link)
    settings: Settings | None = None
    try:
        tell_what_is_not_taken()
        settings = await with_token(followup.followup_settings(parameters), link)
        given = settings

        async def look() -> FollowUpSummary:
            return await followup.follow_up(parameters, settings=given, stop_when=own.until_stopped)

        summary = await as_task("look", look, is_kept_if_suspended=True)
    except Exception as exc:  # noqa: BLE001 - Prefect would pickle it, text and all
        state = failed_by(exc)
    else:
        state = look_state(summary)
        with suppress(Exception):  # what is to be told stands in the state
            await _show(link, summary, settings)
    await own.look()
    final = own.final(state)
    if final is not state:
        await report(final)
    get_run_logger().info(final.message)
    return final


async def _show(link: BestEffortApi, summary: FollowUpSummary, settings: Settings) -> None:
    """The funnel on the run's page, and the alert where people have not started."""
    text = funnel_markdown(summary)
    await link.quietly(acreate_markdown_artifact(markdown=text, key=FUNNEL_KEY))
    await AlertPublisher(is_watched=False).tell(alerts_of(summary, settings), settings)


def alerts_of(summary: FollowUpSummary, settings: Settings) -> list[Alert]:
    """What somebody should hear of the look: how many are to be reminded."""
    if not summary.to_chase:
        return []
    return [chase(summary.to_chase, summary.invitations, days=settings.chase_days)]


def funnel_markdown(summary: FollowUpSummary) -> str:
    """The sentence, and how many came how far, with bars."""
    funnel = summary.funnel.model_dump()
    most = max(funnel["invited"], 1)
    lines = [summary.sentence, "", "| came as far as | people | |", "| --- | ---: | --- |"]
    for name, count in funnel.items():
        bar = "█" * round(BAR_CELLS * count / most)
        lines.append(f"| {name} | {count} | {bar} |")
    lines += ["", "| stage | people |", "| --- | ---: |"]
    lines += [f"| {name.replace('_', ' ')} | {count} |" for name, count in summary.stages.items()]
    if summary.to_chase:
        lines += ["", f"**To remind**: {summary.to_chase} have not started."]
    return "\n".join(lines)
