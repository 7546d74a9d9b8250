"""A letter as a message, as a mail program would read it."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.letters.mail import Sender, message_of
from jobmojito_batch.letters.smtp import MailServer
from jobmojito_batch.letters.texts import Letter

LETTER = Letter(
    subject="Ihr Interview für „Köchin“",
    text="Guten Tag,\n\nhttps://interviews.example/i/1?token=" + "y" * 200 + "\n",
    html="<p>Guten Tag</p>",
)
SENDER = Sender.read("Jürgen Größe <jobs@müller.example>")


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def a_message(
    name: str = "Łukasz Ćwikła, Jr.",
    address: str = "lukasz@xn--mller-kva.example",
    message_id: str | None = None,
) -> bytes:
    return message_of(
        LETTER,
        sender=SENDER,
        name=name,
        address=address,
        at=datetime(2026, 11, 26, 12, tzinfo=UTC),
        message_id=message_id,
    ).as_bytes()


def test_names_of_all_alphabets_arrive_as_they_are() -> None:
    raw = a_message()

    message = read(raw)
    assert raw.isascii()
    assert message["To"].addresses[0].display_name == "Łukasz Ćwikła, Jr."
    assert message["From"].addresses[0].display_name == "Jürgen Größe"
    assert message["From"].addresses[0].addr_spec == "jobs@xn--mller-kva.example"
    assert message["Subject"] == LETTER.subject
    assert all(len(line) <= 998 for line in raw.splitlines())


def test_an_address_that_is_not_in_plain_letters_is_written_as_it_is() -> None:
    raw = a_message(name="Jörg", address="jörg@xn--mller-kva.example")

    assert "To: Jörg <jörg@xn--mller-kva.example>" in raw.decode()


def test_plain_text_comes_first_and_is_whole() -> None:
    message = read(a_message())

    first, second = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert first.get_content_type() == "text/plain"
    assert cast("EmailMessage", first).get_content().replace("\r\n", "\n") == LETTER.text
    assert second.get_content_type() == "text/html"


def test_a_draft_opens_for_sending_and_has_no_id() -> None:
    draft, posted = read(a_message()), read(a_message(message_id="<1@example.com>"))

    assert draft["X-Unsent"] == "1"
    assert "Message-ID" not in draft
    assert "X-Unsent" not in posted
    assert posted["Message-ID"] == "<1@example.com>"


def test_one_address_and_nobody_else() -> None:
    message = read(a_message(name="Ann\r\nBcc: everybody@example.com"))

    assert len(message["To"].addresses) == 1
    assert not {"Cc", "Bcc"} & set(message.keys())


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("jobs@example.com", "", "jobs@example.com"),
        ("Jobs <jobs@example.com>", "Jobs", "jobs@example.com"),
        ('"Jobs, Berlin" <jobs@example.com>', "Jobs, Berlin", "jobs@example.com"),
    ],
)
def test_a_sender_has_an_address_and_perhaps_a_name(text: str, name: str, address: str) -> None:
    sender = Sender.read(text)

    assert (sender.name, sender.address) == (name, address)
    assert sender.signs_as == (name or address)


@pytest.mark.parametrize("text", [None, "", "Jobs", "a@b.example, c@d.example", "a@b\nBcc: c@d.ex"])
def test_a_sender_that_is_not_one_address_is_an_error(text: str | None) -> None:
    with pytest.raises(SettingsError, match=r"Recruiting <recruiting@example\.com>"):
        Sender.read(text)


@pytest.mark.parametrize(
    "url",
    ["", "mail.example", "http://mail.example", "smtp://:secret@mail.example", "smtp://",
     "smtp://user:s3cret@host:port", "smtps://user:s3cret@mail.example/x", "smtp://[::1"],
)  # fmt: skip
def test_a_mail_server_that_is_none_is_an_error_that_shows_nothing(url: str) -> None:
    with pytest.raises(SettingsError, match="JOBMOJITO_SMTP_URL") as error:
        MailServer.read(url)
    assert "s3cret" not in str(error.value)


def test_a_mail_server_is_told_from_its_address() -> None:
    server = MailServer.read("smtps://me%40example.com:s3cret%40%2F@mail.example")

    assert (server.host, server.port, server.is_tls) == ("mail.example", 465, True)
    assert (server.user, server.password) == ("me@example.com", "s3cret@/")
    assert repr(server) == "<MailServer>"
    assert MailServer.read("smtp://mail.example").port == 587
