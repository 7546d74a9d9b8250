"""
What a person asks for: one model behind the options of the commands and the run form of the flow.

A parameter is declared here and nowhere else. The run form shows title and description; the command
line (`cli/options.py`) and docs/options.md have the description too, and what its Option says.

No secret and no person is ever among the parameters: Prefect stores and shows them.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)

from jobmojito_batch.columns import LetterStep, Stage
from jobmojito_batch.contract import LANGUAGE_CODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """How the command line asks for a parameter; one without an Option is not asked for there."""

    names: tuple[str, ...] = ()
    """Else the name of the field; `--no-` before it if it is a switch that is on by default."""
    metavar: str | None = None
    help: str | None = None
    """Else the description of the field."""
    must: str | None = None
    """What a number out of bounds is told; else the parser has its own words for that."""
    value_holds_no_equals: bool = False
    """Of NAME=VALUE: it is parted at the last `=` then, else at the first."""
    is_argument: bool = False
    """Said without a name, as what is required is."""
    value_if_bare: str | None = None
    """What it is given where its name stands alone on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Marks a parameter that decides what the rows of a file become; a mapping file keeps it."""

    is_path: bool = False


class InviteParameters(BaseModel):
    """The parameters of one run; all but the inputs are optional."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    inputs: Annotated[list[str], Option(metavar="INPUT...")] = Field(
        min_length=1,
        title="Inputs",
        description="Candidate exports: CSV, XLSX, XLS, ODS, Parquet or JSON files (compressed "
        "too), globs, folders, or s3://, gs://, az://, https:// addresses, as the machine that "
        "runs sees them. {date}, {date:%Y%m%d} and {yesterday} become dates.",
        examples=[["data/samples/candidates.csv"], ["/exports/{date}/*.csv"], ["/data/inbox"]],
    )
    inbox: Annotated[bool, Option()] = Field(
        False,
        title="The input is an inbox",
        description="The input is a folder, or an s3://, gs:// or az:// prefix, where exports "
        "land: whole files are taken, each content once, and moved to done/ or failed/.",
    )
    results: Annotated[str | None, Option(names=("-o", "--results"), metavar="FILE")] = Field(
        None,
        title="Results file",
        description=".csv, .xlsx, .parquet or .jsonl. Default: beside the input.",
        examples=["/data/results/{date}.results.xlsx"],
    )
    errors: Annotated[str | None, Option(metavar="FILE")] = Field(
        None,
        title="Errors file",
        description="Rows to correct and send again; a workbook if it ends in .xlsx. Default: "
        "results stem + .errors.csv, .errors.xlsx for workbooks. `check` writes it only if it is "
        "named.",
    )
    summary: Annotated[str | None, Option(metavar="FILE")] = Field(
        None,
        title="Summary file",
        description="Counts as JSON. Default: results stem + .summary.json.",
    )
    values: Annotated[
        dict[str, str],
        Option(
            names=("--set",),
            metavar="FIELD=VALUE",
            help="Fills a field that the file lacks or leaves blank; FIELD!=VALUE puts it into "
            "every row; one that fills nothing is said. Repeatable.",
        ),
        Reading(),
    ] = Field(
        default_factory=dict,
        title="Values for all rows",
        description="Fills a field that the file lacks or leaves blank, such as "
        '{"mojito_language_code": "sk"}.',
        examples=[{"mojito_language_code": "sk", "position_country_code": "SK"}],
    )
    mapping: Annotated[
        dict[str, str],
        Option(
            names=("--map",),
            metavar="HEADER=FIELD",
            help="Says which column is which; an empty FIELD ignores the column. Repeatable.",
            value_holds_no_equals=True,
        ),
        Reading(),
    ] = Field(
        default_factory=dict,
        title="Column mapping",
        description='Header to field, such as {"Stelle": "position_name"}; an empty field ignores '
        "the column.",
        examples=[{"Stelle": "position_name", "Anruf": ""}],
    )
    known_headers: list[list[str]] = Field(
        default_factory=list,
        title="Known headers",
        description="The headers that files had when the mapping was saved, a list for each kind "
        "of file; one that differs is asked about.",
    )
    freeze_mapping: Annotated[
        bool,
        Option(help="With --mapping: a header that it does not know, or that is gone, is exit 2."),
    ] = Field(
        False,
        title="Freeze mapping",
        description="A file with a header that the mapping does not know, or without one that it "
        "knows, is not read.",
    )
    sheet: Annotated[str | None, Option(metavar="NAME"), Reading()] = Field(
        None, title="Sheet", description="Which sheet of a workbook."
    )
    hidden_rows: Annotated[bool, Option(), Reading()] = Field(
        False,
        title="Hidden rows",
        description="Take the rows of a workbook that a filter or a person has hidden too.",
    )
    header_row: Annotated[int | None, Option(metavar="N"), Reading()] = Field(
        None,
        ge=1,
        title="Header row",
        description="The row of the header in text files and sheets, as an editor counts, if it "
        "is not found or is another one. Default: found out.",
    )
    encoding: Annotated[str | None, Option(metavar="NAME"), Reading()] = Field(
        None,
        title="Encoding",
        description="What text files are written in, such as Windows-1250, if the guess is wrong "
        "or there is none. Default: found out.",
    )
    resumes: Annotated[str | None, Option(metavar="FOLDER"), Reading(is_path=True)] = Field(
        None,
        title="Résumé folder",
        description="Where résumé files lie: named by candidate_resume_file, or after the "
        "candidate's external id, e-mail or name. Default: beside the input.",
    )
    positions: Annotated[str | None, Option(metavar="FILE"), Reading(is_path=True)] = Field(
        None,
        title="Table of jobs",
        description="A table of jobs; fills what the rows of a job leave blank, found by "
        "position_def_set_id, position_external_id or position_name.",
        examples=["/data/jobs.xlsx"],
    )
    corrections: Annotated[str | None, Reading(is_path=True)] = Field(
        None,
        title="Corrections",
        description="What a person corrected at the desk, cell by cell: a file beside its upload.",
    )
    results_folder: Annotated[str | None, Option(metavar="FOLDER")] = Field(
        None,
        title="Results folder",
        description="Results, errors and summary go into a folder of the day in it. Default for "
        "an inbox: its done/.",
        examples=["/data/results"],
    )
    keep_days: Annotated[int | None, Option(metavar="N")] = Field(
        None,
        ge=1,
        le=36_500,
        title="Keep for days",
        description="Remove what older nights of these inputs left: their folders in results "
        "folder, done/ and failed/, and the original cells in the ledger. What was paid for stays "
        "known. Default: for ever.",
        examples=[90],
    )
    time_zone: Annotated[
        str | None, Option(names=("--time-zone", "--timezone"), metavar="NAME")
    ] = Field(
        None,
        title="Time zone",
        description="Whose date {date} and {yesterday} in a path, and the day's folder, have, such "
        "as Europe/Bratislava. Default: the machine's.",
        examples=["Europe/Bratislava"],
    )
    retry_until: Annotated[
        str | None, Option(metavar="HH:MM", must="a time of day such as 06:00")
    ] = Field(
        None,
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        title="Try again until",
        description="Where no person confirms the run: one that stopped for credits, a pause of "
        "the service or an API that is away is tried again after 5, 10, 20, then every 30 minutes, "
        "until this time of day in the time zone. Nobody is invited twice, and alerts tell of the "
        "last try. Default: the next night carries on.",
        examples=["06:00"],
    )
    expect_at_most: Annotated[int | None, Option(metavar="N")] = Field(
        None,
        ge=0,
        title="Expect at most",
        description="Send nothing if more new rows than this are found; up to it they are sent "
        "whatever the volume guard thinks.",
    )
    volume_guard: Annotated[
        bool,
        Option(help="With --yes: send however far the new rows are from the recent nights."),
    ] = Field(
        True,
        title="Volume guard",
        description="Where no person confirms the run: send nothing when the number of new rows is "
        "far from the recent nights of the same inputs. Expect at most, where given, decides "
        "instead.",
    )
    limit: Annotated[int | None, Option(metavar="N")] = Field(
        None, ge=0, title="Limit", description="Send at most so many rows; the rest waits."
    )
    first: Annotated[int | None, Option(metavar="N")] = Field(
        None,
        ge=1,
        title="First",
        description="Send the first N, show what came of them, and ask again; where nobody is "
        "asked, go on only if each of them is settled. The rest waits as with a limit.",
    )
    max_credits: Annotated[float | None, Option(metavar="X")] = Field(
        None, ge=0, title="Credit cap", description="Never spend more credits in this run."
    )
    rate: Annotated[
        float | None, Option(metavar="R", must="above 0 and at most 10000 a second")
    ] = Field(
        None,
        gt=0,
        le=10_000,
        title="Requests a second",
        description="Ceiling: requests started a second.",
    )
    max_in_flight: Annotated[int | None, Option(metavar="N", must="1 to 10000")] = Field(
        None, ge=1, le=10_000, title="Calls in flight", description="Ceiling: calls in flight."
    )
    base_url: Annotated[str | None, Option(metavar="URL")] = Field(
        None, title="Base URL", description="The API; https only, save for this machine."
    )
    environment: Annotated[str | None, Option(metavar="LABEL")] = Field(
        None,
        title="Environment",
        description="Label that keeps test and live invitations apart in the ledger. The token, "
        "which is not asked for here, decides on which account they are made. Default: what the "
        "machine is set to, else live.",
        examples=["live", "test"],
    )
    ledger: Annotated[str | None, Option(metavar="URL")] = Field(
        None,
        title="Ledger",
        description="The record of invitations: path or SQLAlchemy URL, without a password in it. "
        "Another one knows of nobody. Default: what the machine is set to.",
        examples=["/data/ledger.sqlite"],
    )
    repairs_fail: bool = Field(
        False,
        title="Rows to repair are a failure",
        description="A run that leaves rows or files to repair is shown as failed, red in lists of "
        "runs, in place of completed. Its name is NeedsRepair either way.",
    )
    settle: Annotated[bool, Option(help="Leave unknown rows for a later `reconcile`.")] = Field(
        True,
        title="Settle unknown rows",
        description="Look up rows without a trustworthy answer, and send once more what provably "
        "did not happen; the run waits for that.",
    )
    shards: Annotated[int | None, Option(metavar="N")] = Field(
        None,
        ge=1,
        le=200,
        title="Shards",
        description="Through Prefect: split the rows into so many parts, each sent by a run of the "
        "deployment send-shard/shard, on as many machines as have workers. Rate, calls in flight "
        "and credit cap stay those of the whole. Default: this run sends by itself.",
        examples=[4],
    )
    shard_folder: Annotated[str | None, Option(metavar="FOLDER")] = Field(
        None,
        title="Shard folder",
        description="Where the parts lie while the run goes on: a folder that all workers see, or "
        "an s3://, gs:// or az:// prefix. They hold personal data and are removed at the end.",
        examples=["/mnt/shared/jobmojito-shards", "s3://bucket/jobmojito-shards/"],
    )

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        return _checked_ledger(value)

    @model_validator(mode="after")
    def _has_what_is_frozen(self) -> Self:
        if self.freeze_mapping and not (self.mapping or self.known_headers):
            raise ValueError("freeze mapping needs a mapping, whose headers it holds to")
        return self

    @model_validator(mode="after")
    def _has_shard_folder(self) -> Self:
        if self.is_sharded and not self.shard_folder:
            raise ValueError(NO_FOLDER)
        return self

    @model_validator(mode="after")
    def _sends_the_first_itself(self) -> Self:
        if self.is_sharded and self.first is not None:
            raise ValueError(
                "first is for a run that sends by itself, not for shards: send the first with a "
                "limit, look at what came of them, and run again without it"
            )
        return self

    @property
    def is_sharded(self) -> bool:
        """Whether others send the rows."""
        return self.shards is not None and self.shards > 1

    @property
    def reading(self) -> str:
        """All that says how a file is read, as one text: read otherwise it is another input."""
        return self.model_dump_json(include=set(READING))


