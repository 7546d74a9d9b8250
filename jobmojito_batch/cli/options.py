"""
The options of the commands (spec section 3) that are no parameters, and what is made of the others.

A parameter of a run is declared in `parameters.py`; `model_options.py` makes options of a model.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from jobmojito_batch.cli.mapping_file import HEADERS, MappingFile, read_mapping
from jobmojito_batch.cli.model_options import option_of, validated, values_of
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import (
    KEPT,
    NO_FOLDER,
    FollowUpParameters,
    InviteParameters,
    LettersParameters,
)

Results = Annotated[str | None, option_of(InviteParameters, "results")]
Errors = Annotated[str | None, option_of(InviteParameters, "errors")]
Summary = Annotated[str | None, option_of(InviteParameters, "summary")]
Rate = Annotated[float | None, option_of(InviteParameters, "rate")]
BaseUrl = Annotated[str | None, option_of(InviteParameters, "base_url")]
Environment = Annotated[str | None, option_of(InviteParameters, "environment")]
LedgerUrl = Annotated[str | None, option_of(InviteParameters, "ledger")]

Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="All that says how an export is read, from a TOML file: \\[columns], \\[values] (as "
        f"--set), \\[reading] ({', '.join((*KEPT, HEADERS))}). Options win.",
    ),
]
SaveMapping = Annotated[
    Path | None,
    typer.Option(
        "--save-mapping", metavar="FILE", help="Write how these files are read, for --mapping."
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="A file with JOBMOJITO_… settings, before the one in the configuration folder.",
    ),
]
LogJson = Annotated[
    str | None,
    typer.Option(
        "--log-json",
        metavar="FILE",
        help="Append events to it for machines, a JSON object a line; - is standard error.",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="Keep counts of the runs in it for a monitoring system, as OpenMetrics text.",
    ),
]
Prefect = Annotated[
    bool | None,
    typer.Option(
        "--prefect/--no-prefect",
        help="Run through the Prefect flow or not. Default: where a Prefect API is configured.",
        show_default=False,
    ),
]
Pool = Annotated[str, typer.Option(metavar="NAME", help="The work pool of prefect.yaml.")]
Yes = Annotated[bool, typer.Option("--yes", help="No question; needed where nobody can be asked.")]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse",
        help="Against a stand-in on this machine, on a ledger of its own: no account, nothing "
        "spent; its files are NAME.rehearsal.results….",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="What `check` does.")]
Json = Annotated[
    bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")
]

SENDING = (
    "results_folder",
    "keep_days",
    "retry_until",
    "volume_guard",
    "settle",
    "first",
    "shards",
    "shard_folder",
)
"""Parameters that change nothing of what `check` shows."""


def parameters_of(
    *,
    mapping_file: Mapping = None,
    **options: Any,  # noqa: ANN401 - the model checks them
) -> InviteParameters:
    """What the options say, and beneath them a mapping file. Raises SettingsError."""
    given = values_of(InviteParameters, options)
    if (given.get("shards") or 1) > 1 and not given.get("shard_folder"):
        raise SettingsError(f"--shards: {NO_FOLDER}; give --shard-folder")
    return validated(InviteParameters, **_with_saved(mapping_file, given))


def _with_saved(mapping_file: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, and beneath it what a mapping file says. Raises SettingsError."""
    saved = read_mapping(mapping_file) if mapping_file is not None else MappingFile()
    if given.get("freeze_mapping") and not (saved.columns or saved.headers):
        raise SettingsError("--freeze-mapping: needs --mapping FILE, whose headers it holds to")
    return saved.beneath(given)


def letters_parameters_of(
    *,
    mapping_file: Mapping = None,
    **options: Any,  # noqa: ANN401 - the model checks them
) -> LettersParameters:
    """The same for `letters`, which reads inputs as they were read then. Raises SettingsError."""
    given = values_of(LettersParameters, options)
    return validated(LettersParameters, **_with_saved(mapping_file, given))


def parameters_or_alert(
    *,
    mapping_file: Mapping = None,
    yes: Yes = False,
    **options: Any,  # noqa: ANN401 - as above
) -> InviteParameters:
    """Those of `invite`: if they make no sense, nobody may be looking. Raises SettingsError."""
    from jobmojito_batch.cli.alerting import failures_told
    from jobmojito_batch.cli.observer import ConsoleObserver

    with failures_told(ConsoleObserver(asks=not yes), options["inputs"]):
        return parameters_of(mapping_file=mapping_file, **options)


def followup_parameters_of(
    *,
    mapping_file: Mapping = None,
    **options: Any,  # noqa: ANN401 - the model checks them
) -> FollowUpParameters:
    """The same for `followup`, which reads inputs as they were read then. Raises SettingsError."""
    given = values_of(FollowUpParameters, options)
    return validated(FollowUpParameters, **_with_saved(mapping_file, given))
