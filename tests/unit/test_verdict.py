"""The retry table: what each answer proves (spec section 1, API reference section 4.3)."""

import pytest

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.contract import CreateResponse, ErrorBody, OtherBody, PlatformErrorBody
from jobmojito_batch.verdict import (
    Action,
    Answer,
    Silence,
    is_safe_link,
    judge,
    may_mean_no_credits,
)

LINK = "https://interviews.example.com/?interview_token=t"


def said(status: str, *, link: str | None = LINK, reason: str | None = None) -> Answer:
    body = CreateResponse(status=status, interview_url=link, reason=reason)
    return Answer(http_status=200, body=body)


def enrolled(status: str, *, reason: str) -> Answer:
    body = CreateResponse(status=status, profile_interview_id="e-1", reason=reason)
    return Answer(http_status=200, body=body)


def refused(status: int, text: str = "no", name: str | None = None) -> Answer:
    return Answer(http_status=status, body=ErrorBody(error=text, name=name))


def platform(status: int, code: str, message: str = "") -> Answer:
    body = PlatformErrorBody(code=code, message=message)
    return Answer(http_status=status, body=body, platform_code=code)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(said("ai_accept"), Outcome.INVITED, id="accepted-by-ai"),
        pytest.param(said("recruiter_accept"), Outcome.INVITED, id="accepted-by-recruiter"),
        pytest.param(said("ai_accept", link=None), Outcome.REVIEW, id="accepted-without-link"),
        pytest.param(said("ai_accept", link="javascript:x"), Outcome.REVIEW, id="odd-link"),
        pytest.param(said("recruiter_action"), Outcome.REVIEW, id="a-person-decides"),
        pytest.param(said("ai_reject"), Outcome.REJECTED, id="rejected-by-ai"),
        pytest.param(said("recruiter_reject"), Outcome.REJECTED, id="rejected-by-recruiter"),
        pytest.param(said("already-applied"), Outcome.ALREADY_APPLIED, id="already-applied"),
        pytest.param(said("new_in_2027"), Outcome.REVIEW, id="unknown-status"),
        pytest.param(
            said("ai_reject", reason="insufficient credit risk experience"),
            Outcome.REJECTED,
            id="a-reason-about-the-candidate-is-not-about-credits",
        ),
        pytest.param(
            said("ai_reject", link=None, reason="no experience in credit risk analysis"),
            Outcome.REJECTED,
            id="nor-without-a-link",
        ),
        pytest.param(
            said("ai_accept", reason="Credits left: 0. Please top up your account."),
            Outcome.INVITED,
            id="a-link-is-a-decision",
        ),
        pytest.param(
            said("new_in_2027", reason="Not enough credits"),
            Outcome.REVIEW,
            id="under-a-new-status-too",
        ),
        pytest.param(
            enrolled("ai_reject", reason="Not enough credits."),
            Outcome.REJECTED,
            id="an-enrolment-is-a-decision",
        ),
    ],
)
def test_an_answer_with_a_status_settles_the_row(answer: Answer, outcome: Outcome) -> None:
    verdict = judge(answer)

    assert (verdict.action, verdict.outcome) == (Action.SETTLE, outcome)


NOT_RUN = [
    pytest.param(Answer(silence=Silence.NOT_DELIVERED), ErrorCode.UNREACHABLE, id="no-connection"),
    pytest.param(Answer(http_status=429), ErrorCode.RATE_LIMITED, id="429"),
    pytest.param(refused(429, "slow down"), ErrorCode.RATE_LIMITED, id="429-with-text"),
    pytest.param(platform(503, "BOOT_ERROR"), ErrorCode.SERVER_ERROR, id="503-boot-error"),
]


