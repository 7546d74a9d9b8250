"""What the rows of merchant-result-list say of a doubt."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from jobmojito_batch.columns import Outcome
from jobmojito_batch.contract import ResultPage
from jobmojito_batch.ledger import ClaimState, Doubted
from jobmojito_batch.sending.match import Finding, Seen, finding_of

CLAIMED_AT = datetime(2026, 3, 2, 9, 0, 0)  # noqa: DTZ001 - as the ledger keeps it
BEFORE, AFTER = "2026-03-01T08:00:00Z", "2026-03-02T09:00:01Z"

DOUBT = Doubted(
    invitation_id=1,
    position_id=1,
    account="https://api.example|m|live",
    opening_key="nurse",
    definition_ids=frozenset(),
    candidate_email="ann@example.org",
    state=ClaimState.UNKNOWN,
    run_id="run",
    error_code=None,
    claimed_at=CLAIMED_AT,
    unknown_since=CLAIMED_AT,
    is_held=False,
)


def found(*rows: Mapping[str, object]) -> Finding:
    """The finding of rows as the API answers them."""
    common = {"candidate_email": "Ann@Example.org", "position_name": "Nurse", "created_at": AFTER}
    page = ResultPage.model_validate({"data": [{**common, **row} for row in rows]})
    return finding_of(page.data, DOUBT, clock_ahead_seconds=0.0)


def outcome_of(*decisions: str | None) -> Outcome:
    """The outcome of one enrolment whose rows have these decisions."""
    rows = [{"profile_interview_id": "e-1", "decision_status": one} for one in decisions]
    finding = found(*rows)
    assert finding.enrolled is not None
    return finding.enrolled.outcome


def test_rows_of_one_enrolment_are_one() -> None:
    screening = {"profile_interview_id": "e-1", "definition_id": "d-0"}
    interview = {
        "profile_interview_id": "e-1",
        "definition_id": "d-1",
        "position_step": "interview",
        "profile_id": "p-1",
    }

    finding = found(screening, interview)

    assert finding.seen is Seen.FOUND
    assert finding.enrolled is not None
    one = finding.enrolled
    assert (one.profile_interview_id, one.profile_id, one.definition_id) == ("e-1", "p-1", "d-1")


def test_two_enrolments_are_not_told_apart() -> None:
    assert found({"profile_interview_id": "e-1"}, {"profile_interview_id": "e-2"}).seen is (
        Seen.UNCLEAR
    )


def test_a_later_attempt_does_not_make_an_older_enrolment_new() -> None:
    first = {"profile_interview_id": "e-1", "created_at": BEFORE}

    assert found({"profile_interview_id": "e-1"}, first).seen is Seen.OLDER


@pytest.mark.parametrize("odd", ["yesterday, I think", 12, "12", {}, "", None])
def test_a_date_that_cannot_be_read_costs_itself_alone(odd: object) -> None:
    """It counts as new: an older enrolment is not taken for what the call did."""
    other = {"candidate_email": "bob@example.org", "created_at": odd}

    assert found({"profile_interview_id": "e-1"}, other).seen is Seen.FOUND
    assert found({"profile_interview_id": "e-1", "created_at": odd}).seen is Seen.FOUND


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        (("selected",), Outcome.INVITED),
        (("rejected",), Outcome.REJECTED),
        (("undecided",), Outcome.REVIEW),
        ((None,), Outcome.REVIEW),
        (("ai_accept", "undecided"), Outcome.INVITED),
        (("recruiter_accept", None), Outcome.INVITED),
        (("AI_Reject", "undecided"), Outcome.REJECTED),
        (("ai_reject", "recruiter_accept"), Outcome.INVITED),
        (("recruiter_accept", "rejected"), Outcome.REJECTED),
        (("selected", "rejected"), Outcome.REVIEW),
        (("recruiter_action", "undecided"), Outcome.REVIEW),
        (("candidate_action",), Outcome.REVIEW),
        (("a word of tomorrow",), Outcome.REVIEW),
    ],
)
def test_decisions_are_read_in_the_words_of_either_list(
    decisions: tuple[str | None, ...], expected: Outcome
) -> None:
    assert outcome_of(*decisions) is expected
    assert outcome_of(*reversed(decisions)) is expected


def test_the_claim_is_a_moment_of_utc() -> None:
    """Just before it, by more than the Date header's second, is older."""
    just_before = datetime(2026, 3, 2, 8, 59, 57, tzinfo=UTC).isoformat()

    assert found({"created_at": just_before}).seen is Seen.OLDER
