"""Alerts reach real servers on loopback, and a broken channel holds nobody up."""

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string

import pytest

from jobmojito_batch.alerts import Alert, AlertKind, Severity
from jobmojito_batch.cli import main
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.notify import notify
from jobmojito_batch.settings import Settings, load_settings
from tests.channels import PASSWORD, MailServer, mail_to, webhook


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


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
    assert "run: 01a2-run" in body


def test_a_mail_keeps_its_lines(mail: MailServer) -> None:
    """Apprise takes a text for HTML unless it is told, and its line breaks are blanks then."""
    alert = replace(an_alert(), facts=("host: night-1", "inputs: /data/inbox <a>"))

    notify([alert], settings(mail_to(mail)))

    message = message_from_string(mail.messages[0])
    parts = {
        part.get_content_subtype(): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in message.walk()
        if part.get_content_maintype() == "text"
    }
    plain = parts.get("plain")
    if plain is not None:
        lines = [line.strip() for line in plain.splitlines()]
        assert lines[2:4] == ["host: night-1", "inputs: /data/inbox <a>"]
    if "html" in parts:
        assert "host: night-1<br" in parts["html"]
        assert "&lt;a&gt;" in parts["html"]
    assert parts


def test_a_webhook_gets_the_same_as_json() -> None:
    with webhook() as (url, taken):
        assert notify([an_alert()], settings(url))

    (message,) = taken
    assert message["title"] == "jobmojito-batch (live): unsettled"
    assert message["message"] == "unsettled: 3 of 40 rows are unsettled\n\nrun: 01a2-run"
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
            assert [one.getMessage() for one in caplog.records] == ["notify.failed kinds=unsettled"]
        caplog.clear()
        assert not notify([an_alert()], settings("no address at all"))
        assert [one.getMessage() for one in caplog.records] == ["notify.failed kinds=unsettled"]

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
    moments = iter([0.0, 0.0, 60.0])
    try:
        with webhook() as (url, taken):
            urls = settings(url, mail_to(server))
            done = notify([an_alert()], urls, patience_seconds=60.0, clock=moments.__next__)
            assert len(taken) == 1
        assert not done
        assert list(moments) == []  # each wait asked how much was left
        assert "notify.failed kinds=unsettled" in caplog.text
        waiting = [one for one in threading.enumerate() if one.name == "notify"]
        assert all(one.daemon for one in waiting)
    finally:
        server.close()
        for one in threading.enumerate():
            if one.name == "notify":
                one.join()


def test_doctor_tells_which_address_is_not_understood(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for urls in (f"json://user:{PASSWORD}@127.0.0.1:1/,nonsense://x", "json://127.0.0.1:1/"):
        monkeypatch.setenv("JOBMOJITO_NOTIFY", urls)
        main(["doctor"])
        said += [line for line in capsys.readouterr().out.splitlines() if "alerts" in line]

    assert said[0].startswith("fault    alerts   address 2 of 2 in JOBMOJITO_NOTIFY")
    assert said[1] == "ok       alerts   1 channel; nothing was sent to try"
    assert PASSWORD not in said[0]


def test_a_kind_that_does_not_exist_is_said() -> None:
    with pytest.raises(SettingsError, match="JOBMOJITO_NOTIFY_ON: there is no alert unsetled"):
        settings(on="unsetled,stopped")


def test_the_addresses_are_never_shown() -> None:
    found = settings(f"mailto://user:{PASSWORD}@example.com")

    assert PASSWORD not in repr(found)
    assert PASSWORD not in str(found.model_dump())
