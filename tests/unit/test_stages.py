"""How far somebody is, by the words of the API's list, and what follows from it."""

from typing import Any

import pytest

from jobmojito_batch.columns import Decision, Stage
from jobmojito_batch.contract import FollowUpRow
from jobmojito_batch.stages import Case, standing_of, what_to_do

SUBMITTED = {
    "interview_result_id": "r",
    "interview_started": True,
    "coach_status": "completed",
    "status": "active",
    "processing_status": "completed",
}


def a_row(**members: Any) -> FollowUpRow:
    given = {"position_step": "interview", "created_at": "2026-11-01T10:00:00Z"} | members
    return FollowUpRow.model_validate(given)


@pytest.mark.parametrize(
    ("members", "stage"),
    [
        pytest.param({}, Stage.NOT_STARTED, id="nothing"),
        pytest.param({"interview_started": False, "status": "active"}, Stage.NOT_STARTED, id="no"),
        pytest.param(
            {"interview_started": True, "coach_status": "started"}, Stage.STARTED, id="started"
        ),
        pytest.param({"interview_started": True}, Stage.STARTED, id="started, no coach"),
        pytest.param(SUBMITTED | {"status": "draft"}, Stage.NOT_SUBMITTED, id="draft"),
        pytest.param(SUBMITTED, Stage.SUBMITTED, id="submitted"),
        pytest.param(
            SUBMITTED | {"coach_status": "Completed, stopped early"}, Stage.SUBMITTED, id="early"
        ),
        pytest.param(
            SUBMITTED | {"processing_status": "processing"}, Stage.SUBMITTED, id="being scored"
        ),
        pytest.param(SUBMITTED | {"processing_status": "failed"}, Stage.FAILED, id="not scored"),
        pytest.param(SUBMITTED | {"coach_status": "failed"}, Stage.FAILED, id="failed"),
        pytest.param(SUBMITTED | {"coach_status": "abandoned"}, Stage.FAILED, id="abandoned"),
        pytest.param(SUBMITTED | {"coach_status": "no speech"}, Stage.FAILED, id="no speech"),
        pytest.param(SUBMITTED | {"status": "paused"}, Stage.UNCLEAR, id="odd status"),
        pytest.param(SUBMITTED | {"coach_status": "resting"}, Stage.UNCLEAR, id="odd coach"),
        pytest.param({"interview_result_id": "r"}, Stage.UNCLEAR, id="a result of nothing"),
    ],
)
def test_a_row_says_how_far_somebody_is(members: dict[str, Any], stage: Stage) -> None:
    assert standing_of([a_row(**members)]).stage is stage


@pytest.mark.parametrize(
    ("screening", "interview", "decision"),
    [
        pytest.param("ai_accept", "undecided", None, id="a recommendation"),
        pytest.param("recruiter_accept", "undecided", None, id="passed the screening"),
        pytest.param("recruiter_reject", "undecided", Decision.REJECTED, id="at the screening"),
        pytest.param("ai_accept", "selected", Decision.SELECTED, id="selected"),
        pytest.param("ai_accept", "recruiter_reject", Decision.REJECTED, id="in other words"),
        pytest.param("ai_accept", "Recruiter_Accept", Decision.SELECTED, id="in any case"),
        pytest.param("selected", None, Decision.SELECTED, id="one row alone"),
    ],
)
def test_both_vocabularies_of_decisions_are_read(
    screening: str, interview: str | None, decision: Decision | None
) -> None:
    rows = [a_row(position_step="pre-screening", decision_status=screening)]
    if interview is not None:
        rows.append(a_row(decision_status=interview))

    standing = standing_of(rows)

    assert standing.decision is decision
    assert not standing.has_odd_decision


def test_a_decision_in_unknown_words_is_for_a_person() -> None:
    assert standing_of([a_row(decision_status="maybe_later")]).has_odd_decision


def test_the_newest_attempt_tells_unless_one_was_submitted() -> None:
    first = a_row(interview_result_id="1", coach_status="failed", interview_started=True)
    later = {"created_at": "2026-11-03T10:00:00Z", "interview_result_id": "2"}
    second = a_row(**later, coach_status="started", interview_started=True)
    good = a_row(**(SUBMITTED | {"interview_result_id": "0", "score": 71}))

    assert standing_of([first, second]).stage is Stage.STARTED
    told = standing_of([second, good, first])
    assert (told.stage, told.score, told.interview_result_id) == (Stage.SUBMITTED, 71, "0")


def test_tests_count_only_where_there_is_nothing_else() -> None:
    trial = a_row(**SUBMITTED, is_test=True)

    assert standing_of([trial]).stage is Stage.SUBMITTED
    assert standing_of([trial, a_row()]).stage is Stage.NOT_STARTED


def test_members_of_other_types_cost_nobody_the_row() -> None:
    row = FollowUpRow.model_validate(
        {"score": "high", "coach_status": 7, "updated_at": "soon", "interview_started": None}
    )

    assert standing_of([row]).stage is Stage.NOT_STARTED


@pytest.mark.parametrize(
    ("case", "begins"),
    [
        ({"stage": Stage.NOT_STARTED, "since_days": 1.0}, "nothing yet"),
        ({"stage": Stage.NOT_STARTED, "since_days": 5.0}, "remind"),
        ({"stage": Stage.NOT_STARTED, "link_days": 26.0}, "renew the link"),
        ({"stage": Stage.NOT_STARTED, "has_link": False}, "decide"),
        ({"stage": Stage.STARTED}, "remind"),
        ({"stage": Stage.FAILED}, "remind"),
        ({"stage": Stage.NOT_SUBMITTED}, "ask to press submit"),
        ({"stage": Stage.SUBMITTED}, "decide"),
        ({"stage": Stage.SUBMITTED, "link_days": 90.0}, "decide"),
        ({"stage": Stage.SUBMITTED, "decision": Decision.SELECTED}, "nothing: selected"),
        ({"stage": Stage.UNCLEAR, "why": "2 enrolments fit it"}, "look in JobMojito: 2 enrolments"),
        ({"stage": Stage.STARTED, "has_odd_decision": True}, "look in JobMojito"),
    ],
)
def test_a_sentence_says_what_to_do(case: dict[str, Any], begins: str) -> None:
    given: dict[str, Any] = {
        "decision": None,
        "has_link": True,
        "link_days": 5.0,
        "since_days": 5.0,
    }

    sentence = what_to_do(Case(**(given | case)), chase_days=3, renew_days=25)

    assert sentence.startswith(begins)
