"""
One method per endpoint. Answers and exceptions become an Answer; nothing is decided here.

Redirects are not followed (the token must not travel), answers are read to a limit, compressed
answers are not asked for (and not unpacked), cookies are not kept, TLS is verified.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from jobmojito_batch.client.token import TokenSource
from jobmojito_batch.client.transport import careful_transport
from jobmojito_batch.contract import (
    CREATE_PATH,
    CreateResponse,
    ErrorBody,
    PlatformErrorBody,
)
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.settings import Settings
from jobmojito_batch.verdict import Answer, Silence

MAX_ANSWER_BYTES: Final = 1_000_000
"""A real answer has about 1 kB; more than this is not one."""
TOKEN_PATH: Final = "job-interview-token"  # noqa: S105 - a path

Headers = Mapping[bytes, bytes]
Read = Callable[[int, bytes | None], CreateResponse | ErrorBody | PlatformErrorBody | None]

NOT_DELIVERED: Final = (httpx.ConnectError, httpx.PoolTimeout, httpx.ConnectTimeout)
"""CarefulTransport raises only the first, and only before a byte has left."""


class JobMojito:
    """
    The API for one account; an async context manager.

    *transport* is httpx's own seam: tests pass one, everybody else gets httpx-aiohttp.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: TokenSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._tokens = tokens
        self._whole_seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
        self._create_url = httpx.URL(f"{settings.base_url}/{CREATE_PATH}")
        self._token_url = httpx.URL(f"{settings.base_url}/{TOKEN_PATH}")
        self._headers = [
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"content-type", b"application/json"),
        ]
        if settings.apikey is not None:
            self._headers.append((b"apikey", settings.apikey.get_secret_value().encode()))
        self._timeouts = httpx.Timeout(
            settings.read_timeout_seconds,
            connect=settings.connect_timeout_seconds,
            pool=settings.connect_timeout_seconds,
        ).as_dict()
        # The transport itself, without httpx.AsyncClient above it: no redirects, cookies, proxies
        # or log lines to switch off, and half the time a call.
        self._transport = transport or careful_transport(settings.max_in_flight, settings.proxy_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.aclose()

    async def create(self, body: bytes, token: str) -> Answer:
        """POST one candidate; never raises for what the network or the server does."""
        return await self._post(self._create_url, body, token, _read_create)

    async def mint_link(
        self, *, interview_profile_id: str, interview_id: str, token: str
    ) -> str | None:
        """
        The link of an enrolment that exists already (POST job-interview-token); None if refused.

        Creates nothing and costs nothing (reference, section 5).
        """
        request = _Mint(interview_profile_id=interview_profile_id, interview_id=interview_id)
        answer = await self._post(
            self._token_url, request.model_dump_json().encode(), token, _read_link
        )
        body = answer.body
        return body.interview_url if isinstance(body, CreateResponse) else None

    async def _post(
        self,
        url: httpx.URL,
        body: bytes,
        token: str,
        read: Read,
    ) -> Answer:
        started = time.monotonic()
        request = httpx.Request(
            "POST",
            url,
            content=body,
            headers=[*self._headers, (b"authorization", b"Bearer " + token.encode())],
            extensions={"timeout": self._timeouts},
        )
        try:
            async with asyncio.timeout(self._whole_seconds):
                status, headers, text = await self._exchange(request)
        except NOT_DELIVERED:
            return Answer(silence=Silence.NOT_DELIVERED, seconds=time.monotonic() - started)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            raise SettingsError(f"JOBMOJITO_BASE_URL: {type(exc).__name__}") from None
        except (TimeoutError, httpx.TimeoutException):
            return Answer(silence=Silence.NO_ANSWER, seconds=time.monotonic() - started)
        except (httpx.HTTPError, OSError):
            return Answer(silence=Silence.CONNECTION_LOST, seconds=time.monotonic() - started)
        body_read = read(status, text)
        return Answer(
            http_status=status,
            body=body_read,
            platform_code=_platform_code(body_read, headers),
            retry_after=_text(headers.get(b"retry-after")),
            request_id=_text(headers.get(b"sb-request-id")),
            seconds=time.monotonic() - started,
        )

    async def _exchange(self, request: httpx.Request) -> tuple[int, Headers, bytes | None]:
        """Status, headers and body; None for a body that is too large or compressed."""
        response = await self._transport.handle_async_request(request)
        try:
            # Once, as bytes: each look-up in httpx.Headers decodes all of them again.
            headers = {name.lower(): value for name, value in response.headers.raw}
            return response.status_code, headers, await _limited(response, headers)
        finally:
            await response.aclose()


class _Mint(BaseModel):
    type: str = "interview-for-profile"
    interview_profile_id: str
    interview_id: str


async def _limited(response: httpx.Response, headers: Headers) -> bytes | None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return None
    body = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an async transport
    async for chunk in response.stream:
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return None
    return bytes(body)


def _read_create(
    status: int, text: bytes | None
) -> CreateResponse | ErrorBody | PlatformErrorBody | None:
    """The body as what its status promises; None where it is none of ours."""
    if text is None:
        return None
    models: tuple[type[CreateResponse | ErrorBody | PlatformErrorBody], ...] = (
        (CreateResponse,) if 200 <= status < 300 else (ErrorBody, PlatformErrorBody)  # noqa: PLR2004
    )
    for model in models:
        try:
            return model.model_validate_json(text)
        except ValidationError:
            continue
    return None


def _read_link(status: int, text: bytes | None) -> CreateResponse | None:
    """job-interview-token answers a bare JSON string."""
    if text is None or status != 200:  # noqa: PLR2004
        return None
    try:
        link = from_json(text)
    except ValueError:
        return None
    return CreateResponse(status="minted", interview_url=link) if isinstance(link, str) else None


def _platform_code(body: object, headers: Headers) -> str | None:
    if isinstance(body, PlatformErrorBody):
        return str(body.code)
    return _text(headers.get(b"sb-error-code"))


def _text(value: bytes | None) -> str | None:
    """A header as short text; None for none."""
    return value.decode("latin-1")[:64] if value else None
