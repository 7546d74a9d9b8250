"""`invite`: the main job, through Prefect or without it, and how its end is told."""

import asyncio

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.alerting import prefect_away, tell_alerts
from jobmojito_batch.cli.console import print_json, say
from jobmojito_batch.cli.observer import ConsoleObserver
from jobmojito_batch.cli.telling import tell_ending
from jobmojito_batch.columns import REHEARSAL
from jobmojito_batch.errors import BatchError, PrefectAwayError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunResult, run_steps, settings_for
from jobmojito_batch.pipeline.broken_pipes import console_may_break


def rehearse_inputs(
    parameters: InviteParameters, person: ConsoleObserver, *, prefect: bool | None, as_json: bool
) -> int:
    """Run it against a stand-in; through Prefect only if that is asked for. Raises BatchError."""
    from jobmojito_batch.cli.rehearsal import rehearsal

    person.is_counted = False
    with rehearsal(parameters) as rehearsed:
        return invite_inputs(
            rehearsed, person, prefect=prefect is True, as_json=as_json, given=parameters
        )


def invite_inputs(
    parameters: InviteParameters,
    person: ConsoleObserver,
    *,
    prefect: bool | None,
    as_json: bool,
    given: InviteParameters | None = None,
) -> int:
    """
    Run the main job, through Prefect or not; gives the exit code. Raises BatchError.

    What to do next is said of *given*, by default the parameters.
    """
    settings = settings_for(parameters)  # what makes no sense ends before Prefect is bothered
    with person.bar(), console_may_break():
        result = _through_prefect(parameters, person, prefect)
        if result is None:
            try:
                result = asyncio.run(run_steps(parameters, person))
                person.alerts = result.alerts
            finally:  # the flow tells its alerts itself
                if settings.environment != REHEARSAL:
                    tell_alerts(person, settings)
    if person.was_interrupted and result.was_declined:
        raise KeyboardInterrupt
    return ended(result, given or parameters, as_json=as_json)


def _through_prefect(
    parameters: InviteParameters, person: ConsoleObserver, prefect: bool | None
) -> RunResult | None:
    """
    The run through Prefect: as asked, else if an API is configured; None where it took no run.

    A night is not lost for a page that shows it: if nobody asked for it, nobody is asked, and
    Prefect takes no run, there is none yet, and a note of that. Raises BatchError.
    """
    if prefect is False:
        return None
    try:
        if prefect is None and not prefect_runner.is_configured():
            return None
        if prefect is None and not person.confirms:
            prefect_runner.check_reachable()
        end = asyncio.run(prefect_runner.run_flow(parameters, person))
    except PrefectAwayError as exc:
        if prefect or person.confirms:
            raise
        alert = prefect_away(exc, parameters.inputs)
        say(f"warning       {alert.sentence}")
        person.notes.append(alert)
        return None
    if end.flow_run_id is not None:
        say(f"page          {prefect_runner.page_of(end.flow_run_id)}")
    person.alerts = end.result.alerts
    return end.result


def ended(result: RunResult, given: InviteParameters, *, as_json: bool = False) -> int:
    """
    Tell the ending of a run and give its exit code.

    An error after the first claim is a stop: 2 would say that nothing was sent.
    """
    error = result.error
    if error is not None and not (result.has_begun and isinstance(error, BatchError)):
        raise error
    if error is not None:
        say(
            f"jobmojito-batch: {error}\nthe run stopped there: what was under way reads as "
            "unknown and is settled by the next run; run the same command again"
        )
        return ExitCode.STOPPED
    conclusion = result.conclusion
    if conclusion is None:
        say("nothing was sent")
        return ExitCode.USAGE
    tell_ending(conclusion, given)
    if as_json:
        print_json(conclusion.as_json())
    return conclusion.exit_code
