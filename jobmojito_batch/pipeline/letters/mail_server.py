"""The mail server of the settings: where letters are posted, and as whom."""

from jobmojito_batch.letters.mail import Sender
from jobmojito_batch.letters.smtp import MailServer, SmtpPostbox
from jobmojito_batch.settings import Settings


def mail_server(settings: Settings) -> MailServer:
    """The mail server of the settings. Raises SettingsError."""
    url = settings.smtp_url
    return MailServer.read(url.get_secret_value() if url is not None else None)


def postbox_of(settings: Settings) -> SmtpPostbox:
    """A connection to it that is not open yet. Raises SettingsError."""
    return SmtpPostbox(
        mail_server(settings),
        connect_seconds=settings.connect_timeout_seconds,
        answer_seconds=settings.read_timeout_seconds,
    )


async def try_mail_server(settings: Settings) -> Sender:
    """
    Connect to the mail server and log in, without a letter; as whom it would post.

    Raises BatchError for what is wrong.
    """
    sender = Sender.read(settings.mail_from)
    postbox = postbox_of(settings)
    try:
        await postbox.open()
    finally:
        await postbox.close()
    return sender
