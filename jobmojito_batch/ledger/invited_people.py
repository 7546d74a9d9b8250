"""Who was invited at an address: the names and ids of the rows that were sent."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Select, func, select

from jobmojito_batch.ledger.database import chunks
from jobmojito_batch.ledger.frames import frame_of, frames_of
from jobmojito_batch.ledger.records import PEOPLE_SCHEMA
from jobmojito_batch.ledger.schema import ClaimState, invitations, positions, run_rows, runs

FRAME_ROWS: Final = 20_000
IS_ITS_ROW: Final = (run_rows.c.run_id == func.coalesce(runs.c.parent_id, runs.c.run_id)) & (
    run_rows.c.ordinal == invitations.c.ordinal
)
"""
Whether a row is the one of an invitation, whose run is joined.

An attempt at a shard holds the claim; the rows are those of its parent.
"""
_PEOPLE: Final = (
    select(
        invitations.c.position_id,
        invitations.c.candidate_email,
        run_rows.c.candidate_name,
        run_rows.c.candidate_external_id,
        run_rows.c.run_id,
        run_rows.c.source,
        run_rows.c.row,
    )
    .select_from(invitations)
    .join(runs, runs.c.run_id == invitations.c.run_id)
    .join(run_rows, IS_ITS_ROW)
    .where(invitations.c.state != ClaimState.OPEN, run_rows.c.candidate_name.is_not(None))
)


def people_at(connection: Connection, emails: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Who was invited at a few addresses, by the index of the rows that have them."""
    theirs = _PEOPLE.where(
        run_rows.c.position_id == invitations.c.position_id,
        run_rows.c.candidate_email == invitations.c.candidate_email,
    )
    for chunk in chunks(emails):
        at_these: Select[Any] = theirs.where(run_rows.c.candidate_email.in_(chunk))
        yield frame_of(connection, at_these, PEOPLE_SCHEMA)


def all_people(connection: Connection) -> Iterator[pl.DataFrame]:
    """Everybody who was invited, in frames of at most FRAME_ROWS rows."""
    return frames_of(connection, _PEOPLE, PEOPLE_SCHEMA, rows=FRAME_ROWS)


def is_cheaper_by_address(connection: Connection, addresses: int) -> bool:
    """Whether a few addresses are better looked up: each has a row in every run that read it."""
    run_count = connection.scalar(select(func.count()).select_from(runs)) or 0
    newest = connection.scalar(select(func.max(invitations.c.id))) or 0
    return addresses * max(1, int(run_count)) <= newest


def accounts_of_positions(connection: Connection, accounts: Sequence[str]) -> pl.DataFrame:
    """The positions of some accounts: position_id, account."""
    query = select(positions.c.id, positions.c.account)
    return pl.concat(
        frame_of(
            connection,
            query.where(positions.c.account.in_(chunk)),
            {"position_id": pl.Int64(), "account": pl.String()},
        )
        for chunk in chunks(accounts)
    )
