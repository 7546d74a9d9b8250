"""What a person looks up afterwards: rows of a run, a link, what is known of somebody."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import SHOWS_LINK, Ledger
from jobmojito_batch.pipeline.report import with_enrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """A row of a run as it ended."""

    ordinal: int
    row: int
    outcome: str
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    position: str | None
    message: str | None = field(repr=False)
    has_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInvitation:
    """An invitation of somebody, as the ledger has it."""

    id: int
    position: str | None
    outcome: str
    sent_at: datetime | None
    settled_at: datetime | None
    run_id: str
    environment: str
    link: str | None = field(repr=False)
    """None where the outcome is none that a link is given for."""


def results_page(
    ledger: Ledger, run_id: str, *, outcome: str, text: str, start: int, most: int
) -> tuple[int, list[ResultRow]]:
    """How many rows of a run fit (see `Results.page`), and some of them."""
    total, rows = ledger.results.page(run_id, outcome=outcome, text=text, start=start, most=most)
    return total, [_row(row) for row in with_enrolment(rows, run_id).iter_rows(named=True)]


def link_in(ledger: Ledger, run_id: str, ordinal: int) -> str | None:
    """The link of a row of a run, where its outcome is one that has one."""
    rows = with_enrolment(ledger.results.row(run_id, ordinal), run_id)
    return rows["interview_url"][0] if rows.height else None


def invitations_of(ledger: Ledger, email: str) -> list[KnownInvitation]:
    """What the ledger knows of somebody, the latest first."""
    return [_known(row) for row in ledger.people.invitations_of(email)]


def _row(row: dict[str, Any]) -> ResultRow:
    return ResultRow(
        ordinal=row["ordinal"],
        row=row["row"],
        outcome=row["outcome"] or Outcome.UNKNOWN.value,
        name=row["candidate_name"],
        email=row["candidate_email"],
        position=row["position_name"],
        message=row["error_message"],
        has_link=row["interview_url"] is not None,
    )


def _known(row: dict[str, Any]) -> KnownInvitation:
    shows = row["outcome"] in SHOWS_LINK
    return KnownInvitation(
        id=row["id"],
        position=row["position"],
        outcome=row["outcome"] or row["state"],
        sent_at=_utc(row["sent_at"]),
        settled_at=_utc(row["settled_at"]),
        run_id=row["run_id"],
        environment=row["environment"],
        link=row["interview_url"] if shows else None,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
