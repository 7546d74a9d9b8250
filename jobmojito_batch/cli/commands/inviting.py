"""What people come for: the plan of an input, and sending it."""

from contextlib import nullcontext

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import is_interactive, told
from jobmojito_batch.cli.model_options import takes
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters

app = typer.Typer()


@app.command()
@told
@takes(InviteParameters, opt.parameters_of, but=opt.SENDING)
def check(
    parameters: InviteParameters,
    *,
    save_mapping: opt.SaveMapping = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    json: opt.Json = False,
) -> int:
    """Read, normalise, validate, plan; show what `invite` would do and cost. Sends nothing."""
    from jobmojito_batch.cli.check import check_inputs

    return check_inputs(parameters, as_json=json, save_mapping=save_mapping)


@app.command()
@told
@takes(InviteParameters, opt.parameters_or_alert)
def invite(
    parameters: InviteParameters,
    *,
    save_mapping: opt.SaveMapping = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
    prefect: opt.Prefect = None,
    yes: opt.Yes = False,
    rehearse: opt.Rehearse = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
) -> int:
    """The main job: invite every candidate of the inputs once."""
    from jobmojito_batch.cli.alerting import failures_told
    from jobmojito_batch.cli.check import check_inputs
    from jobmojito_batch.cli.invite import invite_inputs, rehearse_inputs
    from jobmojito_batch.cli.observer import ConsoleObserver

    person = ConsoleObserver(asks=not yes, saves=save_mapping)
    person.asked = parameters
    with nullcontext() if rehearse else failures_told(person, parameters.inputs):
        if dry_run:
            return check_inputs(parameters, as_json=json, save_mapping=save_mapping)
        if not yes and not is_interactive():
            raise SettingsError(
                "nobody can be asked here (standard input is no terminal): look at the plan with "
                "`check`, then say --yes"
            )
        if parameters.retry_until is not None and not yes:
            raise SettingsError(
                "--retry-until: is for a run that nobody watches: say --yes, or leave it out"
            )
        if rehearse:
            return rehearse_inputs(parameters, person, prefect=prefect, as_json=json)
        return invite_inputs(parameters, person, prefect=prefect, as_json=json)
