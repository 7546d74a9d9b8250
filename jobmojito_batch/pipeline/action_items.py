"""What needs a person after a run, and what that person can do: rows and codes, nobody's data."""

from dataclasses import dataclass
from typing import Final

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.preview import MEMBERS

URGENCY: Final = (
    Outcome.UNKNOWN,
    Outcome.FAILED,
    Outcome.INVALID,
    Outcome.REVIEW,
    Outcome.REJECTED,
)
"""What waits for a person, first what may have cost something."""

DECIDE: Final = "decide in JobMojito"
CORRECT: Final = "correct the cell in the errors file, send that file"
AGAIN: Final = "nothing was created: run again"
LOOK: Final = "never sent again blind: `jobmojito-batch reconcile`, or look in JobMojito"

ADVICE: Final[dict[str, str]] = {
    ErrorCode.MISSING_FIELD: "fill the cell in the errors file, or give one value for all rows",
    ErrorCode.INVALID_EMAIL: CORRECT,
    ErrorCode.SEVERAL_EMAILS: "keep one address in the cell, send the errors file",
    ErrorCode.SEVERAL_PEOPLE: "give each person an own address, or take the wrong row out",
    ErrorCode.UNKNOWN_COUNTRY: CORRECT,
    ErrorCode.UNKNOWN_LANGUAGE: CORRECT,
    ErrorCode.INVALID_VALUE: CORRECT,
    ErrorCode.RESUME_TOO_LONG: "shorten the résumé, send the errors file",
    ErrorCode.RESUME_UNREADABLE: "give a file with text, or put the text into the row",
    ErrorCode.DUPLICATE_ROW: "nothing: an earlier row is the same invitation",
    ErrorCode.REFUSED: "the API refused the row: read error_message in the results, correct it",
    ErrorCode.NOT_FOUND: "the API knows no such position: check its id and the base URL",
    ErrorCode.CONFLICT: "look the candidate up in JobMojito",
    ErrorCode.TOO_LARGE: "shorten the résumé, send the errors file",
    ErrorCode.RATE_LIMITED: AGAIN,
    ErrorCode.UNREACHABLE: f"{AGAIN}; if it stays so, check network and base URL",
    ErrorCode.NO_ANSWER: LOOK,
    ErrorCode.CONNECTION_LOST: LOOK,
    ErrorCode.SERVER_ERROR: LOOK,
    ErrorCode.UNREADABLE_ANSWER: LOOK,
    ErrorCode.UNAUTHORIZED: "give a fresh token, run again",
    ErrorCode.FORBIDDEN: "give the token the permission, or another token; run again",
    ErrorCode.INSUFFICIENT_CREDITS: "buy credits, run again",
    ErrorCode.SERVICE_PAUSED: "the platform is paused: ask JobMojito, run again",
    ErrorCode.CREDIT_CAP: "raise the cap, or let the next run carry on",
    ErrorCode.LIMIT_REACHED: "run again for the rest",
    ErrorCode.BREAKER_OPEN: "the API did not answer many times in a row: run again later",
    ErrorCode.INTERRUPTED: "run again: it carries on",
    ErrorCode.POSITION_UNRESOLVED: "settle the position's first row (`reconcile`), run again",
    ErrorCode.UNSETTLED: LOOK,
    Outcome.REVIEW: DECIDE,
    Outcome.REJECTED: f"a recommendation: {DECIDE}",
}
"""What to do, by error code; by outcome for rows that have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsPerson:
    """One row for a person: where it stands, why, what to do."""

    source: str
    row: int
    outcome: str
    code: str
    field: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What needs a person after a run: how many rows, and the first of them."""

    total: int = 0
    rows: tuple[NeedsPerson, ...] = ()

    @property
    def left_out(self) -> int:
        """How many more there are than `rows` shows; the results file has them."""
        return self.total - len(self.rows)


def needs_a_person(ledger: Ledger, run_id: str, *, at_most: int) -> Attention:
    """The first rows of a run that wait for a person, the most urgent outcomes first."""
    counts = ledger.results.outcomes(run_id)
    rows: list[NeedsPerson] = []
    for outcome in URGENCY:
        if counts.get(outcome) and len(rows) < at_most:
            waiting = ledger.results.rows_in(run_id, outcome, at_most=at_most - len(rows))
            rows += [_row(outcome, *each) for each in waiting]
    return Attention(total=sum(counts.get(outcome, 0) for outcome in URGENCY), rows=tuple(rows))


def advice_on(code: str) -> str:
    """What a person can do about a reason; nothing for one that is not in the table."""
    return ADVICE.get(code, "")


def _row(
    outcome: Outcome, source: str, row: int, code: str | None, error_field: str | None
) -> NeedsPerson:
    return NeedsPerson(
        source=source,
        row=row,
        outcome=outcome.value,
        code=code or outcome.value,
        # The API may blame a field in words of its own; only the names we know are shown.
        field=error_field if error_field in MEMBERS else "",
        advice=advice_on(code or outcome.value),
    )
