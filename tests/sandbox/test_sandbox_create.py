"""The paid endpoint: who gets in, what is created, what it costs, what the answer holds."""

import asyncio
import base64
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from jobmojito_batch.contract import CREATE_PATH, REQUIRED_ALWAYS, CreateResponse

Sandbox = Callable[..., AbstractAsyncContextManager[Any]]


def jwt(expires: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2lnbmF0dXJl"


async def test_is_served_with_and_without_the_function_path(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        root = api.sandbox.base_url.removesuffix("/functions/v1")
        for url in (f"{root}/merchant-status", f"{root}/functions/v1/merchant-status"):
            assert (await api.http.get(url)).status_code == 200


async def test_every_answer_has_a_date_and_a_request_id(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"status": 502}]) as api:
        answers = [await api.create(), await api.get("merchant-status"), await api.get("nowhere")]
    assert all("date" in answer.headers for answer in answers)
    assert len({answer.headers["sb-request-id"] for answer in answers}) == 3


async def test_clock_offset_shows_in_date(sandbox: Sandbox) -> None:
    async with sandbox(clock_offset=86_400) as api:
        tomorrow = time.strftime("%d %b", time.gmtime(time.time() + 86_400))
        assert tomorrow in (await api.get("merchant-status")).headers["date"]


async def test_missing_token_is_refused_by_the_platform(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        del api.http.headers["Authorization"]
        answer = await api.create()
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHORIZED_NO_AUTH_HEADER"
    assert answer.headers["sb-error-code"] == "UNAUTHORIZED_NO_AUTH_HEADER"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer anything", 200),
        (f"Bearer {jwt(time.time() + 36_000)}", 200),
        (f"Bearer {jwt(time.time() - 60)}", 401),
        ("Bearer", 401),
        ("Basic abc", 401),
        ("Bearer not.a-jwt.really", 200),
    ],
    ids=["anything", "lives", "expired", "empty", "basic", "no-jwt"],
)
async def test_any_token_passes_unless_it_is_expired(
    sandbox: Sandbox, header: str, expected: int
) -> None:
    async with sandbox() as api:
        answer = await api.http.get("/merchant-status", headers={"Authorization": header})
    assert answer.status_code == expected


async def test_where_tokens_are_listed_no_other_passes(sandbox: Sandbox) -> None:
    async with sandbox(tokens=["good"]) as api:
        assert (await api.create()).json()["code"] == "UNAUTHORIZED_INVALID_JWT_FORMAT"
        api.http.headers["Authorization"] = "Bearer good"
        assert (await api.create()).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"max_duration": NaN}']
)
async def test_a_body_that_is_no_json_object_is_422(sandbox: Sandbox, body: bytes) -> None:
    async with sandbox() as api:
        answer = await api.http.post(f"/{CREATE_PATH}", content=body)
    assert answer.status_code == 422
    assert answer.json() == {"error": "Request body must be a JSON object."}


@pytest.mark.parametrize(
    "name", [*REQUIRED_ALWAYS, "position_name", "position_location", "mojito_language_code"]
)
async def test_a_missing_member_is_422_with_its_name(sandbox: Sandbox, name: str) -> None:
    async with sandbox() as api:
        answer = await api.create(**({name: None} if name != "candidate_email" else {name: ""}))
        assert answer.status_code == 422
        assert answer.json()["name"] == name
        assert not api.state.enrolments


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mojito_language_code", "xx"),
        ("interview_attempts", 21),
        ("interview_attempts", "3"),
        ("interview_attempts", True),
        ("max_duration", "1200"),
        ("max_followups", 1.5),
        ("max_followups", "1"),
        ("questions_random_subset", 0),
        ("is_embedded", "true"),
        ("is_embedded", 1),
        ("tags", "one,two"),
        ("tags", [1]),
        ("candidate_name", 7),
        ("candidate_external_id", 17),
        ("position_name", 5),
        ("merchant_id", 5),
        ("custom_scoring", "{}"),
        ("hiring_for_company", {"name": 7}),
        ("pdf_export_auto_config", {"analytics": None}),
        ("pdf_export_auto_config", {"analytics": "yes"}),
        ("seniority_level", "king"),
        ("candidate_resume", ""),
        ("position_country_code", ""),
    ],
)
async def test_a_wrong_value_or_type_is_422_with_its_name(
    sandbox: Sandbox, name: str, value: object
) -> None:
    async with sandbox() as api:
        answer = await api.create(**{name: value})
        assert (answer.status_code, answer.json()["name"]) == (422, name)
        assert not api.state.enrolments