@pytest.mark.parametrize(("answer", "code"), NOT_RUN)
def test_only_what_provably_did_not_run_is_tried_again(answer: Answer, code: ErrorCode) -> None:
    verdict = judge(answer)

    assert (verdict.action, verdict.code, verdict.is_free) == (Action.RETRY, code, True)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(Answer(silence=Silence.NO_ANSWER), ErrorCode.NO_ANSWER, id="time-out"),
        pytest.param(
            Answer(silence=Silence.CONNECTION_LOST), ErrorCode.CONNECTION_LOST, id="broken"
        ),
        pytest.param(Answer(http_status=200), ErrorCode.UNREADABLE_ANSWER, id="unreadable-200"),
        pytest.param(Answer(http_status=202), ErrorCode.UNREADABLE_ANSWER, id="empty-202"),
        pytest.param(Answer(http_status=302), ErrorCode.UNREADABLE_ANSWER, id="redirect"),
        pytest.param(refused(409), ErrorCode.CONFLICT, id="conflict"),
        pytest.param(Answer(http_status=408), ErrorCode.NO_ANSWER, id="gave-up-on-the-way"),
        *(
            pytest.param(Answer(http_status=status), ErrorCode.SERVER_ERROR, id=str(status))
            for status in (500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 544)
        ),
        pytest.param(platform(546, "WORKER_LIMIT"), ErrorCode.SERVER_ERROR, id="546"),
        pytest.param(platform(500, "WORKER_ERROR"), ErrorCode.SERVER_ERROR, id="worker-error"),
        pytest.param(platform(500, "BOOT_ERROR"), ErrorCode.SERVER_ERROR, id="boot-but-not-503"),
    ],
)
def test_everything_that_may_have_run_is_unknown(answer: Answer, code: ErrorCode) -> None:
    verdict = judge(answer)

    assert (verdict.action, verdict.outcome) == (Action.UNKNOWN, Outcome.UNKNOWN)
    assert verdict.code == code
    assert not verdict.is_free


@pytest.mark.parametrize(
    ("answer", "code", "whole_position"),
    [
        pytest.param(refused(422, "bad", "candidate_name"), "refused", False, id="422-own-fault"),
        pytest.param(refused(422, "bad"), "refused", False, id="422-without-field"),
        pytest.param(refused(422, "bad", "position_name"), "refused", True, id="422-position"),
        pytest.param(refused(422, "x", "mojito_language_code"), "refused", True, id="422-lang"),
        pytest.param(refused(422, "x", "interview_template_id"), "refused", True, id="422-templ"),
        pytest.param(refused(422, "x", "merchant_id"), "refused", True, id="422-merchant"),
        pytest.param(refused(404), "not_found", True, id="404"),
        pytest.param(refused(413), "too_large", False, id="413"),
        pytest.param(Answer(http_status=400), "refused", False, id="400-without-body"),
    ],
)
def test_a_refusal_fails_the_row_or_its_position(
    answer: Answer, code: str, *, whole_position: bool
) -> None:
    verdict = judge(answer)

    assert (verdict.action, verdict.code) == (Action.FAIL, code)
    assert verdict.whole_position is whole_position
    assert verdict.is_free


@pytest.mark.parametrize(
    ("answer", "code", "row"),
    [
        pytest.param(refused(402), "insufficient_credits", None, id="402"),
        pytest.param(Answer(http_status=403), "forbidden", None, id="403"),
        pytest.param(Answer(http_status=540), "service_paused", None, id="540"),
        pytest.param(
            refused(422, "Not enough credits"), "insufficient_credits", None, id="credits-422"
        ),
        pytest.param(
            refused(409, "You have run out of credits"), "insufficient_credits", None, id="409"
        ),
        pytest.param(
            refused(500, "Credit balance exhausted"),
            "insufficient_credits",
            Outcome.UNKNOWN,
            id="credits-500-may-have-run",
        ),
        pytest.param(
            said("error", link=None, reason="Insufficient credits"),
            "insufficient_credits",
            None,
            id="credits-in-a-200",
        ),
        *(
            pytest.param(
                said(status, link=link, reason="Not enough credits. Please top up your account."),
                "insufficient_credits",
                None,
                id=f"credits-under-{status}",
            )
            for status, link in (("ai_reject", ""), ("recruiter_action", None), ("ai_accept", None))
        ),
        pytest.param(
            refused(200, "Insufficient credits"), "insufficient_credits", None, id="error-in-a-200"
        ),
        *(
            pytest.param(
                Answer(http_status=status, body=OtherBody.model_validate(members)),
                "insufficient_credits",
                None,
                id=f"{status}-{next(iter(members))}",
            )
            for status, members in (
                (200, {"message": "You are out of credits."}),
                (200, {"error": {"message": "No credits left"}}),
                (200, {"detail": "Insufficient credits to create this interview"}),
                (400, {"detail": "Insufficient credits"}),
            )
        ),
    ],
)
def test_what_the_next_row_would_meet_too_stops_the_run(
    answer: Answer, code: str, row: Outcome | None
) -> None:
    verdict = judge(answer)

    assert (verdict.action, verdict.code, verdict.outcome) == (Action.STOP, code, row)


