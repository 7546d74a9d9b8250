"""
A person in the ledger: what is stored of them, which they may ask to see, and erasing it.

Rows of an erased person stay for the counts, without anything that tells who it was. A keyed hash,
the mask, takes the place of the address, so that nobody invites them a second time.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger.database import Database, chunks, overwrite_what_is_erased, translated
from jobmojito_batch.ledger.masks import (
    ensured_key,
    forgotten_key,
    is_invitation_of,
    mask,
    mentions,
)
from jobmojito_batch.ledger.schema import (
    followups,
    invitations,
    letters,
    metadata,
    position_aliases,
    positions,
    run_rows,
    runs,
)

if TYPE_CHECKING:  # psycopg is there only where the ledger is on PostgreSQL
    from psycopg.errors import Diagnostic

PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 0.0)
"""Seconds between the tries to have the server drop old versions that others may still read."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What the ledger has of a person, and how it forgets them."""

    database: Database

    def traces_of(self, email: str) -> int:
        """Rows that have the address, as theirs or in an original cell."""
        count = select(func.count())
        with self.database.reading() as connection:
            theirs = connection.scalar(
                count.select_from(invitations).where(is_invitation_of(email))
            )
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
            .where(is_invitation_of(email))
            .order_by(invitations.c.claimed_at.desc())
        )  # fmt: skip
        with self.database.reading() as connection:
            their_invitations = [dict(row) for row in connection.execute(query).mappings()]
            for invitation in their_invitations:
                named = select(run_rows.c.position_name).where(
                    run_rows.c.position_id == invitation["position_id"],
                    run_rows.c.candidate_email == email,
                    run_rows.c.position_name.is_not(None),
                )
                invitation["position"] = connection.scalar(named.limit(1))
        return their_invitations

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
    masked = mask(email.lower(), ensured_key(connection))
    theirs = select(invitations.c.id).where(is_invitation_of(email))
    connection.execute(delete(letters).where(letters.c.invitation_id.in_(theirs)))
    nothing = {column.name: None for column in followups.c if column.nullable}
    connection.execute(  # while the address still tells whose it is
        update(followups)
        .where(followups.c.invitation_id.in_(theirs))
        .values(nothing | {"stage": "", "has_odd_decision": False})
    )
    connection.execute(
        update(invitations)
        .where(is_invitation_of(email))
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


# What is stored


Stored = dict[str, Any]
"""A row of a table as it is stored, by column."""

_OF_INVITATIONS: Final = "invitation_id"
"""The column by which a table says that it is about an invitation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPerson:
    """What is stored of a person; a table that comes later is in it by itself."""

    email: str
    invitations: tuple[Stored, ...] = ()
    """Each with its `position`, `keys` of that, and what other tables have of it, by their name."""
    rows: tuple[Stored, ...] = ()
    """The rows of runs that were theirs, with `layouts` and `started_at` of the run."""
    mentioned: int = 0
    """Rows of other people whose cells have the address; those are not theirs to see."""
    forgotten: int = 0
    """Invitations and rows of which only a keyed hash of this address is left."""

    @property
    def is_known(self) -> bool:
        """Whether anything tells who it is."""
        return bool(self.invitations or self.rows or self.mentioned)


@dataclass(frozen=True, slots=True)
class Access:
    """Answers what is stored of a person."""

    database: Database

    def of(self, email: str) -> StoredPerson:
        """All of it, the oldest first."""
        with self.database.reading() as connection:
            stored = _rows_with(connection, email)
            theirs = [row for row in stored if _is_theirs(row, email)]
            return StoredPerson(
                email=email,
                invitations=tuple(_invitations(connection, email)),
                rows=tuple(theirs),
                mentioned=sum(
                    row not in theirs and _has_word(row["cells"], email) for row in stored
                ),
                forgotten=_forgotten(connection, email),
            )


def _invitations(connection: Connection, email: str) -> Iterable[Stored]:
    query = (
        select(invitations)
        .where(func.lower(invitations.c.candidate_email) == email.lower())
        .order_by(invitations.c.id)
    )
    for invitation in [dict(row) for row in connection.execute(query).mappings()]:
        position_id = invitation["position_id"]
        [position] = _all(connection, positions, "id", position_id)
        keys = _all(connection, position_aliases, "position_id", position_id)
        about = {
            table.name: _all(connection, table, _OF_INVITATIONS, invitation["id"])
            for table in metadata.sorted_tables
            if _OF_INVITATIONS in table.c
        }
        named = {"position": position, "keys": [alias["key"] for alias in keys]}
        yield invitation | named | about


def _all(connection: Connection, table: Table, column: str, value: object) -> list[Stored]:
    query = select(table).where(table.c[column] == value).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def _rows_with(connection: Connection, email: str) -> list[Stored]:
    query = (
        select(run_rows, runs.c.layouts, runs.c.started_at)
        .join(runs, runs.c.run_id == run_rows.c.run_id)
        .where(mentions(email))
        .order_by(runs.c.started_at, run_rows.c.ordinal)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _is_theirs(row: Stored, email: str) -> bool:
    """By its address; a row that passed no check has none, and its cells tell."""
    owner = row["candidate_email"]
    if owner is not None:
        return bool(owner.lower() == email.lower())
    return _has_word(row["cells"], email)


def _has_word(cells: str, email: str) -> bool:
    """Whether the address stands there by itself, not as the end of a longer one."""
    alone = rf"(?<![\w.+-]){re.escape(email)}(?![\w-]|\.\w)"
    return re.search(alone, cells, re.IGNORECASE) is not None


def _forgotten(connection: Connection, email: str) -> int:
    key = forgotten_key(connection)
    if key is None:
        return 0
    masked = mask(email.lower(), key)
    return sum(
        connection.scalar(
            select(func.count()).select_from(table).where(table.c.candidate_email == masked)
        )
        or 0
        for table in (invitations, run_rows)
    )
