"""What HTTP frameworks hide: dropping connections, half answers, headers on every answer."""

import asyncio
import socket
import uuid
from collections.abc import MutableMapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from jobmojito_batch.sandbox.background_tasks import Works
from jobmojito_batch.sandbox.world import World

if TYPE_CHECKING:
    from jobmojito_batch.sandbox.request_handler import (
        RequestHandler,  # which answers with what is here
    )

_DRIPS: Final = 20
"""Into how many pieces a slow answer is cut."""
_HUGE_PIECE: Final = b" " * 65_536
_HUGE_PIECES: Final = 400


class TellingProtocol(H11Protocol):
    """
    Uvicorn's protocol, which lets the application see the connection it answers on.

    Where the scenario says so, it loses idle connections as servers far away do: closed here
    before the client can see it, so what the client sends in between is never read.
    """

    app_state: dict[str, Any]
    _handler: "RequestHandler"
    _idle: asyncio.TimerHandle | None = None
    _is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport where each request's scope carries it."""
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol, which a listener's do not;
        # without it head and body, two writes, wait 40 ms for each other.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}
        self._handler = self.config.app.state.handler  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        """Read, unless the connection is lost."""
        self._forget_idle()
        if not self._is_lost:
            super().data_received(data)
            return
        method, _, rest = data.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        self._handler.note_unread(method, rest.partition(" ")[0].partition("?")[0])
        self.transport.abort()

    def on_response_complete(self) -> None:
        """Begin to count how long nothing comes."""
        super().on_response_complete()
        seconds = self._handler.scenario.idle_close_seconds
        is_idle = self.cycle.response_complete and not self.transport.is_closing()
        if seconds is not None and is_idle:
            self._forget_idle()
            self._idle = self.loop.call_later(seconds, self._lose)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._forget_idle()
        super().connection_lost(exc)

    def _lose(self) -> None:
        self._is_lost = True
        unseen = self._handler.scenario.idle_close_unseen_seconds
        self._idle = self.loop.call_later(unseen, self.transport.close)

    def _forget_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def is_hung_up(scope: Scope) -> bool:
    """Tell whether the client has closed the connection."""
    transport = scope["state"].get("transport")
    return transport is not None and transport.is_closing()


class Dropped(Response):
    """No answer: the connection is closed at once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Close the socket and return when the server has noticed."""
        scope["state"]["transport"].abort()
        await _until_disconnected(receive)


class CutShort(Response):
    """The status, the headers and half of the body; then the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half of what the headers promise."""
        body = bytes(self.body)
        await send(_start_of(self, self.raw_headers))
        await send(_part(body[: len(body) // 2]))
        scope["state"]["transport"].close()  # after what is still to be written
        await _until_disconnected(receive)


class Dripped(Response):
    """The whole answer, in drops."""

    def __init__(self, answer: Response, seconds: float, works: Works) -> None:
        super().__init__(answer.body, status_code=answer.status_code, headers=dict(answer.headers))
        self._pause_seconds = seconds / _DRIPS
        self._works = works

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body piece by piece; stop where the client or the sandbox has gone."""
        body = bytes(self.body)
        size = max(1, -(-len(body) // _DRIPS))
        await send(_start_of(self, self.raw_headers))
        for at in range(0, len(body), size):
            if is_hung_up(scope):
                return
            try:
                await self._works.finish(asyncio.sleep(self._pause_seconds))
            except asyncio.CancelledError:
                await Dropped()(scope, receive, send)
                return
            await send(_part(body[at : at + size]))
        await send(_part(b"", is_last=True))


class Huge(Response):
    """Megabytes of JSON that is valid to the end."""

    media_type = "application/json"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send until everything is sent or the client has had enough."""
        await send(_start_of(self, [(b"content-type", b"application/json")]))
        await send(_part(b'{"status": "ai_accept", "padding": "'))
        for _ in range(_HUGE_PIECES):
            if is_hung_up(scope):
                return
            await send(_part(_HUGE_PIECE))
        await send(_part(b'"}', is_last=True))


class Stamped:
    """Puts a Date by the sandbox's own clock and an sb-request-id on every answer."""

    def __init__(self, app: ASGIApp, *, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the two headers when the answer starts."""
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id

        async def stamped(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._world.now(), usegmt=True)
                message["headers"] = [
                    *message["headers"],
                    (b"date", date.encode()),
                    (b"sb-request-id", request_id.encode()),
                ]
            await send(message)

        await self._app(scope, receive, stamped)


def _start_of(response: Response, headers: list[tuple[bytes, bytes]]) -> Message:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": headers,
    }


def _part(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": not is_last}


async def _until_disconnected(receive: Receive) -> None:
    """Wait for the server to notice: it complains about applications that answer nothing."""
    while (await receive())["type"] != "http.disconnect":
        pass