_SHARED: Final = (
    "results", "values", "mapping", "known_headers", "freeze_mapping", "sheet", "hidden_rows",
    "header_row", "encoding", "resumes", "positions", "rate", "base_url", "environment", "ledger",
)  # fmt: skip
"""Parameters of `invite` that others have, too: an input is read as it was then."""

if TYPE_CHECKING:

    class _Shared(BaseModel):
        results: str | None = None
        values: dict[str, str] = {}
        mapping: dict[str, str] = {}
        known_headers: list[list[str]] = []
        freeze_mapping: bool = False
        sheet: str | None = None
        hidden_rows: bool = False
        header_row: int | None = None
        encoding: str | None = None
        resumes: str | None = None
        positions: str | None = None
        rate: float | None = None
        base_url: str | None = None
        environment: str | None = None
        ledger: str | None = None

else:
    _Shared = create_model(
        "_Shared",
        **{
            name: (InviteParameters.model_fields[name].annotation, field)
            for name, field in InviteParameters.model_fields.items()
            if name in _SHARED
        },
    )


class SelectionParameters(_Shared):
    """Whom among those who were invited a command is about."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    inputs: Annotated[list[str], Option(metavar="INPUT...", is_argument=True)] = Field(
        [],
        title="Inputs",
        description="The candidates of these files, as `invite` takes them. Default: everybody in "
        "the account.",
        examples=[["/exports/{date}/*.csv"]],
    )
    run: Annotated[str | None, Option(metavar="RUN_ID")] = Field(
        None,
        title="Run",
        description="The candidates of a run, by its id or a beginning of it, in place of inputs.",
    )

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        return _checked_ledger(value)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.run is not None and self.inputs:
            raise ValueError("a run and inputs are both given; keep one of them")
        return self

    @property
    def as_invited(self) -> InviteParameters:
        """How `invite` would read the inputs."""
        return InviteParameters(inputs=self.inputs, **{n: getattr(self, n) for n in _SHARED})


class LettersParameters(SelectionParameters):
    """Whom to write to, what, and how."""

    to: Annotated[str | None, Option(metavar="FOLDER")] = Field(
        None,
        title="Drafts folder",
        description="Where the drafts (.eml) and the table for a mail merge (letters.xlsx) go.",
    )
    step: Annotated[LetterStep, Option(names=("--for",), metavar="STEP")] = Field(
        LetterStep.INVITED,
        title="For",
        description=f"Whom, and which text: {', '.join(LetterStep)}. All but invited need a look "
        "by `followup` before.",
    )
    sender: Annotated[str | None, Option(names=("--from",), metavar="ADDRESS")] = Field(
        None,
        title="From",
        description='As whom: "Recruiting <recruiting@example.com>". Default: JOBMOJITO_MAIL_FROM.',
    )
    templates: Annotated[str | None, Option(metavar="FOLDER")] = Field(
        None,
        title="Templates folder",
        description="Your own texts, LANGUAGE.STEP.txt. Default: those of the program.",
    )
    language: Annotated[str | None, Option(metavar="CODE")] = Field(
        None,
        title="Language",
        description="The language of those whose row says none. Default: en.",
    )
    replace: Annotated[bool, Option()] = Field(
        False,
        title="Replace",
        description="Remove the drafts that an earlier run has left in the folder.",
    )
    send: Annotated[bool, Option()] = Field(
        False,
        title="Send",
        description="Post the letters through JOBMOJITO_SMTP_URL, each once.",
    )
    again: Annotated[bool, Option()] = Field(
        False,
        title="Again",
        description="With --send: write to those, too, who had this letter on an earlier day.",
    )

    @field_validator("language")
    @classmethod
    def _known_language(cls, given: str | None) -> str | None:
        if given is not None and given not in LANGUAGE_CODES:
            raise ValueError(f"there is no language {given}; there are {', '.join(LANGUAGE_CODES)}")
        return given


class ShardParameters(BaseModel):
    """What an attempt at a shard is told; the settings of its machine have the rest."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    run_id: str = Field(title="Run")
    shard: int = Field(ge=0, title="Shard")
    attempt: int = Field(ge=1, title="Attempt", description="One more for each that died.")
    path: str = Field(title="Rows", description="The shard's rows, for as long as the run goes on.")
    environment: str = Field(title="Environment")
    base_url: str = Field(title="Base URL")
    ledger: str | None = Field(
        None, title="Ledger", description="As the run was given it; else what the machine has."
    )
    rate: float = Field(
        gt=0,
        le=10_000,
        title="Requests a second",
        description="Of all shards together: the ledger hands the starts out.",
    )
    max_in_flight: int = Field(ge=1, le=10_000, title="Calls in flight", description="Its share.")
    max_credits: float | None = Field(
        None, ge=0, title="Credit cap", description="Its share of the run's."
    )
    credits_left: float | None = Field(
        None, ge=0, title="Credits left", description="Its share of the account's."
    )
    merchant_credits: dict[str, float] = Field(
        default_factory=dict,
        title="Credits of other merchants",
        description="Its share of what merchants that rows name have left.",
    )
    settle: bool = Field(True, title="Settle unknown rows")

    @property
    def balances(self) -> dict[str | None, float]:
        """What its calls may cost, by merchant_id; None is the token's own."""
        left: dict[str | None, float] = dict(self.merchant_credits.items())
        if self.credits_left is not None:
            left[None] = self.credits_left
        return left

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        return _checked_ledger(value)


