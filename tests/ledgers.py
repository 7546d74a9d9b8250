"""Builders for tests of the ledger: a run, a position, a claim and how it ends."""

from datetime import datetime
from typing import Any

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import Claim, EndAttempt, Ledger, RowOutcome, RunRecord, TakeClaim

NOON = datetime(2026, 11, 24, 12, 0, 0)  # noqa: DTZ001 - the ledger keeps UTC without a zone
ACCOUNT = "https://api.example|m1|live"
RUN = "run-1"


class Clock:
    """Noon, until a test says otherwise."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def begin(
    ledger: Ledger, run_id: str = RUN, *, entered_at: datetime | None = None, **more: Any
) -> None:
    """Enter a run (fields of RunRecord), at *entered_at* where the clock is not the test's."""
    given: dict[str, Any] = {
        "base_url": "https://api.example",
        "merchant": "m1",
        "environment": "live",
        "started_at": NOON,
        "rows": 1,
        "layouts": "[]",
    }
    ledger.runs.begin(RunRecord(run_id=run_id, **(given | more)), now=entered_at)


def a_position(ledger: Ledger, key: str = "name:nurse", opening_key: str | None = "nurse") -> int:
    """The id of a position, made where absent."""
    return ledger.runs.ensure_positions([(ACCOUNT, key, opening_key)])[ACCOUNT, key]


def taking(
    position_id: int, email: str = "ann@example.com", *, run_id: str = RUN, **more: Any
) -> TakeClaim:
    """The wish for a claim (fields of TakeClaim)."""
    given: dict[str, Any] = {"ordinal": 0, "number": 1, "at": NOON, "credits": 0.25}
    return TakeClaim(
        run_id=run_id, position_id=position_id, candidate_email=email, **(given | more)
    )


def ending(claim: Claim, outcome: Outcome = Outcome.INVITED, **more: Any) -> EndAttempt:
    """How its call ended (fields of EndAttempt), with the outcome of its row."""
    given: dict[str, Any] = {
        "number": 1,
        "at": NOON,
        "result": "settle",
        "http_status": 200,
        "request_id": None,
        "is_free": False,
        "row": RowOutcome(run_id=claim.run_id, ordinal=claim.ordinal, outcome=outcome),
    }
    return EndAttempt(invitation_id=claim.invitation_id, run_id=claim.run_id, **(given | more))
