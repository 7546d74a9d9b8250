"""
The SQL of positions: made, opened by one row at a time, known by what the API says of them, merged.

A position that proved to be another leaves its old id behind (`merged_into`): a process may have
planned with that.
"""

import functools
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import (
    Connection,
    Insert,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    insert,
    select,
    update,
)

from jobmojito_batch.ledger.database import inserting
from jobmojito_batch.ledger.requests import (
    CloseOpening,
    ForgetPositionId,
    OpenPosition,
    TakeClaim,
    TakeOver,
)
from jobmojito_batch.ledger.schema import (
    IN_DOUBT,
    String,
    invitations,
    meta,
    openings,
    position_aliases,
    positions,
    run_rows,
)

MERGED: Final = "merged"
"""In `meta` once two positions were merged; then `merged:ID` is an alias of where ID went."""


# Made where absent


def ensure_positions(
    connection: Connection, wanted: Sequence[tuple[str, str, str | None]]
) -> dict[tuple[str, str], int]:
    """The ids of positions by (account, key), made if absent; wanted has the opening key, too."""
    keys_of: dict[str, list[str]] = {}
    for account, key, _ in wanted:
        keys_of.setdefault(account, []).append(key)
    ids = {
        (account, row.key): int(row.id)
        for account, keys in keys_of.items()
        for row in connection.execute(BY_KEYS, {"of_account": account, "of_keys": keys})
    }
    for account, key, opening_key in wanted:
        if (account, key) not in ids:
            ids[account, key] = _new_position(connection, account, key, opening_key)
    return ids


def _new_position(connection: Connection, account: str, key: str, opening_key: str | None) -> int:
    given_id = key.removeprefix("id:") if key.startswith("id:") else None
    position_id = connection.execute(
        _MAKE,
        {"account": account, "opening_key": opening_key, "position_def_set_id": given_id},
    ).scalar_one()
    connection.execute(_NAME, {"account": account, "key": key, "position_id": position_id})
    return int(position_id)


BY_KEYS: Final = (
    select(
        position_aliases.c.key,
        positions.c.id,
        positions.c.position_def_set_id,
        positions.c.opened_at,
    )
    .join(positions, positions.c.id == position_aliases.c.position_id)
    .where(
        position_aliases.c.account == bindparam("of_account"),
        position_aliases.c.key.in_(bindparam("of_keys", expanding=True)),
    )
)
"""Positions of an account by their keys."""
_MAKE: Final = insert(positions).returning(positions.c.id)
_NAME: Final = insert(position_aliases)


# Opened by one row at a time


class Opener(NamedTuple):
    """The row that opens a position."""

    run_id: str
    ordinal: int


def opener_of(connection: Connection, name: str) -> Opener | None:
    """
    The row that opens a name now; None also if it has no call under way or in doubt any more.

    An opening is taken in the transaction of its claim, so the claim is there as long as it counts.
    """
    opening = connection.execute(_OPENING, {"of_name": name}).first()
    if opening is None:
        return None
    row = {"of_run": opening.run_id, "of_ordinal": opening.ordinal}
    if connection.scalar(_CALL_OF_ROW, row) is None:
        return None
    return Opener(opening.run_id, opening.ordinal)


_OPENING: Final = select(openings.c.run_id, openings.c.ordinal).where(
    openings.c.name == bindparam("of_name")
)
_CALL_OF_ROW: Final = (
    select(invitations.c.id)
    .where(
        invitations.c.run_id == bindparam("of_run"),
        invitations.c.ordinal == bindparam("of_ordinal"),
        IN_DOUBT,
    )
    .limit(1)
)


def hold_opening(connection: Connection, claim: TakeClaim | TakeOver) -> None:
    """Have the claim's row open its name, and nobody else."""
    connection.execute(
        _upsert_opening(connection.dialect.name),
        {
            "name": claim.opens,
            "position_id": claim.position_id,
            "run_id": claim.run_id,
            "ordinal": claim.ordinal,
            "at": claim.at,
        },
    )


@functools.cache
def _upsert_opening(dialect_name: str) -> Insert:
    statement = inserting(dialect_name, openings)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "position_id": new.position_id,
            "run_id": new.run_id,
            "ordinal": new.ordinal,
            "at": new.at,
        },
    )


def close_openings(connection: Connection, closed: Sequence[CloseOpening]) -> list[None]:
    """Let go of openings whose row did not get its claim, if it holds them."""
    for opening in closed:
        connection.execute(
            _CLOSE,
            {"of_name": opening.name, "of_run": opening.run_id, "of_ordinal": opening.ordinal},
        )
    return [None] * len(closed)


_CLOSE: Final = delete(openings).where(
    openings.c.name == bindparam("of_name"),
    openings.c.run_id == bindparam("of_run"),
    openings.c.ordinal == bindparam("of_ordinal"),
)


# What the API said of them


