"""Everything the ledger stores of a person: what they may ask to see."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select

from jobmojito_batch.ledger.database import Database
from jobmojito_batch.ledger.erasure import forgotten_key, mask, mentions
from jobmojito_batch.ledger.schema import (
    invitations,
    metadata,
    position_aliases,
    positions,
    run_rows,
    runs,
)

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