RENEW_DAYS: Final = 25
"""How old a link may be, unless somebody says otherwise: it is said to die after thirty days."""


class FollowUpParameters(SelectionParameters):
    """Whom to look up, and what to do beside."""

    stages: Annotated[list[str], Option(names=("--stage",), metavar="STAGE[,...]")] = Field(
        [],
        title="Stages",
        description=f"Only rows in these stages go into the file: {', '.join(Stage)}.",
        examples=[["not_started", "not_submitted"]],
    )
    changed: Annotated[bool, Option()] = Field(
        False,
        title="Only what changed",
        description="Only rows whose stage, score or decision changed since the last look.",
    )
    renew_links: Annotated[int | None, Option(metavar="[DAYS]", value_if_bare=str(RENEW_DAYS))] = (
        Field(
            None,
            ge=0,
            le=36_500,
            title="Renew links",
            description="Mint a fresh link for everybody who has not submitted and whose link "
            f"is older than so many days ({RENEW_DAYS} where no number is given).",
            examples=[RENEW_DAYS],
        )
    )
    reports: Annotated[str | None, Option(metavar="FOLDER")] = Field(
        None,
        title="Reports folder",
        description="Fetch the PDF report of each submitted interview into this folder, once per "
        "result and change. Whether a report costs credits is not documented.",
    )
    credits: Annotated[bool, Option()] = Field(
        False,
        title="Credits",
        description="Join the account's credit ledger to the invitations: what each really cost, "
        "what was charged twice, what is not ours.",
    )

    @field_validator("stages", mode="after")
    @classmethod
    def _known_stages(cls, given: list[str]) -> list[str]:
        words = [word.strip().lower() for text in given for word in text.split(",") if word.strip()]
        odd = [word for word in words if word not in set(Stage)]
        if odd:
            raise ValueError(f"there is no stage {', '.join(odd)}; there are {', '.join(Stage)}")
        return words


