"""The SQL of positions: what the API said of them, and two that turn out to be one."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, exists, insert, select, update

from jobmojito_batch.ledger.merging import merged_into, note_merge
from jobmojito_batch.ledger.requests import ForgetPositionId, OpenPosition
from jobmojito_batch.ledger.tables import invitations, position_aliases, positions, run_rows


def open_positions(connection: Connection, opened: Sequence[OpenPosition]) -> list[int]:
    """Remember that positions exist; gives for each the position to go on with."""
    return [_open_position(connection, one) for one in opened]


def _open_position(connection: Connection, one: OpenPosition) -> int:
    one = replace(one, position_id=_where_it_is(connection, one.position_id))
    connection.execute(
        update(positions).where(positions.c.id == one.position_id).values(opened_at=one.at)
    )
    if one.position_def_set_id is None:
        return one.position_id
    account = connection.scalar(
        select(positions.c.account).where(positions.c.id == one.position_id)
    )
    key = f"id:{one.position_def_set_id.lower()}"
    known = connection.scalar(
        select(position_aliases.c.position_id).where(
            position_aliases.c.account == account, position_aliases.c.key == key
        )
    )
    if known is None:
        connection.execute(
            insert(position_aliases).values(account=account, key=key, position_id=one.position_id)
        )
    elif known != one.position_id:
        _merge(connection, one.position_id, into=known)
    position_id = one.position_id if known is None else int(known)
    connection.execute(
        update(positions)
        .where(positions.c.id == position_id)
        .values(position_def_set_id=one.position_def_set_id, opened_at=one.at)
    )
    return position_id


def _where_it_is(connection: Connection, position_id: int) -> int:
    return merged_into(connection, {position_id}).get(position_id, position_id)


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
    note_merge(connection, position_id, into=into)


def forget_position_ids(connection: Connection, gone: Sequence[ForgetPositionId]) -> list[None]:
    """Drop ids that the API no longer knows, where they are still what we hold."""
    for one in gone:
        position_id = _where_it_is(connection, one.position_id)
        connection.execute(
            update(positions)
            .where(
                positions.c.id == position_id,
                positions.c.position_def_set_id == one.position_def_set_id,
            )
            .values(position_def_set_id=None, opened_at=None)
        )
        connection.execute(
            delete(position_aliases).where(
                position_aliases.c.position_id == position_id,
                position_aliases.c.key == f"id:{one.position_def_set_id.lower()}",
            )
        )
    return [None] * len(gone)
