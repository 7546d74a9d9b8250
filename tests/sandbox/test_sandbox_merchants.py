"""Whose data it is: nothing of one merchant is seen, found or paid by another."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from jobmojito_batch.sandbox import creates_per_invitation

OURS = "0a6f626d-0000-4000-8000-000000000001"
THEIRS = "0a6f626d-0000-4000-8000-000000000002"
NOBODYS = "0a6f626d-0000-4000-8000-000000000003"
Sandbox = Callable[..., AbstractAsyncContextManager[Any]]
LISTS = ("merchant-result-list", "merchant-candidate-list")


def link_body(ids: dict[str, Any], **members: str) -> dict[str, Any]:
    return {
        "type": "interview-for-profile",
        "interview_profile_id": ids["profile_interview_id"],
        "interview_id": ids["interview_def_set_id"],
    } | members


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_shows_one_merchant(sandbox: Sandbox, name: str) -> None:
    async with sandbox(merchant_id=OURS) as api:
        await api.create("ann@example.com")
        theirs = (await api.create("bob@example.com", merchant_id=THEIRS)).json()
        for query, expected in (
            ({}, ["ann@example.com"]),
            ({"merchant_id": OURS.upper()}, ["ann@example.com"]),
            ({"merchant_id": THEIRS}, ["bob@example.com"]),
            ({"filter_text": "bob"}, []),
            ({"filter_text": "bob", "merchant_id": THEIRS}, ["bob@example.com"]),
        ):
            rows = (await api.get(name, **query)).json()["data"]
            assert [row.get("candidate_email") or row["email"] for row in rows] == expected, query
            assert {row["merchant_id"] for row in rows} <= {query.get("merchant_id", OURS).lower()}
        query = {"profile_interview_id": theirs["profile_interview_id"]}
        assert (await api.get(LISTS[0], **query)).json()["data"] == []


async def test_the_same_position_and_person_are_others_there(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        ours = (await api.create()).json()
        theirs = (await api.create(merchant_id=THEIRS)).json()
        again = (await api.create(merchant_id=THEIRS)).json()
        profiles = {one.profile_id for one in api.state.enrolments}
        counts = creates_per_invitation(api.log)
    assert theirs["status"] != "already-applied"
    assert again["status"] == "already-applied"
    for name in ("position_def_set_id", "interview_def_set_id", "profile_interview_id"):
        assert ours[name] != theirs[name]
    assert len(profiles) == 2
    assert counts == {
        ("ann@example.com", "Cook"): 1,
        ("ann@example.com", f"Cook @ {THEIRS}"): 2,
    }


async def test_a_position_of_another_merchant_is_404(sandbox: Sandbox) -> None:
    async with sandbox() as api:
        theirs = (await api.create(merchant_id=THEIRS)).json()["position_def_set_id"]
        assert (await api.create(position_def_set_id=theirs)).status_code == 404
        there = await api.create("b@x.com", position_def_set_id=theirs, merchant_id=THEIRS)
        assert there.json()["position_def_set_id"] == theirs


async def test_a_link_is_had_in_the_name_of_its_merchant_alone(sandbox: Sandbox) -> None:
    async with sandbox(token_wants="either") as api:
        ids = (await api.create(merchant_id=THEIRS)).json()
        profile = api.state.enrolments[0].profile_id
        for body, expected in (
            (link_body(ids), 422),
            (link_body(ids, merchant_id=NOBODYS), 422),
            (link_body(ids, interview_profile_id=profile), 422),
            (link_body(ids, merchant_id=THEIRS), 200),
            (link_body(ids, interview_profile_id=profile, merchant_id=THEIRS), 200),
        ):
            answer = await api.http.post("/job-interview-token", json=body)
            assert answer.status_code == expected, body


async def test_each_merchant_has_its_own_balance(sandbox: Sandbox) -> None:
    async with sandbox(credits=0.25, merchant_id=OURS) as api:
        assert (await api.create(merchant_id=THEIRS)).status_code == 200
        assert (await api.create("bob@example.com", merchant_id=THEIRS)).status_code == 402
        ours = (await api.get("merchant-status")).json()
        theirs = (await api.get("merchant-status", merchant_id=THEIRS)).json()
        assert api.state.credits_left == 0.25
    assert (ours["merchant_id"], ours["credits_interview_monthly"], ours["candidates"]) == (
        OURS,
        0.25,
        0,
    )
    assert (theirs["merchant_id"], theirs["credits_interview_monthly"]) == (THEIRS, 0)
    assert theirs["default_merchant_id"] == OURS
    assert theirs["invitations_sent"] == 1


async def test_a_merchant_that_is_not_listed_is_forbidden(sandbox: Sandbox) -> None:
    async with sandbox(merchants=[THEIRS]) as api:
        ids = (await api.create(merchant_id=THEIRS)).json()
        for name in (*LISTS, "merchant-status"):
            assert (await api.get(name, merchant_id=THEIRS)).status_code == 200
            answer = await api.get(name, merchant_id=NOBODYS)
            assert answer.status_code == 403
            assert "error" in answer.json()
        minted = await api.http.post(
            "/job-interview-token", json=link_body(ids, merchant_id=NOBODYS)
        )
        assert minted.status_code == 403


async def test_a_create_for_a_merchant_that_is_not_listed_is_422(sandbox: Sandbox) -> None:
    """The contract has no 403 there: a merchant that cannot be resolved is a wrong field."""
    async with sandbox(merchants=[THEIRS]) as api:
        for merchant in (NOBODYS, "theirs"):
            answer = await api.create(merchant_id=merchant)
            assert (answer.status_code, answer.json()["name"]) == (422, "merchant_id")
        assert not api.state.enrolments


async def test_an_ordinary_token_enrols_with_its_own_merchant_whatever_is_asked(
    sandbox: Sandbox,
) -> None:
    async with sandbox(merchant_id=OURS, merchants=[]) as api:
        assert (await api.create(merchant_id=THEIRS)).status_code == 200
        assert [one.position.merchant_id for one in api.state.enrolments] == [OURS]
        assert (await api.get(LISTS[0], merchant_id=THEIRS)).status_code == 403


async def test_what_was_there_before_may_be_another_merchants(sandbox: Sandbox) -> None:
    known = {"email": "ann@example.com", "position": "Cook", "merchant_id": THEIRS}
    position = {"name": "Chef", "merchant_id": THEIRS, "external_id": "J-1"}
    async with sandbox(enrolments=[known], positions=[position]) as api:
        assert (await api.create()).json()["status"] != "already-applied"
        assert (await api.create(merchant_id=THEIRS)).json()["status"] == "already-applied"
        by_code = await api.create("b@x.com", position_external_id="J-1", merchant_id=THEIRS)
        assert api.state.positions[by_code.json()["position_def_set_id"]].name == "Chef"
