"""The request log, which the whole project's tests count by."""

import os
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from jobmojito_batch.contract import CREATE_PATH
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox import Entry, creates_per_invitation, read_log
from jobmojito_batch.sandbox.log import RequestLog

Sandbox = Callable[..., AbstractAsyncContextManager[Any]]


async def test_a_create_is_logged_when_it_arrives_when_done_and_when_answered(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "requests.jsonl"
    async with sandbox(log_path=path) as api:
        answer = (await api.create()).json()
        lines = read_log(path)  # while the sandbox runs: nothing waits in a buffer
    received, created, answered = lines
    assert [line.event for line in lines] == ["received", "created", "answered"]
    assert {line.number for line in lines} == {1}
    assert (received.method, received.endpoint) == ("POST", CREATE_PATH)
    assert (received.email, received.position_name) == ("ann@example.com", "Cook")
    assert created.position_id == answer["position_def_set_id"]
    assert created.position_created is True
    assert (created.charged, created.status) == (0.25, answer["status"])
    assert answered.http_status == 200
    assert all(line.time for line in lines)


async def test_the_log_holds_no_token_no_resume_and_no_link(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "requests.jsonl"
    async with sandbox(log_path=path, faults=[{"call": 2, "status": 500}]) as api:
        for _ in range(3):
            await api.create()
        await api.get("merchant-status")
    text = path.read_text("utf-8")
    assert "made-up-token" not in text
    assert "secret" not in text
    assert "interview_token" not in text


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
async def test_the_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.touch(mode=0o644)
    RequestLog(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_log_is_appended_to(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    for _ in range(2):
        async with sandbox(log_path=path) as api:
            await api.create()
    assert [line.event for line in read_log(path)].count("received") == 2


async def test_faults_refusals_and_strays_are_in_the_log(sandbox: Sandbox) -> None:
    faults = [{"call": 1, "status": 503}, {"call": 2, "disconnect": "meanwhile"}]
    async with sandbox(faults=faults) as api:
        await api.create()
        assert (api.log[-1].http_status, api.log[-1].fault) == (503, "503")
        await api.get("nowhere")
        assert (api.log[-1].endpoint, api.log[-1].http_status) == ("nowhere", 404)
        del api.http.headers["Authorization"]
        await api.create()
        assert (api.log[-1].http_status, api.log[-1].fault) == (401, None)


async def test_creates_are_counted_by_email_and_position_name(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "requests.jsonl"
    async with sandbox(log_path=path, faults=[{"email": "b@example.com", "status": 500}]) as api:
        known = (await api.create("a@example.com")).json()["position_def_set_id"]
        await api.create("a@example.com", position_def_set_id=known, position_name=None)
        await api.create("a@example.com", position_name="Chef")
        await api.create("b@example.com")
        kept = api.log
    expected = {("a@example.com", "Cook"): 2, ("a@example.com", "Chef"): 1}
    assert creates_per_invitation(path) == expected
    assert creates_per_invitation(kept) == expected


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    whole = Entry(event="received", number=1, method="GET", endpoint="merchant-status")
    path.write_bytes(whole.line() + whole.line()[:20])
    assert read_log(path) == [whole]


def test_no_repr_of_an_entry_shows_a_person() -> None:
    entry = Entry(event="received", number=1, method="POST", endpoint="x", email="ann@example.com")
    assert "ann" not in repr(entry)


def test_a_log_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no/such: the log cannot be written"):
        RequestLog(tmp_path / "no" / "such")
