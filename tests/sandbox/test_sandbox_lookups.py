"""The neighbours: status, lists, languages and links."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobmojito_batch.contract import LANGUAGE_CODES

NOBODY = "0a6f626d-0000-4000-8000-000000000000"
OURS = "0a6f626d-0000-4000-8000-000000000001"
THEIRS = "0a6f626d-0000-4000-8000-000000000002"
Sandbox = Callable[..., AbstractAsyncContextManager[Any]]


def link_body(ids: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "interview-for-profile",
        "interview_profile_id": ids["profile_interview_id"],
        "interview_id": ids["interview_def_set_id"],
    }


async def found(api: Any, name: str = "merchant-result-list", **query: Any) -> list[dict[str, Any]]:
    """The rows of a list that answers."""
    answer = await api.get(name, **query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


async def test_status_shows_merchant_credits_and_quota(sandbox: Sandbox) -> None:
    async with sandbox(credits=10, merchant_id=OURS) as api:
        await api.create()
        status = (await api.get("merchant-status")).json()
    assert status["merchant_id"] == OURS
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
    assert row["interview_result_id"] is None  # nobody has begun an interview
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
            ({"profile_interview_id": NOBODY}, 0),
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
        body = link_body(ids)
        links = [(await api.http.post("/job-interview-token", json=body)).json() for _ in range(2)]
        root = api.sandbox.base_url.removesuffix("/functions/v1")
    assert all(link.startswith(f"{root}/interview?interview_token=") for link in links)
    assert links[0] != links[1]


@pytest.mark.parametrize(
    ("wants", "by_enrolment", "by_profile"),
    [
        ("profile_interview_id", 200, 422),
        ("profile_id", 422, 200),
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
    ("members", "name"),
    [
        ({"type": None}, "type"),
        ({"type": "interview-for-nobody"}, "type"),
        ({"interview_profile_id": None}, "interview_profile_id"),
        ({"interview_profile_id": ""}, "interview_profile_id"),
        ({"interview_profile_id": "ann"}, "interview_profile_id"),
        ({"interview_id": 7}, "interview_id"),
        ({"interview_id": NOBODY}, "interview_id"),
        ({"merchant_id": "theirs"}, "merchant_id"),
    ],
)
async def test_a_link_needs_its_members_and_a_miss_is_422(
    sandbox: Sandbox, members: dict[str, object], name: str
) -> None:
    async with sandbox() as api:
        ids = (await api.create()).json()
        answer = await api.http.post("/job-interview-token", json=link_body(ids) | members)
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


async def test_an_enrolment_may_have_a_row_for_each_step(sandbox: Sandbox) -> None:
    emails = {f"{status}@example.com": status for status in ("ai_accept", "ai_reject")}
    async with sandbox(rows_per_enrolment=2, statuses=emails) as api:
        ids = (await api.create("ai_accept@example.com")).json()
        await api.create("ai_reject@example.com")
        rows = await found(api)
        pages = [await found(api, limit=1, offset=at) for at in range(4)]
        screening = await found(api, step="pre-screening")
        of_one = await found(api, profile_interview_id=ids["profile_interview_id"])
    assert [(row["position_step"], row["decision_status"]) for row in rows] == [
        ("interview", "rejected"),
        ("pre-screening", "ai_reject"),
        ("interview", "undecided"),
        ("pre-screening", "ai_accept"),
    ]
    assert [page[0] for page in pages] == rows
    assert screening == [rows[1], rows[3]]
    assert of_one == rows[2:]
    assert len({row["id"] for row in rows}) == 4
    assert {row["profile_interview_id"] for row in of_one} == {ids["profile_interview_id"]}


async def test_one_row_may_have_a_date_that_is_none(sandbox: Sandbox) -> None:
    async with sandbox(rows_per_enrolment=2, unreadable_dates=["Ann@example.com"]) as api:
        await api.create("ann@example.com")
        await api.create("bob@example.com")
        odd = [row for row in await found(api) if row["created_at"] == "Invalid Date"]
    assert [(row["candidate_email"], row["position_step"]) for row in odd] == [
        ("ann@example.com", "pre-screening")
    ]


async def test_balances_may_have_fractions_and_be_null(sandbox: Sandbox) -> None:
    said = {
        "invitations_available": -11.4,
        "credits_interview_monthly": None,
        "credits_interview_extra": 25,
    }
    async with sandbox(merchant_status=said) as api:
        status = (await api.get("merchant-status")).json()
    assert {name: status[name] for name in said} == said


async def test_invitations_that_are_left_need_not_be_whole_or_positive(sandbox: Sandbox) -> None:
    async with sandbox(credits=0.4) as api:
        await api.create()
        some = (await api.get("merchant-status")).json()["invitations_available"]
    known = [{"email": f"{n}@example.com", "position": "Cook"} for n in range(3)]
    async with sandbox(credits=0.4, enrolments=known) as api:
        none = (await api.get("merchant-status")).json()["invitations_available"]
    assert some == pytest.approx(0.6)
    assert none == pytest.approx(-1.4)


@pytest.mark.parametrize("name", ["merchant-result-list", "merchant-candidate-list"])
async def test_filter_text_finds_names_too_but_not_over_the_border(
    sandbox: Sandbox, name: str
) -> None:
    async with sandbox() as api:
        await api.create("a1@example.com", candidate_name="Zoë Čapek")
        await api.create("b2@example.com", candidate_name="Other\nPerson")
        for text, count in (("zoë č", 1), ("ČAPEK", 1), ("r person", 1), ("comzo", 0)):
            assert len(await found(api, name, filter_text=text)) == count, text


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("merchant-result-list", {"step": "screening"}),
        ("merchant-result-list", {"tab": "leads"}),
        ("merchant-result-list", {"type": "video"}),
        ("merchant-result-list", {"order_by": "name_accending"}),
        ("merchant-result-list", {"interview_id": "cook"}),
        ("merchant-result-list", {"profile_interview_id": "7"}),
        ("merchant-result-list", {"merchant_id": "theirs"}),
        ("merchant-candidate-list", {"tab": "completed"}),
        ("merchant-candidate-list", {"source": "bought"}),
        ("merchant-candidate-list", {"order_by": "score"}),
        ("merchant-candidate-list", {"limit": 1001}),
        ("merchant-candidate-list", {"offset": "1.5"}),
        ("merchant-status", {"merchant_id": ""}),
    ],
)
async def test_values_that_a_list_does_not_know_are_422(
    sandbox: Sandbox, name: str, query: dict[str, str]
) -> None:
    async with sandbox() as api:
        answer = await api.get(name, **query)
    assert (answer.status_code, answer.json()["name"]) == (422, next(iter(query)))


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("merchant-result-list", {"stepp": "x", "tabs": "y"}, "ba"),
        ("merchant-result-list", {"order_by": "created_at_oldest"}, "ab"),
        ("merchant-result-list", {"order_by": "created_at_oldest", "offset": 1}, "b"),
        ("merchant-result-list", {"order_by": "updated_at_newest", "offset": ""}, "ba"),
        ("merchant-result-list", {"type": "coaching"}, ""),
        ("merchant-result-list", {"tab": "decided-selected"}, "a"),
        ("merchant-result-list", {"tab": "decided-rejected"}, "b"),
        ("merchant-result-list", {"tab": "completed"}, ""),
        ("merchant-result-list", {"tab": "incomplete", "step": ""}, "ba"),
        ("merchant-result-list", {"risks": "left_screen"}, ""),
        ("merchant-candidate-list", {"order_by": "created_at_oldest"}, "ab"),
        ("merchant-candidate-list", {"order_by": "name_accending"}, "ba"),
        ("merchant-candidate-list", {"order_by": "name_decending"}, "ab"),
        ("merchant-candidate-list", {"tab": "no-action", "source": "registered"}, "ba"),
        ("merchant-candidate-list", {"tab": "leads"}, ""),
        ("merchant-candidate-list", {"source": "invited"}, ""),
    ],
)
async def test_a_list_obeys_its_filters_and_its_order(
    sandbox: Sandbox, name: str, query: dict[str, Any], expected: str
) -> None:
    statuses = {"a@example.com": "ai_accept", "b@example.com": "ai_reject"}
    async with sandbox(statuses=statuses) as api:
        await api.create("a@example.com", candidate_name="Zora")
        await api.create("b@example.com", candidate_name="Adam")
        rows = await found(api, name, **query)
    assert "".join((row.get("candidate_email") or row["email"])[0] for row in rows) == expected
