"""
One method per endpoint. Answers and exceptions become an Answer; nothing is decided here.

Redirects are not followed (the token must not travel), answers are read to a limit, compressed
answers are not asked for (and not unpacked), cookies are not kept, TLS is verified.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from jobmojito_batch.client.token import TokenSource
from jobmojito_batch.contract import (
    CREATE_PATH,
    CreateResponse,
    CreditPage,
    ErrorBody,
    FollowUpPage,
    MerchantStatus,
    OtherBody,
    PdfAnswer,
    PlatformErrorBody,
    ResultPage,
)
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.settings import Settings
from jobmojito_batch.verdict import Answer, Silence

MAX_ANSWER_BYTES: Final = 1_000_000
"""A real answer has about 1 kB; more than this is not one."""
TOKEN_PATH: Final = "job-interview-token"  # noqa: S105 - a path

RESULTS_PATH: Final = "merchant-result-list"
CREDITS_PATH: Final = "merchant-analytics-credits-used"
REPORT_PATH: Final = "job-interview-pdf"
STATUS_PATH: Final = "merchant-status"
PAGE_ROWS: Final = 50
MOST_PAGE_ROWS: Final = 1000
"""The most that a list gives in one answer."""
MAX_PAGE_BYTES: Final = 64_000_000
"""A thousand rows of a list have about 1.5 MB; more than this is no page."""
MAX_REPORT_BYTES: Final = 100_000_000
UNIX_TIMES_FROM: Final = 1e9
"""A reset above this is a moment, not a number of seconds."""
MOST_LIMIT_PAUSE_SECONDS: Final = 300.0

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Headers = Mapping[bytes, bytes]
Body = CreateResponse | ErrorBody | PlatformErrorBody | OtherBody
Read = Callable[[int, bytes | None], Body | None]


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
        self._results_url = httpx.URL(f"{settings.base_url}/{RESULTS_PATH}")
        self._credits_url = httpx.URL(f"{settings.base_url}/{CREDITS_PATH}")
        self._report_url = httpx.URL(f"{settings.base_url}/{REPORT_PATH}")
        self._status_url = httpx.URL(f"{settings.base_url}/{STATUS_PATH}")
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
        self._transport = transport or _careful_transport(settings)

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

    async def minted(
        self,
        *,
        interview_profile_id: str,
        interview_id: str,
        token: str,
        merchant_id: str | None = None,
    ) -> tuple[Answer, str | None]:
        """
        The link of an enrolment that exists already (POST job-interview-token); None if refused.

        *merchant_id* where it is not of the token's own merchant: it stands in every call that is
        about another (reference, jobmojito-after section 0). Creates nothing and costs nothing
        (reference, section 5).
        """
        request = _Mint(
            interview_profile_id=interview_profile_id,
            interview_id=interview_id,
            merchant_id=merchant_id,
        )
        answer = await self._post(
            self._token_url,
            request.model_dump_json(exclude_none=True).encode(),
            token,
            _read_link,
        )
        return answer, link_in(answer)

    async def results_of(
        self, email: str, *, offset: int, token: str, merchant_id: str | None = None
    ) -> tuple[Answer, ResultPage | None]:
        """
        A page of merchant-result-list for an e-mail, newest first; never raises for the network.

        Creates nothing and costs nothing.
        """
        query = {"filter_text": email, "limit": str(PAGE_ROWS), "offset": str(offset)}
        url = _asking(self._results_url, query, merchant_id)
        return await self._ask("GET", url, None, token, _read_page)

    async def definition_results(
        self,
        definition_id: str | None,
        *,
        token: str,
        order_by: str,
        offset: int = 0,
        profile_interview_id: str | None = None,
        email: str | None = None,
        merchant_id: str | None = None,
    ) -> tuple[Answer, FollowUpPage | None]:
        """
        The largest page of merchant-result-list, of a definition, an enrolment or an e-mail.

        Creates nothing and costs nothing.
        """
        query = {
            "interview_id": definition_id,
            "profile_interview_id": profile_interview_id,
            "filter_text": email,
            "order_by": order_by,
            "limit": str(MOST_PAGE_ROWS),
            "offset": str(offset),
        }
        given = {name: value for name, value in query.items() if value is not None}
        url = _asking(self._results_url, given, merchant_id)
        return await self._ask("GET", url, None, token, _page_read_by(FollowUpPage), MAX_PAGE_BYTES)

    async def credits_used(
        self, *, offset: int, token: str, merchant_id: str | None = None
    ) -> tuple[Answer, CreditPage | None]:
        """The largest page of the account's credit ledger, newest first. Costs nothing."""
        query = {"limit": str(MOST_PAGE_ROWS), "offset": str(offset)}
        url = _asking(self._credits_url, query, merchant_id)
        return await self._ask("GET", url, None, token, _page_read_by(CreditPage), MAX_PAGE_BYTES)

    async def report(
        self, interview_result_id: str, *, token: str
    ) -> tuple[Answer, PdfAnswer | None]:
        """Have the PDF report of a result made (POST job-interview-pdf); may cost credits."""
        body = _Report(interview_result_id=interview_result_id).model_dump_json().encode()
        return await self._ask("POST", self._report_url, body, token, _page_read_by(PdfAnswer))

    async def fetched(self, url: str) -> tuple[Answer, bytes | None]:
        """What lies under an address that the API gave; our token does not go there."""
        address = _address(lambda: httpx.URL(url))
        return await self._ask("GET", address, None, None, _as_it_is, MAX_REPORT_BYTES)

    async def status(
        self, token: str, *, merchant_id: str | None = None
    ) -> tuple[Answer, MerchantStatus | None]:
        """merchant-status: whose token it is and what is left. Costs nothing."""
        url = _asking(self._status_url, {}, merchant_id)
        return await self._ask("GET", url, None, token, _read_status)

    async def _post(
        self,
        url: httpx.URL,
        body: bytes,
        token: str,
        read: Read,
    ) -> Answer:
        said: Body | None
        answer, said = await self._ask("POST", url, body, token, read)
        return replace(
            answer, body=said, platform_code=_platform_code(said) or answer.platform_code
        )

    async def _ask(
        self,
        method: str,
        url: httpx.URL | None,
        body: bytes | None,
        token: str | None,
        read: Callable[[int, bytes | None], T | None],
        most_bytes: int = MAX_ANSWER_BYTES,
    ) -> tuple[Answer, T | None]:
        """
        The answer without its body, and the body as *read* understands it.

        Without a token the call is another host's: it is told nothing of ours. Without an address
        nothing is asked, and the answer is what a server has for one that is too long.
        """
        if url is None:
            return Answer(http_status=HTTPStatus.REQUEST_URI_TOO_LONG), None
        started = time.monotonic()
        own = [*self._headers, (b"authorization", b"Bearer " + (token or "").encode())]
        request = httpx.Request(
            method,
            url,
            content=body,
            headers=own if token is not None else [(b"accept-encoding", b"identity")],
            extensions={"timeout": self._timeouts},
        )
        try:
            async with asyncio.timeout(self._whole_seconds):
                status, headers, text = await self._exchange(request, most_bytes)
        except NOT_DELIVERED:
            return Answer(silence=Silence.NOT_DELIVERED, seconds=time.monotonic() - started), None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            raise SettingsError(f"JOBMOJITO_BASE_URL: {type(exc).__name__}") from None
        except (TimeoutError, httpx.TimeoutException):
            return Answer(silence=Silence.NO_ANSWER, seconds=time.monotonic() - started), None
        except (httpx.HTTPError, OSError):
            return Answer(silence=Silence.CONNECTION_LOST, seconds=time.monotonic() - started), None
        answer = Answer(
            http_status=status,
            platform_code=_text(headers.get(b"sb-error-code")),
            retry_after=_text(headers.get(b"retry-after")),
            request_id=_text(headers.get(b"sb-request-id")),
            server_date=_date(headers.get(b"date")),
            pause_seconds=limit_pause_seconds(headers),
            seconds=time.monotonic() - started,
        )
        return answer, read(status, text)

    async def _exchange(
        self, request: httpx.Request, most_bytes: int
    ) -> tuple[int, Headers, bytes | None]:
        """Status, headers and body; None for a body that is too large or compressed."""
        response = await self._transport.handle_async_request(request)
        try:
            # Once, as bytes: each look-up in httpx.Headers decodes all of them again.
            headers = {name.lower(): value for name, value in response.headers.raw}
            return response.status_code, headers, await _limited(response, headers, most_bytes)
        finally:
            await response.aclose()


