"""The program as typer knows it: what it says of itself, and its commands in groups."""

from importlib import metadata
from typing import Annotated

import typer

from jobmojito_batch.cli.commands import afterwards, inviting, known, nightly, tools
from jobmojito_batch.cli.console import out

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Invites a spreadsheet of candidates to JobMojito interviews: each person once, every row "
    "with an outcome. Settings: JOBMOJITO_… variables or a .env file, see README.",
)

for group in (inviting, afterwards, known, nightly, tools):
    app.add_typer(group.app)


def _version(value: bool) -> None:
    if value:
        out().print(metadata.version("jobmojito-batch"))
        raise typer.Exit


@app.callback()
def root(
    _version_: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="The program's version."),
    ] = False,
) -> None:
    """Options of the program as a whole."""
