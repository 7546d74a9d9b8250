"""
Erasing a person: their rows stay for the counts, without anything that tells who it was.

A keyed hash, the mask, takes the place of the address, so that nobody invites them a second time.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger.database import Database, chunks, overwrite_what_is_erased, translated
from jobmojito_batch.ledger.schema import followups, invitations, letters, meta, run_rows, runs

if TYPE_CHECKING:  # psycopg is there only where the ledger is on PostgreSQL
    from psycopg.errors import Diagnostic

PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 0.0)
"""Seconds between the tries to have the server drop old versions that others may still read."""
MASK_PREFIX: Final = "forgotten:"
_KEY: Final = "forget_key"
"""In `meta`, once somebody was forgotten."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What the ledger has of a person, and how it forgets them."""

    database: Database

    def traces_of(self, email: str) -> int:
        """Rows that have the address, as theirs or in an original cell."""
        count = select(func.count())
        with self.database.reading() as connection:
            theirs = connection.scalar(count.select_from(invitations).where(_is_theirs(email)))
            rows = connection.scalar(count.select_from(run_rows).where(mentions(email)))
        return int(theirs or 0) + int(rows or 0)

    def invitations_of(self, email: str) -> list[dict[str, Any]]:
        """What the ledger knows of a person's invitations, the latest first."""
        query = (
            select(
                invitations.c.id, invitations.c.state, invitations.c.outcome, invitations.c.status,
                invitations.c.sent_at, invitations.c.settled_at, invitations.c.run_id,
                invitations.c.interview_url, invitations.c.position_id, runs.c.environment,
            )
            .join(runs, runs.c.run_id == invitations.c.run_id)
            .where(_is_theirs(email))
            .order_by(invitations.c.claimed_at.desc())
        )  # fmt: skip
        with self.database.reading() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
            for one in found:
                named = select(run_rows.c.position_name).where(
                    run_rows.c.position_id == one["position_id"],
                    run_rows.c.candidate_email == email,
                    run_rows.c.position_name.is_not(None),
                )
                one["position"] = connection.scalar(named.limit(1))
        return found

    def masks_of(self, emails: Iterable[str]) -> dict[str, str]:
        """Those of the addresses that were forgotten, each with what stands in its place."""
        with self.database.reading() as connection:
            key = forgotten_key(connection)
            if key is None:
                return {}
            of_mask = {mask(email.lower(), key): email for email in emails}
            known = (
                connection.scalars(
                    select(invitations.c.candidate_email).where(
                        invitations.c.candidate_email.in_(some)
                    )
                )
                for some in chunks(list(of_mask))
            )
            return {of_mask[masked]: masked for some in known for masked in some}

    def forget(self, email: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """
        Erase a person down to the bytes of the file, or of the server's tables.

        A later claim meets the mask. A server's archive and backups keep what they have
        (docs/ledger.md). Raises LedgerError.
        """
        with self.database.writing("erasing") as connection:
            overwrite_what_is_erased(connection)
            _put_mask(connection, email)
        if self.database.engine.dialect.name == "sqlite":
            _overwrite(self.database.engine)
        else:
            _rewrite(self.database.engine, sleep)


def _put_mask(connection: Connection, email: str) -> None:
    masked = mask(email.lower(), _ensure_key(connection))
    theirs = select(invitations.c.id).where(_is_theirs(email))
    connection.execute(delete(letters).where(letters.c.invitation_id.in_(theirs)))
    nothing = {column.name: None for column in followups.c if column.nullable}
    connection.execute(  # while the address still tells whose it is
        update(followups)
        .where(followups.c.invitation_id.in_(theirs))
        .values(nothing | {"stage": "", "has_odd_decision": False})
    )
    connection.execute(
        update(invitations)
        .where(_is_theirs(email))
        .values(
            candidate_email=masked,
            interview_url=None,
            reason=None,
            status=None,
            interview_def_set_id=None,
            profile_interview_id=None,
        )
    )
    connection.execute(
        update(run_rows)
        .where(mentions(email))
        .values(
            candidate_email=masked,
            candidate_name=None,
            candidate_external_id=None,
            error_message=None,
            cells="{}",
        )
    )


def forgotten_key(connection: Connection) -> bytes | None:
    """The key of the hashes; None while nobody was forgotten."""
    return key_in({_KEY: connection.scalar(_FORGOTTEN_KEY)})


_FORGOTTEN_KEY: Final = select(meta.c.value).where(meta.c.key == _KEY)


def key_in(facts: Mapping[str, str | None]) -> bytes | None:
    """The same out of what `meta` holds."""
    key = facts.get(_KEY)
    return bytes.fromhex(key) if key else None


def _ensure_key(connection: Connection) -> bytes:
    """The key, made with the first person who is forgotten."""
    key = forgotten_key(connection)
    if key is None:
        key = secrets.token_bytes(32)
        connection.execute(insert(meta).values(key=_KEY, value=key.hex()))
    return key


def mask(email: str, key: bytes) -> str:
    """What stands in the place of an e-mail that was forgotten."""
    return MASK_PREFIX + hmac.new(key, email.encode(), hashlib.sha256).hexdigest()


def _is_theirs(email: str) -> ColumnElement[bool]:
    return func.lower(invitations.c.candidate_email) == email.lower()


def mentions(email: str) -> ColumnElement[bool]:
    """Rows that passed have the address; of rows that did not, only the original cells do."""
    return or_(
        func.lower(run_rows.c.candidate_email) == email.lower(),
        run_rows.c.cells.icontains(email, autoescape=True),
    )


def _overwrite(engine: Engine) -> None:
    """Nothing of what was erased stays in free pages or in the write-ahead log."""
    with translated("erasing"), engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - it is connected
        raw.execute("VACUUM")
        busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LedgerError(
            "the person is erased, but another process uses the ledger, so its write-ahead log "
            "could not be emptied; run forget again when it has ended"
        )


def _rewrite(engine: Engine, sleep: Callable[[float], None]) -> None:
    """
    The tables are written anew without the old versions of their rows, and counted anew.

    Only their owner may have that done; to others PostgreSQL gives a warning and does nothing. Old
    versions that an open transaction may still see are written again: even a session that is just
    logging in to another database can have one open, so it is tried for some seconds.
    """
    names = [table.name for table in (invitations, run_rows, letters, followups)]
    tables = ", ".join(names)
    owned = text(
        "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname IN :names"
    ).bindparams(bindparam("names", expanding=True))
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with translated("erasing"), alone.connect() as connection:
        if connection.scalar(owned, {"names": names}):
            connection.execute(text("SET statement_timeout = 0"))
            for pause in PAUSES:
                kept = _written_anew(connection, tables)
                if not kept:
                    break
                sleep(pause)
            connection.invalidate()  # others of this pool are bounded again
            if not kept:
                return
            raise LedgerError(
                "the person is erased, but another session's open transaction may still read "
                f"{kept} old rows, so the server keeps them; run forget again when it has ended"
            )
    raise LedgerError(
        "the person is erased, but the server keeps old versions of the rows until the owner of "
        f"the tables has run VACUUM (FULL, ANALYZE) {tables}"
    )


def _written_anew(connection: Connection, tables: str) -> int:
    """
    How many old versions the server had to write again.

    Its notice of each table has that count first in the detail, in whatever language.
    """
    kept: list[int] = []

    def hear(notice: "Diagnostic") -> None:
        if count := re.search(r"\d+", notice.message_detail or ""):
            kept.append(int(count[0]))

    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - it is connected
    raw.add_notice_handler(hear)
    try:
        connection.execute(text(f"VACUUM (FULL, ANALYZE, VERBOSE) {tables}"))
    finally:
        raw.remove_notice_handler(hear)
    return sum(kept)
