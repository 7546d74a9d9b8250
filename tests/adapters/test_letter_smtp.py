"""What is known of a letter after a mail server did what mail servers do: over real connections."""

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from jobmojito_batch.letters.smtp import (
    Handing,
    MailServer,
    ServerAwayError,
    ServerClosedError,
    SmtpPostbox,
)
from tests import mail_server
from tests.mail_server import Mood, running

SENDER = "jobs@example.com"


@pytest.fixture
def server() -> mail_server.MailServer:
    return mail_server.MailServer(lambda address: Mood(address.partition("@")[0].replace("_", " ")))


@pytest.fixture
def url(server: mail_server.MailServer) -> Iterator[str]:
    with running(server) as url:
        yield url


def postbox(url: str, *, answer_seconds: float = 20.0) -> SmtpPostbox:
    return SmtpPostbox(MailServer.read(url), connect_seconds=20.0, answer_seconds=answer_seconds)


def a_message(address: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, address, "Interview"
    message.set_content("Hello\n.\nall of it\n")
    return message


async def handed(box: SmtpPostbox, mood: str) -> Handing:
    address = f"{mood.replace(' ', '_')}@example.com"
    await box.open()
    given = await box.hand_over(a_message(address), sender=SENDER, address=address)
    return given.handing


async def test_what_a_server_does_says_whether_it_has_the_letter(
    server: mail_server.MailServer, url: str
) -> None:
    """One connection after another: whatever happened to a letter, the next one is fine."""
    box = postbox(url)
    expected = {
        Mood.KIND: Handing.TAKEN,
        Mood.REFUSES: Handing.REFUSED,
        Mood.GREYLISTS: Handing.NOT_TAKEN,
        Mood.REFUSES_TEXT: Handing.REFUSED,
        Mood.FULL: Handing.NOT_TAKEN,
        Mood.DROPS_AFTER: Handing.UNKNOWN,
        Mood.DROPS_BEFORE: Handing.NOT_TAKEN,
    }

    seen = {}
    for mood in expected:
        seen[mood] = await handed(box, mood)
        assert await handed(box, Mood.KIND) is Handing.TAKEN
    await box.close()

    assert seen == expected
    assert server.taken["drops_after_the_dot@example.com"] == 1
    assert server.letters[0][1].get_content().splitlines() == ["Hello", ".", "all of it"]


async def test_a_server_that_says_nothing_may_have_it(
    server: mail_server.MailServer, url: str
) -> None:
    box = postbox(url, answer_seconds=0.2)

    assert await handed(box, Mood.HANGS) is Handing.UNKNOWN
    assert server.taken["hangs@example.com"] == 1


@pytest.mark.parametrize(("takes_them", "comes"), [(True, Handing.TAKEN), (False, Handing.REFUSED)])
async def test_an_address_in_other_letters_needs_a_server_that_takes_them(
    takes_them: bool, comes: Handing
) -> None:
    with running(mail_server.MailServer(), enable_SMTPUTF8=takes_them) as url:
        box = postbox(url)
        assert await handed(box, "jörg") is comes
        await box.close()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_login_is_refused_before_anything_is_handed_over(
    server: mail_server.MailServer,
) -> None:
    with running(
        server, authenticator=server.authenticate, auth_require_tls=False, auth_required=True
    ) as url:
        good = url.replace("//", "//me:s3cret%40%2F@")
        box = postbox(good)
        assert await handed(box, Mood.KIND) is Handing.TAKEN
        await box.close()
        with pytest.raises(ServerClosedError, match="login") as error:
            await postbox(good.replace("s3cret", "0ther")).open()
        # Without a login the server refuses the sender: nobody's letter will be taken.
        assert await handed(postbox(url), Mood.KIND) is Handing.CLOSED

    assert "0ther" not in str(error.value)


async def test_nothing_is_posted_in_the_open(
    server: mail_server.MailServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server is not on this machine and offers no TLS."""
    monkeypatch.setattr("jobmojito_batch.letters.smtp.is_loopback", lambda _: False)

    with pytest.raises(ServerClosedError, match="TLS"):
        await postbox(url).open()
    assert not server.taken


async def test_a_server_that_is_away_has_nothing(url: str) -> None:
    with pytest.raises(ServerAwayError, match="no connection"):
        await postbox("smtp://127.0.0.1:1").open()
    assert url
