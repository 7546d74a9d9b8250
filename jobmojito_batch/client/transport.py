"""
The httpx-aiohttp transport, with its exceptions told apart by what they prove.

httpx-aiohttp 0.2.0 reports every aiohttp.ClientConnectionError as httpx.ConnectTimeout, and a
server that hangs up after it took the request (ServerDisconnectedError, ClientOSError) is one of
those. Taken at its word, a paid call that ran would look like one that never left. So the aiohttp
exception below decides.
"""

import time
from functools import cache
from ssl import SSLContext
from typing import Final

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from httpx_aiohttp import AiohttpTransport

REUSE_SECONDS: Final = 0.02
"""
How long a connection may have been idle and be used again: at slow paces each call has its own.
"""
WITNESS_SECONDS: Final = 2.0
"""For how long an idle connection has to stay open before any is used again."""

NOT_DELIVERED: Final = (
    aiohttp.ClientConnectorError,  # name, connection, TLS, certificate, proxy connection
    aiohttp.ConnectionTimeoutError,  # connecting or waiting for a connection of the pool
    aiohttp.ClientHttpProxyError,  # the proxy refused to connect us
)
"""Raised before a byte of the request has left."""


class WitnessedConnector(aiohttp.TCPConnector):
    """
    Connections that are used again only where the server is known to keep them.

    A call on a connection that the server has just closed looks like a lost answer, though nobody
    read it. So each call has a fresh one until an idle connection, the witness, has stayed open a
    hundred times longer than one may be idle and be used again (decision 0017).
    """

    def __init__(self, *, limit: int, ssl: SSLContext) -> None:
        super().__init__(limit=limit, ssl=ssl, keepalive_timeout=REUSE_SECONDS, ttl_dns_cache=60)
        self._witness: tuple[ResponseHandler, float] | None = None
        self._keeps = False

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        self._hear_witness()
        return await super()._get(key, traces)

    def _release(
        self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False
    ) -> None:
        may_stay = protocol.is_connected() and not (should_close or protocol.should_close)
        if may_stay and not self._keeps and self._witness is None and not self.closed:
            self._release_acquired(key, protocol)
            self._witness = (protocol, time.monotonic())
            return
        super()._release(key, protocol, should_close=should_close or not self._keeps)

    def _hear_witness(self) -> None:
        if self._witness is None:
            return
        protocol, since = self._witness
        if not protocol.is_connected():
            self._witness = None  # the next connection that is done is the next witness
        elif time.monotonic() - since >= WITNESS_SECONDS:
            self._keeps = True
            self._dismiss_witness()

    def _dismiss_witness(self) -> None:
        if self._witness is not None:
            self._witness[0].close()
            self._witness = None

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close them all."""
        self._dismiss_witness()
        await super().close(abort_ssl=abort_ssl)


class CarefulTransport(AiohttpTransport):
    """httpx.ConnectError means "never left"; httpx.ReadError and ReadTimeout mean "in doubt"."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; raises httpx.ConnectError, ReadTimeout or ReadError."""
        try:
            return await super().handle_async_request(request)
        except (httpx.TransportError, aiohttp.ClientError) as exc:
            cause = exc if isinstance(exc, aiohttp.ClientError) else exc.__cause__
            raise translated(exc, cause, request) from exc


def translated(
    exc: Exception, cause: BaseException | None, request: httpx.Request
) -> httpx.TransportError:
    """The httpx exception that says what the cause proves; in doubt where it proves nothing."""
    if isinstance(cause, NOT_DELIVERED):
        return httpx.ConnectError("no connection", request=request)
    if isinstance(exc, httpx.UnsupportedProtocol):
        return exc
    if isinstance(exc, httpx.ReadTimeout) or isinstance(cause, TimeoutError):
        return httpx.ReadTimeout("no answer in time", request=request)
    return httpx.ReadError("connection lost", request=request)


def careful_transport(max_in_flight: int, proxy_url: str | None) -> CarefulTransport:
    """A transport that carries *max_in_flight* calls at once, without cookies or idle reuse."""
    transport: CarefulTransport

    def session() -> aiohttp.ClientSession:
        # A little above the workers, so that none waits for a place.
        connector = WitnessedConnector(limit=max_in_flight + 8, ssl=transport.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport = CarefulTransport(
        verify=_trust(), proxy=httpx.Proxy(proxy_url) if proxy_url else None, client=session
    )
    return transport


@cache
def _trust() -> SSLContext:
    """Whose certificates count: read once (25 ms), not by each client of a run."""
    return httpx.create_ssl_context()
