"""The client over real sockets and scripted transports: what each end of a call proves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.settings import Settings, load_settings
from jobmojito_batch.verdict import Answer, Silence

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def settings(base_url: str, **more: Any) -> Settings:
    given = {"api_token": "t", "read_timeout_seconds": 0.4, "connect_timeout_seconds": 0.4}
    return load_settings(base_url=base_url, **(given | more))


async def post(base_url: str, **more: Any) -> Answer:
    known = settings(base_url, **more)
    async with JobMojito(known, TokenSource(known)) as api:
        return await api.create(b'{"candidate_name": "x"}', "t")


@asynccontextmanager
async def server(handle: Handle) -> AsyncIterator[str]:
    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield f"http://127.0.0.1:{port}"
        await asyncio.sleep(0.05)  # the handlers see the client's end and close theirs


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if b"content-length" in line
    )
    return head + await reader.readexactly(length)


def answering(raw: bytes, *, seen: list[bytes] | None = None) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        if seen is not None:
            seen.append(request)
        writer.write(raw)
        await writer.drain()
        writer.close()

    return handle


def http(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_a_server_that_hangs_up_after_the_request_is_in_doubt() -> None:
    """httpx-aiohttp calls this a connect time-out; taken at its word it would be paid twice."""
    async with server(answering(b"")) as url:
        answer = await post(url)

    assert answer.silence is Silence.CONNECTION_LOST


async def test_a_server_that_answers_half_is_in_doubt() -> None:
    async with server(answering(http(200, b'{"status"')[:-4])) as url:
        answer = await post(url)

    assert answer.silence is Silence.CONNECTION_LOST


async def test_a_server_that_is_silent_is_in_doubt() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)  # until the client gives up
        writer.close()

    async with server(handle) as url:
        answer = await post(url)

    assert answer.silence is Silence.NO_ANSWER


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1", id="refused"),
        pytest.param("https://no-such-host.invalid", id="no-such-name"),
    ],
)
async def test_without_a_connection_nothing_was_sent(url: str) -> None:
    assert (await post(url)).silence is Silence.NOT_DELIVERED


async def test_a_failed_tls_handshake_sent_nothing() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 no tls here\r\n\r\n")
        writer.close()

    async with server(handle) as url:
        answer = await post(url.replace("http://", "https://"))

    assert answer.silence is Silence.NOT_DELIVERED


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(http(200, b"<html>"), id="html"),
        pytest.param(http(200, b'{"status": "ai_acc'), id="truncated-json"),
        pytest.param(http(200, b"[1]"), id="wrong-type"),
        pytest.param(http(200, b""), id="empty"),
        pytest.param(http(200, b'{"status":"ai_accept"}' + b" " * 2_000_000), id="huge"),
        pytest.param(http(200, b"\x1f\x8b", "content-encoding: gzip"), id="compressed"),
    ],
)
async def test_a_200_that_cannot_be_read_has_no_body(raw: bytes) -> None:
    async with server(answering(raw)) as url:
        answer = await post(url)

    assert (answer.http_status, answer.body) == (200, None)


async def test_a_header_beyond_measure_is_in_doubt() -> None:
    raw = http(200, b'{"status":"ai_accept"}', "x-big: " + "a" * 200_000)
    async with server(answering(raw)) as url:
        answer = await post(url)

    assert answer.silence is Silence.CONNECTION_LOST


async def test_the_token_does_not_travel_with_a_redirect() -> None:
    seen: list[bytes] = []
    async with server(answering(http(200, b"{}"), seen=seen)) as elsewhere:
        raw = http(307, b"", f"location: {elsewhere}/there")
        async with server(answering(raw)) as url:
            answer = await post(url)

    assert answer.http_status == 307
    assert seen == []


async def test_the_headers_are_what_the_api_asks_for() -> None:
    seen: list[bytes] = []
    async with server(answering(http(200, b'{"status":"ai_accept"}'), seen=seen)) as url:
        await post(f"{url}/functions/v1", apikey="project-key")

    head = seen[0].lower()
    path = b"post /functions/v1/job-interview-create-for-candidate-with-token "
    assert head.startswith(path)
    assert b"authorization: bearer t\r\n" in head
    assert b"apikey: project-key\r\n" in head
    assert b"accept-encoding: identity\r\n" in head
    assert b"content-type: application/json\r\n" in head


TRANSPORT_ERRORS = [
    one
    for one in vars(httpx).values()
    if isinstance(one, type) and issubclass(one, httpx.TransportError)
]


@pytest.mark.parametrize("exception", TRANSPORT_ERRORS)
async def test_every_transport_error_of_httpx_is_classified(
    exception: type[httpx.TransportError],
) -> None:

    def fail(request: httpx.Request) -> httpx.Response:
        raise exception("broken", request=request)

    known = settings("https://api.example.com")
    api = JobMojito(known, TokenSource(known), transport=httpx.MockTransport(fail))
    if issubclass(exception, httpx.UnsupportedProtocol):
        with pytest.raises(SettingsError):
            await api.create(b"{}", "t")
        return

    answer = await api.create(b"{}", "t")

    never_left = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    assert (answer.silence is Silence.NOT_DELIVERED) is issubclass(exception, never_left)


async def test_a_question_longer_than_an_address_may_be_is_refused_and_not_asked() -> None:
    """A cell that got into the wrong column, or an id of an answer, ends no run."""
    seen: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    known = settings("https://api.example.com")
    beyond = "z" * 70_000
    async with JobMojito(known, TokenSource(known), transport=httpx.MockTransport(answered)) as api:
        of_account, _ = await api.status("t", merchant_id=beyond)
        of_person, _ = await api.results_of("a@b.com", offset=0, token="t", merchant_id=beyond)
        of_position, _ = await api.definition_results(
            beyond, token="t", order_by="created_at_newest"
        )
        of_credits, _ = await api.credits_used(offset=0, token="t", merchant_id=beyond)
        report, _ = await api.fetched(f"https://reports.example.com/{beyond}")
        assert seen == []
        asked, _ = await api.status("t", merchant_id="m-7")

    refused = (of_account, of_person, of_position, of_credits, report)
    assert {answer.http_status for answer in refused} == {414}
    assert asked.http_status == 200
    assert seen[0].url.params["merchant_id"] == "m-7"


def test_the_merchant_is_read_from_the_token_itself() -> None:
    claims = "eyJhcHBfbWV0YWRhdGEiOiB7Im1lcmNoYW50X2lkIjogIm0tNyJ9fQ"
    assert merchant_of(f"e30.{claims}.sig") == "m-7"
    for odd in ("opaque", "a.b.c", "a..c", f"e30.{claims}", ""):
        assert merchant_of(odd) == ""


def test_no_repr_shows_a_secret() -> None:
    known = settings("https://api.example.com", apikey="hidden-key", api_token="hidden-token")

    said = repr(known) + repr(TokenSource(known)) + str(known)

    assert "hidden" not in said


def answering_once(requests: list[int]) -> Handle:
    """One answer a connection; what comes on it afterwards ends without one, as after a close."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(0)
        while await reader.readuntil(b'{"candidate_name": "x"}'):
            requests[-1] += 1
            if requests[-1] > 1:
                break
            writer.write(http(200, b'{"status": "ai_accept"}'))
        writer.close()

    return handle


async def test_a_paid_call_does_not_leave_on_a_connection_that_was_idle() -> None:
    """The server may have closed it: what was never read would be in doubt."""
    requests: list[int] = []
    async with server(answering_once(requests)) as url:
        known = settings(url)
        async with JobMojito(known, TokenSource(known)) as api:
            answers = [await api.create(b'{"candidate_name": "x"}', "t") for _ in range(4)]

    assert [answer.http_status for answer in answers] == [200] * 4
    assert requests == [1] * 4
