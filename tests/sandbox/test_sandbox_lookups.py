"""The neighbours: status, lists, languages and links."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobmojito_batch.contract import LANGUAGE_CODES

Sandbox = Callable[..., AbstractAsyncContextManager[Any]]


async def test_status_shows_merchant_credits_and_quota(sandbox: Sandbox) -> None:
    async with sandbox(credits=10, merchant_id="m-1") as api:
        await api.create()
        status = (await api.get("merchant-status")).json()
    assert status["merchant_id"] == "m-1"
    assert status["credits_interview_monthly"] == 9.75
    assert status["credits_interview_monthly_limit"] == 10
    assert status["invitations_sent"] == 1
    assert status["invitations_limit"] == 40
    assert status["invitations_available"] == 39


async def test_results_tell_who_was_enrolled_where_and_when(sandbox: Sandbox) -> None:
    async with sandbox(statuses={"ann@example.com": "ai_reject"}) as api:
        answer = (await api.create()).json()
        row = (await api.get("merchant-result-list")).json()["data"][0]
    assert row["candidate_email"] == "ann@example.com"
    assert row["position_name"] == "Cook"
    assert row["decision_status"] == "rejected"
    assert row["profile_interview_id"] == answer["profile_interview_id"]
    assert row["definition_id"] == answer["interview_def_set_id"]
    assert row["profile_id"]
    assert row["interview_result_id"]
    assert "position_def_set_id" not in row
    age = datetime.now(UTC) - datetime.fromisoformat(row["created_at"])
    assert abs(age) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        ("ai_accept", "selected"),
        ("recruiter_accept", "selected"),
        ("recruiter_action", "undecided"),
        ("recruiter_reject", "rejected"),
        ("brand_new", "undecided"),
    ],
)
async def test_decision_follows_from_the_status(
    sandbox: Sandbox, status: str, decision: str
) -> None:
    async with sandbox(statuses={"ann@example.com": status}) as api:
        await api.create()
        row = (await api.get("merchant-result-list")).json()["data"][0]
    assert row["decision_status"] == decision


async def test_candidates_are_enrolments(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        answer = (await api.create(candidate_external_id="A-7")).json()
        row = (await api.get("merchant-candidate-list")).json()["data"][0]
    assert row["id"] == answer["profile_interview_id"]
    assert (row["name"], row["email"]) == ("Ann Example", "ann@example.com")
    assert (row["external_id"], row["status"]) == ("A-7", "active")
    assert row["pre_screening_count"] == 1
    assert row["profile_id"]


@pytest.mark.parametrize("name", ["merchant-result-list", "merchant-candidate-list"])
async def test_filter_text_is_a_part_of_the_email_in_any_case(sandbox: Sandbox, name: str) -> None:
    emails = ("ann@example.com", "joANN@example.com", "bob@example.com")
    async with sandbox() as api:
        for email in emails:
            await api.create(email)
        found = (await api.get(name, filter_text="Ann@Example")).json()
        nobody = (await api.get(name, filter_text="cyd@")).json()
    seen = {row.get("candidate_email") or row.get("email") for row in found["data"]}
    assert seen == {"ann@example.com", "joANN@example.com"}
    assert found["pagination"]["total"] == 2
    assert nobody["data"] == []


async def test_a_search_does_not_reach_over_two_emails(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        for email in ("a@x.com", "b@x.com"):
            await api.create(email)
        for text in ("m\nb", "comb"):
            found = (await api.get("merchant-result-list", filter_text=text)).json()
            assert found["pagination"]["total"] == 0
        both = (await api.get("merchant-result-list", filter_text="x.com")).json()
        assert both["pagination"]["total"] == 2


async def test_lists_come_in_pages_newest_first(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        for number in range(5):
            await api.create(f"{number}@example.com")
        first = (await api.get("merchant-candidate-list", limit=2)).json()
        last = (await api.get("merchant-candidate-list", limit=2, offset=4)).json()
    assert [row["email"][0] for row in first["data"]] == ["4", "3"]
    assert first["pagination"] == {"total": 5, "limit": 2, "offset": 0, "has_more": True}
    assert [row["email"][0] for row in last["data"]] == ["0"]
    assert last["pagination"]["has_more"] is False


async def test_a_page_has_fifty_rows_unless_asked(sandbox: Sandbox) -> None:
    known = [{"email": f"{n}@example.com", "position": "Cook"} for n in range(60)]
    async with sandbox(enrolments=known) as api:
        page = (await api.get("merchant-result-list")).json()
        whole = (await api.get("merchant-result-list", limit=1000)).json()
    assert (len(page["data"]), page["pagination"]["limit"]) == (50, 50)
    assert len(whole["data"]) == 60


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"offset": -1}])
async def test_limits_out_of_bounds_are_422(sandbox: Sandbox, query: dict[str, Any]) -> None:
    async with sandbox() as api:
        answer = await api.get("merchant-result-list", **query)
    assert (answer.status_code, answer.json()["name"]) == (422, next(iter(query)))


async def test_results_can_be_filtered_by_ids_and_step(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        cook = (await api.create()).json()
        await api.create(position_name="Chef")
        for query, total in (
            ({"interview_id": cook["interview_def_set_id"]}, 1),
            ({"interview_id": cook["position_def_set_id"], "filter_text": "ann"}, 1),
            ({"profile_interview_id": cook["profile_interview_id"]}, 1),
            ({"profile_interview_id": cook["profile_interview_id"], "filter_text": "bob"}, 0),
            ({"profile_interview_id": "nobody"}, 0),
            ({"step": "pre-screening"}, 2),
            ({"step": "interview"}, 0),
        ):
            found = (await api.get("merchant-result-list", **query)).json()
            assert found["pagination"]["total"] == total, query


async def test_what_was_enrolled_before_is_found_and_already_applied(sandbox: Sandbox) -> None:
    known = {"email": "ann@example.com", "position": "Cook", "status": "ai_reject", "hours_ago": 48}
    async with sandbox(enrolments=[known]) as api:
        assert (await api.create()).json()["status"] == "already-applied"
        row = (await api.get("merchant-result-list")).json()["data"][0]
    age = datetime.now(UTC) - datetime.fromisoformat(row["created_at"])
    assert age > timedelta(hours=47)
    assert row["decision_status"] == "rejected"


async def test_created_at_follows_the_servers_clock(sandbox: Sandbox) -> None:
    async with sandbox(clock_offset=3600) as api:
        await api.create()
        row = (await api.get("merchant-result-list")).json()["data"][0]
    ahead = datetime.fromisoformat(row["created_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


async def test_a_link_is_minted_as_a_bare_string(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        ids = (await api.create()).json()
        body = {
            "type": "interview-for-profile",
            "interview_profile_id": ids["profile_interview_id"],
            "interview_id": ids["interview_def_set_id"],
        }
        links = [(await api.http.post("/job-interview-token", json=body)).json() for _ in range(2)]
        root = api.sandbox.base_url.removesuffix("/functions/v1")
    assert all(link.startswith(f"{root}/interview?interview_token=") for link in links)
    assert links[0] != links[1]


@pytest.mark.parametrize(
    ("wants", "by_enrolment", "by_profile"),
    [
        ("profile_interview_id", 200, 404),
        ("profile_id", 404, 200),
        ("either", 200, 200),
    ],
)
async def test_which_profile_id_a_link_wants_is_the_scenarios_choice(
    sandbox: Sandbox, wants: str, by_enrolment: int, by_profile: int
) -> None:
    async with sandbox(token_wants=wants) as api:
        ids = (await api.create()).json()
        row = (await api.get("merchant-result-list")).json()["data"][0]
        for profile, expected in (
            (ids["profile_interview_id"], by_enrolment),
            (row["profile_id"], by_profile),
        ):
            body = {
                "type": "interview-for-profile",
                "interview_profile_id": profile,
                "interview_id": ids["position_def_set_id"],
            }
            answer = await api.http.post("/job-interview-token", json=body)
            assert answer.status_code == expected


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "type"),
        ({"type": "interview-for-profile"}, "interview_profile_id"),
        ({"type": "interview-for-profile", "interview_profile_id": "x"}, "interview_id"),
    ],
)
async def test_a_link_needs_its_members(sandbox: Sandbox, body: dict[str, str], name: str) -> None:
    async with sandbox() as api:
        answer = await api.http.post("/job-interview-token", json=body)
    assert (answer.status_code, answer.json()["name"]) == (422, name)


async def test_languages_are_the_platforms_codes_by_english_name(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        languages = (await api.get("platform-languages-list")).json()["languages"]
    assert {row["code"] for row in languages} == set(LANGUAGE_CODES)
    names = {row["code"]: row["name_english"] for row in languages}
    assert names["br"] == "Portuguese (Brazil)"
    assert list(names.values()) == sorted(names.values())
    assert all(row["name_local"] for row in languages)


async def test_lookups_can_be_slow(sandbox: Sandbox) -> None:
    async with sandbox(lookup_latency=0.1) as api:
        assert (await api.get("merchant-status")).elapsed.total_seconds() >= 0.1
