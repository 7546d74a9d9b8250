"""What goes wrong: which calls a fault strikes, what the client sees, what was created."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from jobmojito_batch.contract import CreateResponse

Sandbox = Callable[..., AbstractAsyncContextManager[Any]]


async def statuses_of(api: Any, calls: int) -> list[int]:
    return [(await api.create(f"{n}@example.com")).status_code for n in range(1, calls + 1)]


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"call": 2}, [2]),
        ({"call": [1, 5]}, [1, 5]),
        ({"every": 3}, [3, 6]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 1}, [2]),
        ({"email": "4@example.com"}, [4]),
        ({"email": "4@EXAMPLE.com"}, [4]),
        ({"emails": ["1@example.com", "6@example.com"]}, [1, 6]),
        ({"position": "Cook", "call": 1}, [1]),
        ({"position": "Chef"}, []),
        ({"share": 0.0}, []),
        ({"share": 1.0}, [1, 2, 3, 4, 5, 6]),
        ({"endpoint": "merchant-status"}, []),
        ({"endpoint": "create", "call": 1}, [1]),
        ({"endpoint": "any", "call": 3}, [3]),
    ],
)
async def test_a_fault_strikes_the_calls_it_names(
    sandbox: Sandbox, match: dict[str, Any], struck: list[int]
) -> None:
    async with sandbox(faults=[match | {"status": 500}]) as api:
        seen = await statuses_of(api, 6)
    assert [call for call, status in enumerate(seen, 1) if status == 500] == struck


async def test_attempt_counts_the_calls_for_one_email(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"attempt": 2, "status": 500}]) as api:
        emails = ("a@example.com", "b@example.com", "a@example.com", "a@example.com")
        seen = [(await api.create(email)).status_code for email in emails]
    assert seen == [200, 200, 500, 200]


async def test_a_share_is_the_same_for_the_same_seed_and_new_for_each_attempt(
    sandbox: Sandbox,
) -> None:
    runs = []
    for _ in range(2):
        async with sandbox(faults=[{"share": 0.5, "status": 500}]) as api:
            runs.append([await statuses_of(api, 20), await statuses_of(api, 20)])
    assert runs[0] == runs[1]
    assert 4 < runs[0][0].count(500) < 16
    assert runs[0][0] != runs[0][1]


async def test_a_position_is_matched_by_its_name_where_the_id_is_sent(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"position": "Cook", "call": 2, "status": 500}]) as api:
        known = (await api.create()).json()["position_def_set_id"]
        answer = await api.create("b@example.com", position_def_set_id=known, position_name=None)
    assert answer.status_code == 500


async def test_the_first_fault_that_fits_strikes(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"call": 1, "status": 503}, {"status": 500}]) as api:
        assert await statuses_of(api, 2) == [503, 500]


async def test_lookups_can_fail_too(sandbox: Sandbox) -> None:
    fault = {"endpoint": "merchant-result-list", "email": "ann@example.com", "status": 403}
    async with sandbox(faults=[fault]) as api:
        struck = await api.get("merchant-result-list", filter_text="ann@example.com")
        spared = await api.get("merchant-result-list", filter_text="bob@example.com")
    assert (struck.status_code, spared.status_code) == (403, 200)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 502, 503, 504, 520, 540, 546])
async def test_a_status_means_that_nothing_was_created(sandbox: Sandbox, status: int) -> None:
    async with sandbox(faults=[{"status": status}]) as api:
        assert (await api.create()).status_code == status
        assert not api.state.enrolments


async def test_a_status_after_the_work_hides_what_was_created(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"status": 504, "when": "after"}]) as api:
        assert (await api.create()).status_code == 504
        assert len(api.state.enrolments) == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"status": 422, "message": "Bad.", "name": "candidate_email"}, '"name":"candidate_email"'),
        ({"status": 500}, '"error":'),
        ({"status": 503, "code": "BOOT_ERROR"}, '"code":"BOOT_ERROR"'),
        ({"status": 503}, '"code":"SERVICE_UNAVAILABLE"'),
        ({"status": 500, "body": "platform", "code": "WORKER_ERROR"}, '"code":"WORKER_ERROR"'),
        ({"status": 520}, "<!DOCTYPE html>"),
        ({"status": 403, "body": "html", "message": "you have been blocked"}, "<h1>you have been"),
        ({"status": 500, "body": "text", "message": "Internal"}, "Internal"),
    ],
)
async def test_error_bodies_are_of_the_kind_asked_for(
    sandbox: Sandbox, fault: dict[str, Any], text: str
) -> None:
    async with sandbox(faults=[fault]) as api:
        assert text in (await api.create()).text


async def test_an_empty_error_body_is_empty(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"status": 502, "body": "empty"}]) as api:
        assert (await api.create()).content == b""


@pytest.mark.parametrize("value", ["7", "Fri, 31 Dec 2027 23:59:59 GMT", "in a while"])
async def test_retry_after_is_sent_as_it_stands(sandbox: Sandbox, value: str) -> None:
    async with sandbox(faults=[{"status": 429, "retry_after": value}]) as api:
        assert (await api.create()).headers["retry-after"] == value


async def test_headers_and_code_are_sent(sandbox: Sandbox) -> None:
    fault = {"status": 500, "code": "WORKER_ERROR", "headers": {"x-region": "eu"}}
    async with sandbox(faults=[fault]) as api:
        headers = (await api.create()).headers
    assert (headers["sb-error-code"], headers["x-region"]) == ("WORKER_ERROR", "eu")


@pytest.mark.parametrize(("moment", "created"), [("before", 0), ("after", 1)])
async def test_a_disconnect_gives_no_answer_before_or_after_the_work(
    sandbox: Sandbox, moment: str, created: int
) -> None:
    async with sandbox(faults=[{"disconnect": moment, "times": 1}]) as api:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await api.create()
        assert len(api.state.enrolments) == created
        assert api.log[-1].event == "dropped"
        assert (await api.create()).status_code == 200


async def test_a_disconnect_really_closes_the_socket(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"disconnect": "before"}]) as api:
        host, port = api.http.base_url.host, api.http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        head = "POST /job-interview-create-for-candidate-with-token HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{head}Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_disconnect_midway_breaks_off_in_the_body(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"disconnect": "midway"}]) as api:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message"):
            await api.create()
        assert len(api.state.enrolments) == 1


async def test_a_disconnect_meanwhile_lets_the_work_go_on(sandbox: Sandbox, soon: Any) -> None:
    async with sandbox(latency=0.1, faults=[{"disconnect": "meanwhile"}]) as api:
        with pytest.raises(httpx.RemoteProtocolError):
            await api.create()
        assert not api.state.enrolments
        await soon(lambda: len(api.state.enrolments) == 1)


async def test_a_hang_answers_late_with_the_work_done_at_once(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"hang": 0.2}]) as api:
        call = asyncio.create_task(api.create())
        await asyncio.sleep(0.1)
        assert len(api.state.enrolments) == 1
        assert not call.done()
        assert (await call).status_code == 200


async def test_a_hang_before_the_work_makes_the_effect_late(sandbox: Sandbox, soon: Any) -> None:
    async with sandbox(faults=[{"hang": 0.2, "when": "before"}]) as api:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.create(), 0.1)
        assert not api.state.enrolments
        await soon(lambda: len(api.state.enrolments) == 1)


async def test_a_hang_goes_with_a_status(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"hang": 0.1, "status": 504, "when": "after"}]) as api:
        answer = await api.create()
        assert answer.status_code == 504
        assert answer.elapsed.total_seconds() >= 0.1
        assert len(api.state.enrolments) == 1


@pytest.mark.parametrize("kind", ["html", "truncated", "empty", "wrong_type"])
async def test_garbage_is_a_200_that_is_no_answer_although_the_work_is_done(
    sandbox: Sandbox, kind: str
) -> None:
    async with sandbox(faults=[{"garbage": kind}]) as api:
        answer = await api.create()
        assert answer.status_code == 200
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's, whatever the text
            CreateResponse.model_validate_json(answer.content)
        assert len(api.state.enrolments) == 1


async def test_huge_garbage_is_megabytes(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"garbage": "huge"}]) as api:
        answer = await api.create()
        assert answer.status_code == 200
        assert len(answer.content) > 20_000_000
        assert len(api.state.enrolments) == 1


async def test_the_server_stops_sending_where_the_client_has_had_enough(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"garbage": "huge", "times": 1}]) as api:
        async with api.http.stream(
            "POST", "/job-interview-create-for-candidate-with-token", json={}
        ) as answer:
            assert await anext(answer.aiter_raw(100))
        assert (await api.create()).status_code == 200


async def test_null_members_leave_only_the_status(sandbox: Sandbox) -> None:
    async with sandbox(decisions={"ai_accept": 1}, faults=[{"garbage": "null_members"}]) as api:
        answer = (await api.create()).json()
    assert answer.pop("status") == "ai_accept"
    assert "interview_url" in answer
    assert set(answer.values()) == {None}


@pytest.mark.parametrize("garbage", ["no_link", "null_link"])
async def test_an_accept_may_lack_nothing_but_its_link(sandbox: Sandbox, garbage: str) -> None:
    async with sandbox(decisions={"ai_accept": 1}, faults=[{"garbage": garbage}]) as api:
        answer = (await api.create()).json()
        enrolment = api.state.enrolments[0]
    assert answer.pop("interview_url", "absent") == ("absent" if garbage == "no_link" else None)
    assert answer == {
        "status": "ai_accept",
        "position_def_set_id": enrolment.position.id,
        "interview_def_set_id": enrolment.position.definition_id,
        "profile_interview_id": enrolment.id,
    }


async def test_another_candidates_answer_has_ids_that_are_not_ours(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"garbage": "other_candidate"}]) as api:
        answer = (await api.create()).json()
        assert answer["candidate_email"] != "ann@example.com"
        assert answer["profile_interview_id"] != api.state.enrolments[0].id


async def test_a_redirect_points_elsewhere(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"garbage": "redirect"}]) as api:
        answer = await api.create()
        assert answer.status_code == 302
        assert answer.headers["location"].endswith("/elsewhere")
        assert len(api.state.enrolments) == 1


async def test_garbage_before_the_work_means_nothing_was_created(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"garbage": "other_candidate", "when": "before"}]) as api:
        assert (await api.create()).json()["status"] == "ai_accept"
        assert not api.state.enrolments


async def test_a_slow_drip_is_the_true_answer_in_pieces(sandbox: Sandbox) -> None:
    async with sandbox(faults=[{"slow_drip": 0.2}]) as api:
        started = time.monotonic()
        answer = await api.create()
        assert time.monotonic() - started >= 0.2
        assert CreateResponse.model_validate(answer.json()).profile_interview_id
        assert len(api.state.enrolments) == 1


async def test_hanging_calls_do_not_hold_up_the_end(sandbox: Sandbox, soon: Any) -> None:
    faults = [
        {"call": 1, "hang": 60},
        {"call": 2, "slow_drip": 60},
        {"call": 3, "disconnect": "meanwhile", "hang": 60},
    ]
    async with sandbox(faults=faults) as api:
        calls = [asyncio.create_task(api.create(f"{n}@example.com")) for n in range(3)]
        await soon(lambda: len(api.events("received")) == 3)
        await soon(lambda: bool(api.events("answered")))
        started = time.monotonic()
        await asyncio.to_thread(api.sandbox.stop)
        assert time.monotonic() - started < 30  # those calls would take a minute
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, httpx.RemoteProtocolError) for end in ends)
