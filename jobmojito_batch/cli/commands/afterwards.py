"""After the links: who came how far, and what candidates are told."""

from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import is_interactive, told
from jobmojito_batch.cli.model_options import takes
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import FollowUpParameters, LettersParameters

app = typer.Typer()


@app.command()
@told
@takes(FollowUpParameters, opt.followup_parameters_of)
def followup(
    parameters: FollowUpParameters,
    *,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    yes: opt.Yes = False,
    json: opt.Json = False,
) -> int:
    """Who started, finished, was scored, was decided, beside the rows; costs nothing."""
    from jobmojito_batch.cli.followup import follow_up_inputs

    if parameters.reports is not None and not yes and not is_interactive():
        raise SettingsError(
            "--reports: a report may cost credits, and nobody can be asked here (standard input is "
            "no terminal): say --yes"
        )
    return follow_up_inputs(parameters, asks=not yes, as_json=json)


@app.command()
@told
@takes(LettersParameters, opt.letters_parameters_of)
def letters(
    parameters: LettersParameters,
    *,
    write_templates: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the program's texts there, to be changed for --templates; nothing else.",
        ),
    ] = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    yes: opt.Yes = False,
    json: opt.Json = False,
) -> int:
    """Draft or send what candidates are to be told, once each."""
    from jobmojito_batch.cli.letters import give_templates, letters_of

    if write_templates is not None:
        return give_templates(write_templates, as_json=json)
    if parameters.to is None and not parameters.send:
        raise SettingsError("say where the drafts go (--to FOLDER), or --send to post the letters")
    if parameters.send and not yes and not is_interactive():
        raise SettingsError(
            "--send: nobody can be asked here (standard input is no terminal): look at drafts with "
            "--to FOLDER, then say --yes"
        )
    return letters_of(parameters, asks=not yes, as_json=json)
