"""Where a position went that proved to be another: a process may have planned with its old id."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, and_, cast, insert, select

from jobmojito_batch.ledger.tables import String, meta, position_aliases, positions

MERGED: Final = "merged"
"""In `meta` once two positions were merged; then `merged:ID` is an alias of where ID went."""


def note_merge(connection: Connection, position_id: int, *, into: int) -> None:
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
    query = (
        select(positions.c.id, position_aliases.c.position_id)
        .join(
            position_aliases,
            and_(
                position_aliases.c.account == positions.c.account,
                position_aliases.c.key == f"{MERGED}:" + cast(positions.c.id, String),
            ),
        )
        .where(positions.c.id.in_(position_ids))
    )
    return {row.id: row.position_id for row in connection.execute(query)}
