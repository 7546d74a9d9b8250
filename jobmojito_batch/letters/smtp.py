"""
The mail server: the only place that knows SMTP.

What it answered says whether it has the letter. Until the text is handed over (DATA) it provably
has not; from then on, without an answer, nobody knows.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from ssl import SSLError
from typing import Final, Protocol, Self
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPResponseException,
    SMTPSenderRefused,
)

from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.letters.mail import needs_utf8
from jobmojito_batch.urls import is_loopback

_PORTS: Final = {"smtp": 587, "smtps": 465}
_TRANSIENT: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)
_TAKEN: Final = range(200, 300)
_BEFORE_DATA: Final = (SMTPException, OSError, SSLError, TimeoutError)
"""What can come while the server has nothing of the letter yet."""


class Handing(StrEnum):
    """What became of a letter that was handed to the server."""

    TAKEN = "taken"
    REFUSED = "refused"
    """For good, as far as this address goes."""
    NOT_TAKEN = "not_taken"
    """Provably, and it may be taken later."""
    UNKNOWN = "unknown"
    CLOSED = "closed"
    """Nobody's letter will be taken: the sender or the login is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The same, with what the server said; its sentence may name a person."""

    handing: Handing
    code: int | None = None
    says: str = field(default="", repr=False)


class ServerAwayError(BatchError):
    """There is no connection to the mail server: nothing was handed over."""


class ServerClosedError(BatchError):
    """The mail server does not let us in: nothing was handed over."""


class Postbox(Protocol):
    """Where letters are handed over, one at a time."""

    async def open(self) -> None:
        """Connect, unless it is. Raises ServerAwayError, ServerClosedError."""

    async def hand_over(self, message: EmailMessage, *, sender: str, address: str) -> Handed:
        """Hand a letter over; raises nothing for what the server does."""

    async def close(self) -> None:
        """Say goodbye."""


