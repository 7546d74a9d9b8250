"""The options of `invite` and `check` (spec section 3), and how they become parameters."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import NO_FOLDER, NOT_HERE, InviteParameters, has_password

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Candidate exports: CSV, XLSX, XLS, ODS, Parquet or NDJSON files, globs, folders, or "
        "s3://, gs://, az://, https:// addresses.",
        show_default=False,
    ),
]
Results = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--results",
        metavar="FILE",
        help="Results file: .csv, .xlsx, .parquet or .jsonl. Default: beside the input.",
    ),
]
Errors = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Rows to correct. Default: results stem + .errors.csv."),
]
Summary = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Counts as JSON. Default: results stem + .summary.json."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Fills a field that the file lacks or leaves blank; repeatable.",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HEADER=FIELD",
        help="Says which column is which; repeatable. An empty FIELD ignores the column.",
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="The same from a TOML file, table \\[columns]."),
]
SaveMapping = Annotated[
    Path | None,
    typer.Option("--save-mapping", metavar="FILE", help="Write the mapping in use, for --mapping."),
]
Resumes = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Where résumé files lie: named by candidate_resume_file, or after the candidate's "
        "external id or e-mail. Default: beside the input.",
    ),
]
Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="Which sheet of a workbook.")]
ExpectAtMost = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Send nothing where more new rows than N are found."),
]
Limit = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Send at most N; the rest waits.")
]
MaxCredits = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Never spend more than X credits in this run."),
]
Rate = Annotated[
    float | None, typer.Option(metavar="R", help="Ceiling: requests started a second.")
]
MaxInFlight = Annotated[int | None, typer.Option(metavar="N", help="Ceiling: calls in flight.")]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The API; https only, save for this machine.")
]
Environment = Annotated[
    str | None,
    typer.Option(metavar="LABEL", help="Keeps test and live invitations apart in the ledger."),
]
LedgerUrl = Annotated[
    str | None,
    typer.Option("--ledger", metavar="URL", help="The record of invitations: path or URL."),
]
Inbox = Annotated[
    bool,
    typer.Option(
        "--inbox",
        help="The input is a folder or prefix where exports land: whole files are taken, each "
        "content once, and moved to done/ or failed/.",
    ),
]
ResultsFolder = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Results go into a folder of the day in it. Default for an inbox: its done/.",
    ),
]
KeepDays = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=36_500,
        metavar="N",
        help="Remove what older nights of these inputs left: their files and original cells.",
    ),
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--time-zone",
        "--timezone",
        metavar="NAME",
        help="Whose date {date} in a path has, such as Europe/Bratislava. Default: the machine's.",
    ),
]
Shards = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=200,
        metavar="N",
        help="Through Prefect: split the rows into N parts that any workers send.",
    ),
]
ShardFolder = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Where the parts lie meanwhile: a folder that all workers see, or s3://…",
    ),
]
NoVolumeGuard = Annotated[
    bool,
    typer.Option(
        "--no-volume-guard",
        help="With --yes: send however far the new rows are from the recent nights.",
    ),
]
NoSettle = Annotated[
    bool,
    typer.Option("--no-settle", help="Leave unknown rows for a later `reconcile`."),
]
Prefect = Annotated[
    bool | None,
    typer.Option(
        "--prefect/--no-prefect",
        help="Run through the Prefect flow or not. Default: where a Prefect API is configured.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="No question; needed where nobody can be asked.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="What `check` does.")]
Json = Annotated[
    bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")
]


def pairs(texts: Sequence[str] | None, option: str, form: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dict. Raises SettingsError."""
    found: dict[str, str] = {}
    for text in texts or ():
        # The last "=" for --map: a header may hold one, a field name never does.
        name, sign, value = text.rpartition("=") if option == "--map" else text.partition("=")
        if not sign or not name.strip():
            raise SettingsError(f'{option} {text}: write it as {option} "{form}"')
        if name.strip() in found:
            raise SettingsError(f"{option} {name.strip()}: given twice; keep one")
        found[name.strip()] = value.strip()
    return found


def mapping_of(texts: Sequence[str] | None, file: Path | None) -> dict[str, str]:
    """Header → field from the file, then from the options, which win. Raises SettingsError."""
    from_file = _mapping_file(file) if file is not None else {}
    return from_file | pairs(texts, "--map", "HEADER=FIELD")


def _mapping_file(file: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise SettingsError(f"--mapping {file}: cannot be read ({exc.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"--mapping {file}: is no TOML file ({exc})") from None
    columns = found.get("columns")
    if not isinstance(columns, dict) or not all(isinstance(one, str) for one in columns.values()):
        raise SettingsError(
            f'--mapping {file}: needs a table [columns] with lines such as "Stelle" = '
            '"position_name"'
        )
    return {str(header): field for header, field in columns.items()}


def mapping_text(mapping: Mapping[str, str]) -> str:
    """A mapping as the TOML that --mapping reads."""
    lines = [f"{_toml_text(header)} = {_toml_text(field)}" for header, field in mapping.items()]
    comment = '# Which column is which field; "" ignores a column. For --mapping.'
    return "\n".join([comment, "[columns]", *lines]) + "\n"


def _toml_text(text: str) -> str:
    # A JSON string is a TOML basic string, save for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def parameters_of(
    inputs: list[str],
    results: str | None,
    errors: str | None,
    summary: str | None,
    fills: list[str] | None,
    maps: list[str] | None,
    mapping: Path | None,
    sheet: str | None,
    resumes: str | None,
    environment: str | None,
    ledger: str | None,
    base_url: str | None,
    rate: float | None,
    max_in_flight: int | None,
    limit: int | None,
    max_credits: float | None,
    expect_at_most: int | None,
    inbox: bool = False,
    results_folder: str | None = None,
    keep_days: int | None = None,
    time_zone: str | None = None,
    *,
    settle: bool,
    volume_guard: bool = True,
    shards: int | None = None,
    shard_folder: str | None = None,
) -> InviteParameters:
    """The options as the parameters of a run. Raises SettingsError."""
    if rate is not None and not 0 < rate <= 10_000:  # noqa: PLR2004 - the bound of the setting
        raise SettingsError(f"--rate {rate:g}: must be above 0 and at most 10000 a second")
    if max_in_flight is not None and not 1 <= max_in_flight <= 10_000:  # noqa: PLR2004
        raise SettingsError(f"--max-in-flight {max_in_flight}: must be 1 to 10000")
    if ledger is not None and has_password(ledger):
        raise SettingsError(f"--ledger: {NOT_HERE}")
    if shards is not None and shards > 1 and not shard_folder:
        raise SettingsError(f"--shards: {NO_FOLDER}; give --shard-folder")
    return InviteParameters(
        inputs=inputs,
        inbox=inbox,
        results_folder=results_folder,
        keep_days=keep_days,
        time_zone=time_zone,
        volume_guard=volume_guard,
        results=results,
        errors=errors,
        summary=summary,
        values=pairs(fills, "--set", "FIELD=VALUE"),
        mapping=mapping_of(maps, mapping),
        sheet=sheet,
        resumes=resumes,
        environment=environment,
        ledger=ledger,
        base_url=base_url,
        rate=rate,
        max_in_flight=max_in_flight,
        limit=limit,
        max_credits=max_credits,
        settle=settle,
        expect_at_most=expect_at_most,
        shards=shards,
        shard_folder=shard_folder,
    )
