"""A letter as a message (RFC 5322): one address, plain text first and whole, then HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, default
from email.utils import format_datetime, make_msgid
from typing import Final, Self

from email_validator import EmailNotValidError, validate_email

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.letters.texts import Letter

_EXAMPLE: Final = '"Recruiting <recruiting@example.com>"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """As whom letters are written."""

    name: str
    address: str
    """Its domain as the DNS has it."""

    @classmethod
    def read(cls, text: str | None) -> Self:
        """An address, with or without a name before it. Raises SettingsError."""
        if text is None or not text.strip():
            raise SettingsError(
                "letters need somebody who writes them: set JOBMOJITO_MAIL_FROM or say --from, "
                f"such as {_EXAMPLE}"
            )
        try:
            [sender] = default.header_factory("From", text).addresses
            valid = validate_email(sender.addr_spec, check_deliverability=False)
        except (EmailNotValidError, ValueError):  # several, none, or a line break in it
            raise SettingsError(
                f"the sender {text!r} is not one e-mail address; write it as {_EXAMPLE}"
            ) from None
        return cls(
            name=" ".join(sender.display_name.split()),
            address=f"{valid.local_part}@{valid.ascii_domain}",
        )

    @property
    def signs_as(self) -> str:
        """What stands below a letter."""
        return self.name or self.address

    @property
    def domain(self) -> str:
        """Where it writes from."""
        return self.address.rpartition("@")[2]


NewId = Callable[[], str]


def new_id(sender: Sender) -> str:
    """A Message-ID that nothing else has."""
    return make_msgid(domain=sender.domain)


def needs_utf8(address: str) -> bool:
    """Whether only a server with SMTPUTF8 takes it: what is before the @ is not ASCII."""
    return not address.isascii()


def message_of(
    letter: Letter,
    *,
    sender: Sender,
    name: str,
    address: str,
    at: datetime,
    message_id: str | None = None,
) -> EmailMessage:
    """
    The message to one person.

    Without a *message_id* it is a draft: `X-Unsent` has mail programs open it for sending, and the
    one that sends it gives the id.
    """
    is_odd = needs_utf8(address) or needs_utf8(sender.address)
    message = EmailMessage(policy=SMTPUTF8 if is_odd else SMTP)
    message["From"] = _address(sender.name, sender.address)
    message["To"] = _address(name, address)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at)
    if message_id is None:
        message["X-Unsent"] = "1"
    else:
        message["Message-ID"] = message_id
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(display_name=" ".join(name.split()), username=user, domain=domain)
