"""The contract: 42 members with their bounds, strict outwards, tolerant inwards."""

import pytest
from pydantic import ValidationError

from jobmojito_batch.contract import (
    BY_ID_OMITS,
    LANGUAGE_CODES,
    CreateRequest,
    CreateResponse,
    ErrorBody,
    MerchantStatus,
    PlatformErrorBody,
)

NEEDED = {
    "candidate_name": "Ann",
    "candidate_email": "a@example.com",
    "candidate_country_code": "SK",
    "candidate_resume": "text",
}


def test_the_request_has_42_members_and_34_languages() -> None:
    assert len(CreateRequest.model_fields) == 42
    assert len(LANGUAGE_CODES) == len(set(LANGUAGE_CODES)) == 34


def test_only_members_with_a_value_are_sent() -> None:
    body = CreateRequest.model_validate(NEEDED).body()

    assert b"position_name" not in body
    assert b"null" not in body


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({"candidate_nmae": "x"}, id="misspelt"),
        pytest.param({"description": "x"}, id="old-name"),
        pytest.param({"interview_attempts": 0}, id="attempts-below"),
        pytest.param({"interview_attempts": 21}, id="attempts-above"),
        pytest.param({"max_followups": 1000}, id="followups-above"),
        pytest.param({"max_followups": -1}, id="followups-below"),
        pytest.param({"questions_random_subset": 0.91}, id="subset-above"),
        pytest.param({"questions_random_subset": 0.0}, id="subset-below"),
        pytest.param({"mojito_language_code": "en-US"}, id="language"),
        pytest.param({"seniority_level": "junior"}, id="seniority"),
        pytest.param({"candidate_resume": ""}, id="empty-resume"),
        pytest.param({"hiring_for_company": {"nmae": "x"}}, id="nested-misspelt"),
        pytest.param({"pdf_export_auto_config": {"template": "fancy"}}, id="nested-choice"),
    ],
)
def test_what_the_platform_would_drop_or_refuse_does_not_leave(member: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        CreateRequest.model_validate(NEEDED | member)

    assert "a@example.com" not in str(caught.value)


def test_a_response_needs_a_status_and_nothing_else() -> None:
    answer = CreateResponse.model_validate(
        {
            "status": "brand_new",
            "interview_url": None,
            "position_def_set_id": None,
            "extra": {"a": 1},
        }
    )

    assert answer.status == "brand_new"
    assert answer.model_extra == {"extra": {"a": 1}}
    for bad in ({}, {"status": None}, {"status": ""}, {"status": 7}):
        with pytest.raises(ValidationError):
            CreateResponse.model_validate(bad)


def test_both_error_bodies_are_read() -> None:
    assert ErrorBody.model_validate({"error": "no", "name": "candidate_name"}).name
    assert PlatformErrorBody.model_validate({"code": 546, "message": None}).code == 546


def test_by_id_nothing_is_sent_that_only_creates_a_position() -> None:
    assert set(BY_ID_OMITS) <= set(CreateRequest.model_fields)
    assert "position_def_set_id" not in BY_ID_OMITS


@pytest.mark.parametrize(
    ("members", "credits_left", "invitations"),
    [
        ({"credits_interview_monthly": 6.25, "invitations_available": 6.6}, 6.25, 6.6),
        ({"credits_interview_monthly": 2, "invitations_available": -11.4}, 2, -11.4),
        ({"credits_interview_monthly": None, "credits_interview_extra": 25}, 25, None),
        ({"credits_interview_monthly": 1, "credits_interview_extra": 0.5}, 1.5, None),
        ({"credits_interview_single": 4, "subscription_type": None}, None, None),
        ({"credits_interview_monthly": {}, "invitations_available": "many"}, None, None),
    ],
)
def test_balances_have_fractions_and_may_be_null(
    members: dict[str, object], credits_left: float | None, invitations: float | None
) -> None:
    status = MerchantStatus.model_validate({"merchant_id": "m", **members})

    assert (status.credits_left, status.invitations_available) == (credits_left, invitations)