_READING: Final = {
    name: mark
    for name, field in InviteParameters.model_fields.items()
    for mark in field.metadata
    if isinstance(mark, Reading)
}
READING: Final = tuple(_READING)
"""The parameters that decide what the rows of a file become."""
KEPT: Final = tuple(name for name in READING if name not in {"values", "mapping", "corrections"})
"""Those of them that a mapping file has under [reading]: corrections are of one file alone."""
KEPT_PATHS: Final = frozenset(name for name, mark in _READING.items() if mark.is_path)
"""Of KEPT, those that are beside the mapping file where they are relative."""

_PASSWORD: Final = re.compile(r"://[^@/]*:[^@]*@|[?&]password=", re.IGNORECASE)
NO_FOLDER: Final = (
    "shards need a shard folder: one that all workers see, or an s3://, gs:// or az:// prefix"
)
NOT_HERE: Final = (
    "the ledger's password does not belong here, where it would be shown; set JOBMOJITO_LEDGER "
    "in the environment, or keep it in a PGPASSFILE"
)


def _checked_ledger(value: str | None) -> str | None:
    if value is not None and has_password(value):
        raise ValueError(NOT_HERE)
    return value


def has_password(url: str) -> bool:
    """Whether a database URL names a password, before its host or among what follows the `?`."""
    return not url.startswith("sqlite") and _PASSWORD.search(url) is not None
