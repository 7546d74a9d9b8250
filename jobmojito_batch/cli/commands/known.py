"""What the ledger knows, and what is done with it."""

from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import is_interactive, told
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.settings import load_settings

app = typer.Typer()


@app.command()
@told
def reconcile(
    rate: opt.Rate = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
    json: opt.Json = False,
) -> int:
    """Settle unknown invitations by looking them up; sends nothing."""
    from jobmojito_batch.cli.reconcile import reconcile_ledger

    settings = load_settings(
        base_url=base_url, environment=environment, ledger=ledger, requests_per_second=rate
    )
    return reconcile_ledger(settings, as_json=json)


@app.command()
@told
def status(
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: opt.Json = False,
    nights: Annotated[
        bool, typer.Option("--nights", help="The latest runs one in a line: rows, cost, time.")
    ] = False,
) -> int:
    """Runs so far and invitations by outcome, from the ledger."""
    if nights:
        from jobmojito_batch.cli.nights_view import show_nights

        return show_nights(load_settings(ledger=ledger), as_json=json)
    from jobmojito_batch.cli.status import show_status

    show_status(load_settings(ledger=ledger), as_json=json)
    return ExitCode.OK


@app.command()
@told
def person(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    show_link: Annotated[
        bool, typer.Option("--show-link", help="Show the link, which opens the interview.")
    ] = False,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Everything that is stored, the link included, as JSON."),
    ] = False,
) -> int:
    """What the ledger knows of somebody: positions, when, outcome, stage. Nothing is an answer."""
    from jobmojito_batch.cli.person import show_person

    return show_person(load_settings(ledger=ledger), email, shows_link=show_link, as_json=json)


@app.command()
@told
def results(
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID",
            help="The run's id as `status` lists it, or a beginning of it alone; `last` is the "
            "newest.",
        ),
    ],
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: opt.Json = False,
) -> int:
    """Write a run's results, errors and summary again, from the ledger; into this folder, or -o."""
    from jobmojito_batch.cli.results import show_results
    from jobmojito_batch.pipeline import AskedFiles

    settings = load_settings(ledger=ledger)
    asked = AskedFiles(results=results, errors=errors, summary=summary)
    return show_results(settings, run_id, asked, as_json=json)


@app.command()
@told
def forget(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    yes: opt.Yes = False,
) -> int:
    """Erase a person from the ledger; a keyed hash stays, so that they are not invited twice."""
    from jobmojito_batch.cli.reconcile import forget_person

    if not yes and not is_interactive():
        raise SettingsError("nobody can be asked here (standard input is no terminal): say --yes")
    return forget_person(load_settings(ledger=ledger), email.strip(), asks=not yes)


@app.command()
@told
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A file or a folder. Default: the current folder."),
    ] = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
) -> int:
    """Copy the ledger while others use it; the copy is checked. For PostgreSQL, say how."""
    from jobmojito_batch.cli.backup import back_up_ledger

    return back_up_ledger(load_settings(ledger=ledger), target)
