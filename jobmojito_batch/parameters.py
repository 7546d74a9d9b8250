"""
What a person asks for: one model behind the options of `invite` and the run form of the flow.

No secret and no person is ever among the parameters: Prefect stores and shows them.
"""

import re
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class InviteParameters(BaseModel):
    """The parameters of one run; all but the inputs are optional."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    inputs: list[str] = Field(
        min_length=1,
        title="Inputs",
        description="Candidate exports (files, globs, folders, s3:// or https:// addresses) as the "
        "machine that runs sees them. {date}, {date:%Y%m%d} and {yesterday} become dates.",
        examples=[["data/samples/candidates.csv"], ["/exports/{date}/*.csv"], ["/data/inbox"]],
    )
    inbox: bool = Field(
        False,
        title="The input is an inbox",
        description="A folder, or an s3://, gs:// or az:// prefix, where exports land. Whole files "
        "are taken, each content once, and moved to done/ or failed/.",
    )
    results_folder: str | None = Field(
        None,
        title="Results folder",
        description="A folder of its own for each day is made in it, for results, errors and "
        "summary; done/ in the inbox where empty.",
        examples=["/data/results"],
    )
    keep_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        title="Keep for days",
        description="Removes what older nights of these inputs left: their folders in results "
        "folder, done/ and failed/, and the original cells in the ledger. What was paid for stays "
        "known. For ever where empty.",
        examples=[90],
    )
    time_zone: str | None = Field(
        None,
        title="Time zone",
        description="Whose date {date} and {yesterday} in a path, and the day's folder, have; that "
        "of the machine where empty.",
        examples=["Europe/Bratislava"],
    )
    volume_guard: bool = Field(
        True,
        title="Volume guard",
        description="Where no person confirms the run: send nothing when the number of new rows is "
        "far from the recent nights of the same inputs. Expect at most, where given, decides "
        "instead.",
    )
    results: str | None = Field(
        None,
        title="Results file",
        description=".csv, .xlsx, .parquet or .jsonl; beside the input where empty.",
        examples=["/data/results/{date}.results.xlsx"],
    )
    errors: str | None = Field(
        None,
        title="Errors file",
        description="Rows to correct and send again; beside the results where empty.",
    )
    summary: str | None = Field(
        None, title="Summary file", description="JSON with counts; beside the results where empty."
    )
    values: dict[str, str] = Field(
        default_factory=dict,
        title="Values for all rows",
        description="Fills a field that the file lacks or leaves blank, such as "
        '{"mojito_language_code": "sk"}.',
        examples=[{"mojito_language_code": "sk", "position_country_code": "SK"}],
    )
    mapping: dict[str, str] = Field(
        default_factory=dict,
        title="Column mapping",
        description='Header to field, such as {"Stelle": "position_name"}; an empty field ignores '
        "the column.",
        examples=[{"Stelle": "position_name", "Anruf": ""}],
    )
    sheet: str | None = Field(None, title="Sheet", description="Which sheet of a workbook.")
    resumes: str | None = Field(
        None,
        title="Résumé folder",
        description="Where résumé files lie: named by candidate_resume_file, or after the "
        "candidate's external id or e-mail; beside the input where empty.",
    )
    environment: str | None = Field(
        None,
        title="Environment",
        description="Label that keeps test and live invitations apart in the ledger; live where "
        "empty. The token decides on which account they are made, and is not asked here.",
        examples=["live", "test"],
    )
    ledger: str | None = Field(
        None,
        title="Ledger",
        description="Path or SQLAlchemy URL of the record of invitations, without a password in "
        "it; what the machine is set to where empty. Another one knows of nobody.",
        examples=["/data/ledger.sqlite"],
    )
    base_url: str | None = Field(
        None, title="Base URL", description="https only, save for this machine."
    )
    rate: float | None = Field(
        None, gt=0, le=10_000, title="Requests a second", description="Ceiling on calls started."
    )
    max_in_flight: int | None = Field(
        None, ge=1, le=10_000, title="Calls in flight", description="Ceiling on calls at once."
    )
    limit: int | None = Field(
        None, ge=0, title="Limit", description="Send at most so many rows; the rest waits."
    )
    max_credits: float | None = Field(
        None, ge=0, title="Credit cap", description="Never spend more credits in this run."
    )
    settle: bool = Field(
        True,
        title="Settle unknown rows",
        description="Look up rows without a trustworthy answer, and send once more what provably "
        "did not happen; the run waits for that.",
    )
    expect_at_most: int | None = Field(
        None,
        ge=0,
        title="Expect at most",
        description="Send nothing where more new rows than this are found; up to it they are sent "
        "whatever the volume guard thinks.",
    )

    shards: int | None = Field(
        None,
        ge=1,
        le=200,
        title="Shards",
        description="Split the rows into so many parts, each sent by a run of the deployment "
        "send-shard/shard, on as many machines as have workers. Rate, calls in flight and credit "
        "cap stay those of the whole. This run sends by itself where empty.",
        examples=[4],
    )
    shard_folder: str | None = Field(
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
    def _has_shard_folder(self) -> Self:
        if self.is_sharded and not self.shard_folder:
            raise ValueError(NO_FOLDER)
        return self

    @property
    def is_sharded(self) -> bool:
        """Whether others send the rows."""
        return self.shards is not None and self.shards > 1

    @property
    def reading(self) -> str:
        """All that says how a file is read, as one text: read otherwise it is another input."""
        return self.model_dump_json(include=set(READING))


class ShardParameters(BaseModel):
    """What an attempt at a shard is told; the settings of its machine have the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

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
    settle: bool = Field(True, title="Settle unknown rows")

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        return _checked_ledger(value)


READING: Final = ("values", "mapping", "sheet", "resumes")
"""The parameters that decide what the rows of a file become."""

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