def _careful_transport(settings: Settings) -> httpx.AsyncBaseTransport:
    # Who asks the API nothing need not wait for aiohttp, a fifth of a second.
    from jobmojito_batch.client.transport import careful_transport  # noqa: PLC0415

    return careful_transport(settings.max_in_flight, settings.proxy_url)


class _Mint(BaseModel):
    type: str = "interview-for-profile"
    interview_profile_id: str
    interview_id: str
    merchant_id: str | None = None


class _Report(BaseModel):
    export_type: str = "pdf"
    store_file: bool = True
    interview_result_id: str


def link_in(answer: Answer) -> str | None:
    """The link that an answer has, if it has one."""
    return answer.body.interview_url if isinstance(answer.body, CreateResponse) else None


def _asking(url: httpx.URL, query: dict[str, str], merchant_id: str | None) -> httpx.URL | None:
    """
    The address with what is asked and the merchant it is about; None is the token's own.

    None where something out of a cell or an answer makes it longer than any address may be.
    """
    about = {} if merchant_id is None else {"merchant_id": merchant_id}
    return _address(lambda: url.copy_merge_params({**query, **about}))


def _address(made_of: Callable[[], httpx.URL]) -> httpx.URL | None:
    """None where httpx takes it for no address, above all one of more than 65,536 letters."""
    try:
        return made_of()
    except httpx.InvalidURL:
        return None