@pytest.mark.parametrize(
    "text",
    [
        "Insufficient credits",
        "You have no credits left",
        "no credits",
        "Not enough credits.",
        "Out of credits",
        "Your credit balance is exhausted",
        "Your credits have run out",
        "Monthly credit limit reached",
        "0 remaining: please buy more credits",
        "credits required",
        "You do not have enough credits to invite this candidate",
        "insufficient_credits",
    ],
)
def test_texts_that_say_the_credits_are_out(text: str) -> None:
    assert judge(refused(422, text)).code is ErrorCode.INSUFFICIENT_CREDITS


@pytest.mark.parametrize("text", ["Invalid field", "position 'Credit Analyst' is invalid"])
def test_texts_that_say_something_else(text: str) -> None:
    assert judge(refused(422, text)).code is ErrorCode.REFUSED


UNMISTAKABLE = [
    "Insufficient credits",
    "Insufficient credit.",
    "insufficient_credits",
    "You do not have enough credits",
    "Not enough credits. Please top up your account.",
    "You do not have enough credits, please top up your balance",
    "You have no interview credits left",
    "Your account is out of credits!",
    "You ran out of credits (0 left)",
    "0 credits remaining on the account",
    "Your credit balance is too low",
    "Monthly credit limit has been reached",
    "Credits exhausted",
    "The candidate could not be screened: not enough credits",
]
ABOUT_SOMEBODY = [
    "no experience in credit risk analysis",
    "Insufficient credit risk experience",
    "Lacks credit control skills; not enough exposure to credit",
    "no credit analyst background",
    "The candidate has not enough credits for the exam",
    "Not enough academic credits.",
    "Has not worked where a customer's credit limit is exceeded",
    "No experience with bank loans; credit limit reached was not understood",
    "The resume does not match the requirements of the position.",
]


@pytest.mark.parametrize("reason", UNMISTAKABLE)
def test_a_reason_beside_a_decision_that_means_only_the_account_stops_the_run(reason: str) -> None:
    answer = said("ai_reject", link="", reason=reason)

    assert judge(answer).code is ErrorCode.INSUFFICIENT_CREDITS


@pytest.mark.parametrize("reason", ABOUT_SOMEBODY)
def test_a_reason_about_a_candidates_credits_stays_a_decision(reason: str) -> None:
    """Not even the account is asked: whom an empty one rejects is rejected."""
    answer = said("ai_reject", link="", reason=reason)

    assert judge(answer).outcome is Outcome.REJECTED
    assert not may_mean_no_credits(answer)


def test_a_reason_that_may_mean_either_is_the_accounts_to_tell() -> None:
    answer = said("ai_reject", link="", reason="The applicant has insufficient credits")

    assert judge(answer).outcome is Outcome.REJECTED
    assert may_mean_no_credits(answer)


def test_a_refused_token_asks_for_a_fresh_one() -> None:
    verdict = judge(platform(401, "UNAUTHORIZED"))

    assert (verdict.action, verdict.is_free) == (Action.RENEW_TOKEN, True)


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        pytest.param(said("ai_accept"), False, id="answered"),
        pytest.param(refused(422), False, id="refused"),
        pytest.param(Answer(http_status=429), False, id="429"),
        pytest.param(Answer(http_status=500), True, id="500"),
        pytest.param(Answer(silence=Silence.NOT_DELIVERED), True, id="no-connection"),
        pytest.param(Answer(silence=Silence.NO_ANSWER), True, id="no-answer"),
    ],
)
def test_the_breaker_counts_calls_without_a_trustworthy_answer(
    answer: Answer, *, counts: bool
) -> None:
    assert judge(answer).is_trustworthy is not counts


@pytest.mark.parametrize(
    ("link", "is_safe"),
    [
        ("https://a.example/x", True),
        ("http://127.0.0.1:8700/x", True),
        ("http://a.example/x", False),
        ("javascript:alert(1)", False),
        ("=HYPERLINK(1)", False),
        ("https://a.example/ x", False),
        ("https://[bad", False),
        ("", False),
        (None, False),
    ],
)
def test_only_https_links_are_handed_on(link: str | None, *, is_safe: bool) -> None:
    assert is_safe_link(link) is is_safe


def test_no_repr_shows_what_an_answer_said() -> None:
    answer = said("ai_accept", reason="because of Ann")

    assert "interview_token" not in repr(answer)
    assert "Ann" not in repr(answer)