async def test_every_type_that_the_contract_has_is_taken(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answer = await api.create(
            interview_attempts=3,
            max_duration=1200.5,
            max_followups=2.0,  # a whole number in JSON
            tags=["one"],
            is_embedded=False,
            hiring_for_company={"name": None},
            custom_scoring={"any": [1, None]},
            pdf_export_auto_config={"analytics": True, "unknown": None},
        )
    assert answer.status_code == 200


async def test_unknown_members_are_dropped_silently(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answer = await api.create(loaction="misspelt", hiring_for_company={"nmae": "misspelt"})
    assert answer.status_code == 200


async def test_an_unknown_position_id_is_404(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answer = await api.create(position_def_set_id=str(uuid.uuid4()))
        assert answer.status_code == 404
        assert "error" in answer.json()
        assert not api.state.enrolments


async def test_a_position_is_found_by_id_without_the_position_fields(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        known = (await api.create()).json()["position_def_set_id"]
        answer = await api.http.post(
            f"/{CREATE_PATH}",
            json={
                "candidate_name": "Bob",
                "candidate_email": "bob@example.com",
                "candidate_country_code": "SK",
                "candidate_resume": "x",
                "position_def_set_id": known,
            },
        )
        assert answer.json()["position_def_set_id"] == known
        assert len(api.state.positions) == 1


async def test_a_position_is_found_by_external_id_before_its_name(sandbox: Sandbox) -> None:
    async with sandbox(positions=[{"name": "Cook"}, {"name": "Chef", "external_id": "J-1"}]) as api:
        answer = await api.create(position_external_id="J-1")
        found = api.state.positions[answer.json()["position_def_set_id"]]
        assert found.name == "Chef"
        by_name = await api.create(position_external_id="J-2")
        assert api.state.positions[by_name.json()["position_def_set_id"]].name == "Cook"


async def test_position_names_match_exactly_as_sent(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        names = ("Cook", "Cook", "cook", "Cook ")
        answers = [
            await api.create(f"{number}@example.com", position_name=name)
            for number, name in enumerate(names)
        ]
        assert len({answer.json()["position_def_set_id"] for answer in answers}) == 3


async def test_place_country_and_language_of_a_known_position_are_ignored(
    sandbox: Sandbox,
) -> None:
    async with sandbox() as api:
        first = await api.create()
        second = await api.create(
            "bob@example.com", position_location="Wien", mojito_language_code="de"
        )
        assert first.json()["position_def_set_id"] == second.json()["position_def_set_id"]
        assert [one.language for one in api.state.positions.values()] == ["en"]


async def test_first_calls_that_overlap_create_twins(sandbox: Sandbox) -> None:
    async with sandbox(position_latency=0.1) as api:
        answers = await asyncio.gather(api.create("ann@example.com"), api.create("bob@example.com"))
        ids = {answer.json()["position_def_set_id"] for answer in answers}
        assert len(ids) == 2
        assert {position.name for position in api.state.positions.values()} == {"Cook"}
        later = await api.create("cyd@example.com")
        assert later.json()["position_def_set_id"] == next(iter(api.state.positions))


async def test_calls_one_after_the_other_create_one_position(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        await api.create("ann@example.com")
        await asyncio.gather(*(api.create(f"{number}@example.com") for number in range(5)))
        assert len(api.state.positions) == 1


async def test_opening_a_position_takes_longer(sandbox: Sandbox) -> None:
    async with sandbox(latency=0.05, position_latency=30, positions=[{"name": "Cook"}]) as api:
        assert (await api.create()).elapsed.total_seconds() >= 0.05
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.create(position_name="Chef"), 0.2)


async def test_a_repeat_is_already_applied_and_costs_nothing(sandbox: Sandbox) -> None:
    async with sandbox(credits=10) as api:
        await api.create()
        answer = await api.create()
        assert answer.status_code == 200
        assert answer.json()["status"] == "already-applied"
        assert answer.json()["reason"]
        assert api.state.credits_left == 9.75


async def test_a_repeat_that_overlaps_is_charged_once(sandbox: Sandbox) -> None:
    async with sandbox(credits=10, latency=0.05) as api:
        await api.create("bob@example.com")
        answers = await asyncio.gather(api.create(), api.create())
        statuses = [answer.json()["status"] for answer in answers]
        assert statuses.count("already-applied") == 1
        assert api.state.credits_left == 9.5


async def test_an_email_in_another_case_is_another_candidate(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        for email in ("ann@example.com", "Ann@example.com", " ann@example.com"):
            assert (await api.create(email)).json()["status"] != "already-applied"


async def test_the_same_candidate_on_another_position_is_new(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        await api.create()
        answer = await api.create(position_name="Chef")
        assert answer.json()["status"] != "already-applied"


async def test_each_new_candidate_costs_a_quarter_credit(sandbox: Sandbox) -> None:
    async with sandbox(credits=0.5) as api:
        statuses = [(await api.create(f"{n}@example.com")).status_code for n in range(3)]
        assert statuses == [200, 200, 402]
        assert len(api.state.enrolments) == 2


async def test_without_credits_the_text_says_so_and_the_scenario_says_the_status(
    sandbox: Sandbox,
) -> None:
    async with sandbox(credits=0) as api:
        answer = await api.create()
        assert answer.status_code == 402
        assert "credit" in answer.json()["error"].lower()
    async with sandbox(credits=0, credits_status=500, credits_message="No credits") as api:
        answer = await api.create()
        assert (answer.status_code, answer.json()) == (500, {"error": "No credits"})


async def test_the_same_seed_gives_the_same_answers(sandbox: Sandbox) -> None:
    seen = []
    for seed in (1, 1, 2):
        async with sandbox(seed=seed) as api:
            answers = [(await api.create(f"{n}@example.com")).json() for n in range(8)]
            for answer in answers:
                answer["interview_url"] = None  # has the port in it
            seen.append(answers)
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


async def test_decisions_are_mixed_and_most_are_accepted(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answers = await asyncio.gather(*(api.create(f"{n}@example.com") for n in range(60)))
    statuses = Counter(answer.json()["status"] for answer in answers)
    assert set(statuses) == {"ai_accept", "recruiter_action", "ai_reject"}
    assert statuses["ai_accept"] > 30


async def test_weights_and_single_statuses_can_be_set(sandbox: Sandbox) -> None:
    async with sandbox(
        decisions={"recruiter_accept": 1}, statuses={"odd@example.com": "brand_new_status"}
    ) as api:
        assert (await api.create()).json()["status"] == "recruiter_accept"
        assert (await api.create("odd@example.com")).json()["status"] == "brand_new_status"


@pytest.mark.parametrize(
    ("status", "has_link", "has_reason"),
    [
        ("ai_accept", True, False),
        ("recruiter_accept", True, False),
        ("recruiter_action", False, False),
        ("ai_reject", False, True),
        ("recruiter_reject", False, True),
    ],
)
async def test_members_depend_on_the_branch(
    sandbox: Sandbox, status: str, has_link: bool, has_reason: bool
) -> None:
    async with sandbox(decisions={status: 1}) as api:
        members = (await api.create()).json()
        answer = CreateResponse.model_validate(members)
        root = api.sandbox.base_url.removesuffix("/functions/v1")
    assert "interview_url" in members  # the contract requires it, whatever the branch
    assert bool(answer.interview_url) is has_link
    assert bool(answer.reason) is has_reason
    assert (answer.interview_url or f"{root}/interview?").startswith(f"{root}/interview?")
    assert uuid.UUID(answer.profile_interview_id or "")
    assert uuid.UUID(answer.position_def_set_id or "")
    assert answer.embed_id is None


async def test_embedding_adds_its_two_members(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answer = (await api.create(is_embedded=True)).json()
    assert answer["embed_id"]
    assert answer["embed_signing_key"]


async def test_a_link_opens_a_page_and_the_log_tells(sandbox: Sandbox) -> None:
    async with sandbox(decisions={"ai_accept": 1}) as api:
        link = (await api.create()).json()["interview_url"]
        assert "interview" in (await api.http.get(link)).text
        assert api.log[-1].endpoint == "interview"


async def test_work_goes_on_after_the_client_has_hung_up(sandbox: Sandbox, soon: Any) -> None:
    async with sandbox(latency=0.2) as api:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.create(), 0.05)
        assert not api.state.enrolments
        await soon(lambda: bool(api.events("hung_up")))
        assert len(api.state.enrolments) == 1
        assert (await api.create()).json()["status"] == "already-applied"


async def test_beyond_the_rate_limit_is_429_with_retry_after(sandbox: Sandbox) -> None:
    async with sandbox(requests_per_second=2) as api:
        answers = [await api.create(f"{n}@example.com") for n in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"] == "1"
        assert len(api.state.enrolments) == 2


async def test_more_at_once_than_allowed_is_546(sandbox: Sandbox) -> None:
    async with sandbox(latency=0.1, max_in_flight=2) as api:
        answers = await asyncio.gather(*(api.create(f"{n}@example.com") for n in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 546]
        assert (await api.create("later@example.com")).status_code == 200


async def test_a_body_beyond_the_limit_is_413(sandbox: Sandbox) -> None:
    async with sandbox(max_body_bytes=1000) as api:
        assert (await api.create(candidate_resume="x" * 1000)).status_code == 413
        assert (await api.create()).status_code == 200


async def test_jitter_is_the_same_for_the_same_seed_and_stays_within_its_share() -> None:
    from jobmojito_batch.sandbox.seeded_random import Chance  # noqa: PLC0415

    shares = [Chance(3).share("latency", call) for call in range(200)]
    assert shares == [Chance(3).share("latency", call) for call in range(200)]
    assert 0.4 < sum(shares) / 200 < 0.6
    assert all(0 <= share < 1 for share in shares)


async def test_a_wrong_method_is_405_and_an_unknown_function_404(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        assert (await api.get(CREATE_PATH)).status_code == 405
        assert (await api.get("no-such-function")).json()["code"] == "NOT_FOUND"