async def _limited(response: httpx.Response, headers: Headers, most: int) -> bytes | None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return None
    body = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an async transport
    async for chunk in response.stream:
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


def _read_create(status: int, text: bytes | None) -> Body | None:
    """The body as what its status promises, else as what it is; None where it is no JSON object."""
    if text is None:
        return None
    refusals: tuple[type[Body], ...] = (ErrorBody, PlatformErrorBody, OtherBody)
    is_success = 200 <= status < 300  # noqa: PLR2004
    for model in (CreateResponse, *refusals) if is_success else refusals:
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


def _page_read_by(model: type[M]) -> Callable[[int, bytes | None], M | None]:
    return lambda status, text: _validated(model, status, text)


def _as_it_is(status: int, text: bytes | None) -> bytes | None:
    return text if status == 200 else None  # noqa: PLR2004


def _read_page(status: int, text: bytes | None) -> ResultPage | None:
    return _validated(ResultPage, status, text)


def _read_status(status: int, text: bytes | None) -> MerchantStatus | None:
    return _validated(MerchantStatus, status, text)


def _validated(model: type[M], status: int, text: bytes | None) -> M | None:
    if text is None or status != 200:  # noqa: PLR2004
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError:
        return None


def limit_pause_seconds(headers: Headers) -> float | None:
    """
    Seconds until the API counts anew, where its rate-limit headers say that nothing is left.

    None where there are no such headers, something is left, or they make no sense. Known are
    `ratelimit-remaining` and `-reset` with and without `x-`; a reset is seconds, or Unix time.
    """
    for prefix in (b"ratelimit-", b"x-ratelimit-"):
        remaining = _number(headers.get(prefix + b"remaining"))
        reset = _number(headers.get(prefix + b"reset"))
        if remaining is None or reset is None or remaining > 0:
            continue
        seconds = reset - time.time() if reset > UNIX_TIMES_FROM else reset
        return seconds if 0 < seconds <= MOST_LIMIT_PAUSE_SECONDS else None
    return None


def _number(value: bytes | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _date(value: bytes | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value.decode("latin-1")) if value else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is None or moment.tzinfo is not None else None


def _platform_code(body: object) -> str | None:
    return str(body.code) if isinstance(body, PlatformErrorBody) else None


def _text(value: bytes | None) -> str | None:
    """A header as short text; None for none."""
    return value.decode("latin-1")[:64] if value else None