def open_positions(connection: Connection, opened: Sequence[OpenPosition]) -> list[int]:
    """Remember that positions exist; gives for each the position to go on with."""
    return [_open_position(connection, answer) for answer in opened]


def _open_position(connection: Connection, answer: OpenPosition) -> int:
    position_id = _where_it_is(connection, answer.position_id)
    _set(connection, position_id, opened_at=answer.at)
    if answer.position_def_set_id is None:
        return position_id
    account = connection.scalar(_ACCOUNT, {"of_position": position_id})
    key = f"id:{answer.position_def_set_id.lower()}"
    known_id = connection.scalar(_NAMED, {"of_account": account, "of_key": key})
    if known_id is None:
        connection.execute(_NAME, {"account": account, "key": key, "position_id": position_id})
    elif known_id != position_id:
        _merge(connection, position_id, into=known_id)
        position_id = int(known_id)
    _set(
        connection,
        position_id,
        position_def_set_id=answer.position_def_set_id,
        opened_at=answer.at,
    )
    return position_id


def _set(connection: Connection, position_id: int, **values: object) -> None:
    connection.execute(_SET, {"of_position": position_id, **values})


_SET: Final = update(positions).where(positions.c.id == bindparam("of_position"))
"""What it is executed with beside that is set."""
_ACCOUNT: Final = select(positions.c.account).where(positions.c.id == bindparam("of_position"))
_NAMED: Final = select(position_aliases.c.position_id).where(
    position_aliases.c.account == bindparam("of_account"),
    position_aliases.c.key == bindparam("of_key"),
)


def forget_position_ids(connection: Connection, gone: Sequence[ForgetPositionId]) -> list[None]:
    """Drop ids that the API no longer knows, if they are still what we hold."""
    for unknown_id in gone:
        position_id = _where_it_is(connection, unknown_id.position_id)
        given_id = unknown_id.position_def_set_id
        connection.execute(_FORGET_ID, {"of_position": position_id, "of_id": given_id})
        connection.execute(
            _FORGET_NAME, {"of_position": position_id, "of_key": f"id:{given_id.lower()}"}
        )
    return [None] * len(gone)


_FORGET_ID: Final = (
    update(positions)
    .where(
        positions.c.id == bindparam("of_position"),
        positions.c.position_def_set_id == bindparam("of_id"),
    )
    .values(position_def_set_id=None, opened_at=None)
)
_FORGET_NAME: Final = delete(position_aliases).where(
    position_aliases.c.position_id == bindparam("of_position"),
    position_aliases.c.key == bindparam("of_key"),
)


# Two that turn out to be one


def _merge(connection: Connection, position_id: int, *, into: int) -> None:
    """
    Two names turned out to be one position: from here on they are one key.

    An invitation that both have stays where it is (it was made twice before we could know).
    """
    other = invitations.alias()
    connection.execute(
        update(invitations)
        .where(
            invitations.c.position_id == position_id,
            ~exists().where(
                other.c.position_id == into,
                other.c.candidate_email == invitations.c.candidate_email,
            ),
        )
        .values(position_id=into)
    )
    connection.execute(
        update(run_rows)
        .where(
            run_rows.c.position_id == position_id,
            ~exists().where(
                invitations.c.position_id == position_id,
                invitations.c.candidate_email == run_rows.c.candidate_email,
            ),
        )
        .values(position_id=into)
    )
    connection.execute(
        update(position_aliases)
        .where(position_aliases.c.position_id == position_id)
        .values(position_id=into)
    )
    _note_merge(connection, position_id, into=into)


def _note_merge(connection: Connection, position_id: int, *, into: int) -> None:
    """Have the old id lead to the position it became; as an alias it moves on with the others."""
    account = select(positions.c.account).where(positions.c.id == position_id).scalar_subquery()
    connection.execute(
        insert(position_aliases).values(
            account=account, key=f"{MERGED}:{position_id}", position_id=into
        )
    )
    if connection.scalar(select(meta.c.key).where(meta.c.key == MERGED)) is None:
        connection.execute(insert(meta).values(key=MERGED, value="1"))


def merged_into(connection: Connection, position_ids: Collection[int]) -> dict[int, int]:
    """Of these positions those that were merged, and into which."""
    rows = connection.execute(_MERGED_INTO, {"of_positions": list(position_ids)})
    return {row.id: row.position_id for row in rows}


_MERGED_INTO: Final = (
    select(positions.c.id, position_aliases.c.position_id)
    .join(
        position_aliases,
        and_(
            position_aliases.c.account == positions.c.account,
            position_aliases.c.key == f"{MERGED}:" + cast(positions.c.id, String),
        ),
    )
    .where(positions.c.id.in_(bindparam("of_positions", expanding=True)))
)


def _where_it_is(connection: Connection, position_id: int) -> int:
    return merged_into(connection, {position_id}).get(position_id, position_id)
