"""
What a person asks for: one model behind the options of `invite` and the run form of the flow.

No secret and no person is ever among the parameters: Prefect stores and shows them.
"""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator


class InviteParameters(BaseModel):
    """The parameters of one run; all but the inputs are optional."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    inputs: list[str] = Field(
        min_length=1,
        title="Inputs",
        description="Candidate exports (files, globs, folders, s3:// or https:// addresses) as the "
        "machine that runs sees them.",
        examples=[["data/samples/candidates.csv"]],
    )
    results: str | None = Field(
        None,
        title="Results file",
        description=".csv, .xlsx, .parquet or .jsonl; beside the input where empty.",
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
    )
    mapping: dict[str, str] = Field(
        default_factory=dict,
        title="Column mapping",
        description='Header to field, such as {"Stelle": "position_name"}; an empty field ignores '
        "the column.",
    )
    sheet: str | None = Field(None, title="Sheet", description="Which sheet of a workbook.")
    resumes: str | None = Field(
        None,
        title="Résumé folder",
        description="Where résumé files lie: named by candidate_resume_file, or after the "
        "candidate's external id or e-mail; beside the input where empty.",
    )
    environment: str | None = Field(
        None, title="Environment", description="Keeps test and live invitations apart; live."
    )
    ledger: str | None = Field(
        None,
        title="Ledger",
        description="Path or SQLAlchemy URL of the record of invitations, without a password.",
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
        description="Send nothing where more new rows than this are found.",
    )

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and has_password(value):
            raise ValueError(NOT_HERE)
        return value


_PASSWORD: Final = re.compile(r"://[^@/]*:[^@]*@|[?&]password=", re.IGNORECASE)
NOT_HERE: Final = (
    "the ledger's password does not belong here, where it would be shown; set JOBMOJITO_LEDGER "
    "in the environment, or keep it in a PGPASSFILE"
)


def has_password(url: str) -> bool:
    """Whether a database URL names a password, before its host or among what follows the `?`."""
    return not url.startswith("sqlite") and _PASSWORD.search(url) is not None