OpenPostbox = Callable[[], Postbox]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where letters are posted; no repr shows any of it."""

    host: str
    port: int
    is_tls: bool
    """TLS from the first byte; else by STARTTLS, which only a server on this machine is spared."""
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return "<MailServer>"

    @classmethod
    def read(cls, url: str | None) -> Self:
        """The server of a URL. Raises SettingsError, which shows nothing of it."""
        if not url:
            raise SettingsError(f"--send needs JOBMOJITO_SMTP_URL, {HOW}")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError(f"JOBMOJITO_SMTP_URL: {NO_URL}") from None
        if not is_mail_url(parts):
            raise SettingsError(f"JOBMOJITO_SMTP_URL: {NO_URL}")
        return cls(
            host=parts.hostname or "",
            port=port or _PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


HOW: Final = "such as smtps://user:password@host or smtp://user:password@host:587"
NO_URL: Final = f"is no address of a mail server, {HOW}; in a password write @ as %40, / as %2F"


def is_mail_url(parts: SplitResult) -> bool:
    """Whether a URL names a mail server, and a password only with a user."""
    has_login = bool(parts.username) or not parts.password
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    return parts.scheme in _PORTS and bool(parts.hostname) and has_login and is_bare


class SmtpPostbox:
    """A connection to a mail server, made anew when it broke."""

    def __init__(
        self, server: MailServer, *, connect_seconds: float, answer_seconds: float
    ) -> None:
        self._server = server
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._smtp: SMTP | None = None

    async def open(self) -> None:
        """Connect, with TLS and login, unless it is. Raises ServerAwayError, ServerClosedError."""
        if self._smtp is not None and self._smtp.is_connected:
            return
        smtp = self._client()
        try:
            await smtp.connect()
            await smtp.ehlo()
        except SMTPAuthenticationError as exc:
            smtp.close()
            raise ServerClosedError(
                f"the mail server refuses the login (SMTP {exc.code}); correct JOBMOJITO_SMTP_URL"
            ) from None
        except _BEFORE_DATA as exc:
            smtp.close()
            raise _no_connection(exc) from None
        smtp.timeout = self._answer_seconds
        self._smtp = smtp

    def _client(self) -> SMTP:
        server = self._server
        is_here = is_loopback(server.host)
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_tls,
            start_tls=not (server.is_tls or is_here),
            timeout=self._connect_seconds,
        )

    async def hand_over(self, message: EmailMessage, *, sender: str, address: str) -> Handed:
        """Hand a letter over; raises nothing for what the server does."""
        smtp = self._smtp
        if smtp is None:
            return Handed(handing=Handing.NOT_TAKEN, says="there was no connection")
        refusal = await self._envelope(smtp, sender, address)
        if refusal is None:
            return await self._data(smtp, message.as_bytes())
        with suppress(*_BEFORE_DATA):
            await smtp.rset()
        return refusal

    async def _envelope(self, smtp: SMTP, sender: str, address: str) -> Handed | None:
        """Say who writes to whom; None where the server takes that."""
        is_odd = needs_utf8(sender) or needs_utf8(address)
        if is_odd and not smtp.supports_extension("SMTPUTF8"):
            says = "the mail server takes no address that is not in plain letters (SMTPUTF8)"
            return Handed(handing=Handing.REFUSED, says=says)
        options = ["SMTPUTF8"] if is_odd else []
        encoding = "utf-8" if is_odd else "ascii"
        try:
            await smtp.mail(sender, options=options, encoding=encoding)
            await smtp.rcpt(address, encoding=encoding)
        except SMTPSenderRefused as exc:
            return _refused(exc, Handing.CLOSED)
        except SMTPResponseException as exc:
            return _refused(exc, Handing.REFUSED)
        except _BEFORE_DATA as exc:
            self._drop()
            return Handed(handing=Handing.NOT_TAKEN, says=f"the connection broke ({_kind(exc)})")
        return None

    async def _data(self, smtp: SMTP, content: bytes) -> Handed:
        try:
            await smtp.data(content)
        except SMTPDataError as exc:
            if exc.code in _TAKEN:
                return Handed(handing=Handing.TAKEN, code=exc.code)
            if exc.code in _PERMANENT or exc.code in _TRANSIENT:
                return _refused(exc, Handing.REFUSED)
            self._drop()
            return Handed(
                handing=Handing.UNKNOWN, code=exc.code, says="an answer that means nothing"
            )
        except _BEFORE_DATA as exc:  # from here on: whatever it is, the server may have it
            self._drop()
            says = f"no answer after the letter was handed over ({_kind(exc)})"
            return Handed(handing=Handing.UNKNOWN, says=says)
        return Handed(handing=Handing.TAKEN, code=250)

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    async def close(self) -> None:
        """Say goodbye, if somebody listens."""
        if self._smtp is not None and self._smtp.is_connected:
            with suppress(*_BEFORE_DATA):
                await self._smtp.quit(timeout=self._connect_seconds)
        self._drop()


def _refused(exc: SMTPResponseException, for_good: Handing) -> Handed:
    """By the kind of its code: 5xx is for good, all else may pass (greylisting, a full box)."""
    handing = for_good if exc.code in _PERMANENT else Handing.NOT_TAKEN
    return Handed(handing=handing, code=exc.code, says=" ".join(exc.message.split()))


def _no_connection(exc: Exception) -> BatchError:
    if isinstance(exc, SSLError) or "STARTTLS" in str(exc) or isinstance(exc.__cause__, SSLError):
        return ServerClosedError(
            "the mail server offers no TLS that can be trusted, and nothing is posted without; "
            "use smtps://, or a server with a valid certificate"
        )
    code = f", SMTP {exc.code}" if isinstance(exc, SMTPResponseException) else ""
    return ServerAwayError(
        f"there is no connection to the mail server ({_kind(exc)}{code}); check JOBMOJITO_SMTP_URL "
        "and the network"
    )


def _kind(exc: Exception) -> str:
    return type(exc).__name__
