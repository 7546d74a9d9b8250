"""
Who may talk to the desk: this browser alone, from the desk's own pages alone.

The first request brings the one-time key and gets a cookie for it. Every other one needs the
cookie, the desk's own Host, no Origin but its own; what changes something needs the form's token
too (`visit.py`). A page elsewhere that posts to the port, or a name that is made to point to this
machine (DNS rebinding), has none of them.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES: Final = 400 * 2**20
"""Of a request: a large export with a zip of résumés."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_OWN: Final = frozenset({"same-origin", "none"})
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_AGAIN: Final = (
    '<!DOCTYPE html><html lang="en"><head><title>The desk</title>'
    '<meta http-equiv="refresh" content="0;url=/"></head>'
    '<body><main><h1>The desk</h1><p><a href="/">Go to the desk</a></p></main></body></html>'
)
_NO_KEY: Final = (
    '<!DOCTYPE html><html lang="en"><head><title>No key</title></head><body><main><h1>No key</h1>'
    "<p>This page belongs to a desk that was started in another window, or that has ended. "
    "Nothing is lost. Start it again: <code>jobmojito-batch desk</code></p></main></body></html>"
)


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(slots=True)
class Keys:
    """What this start of the desk is known by; nothing of it is written anywhere."""

    port: int
    key: str | None = field(default_factory=_secret, repr=False)
    """None once it was used."""
    session: str = field(default_factory=_secret, repr=False)
    token: str = field(default_factory=_secret, repr=False)
    """Stands in every form of the desk."""

    @property
    def host(self) -> str:
        """What a browser calls the desk."""
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """Where the pages of the desk are from."""
        return f"http://{self.host}"

    @property
    def address(self) -> str:
        """What opens the desk, once."""
        return f"{self.origin}/?key={self.key}"

    @property
    def cookie(self) -> str:
        """Its name: browsers do not tell the ports of a host apart."""
        return f"desk-{self.port}"

    def opens(self, key: str) -> bool:
        """Whether *key* opens the desk, which it does once."""
        if self.key is None or not same(key, self.key):
            return False
        self.key = None
        return True


def same(text: str, other: str) -> bool:
    """Whether two secrets are one, in a time that tells nothing."""
    return hmac.compare_digest(text.encode(), other.encode())


class Guard:
    """Lets through what the desk's own pages ask for, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application do it."""
        if scope["type"] != "http":
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = self._refusal(HTTPConnection(scope))
        if refused is not None:
            await refused(scope, receive, dressed)
        else:
            await self._app(scope, _bounded(receive), dressed)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        if request.headers.getlist("host") != [self._keys.host]:
            return PlainTextResponse("This is not the address of the desk.", 421)
        if not self._is_from_here(request.headers):
            return PlainTextResponse("The desk takes nothing from other pages.", 403)
        if request.scope["method"] not in _METHODS:
            return PlainTextResponse("The desk knows no such method.", 405)
        return self._without_key(request)

    def _without_key(self, request: HTTPConnection) -> Response | None:
        """What a request gets that opens the desk, or may not come in."""
        key = request.query_params.get("key", "")
        is_start = request.scope["path"] == "/"
        if is_start and key and self._keys.opens(key):
            answer = RedirectResponse("/", 303)
            session = self._keys.session
            answer.set_cookie(self._keys.cookie, session, httponly=True, samesite="strict")
            return answer
        if not same(request.cookies.get(self._keys.cookie, ""), self._keys.session):
            # A cookie of SameSite=Strict does not follow a redirect that began elsewhere.
            is_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
            again = is_from_elsewhere and is_start and not key
            return HTMLResponse(_AGAIN if again else _NO_KEY, 403)
        if int(request.headers.get("content-length", "0") or 0) > MOST_BYTES:
            return PlainTextResponse(_too_large(), 413)
        return RedirectResponse("/", 303) if key else None

    def _is_from_here(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        origins = headers.getlist("origin")
        if origins == ["null"]:  # what a form of ours says under `no-referrer`
            return site == "same-origin"
        if origins and origins != [self._keys.origin]:
            return False
        is_link = headers.get("sec-fetch-mode") == "navigate" and not origins
        return site is None or site in _OWN or is_link


def _too_large() -> str:
    return f"That is more than the {MOST_BYTES // 2**20} MB that the desk takes at once."


def _bounded(receive: Receive) -> Receive:
    """No more than MOST_BYTES, whatever the request says of itself."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise HTTPException(413, _too_large())
        return message

    return bounded
