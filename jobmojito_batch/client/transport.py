"""
The httpx-aiohttp transport, with its exceptions told apart by what they prove.

httpx-aiohttp 0.2.0 reports every aiohttp.ClientConnectionError as httpx.ConnectTimeout, and a
server that hangs up after it took the request (ServerDisconnectedError, ClientOSError) is one of
those. Taken at its word, a paid call that ran would look like one that never left. So the aiohttp
exception below decides.
"""

from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

KEEPALIVE_SECONDS: Final = 3.0
"""Idle connections die young: a server that closed one just now looks like a lost answer."""

NOT_DELIVERED: Final = (
    aiohttp.ClientConnectorError,  # name, connection, TLS, certificate, proxy connection
    aiohttp.ConnectionTimeoutError,  # connecting or waiting for a connection of the pool
    aiohttp.ClientHttpProxyError,  # the proxy refused to connect us
)
"""Raised before a byte of the request has left."""


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
        connector = aiohttp.TCPConnector(
            limit=max_in_flight + 8,  # a little above the workers, so that none waits for a place
            keepalive_timeout=KEEPALIVE_SECONDS,
            ssl=transport.ssl_context,
            ttl_dns_cache=60,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport = CarefulTransport(
        proxy=httpx.Proxy(proxy_url) if proxy_url else None, client=session
    )
    return transport
