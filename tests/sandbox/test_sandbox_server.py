"""The server: loopback only, silent, many connections at once, and a prompt end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobmojito_batch.contract import CREATE_PATH
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox import RunningSandbox, Scenario, create_app, read_log, serve

PROGRAM = """
import sys
from pathlib import Path
from jobmojito_batch.sandbox import Scenario, serve
serve("127.0.0.1", 0, scenario=Scenario(latency=0.0), log_path=Path(sys.argv[1]),
      on_ready=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="this machine only"):
        serve(host, 0)


def test_a_port_that_is_taken_or_none_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} .* choose another port"):
            serve("127.0.0.1", port)
    with pytest.raises(SettingsError, match="only 0 to 65535"):
        serve("127.0.0.1", 70_000)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_serve_tells_its_address_prints_nothing_and_ends_on_an_interrupt(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    answer = httpx.get(f"{url}/merchant-status", headers={"Authorization": "Bearer x"})
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert answer.status_code == 200
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/functions/v1")
    assert (process.returncode, stdout, stderr) == (0, "", "")
    assert [line.event for line in read_log(log)] == ["received", "answered"]


def test_a_sandbox_ends_promptly_and_frees_its_port() -> None:
    with RunningSandbox() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2].partition("/")[0])
        started = time.monotonic()
    assert time.monotonic() - started < 30
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


async def test_a_request_that_never_ends_does_not_hold_up_the_end() -> None:
    with RunningSandbox() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /{CREATE_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode()
        )
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await asyncio.to_thread(sandbox.stop)
        assert time.monotonic() - started < 30
        assert sandbox.log == []
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_a_second_stop_does_nothing() -> None:
    with RunningSandbox() as sandbox:
        sandbox.stop()


def test_two_sandboxes_have_nothing_in_common() -> None:
    with RunningSandbox() as one, RunningSandbox() as other:
        headers = {"Authorization": "Bearer x"}
        httpx.get(f"{one.base_url}/merchant-status", headers=headers)
        assert one.base_url != other.base_url
        assert (len(one.log), len(other.log)) == (2, 0)


async def test_the_application_works_without_its_server() -> None:
    transport = httpx.ASGITransport(create_app(Scenario(latency=0.0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        assert (await http.get("/merchant-status")).status_code == 401


async def test_a_thousand_connections_at_once_are_carried() -> None:
    with RunningSandbox(Scenario(latency=0.3, positions=_cook())) as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2].partition("/")[0])
        answers = await asyncio.gather(*(_raw_create(port, n) for n in range(1000)))
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        assert len(sandbox.state.enrolments) == 1000


async def test_an_idle_connection_is_closed_after_keep_alive() -> None:
    with RunningSandbox(Scenario(keep_alive=1)) as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /merchant-status HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(3):
            assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()
        await writer.wait_closed()


async def test_what_comes_on_a_connection_just_closed_is_never_read() -> None:
    """The client cannot see it yet: it sends, and the connection ends without an answer."""
    scenario = Scenario(idle_close_seconds=0.02, idle_close_unseen_seconds=30)
    with RunningSandbox(scenario) as sandbox:
        reader, writer = await _connected(sandbox)
        for _ in range(3):  # while it is not idle it is kept
            writer.write(_ASK)
            assert b"401" in await reader.readuntil(b"}")
        await asyncio.sleep(0.1)
        writer.write(_ASK)
        async with asyncio.timeout(3):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        events = [(entry.event, entry.endpoint) for entry in sandbox.log]
    assert events[-1] == ("unread", "merchant-status")
    assert [event for event, _ in events].count("received") == 3


async def test_a_client_that_waits_sees_that_an_idle_connection_was_closed() -> None:
    scenario = Scenario(idle_close_seconds=0.02, idle_close_unseen_seconds=0.02)
    with RunningSandbox(scenario) as sandbox:
        reader, writer = await _connected(sandbox)
        writer.write(_ASK)
        async with asyncio.timeout(3):
            assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()
        await writer.wait_closed()
        assert [entry.event for entry in sandbox.log] == ["received", "answered"]


async def test_an_answer_that_takes_longer_is_not_idle() -> None:
    """Neither the second request on a connection nor one that waits behind another."""
    scenario = Scenario(
        idle_close_seconds=0.05, idle_close_unseen_seconds=0, lookup_latency=0.1, tokens=["x"]
    )
    with RunningSandbox(scenario) as sandbox:
        reader, writer = await _connected(sandbox)
        for asked in (_ASK_WITH_TOKEN, _ASK_WITH_TOKEN * 2):
            writer.write(asked)
            async with asyncio.timeout(3):
                for _ in range(asked.count(b"GET")):
                    assert b"200 OK" in await reader.readuntil(b"invitations_available")
        writer.close()
        await writer.wait_closed()


_ASK = b"GET /merchant-status HTTP/1.1\r\nHost: x\r\n\r\n"
_ASK_WITH_TOKEN = _ASK.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer x\r\n\r\n")


async def _connected(sandbox: RunningSandbox) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(sandbox.base_url.rpartition(":")[2].partition("/")[0])
    return await asyncio.open_connection("127.0.0.1", port)


def _cook() -> Any:
    return [{"name": "Cook"}]


async def _raw_create(port: int, number: int) -> bytes:
    body = json.dumps(
        {
            "candidate_name": "Ann",
            "candidate_email": f"{number}@example.com",
            "candidate_country_code": "SK",
            "candidate_resume": "x",
            "position_name": "Cook",
            "position_location": "remote",
            "position_country_code": "SK",
            "mojito_language_code": "en",
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /{CREATE_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
