"""Alerts reach real servers on loopback, and a broken channel holds nobody up."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobmojito_batch.alerts import Alert, AlertKind, Severity
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.notify import notify
from jobmojito_batch.settings import Settings, load_settings

PASSWORD = "made-up-password"


class MailServer:
    """A mail server for one sender at a time; `answer` is what it says to a message."""

    def __init__(self, answer: str = "250 taken", *, hangs: bool = False) -> None:
        self.messages: list[str] = []
        self._answer, self._hangs = answer, hangs
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._open:
            one.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            if not self._hangs:  # one that hangs takes the connection and never says a word
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        def say(text: str) -> None:
            connection.sendall(f"{text}\r\n".encode())

        with connection, connection.makefile("r", encoding="utf-8", newline="\r\n") as lines:
            say("220 mail.example ready")
            for line in lines:
                word = line.split(":")[0].split()[0].upper()
                if word == "QUIT":
                    say("221 bye")
                    return
                if word != "DATA":
                    say("250 mail.example")
                    continue
                say("354 go on")
                self.messages.append("".join(iter(lines.readline, ".\r\n")))
                say(self._answer)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes JSON; gives its address as apprise writes it, and what it took."""
    taken: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://user:{PASSWORD}@127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def mail_to(server: MailServer) -> str:
    return (
        f"mailto://user:{PASSWORD}@127.0.0.1:{server.port}?smtp=127.0.0.1&mode=insecure"
        "&user=&from=batch@example.com&to=hr@example.com"
    )


def settings(*urls: str, on: str | None = None) -> Settings:
    return load_settings(notify=",".join(urls) or None, notify_on=on)


def an_alert(kind: AlertKind = AlertKind.UNSETTLED, severity: Severity = Severity.ERROR) -> Alert:
    return Alert(
        kind=kind,
        severity=severity,
        sentence=f"3 of 40 rows are {kind.value}",
        run_id="01a2-run",
        counts={"rows": 40, "unknown": 3},
    )


def test_a_mail_has_the_sentences_and_the_run(mail: MailServer) -> None:
    alerts = [an_alert(), an_alert(AlertKind.NEEDS_REPAIR, Severity.WARNING)]

    assert notify(alerts, settings(mail_to(mail)))

    (text,) = mail.messages
    message = message_from_string(text)
    assert message["Subject"] == "jobmojito-batch (live): unsettled, needs_repair"
    assert message["To"] == "hr@example.com"
    body = "".join(
        part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in message.walk()
        if part.get_content_maintype() == "text"
    )
    assert "unsettled: 3 of 40 rows are unsettled" in body
    assert "needs_repair: 3 of 40 rows are needs_repair" in body
    assert "run 01a2-run" in body


def test_a_webhook_gets_the_same_as_json() -> None:
    with webhook() as (url, taken):
        assert notify([an_alert()], settings(url))

    (message,) = taken
    assert message["title"] == "jobmojito-batch (live): unsettled"
    assert message["message"] == "unsettled: 3 of 40 rows are unsettled\nrun 01a2-run"
    assert message["type"] == "failure"


def test_every_channel_is_told(mail: MailServer) -> None:
    with webhook() as (url, taken):
        assert notify([an_alert()], settings(mail_to(mail), url))

    assert (len(mail.messages), len(taken)) == (1, 1)


def test_only_the_kinds_that_somebody_wants_are_sent() -> None:
    alerts = [an_alert(), an_alert(AlertKind.RECOVERED, Severity.INFO)]
    with webhook() as (url, taken):
        notify(alerts, settings(url, on="recovered, stopped"))
        notify(alerts[:1], settings(url, on="recovered"))

    (message,) = taken
    assert message["title"].endswith(": recovered")
    assert message["type"] == "success"


def test_without_channels_or_alerts_nothing_is_sent() -> None:
    assert notify([an_alert()], settings())
    with webhook() as (url, taken):
        assert notify([], settings(url))
    assert taken == []


def refused_address() -> str:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return f"json://user:{PASSWORD}@127.0.0.1:{nobody.getsockname()[1]}/"


def test_a_channel_that_refuses_is_logged_by_kind_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with webhook(status=500) as (broken, _), webhook() as (good, taken):
        for url in (broken, refused_address(), "nonsense://x"):
            caplog.clear()
            assert not notify([an_alert()], settings(good, url))
            assert [one.getMessage() for one in caplog.records] == ["notify.failed unsettled"]
        caplog.clear()
        assert not notify([an_alert()], settings("no address at all"))
        assert [one.getMessage() for one in caplog.records] == ["notify.failed unsettled"]

    assert len(taken) == 3  # a broken channel does not keep the others


def test_a_mail_server_that_refuses_the_message_is_no_fault_of_the_run() -> None:
    server = MailServer("554 no")
    try:
        assert not notify([an_alert()], settings(mail_to(server)))
    finally:
        server.close()
    assert len(server.messages) == 1


def test_a_channel_that_hangs_is_left_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The clock jumps when the good one is through; who waits on does not hold the process."""
    server = MailServer(hangs=True)
    clock = iter([0.0, 0.0, 60.0]).__next__
    try:
        with webhook() as (url, taken):
            urls = settings(url, mail_to(server))
            done = notify([an_alert()], urls, patience_seconds=60.0, clock=clock)
            assert len(taken) == 1
        assert not done
        assert "notify.failed unsettled" in caplog.text
        waiting = [one for one in threading.enumerate() if one.name == "notify"]
        assert all(one.daemon for one in waiting)
    finally:
        server.close()
        for one in threading.enumerate():
            if one.name == "notify":
                one.join()


def test_a_kind_that_does_not_exist_is_said() -> None:
    with pytest.raises(SettingsError, match="JOBMOJITO_NOTIFY_ON: there is no alert unsetled"):
        settings(on="unsetled,stopped")


def test_the_addresses_are_never_shown() -> None:
    found = settings(f"mailto://user:{PASSWORD}@example.com")

    assert PASSWORD not in repr(found)
    assert PASSWORD not in str(found.model_dump())
