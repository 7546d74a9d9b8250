"""A mail server on loopback that is as unkind as real ones, and remembers what it took."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from enum import StrEnum
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mood(StrEnum):
    """What the server does to a letter, by its address."""

    KIND = "kind"
    REFUSES = "refuses"
    GREYLISTS = "greylists"
    """At the first try only."""
    REFUSES_TEXT = "refuses text"
    FULL = "full"
    """Takes the text and says 452, each time."""
    HANGS = "hangs"
    """Takes the letter and says nothing."""
    DROPS_AFTER = "drops after the dot"
    """Takes the letter and hangs up."""
    DROPS_BEFORE = "drops before the text"
    """Hangs up when it hears the address."""


class MailServer:
    """The moods by address, and what was taken, also where nobody was told."""

    def __init__(self, mood: Callable[[str], Mood] = lambda _: Mood.KIND) -> None:
        self.mood = mood
        self.taken: Counter[str] = Counter()
        self.letters: list[tuple[str, EmailMessage]] = []
        self.seen: Counter[str] = Counter()
        self.logins: list[str] = []

    # What aiosmtpd calls

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.seen[address] += 1
        mood = self.mood(address)
        if mood is Mood.REFUSES:
            return f"550 5.1.1 <{address}> nobody here is called so"
        if mood is Mood.GREYLISTS and self.seen[address] == 1:
            return "451 4.7.1 come back later"
        if mood is Mood.DROPS_BEFORE and self.seen[address] == 1:
            _hang_up(server)
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        [address] = envelope.rcpt_tos
        mood = self.mood(address)
        if mood is Mood.REFUSES_TEXT:
            return "554 5.7.1 that text is not taken"
        if mood is Mood.FULL:
            return "452 4.2.2 no room"
        self.taken[address] += 1
        content = cast("bytes", envelope.content)
        self.letters.append((address, message_from_bytes(content, policy=default)))
        if mood is Mood.HANGS:
            await asyncio.sleep(3600)
        if mood is Mood.DROPS_AFTER:
            _hang_up(server)
        return "250 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        login = cast("LoginPassword", data)
        self.logins.append(login.login.decode())
        return AuthResult(success=login.password == b"s3cret@/", handled=False)


def _hang_up(server: SMTP) -> None:
    cast("asyncio.Transport", server.transport).abort()


@contextmanager
def running(server: MailServer, **options: Any) -> Iterator[str]:
    """Its URL, as long as it runs: in a thread, since programs that are tested block this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncio.Server:
        def connection() -> SMTP:
            given: dict[str, Any] = {"hostname": "mail.example", "enable_SMTPUTF8": True} | options
            return SMTP(server, loop=loop, **given)

        return await loop.create_server(connection, "127.0.0.1", 0)

    async def hang_up() -> None:
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(hang_up(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
