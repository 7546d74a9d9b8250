"""The mask of a person who was forgotten: a keyed hash that tells nobody who it was."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from jobmojito_batch.ledger.schema import invitations, meta, run_rows

MASK_PREFIX: Final = "forgotten:"
_KEY: Final = "forget_key"
"""In `meta`, once somebody was forgotten."""


def forgotten_key(connection: Connection) -> bytes | None:
    """The key of the hashes; None while nobody was forgotten."""
    return key_in({_KEY: connection.scalar(_FORGOTTEN_KEY)})


_FORGOTTEN_KEY: Final = select(meta.c.value).where(meta.c.key == _KEY)


def key_in(facts: Mapping[str, str | None]) -> bytes | None:
    """The same out of what `meta` holds."""
    key = facts.get(_KEY)
    return bytes.fromhex(key) if key else None


def ensured_key(connection: Connection) -> bytes:
    """The key, made with the first person who is forgotten."""
    key = forgotten_key(connection)
    if key is None:
        key = secrets.token_bytes(32)
        connection.execute(insert(meta).values(key=_KEY, value=key.hex()))
    return key


def mask(email: str, key: bytes) -> str:
    """What stands in the place of an e-mail that was forgotten."""
    return MASK_PREFIX + hmac.new(key, email.encode(), hashlib.sha256).hexdigest()


def is_mask(email: str) -> bool:
    """Whether it stands in the place of an address that was forgotten."""
    return email.startswith(MASK_PREFIX)


def is_invitation_of(email: str) -> ColumnElement[bool]:
    """Invitations of the address, however it is written."""
    return func.lower(invitations.c.candidate_email) == email.lower()


def mentions(email: str) -> ColumnElement[bool]:
    """Rows that passed have the address; of rows that did not, only the original cells do."""
    return or_(
        func.lower(run_rows.c.candidate_email) == email.lower(),
        run_rows.c.cells.icontains(email, autoescape=True),
    )
