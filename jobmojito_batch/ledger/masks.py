"""People who were forgotten: a keyed hash stays, so that nobody invites them a second time."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, insert, select

from jobmojito_batch.ledger.tables import meta

_KEY: Final = "forget_key"
PREFIX: Final = "forgotten:"


def forgotten_key(connection: Connection) -> bytes | None:
    """The key of the hashes; None while nobody was forgotten."""
    found = connection.scalar(select(meta.c.value).where(meta.c.key == _KEY))
    return bytes.fromhex(found) if found else None


def key_in(facts: Mapping[str, str | None]) -> bytes | None:
    """The same out of what `meta` holds."""
    found = facts.get(_KEY)
    return bytes.fromhex(found) if found else None


def ensure_key(connection: Connection) -> bytes:
    """The key, made with the first person who is forgotten."""
    known = forgotten_key(connection)
    if known is not None:
        return known
    made = secrets.token_bytes(32)
    connection.execute(insert(meta).values(key=_KEY, value=made.hex()))
    return made


def mask(email: str, key: bytes) -> str:
    """What stands in the place of an e-mail that was forgotten."""
    return PREFIX + hmac.new(key, email.encode(), hashlib.sha256).hexdigest()
