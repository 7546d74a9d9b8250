"""
What the ledger knows of external ids of positions: the names that they stood beside.

An id that got another name since is another job, or the same one renamed: only a person can tell.
Where one said that it is another, the pair of both is a key of its own position.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, String, cast, func, select

from jobmojito_batch.ledger.database import chunks, inserting
from jobmojito_batch.ledger.invited_people import IS_ITS_ROW
from jobmojito_batch.ledger.positions import BY_KEYS, MERGED, merged_into
from jobmojito_batch.ledger.records import EXTERNAL, InvitedUnder, Noted, Requisition
from jobmojito_batch.ledger.schema import invitations, position_aliases, positions, run_rows, runs

NAME: Final = "name:"


def requisitions(
    connection: Connection, account: str, external_ids: Sequence[str]
) -> dict[str, Requisition]:
    """The positions that external ids lead to."""
    keys = [f"{EXTERNAL}{external_id}" for external_id in external_ids]
    return {
        key.removeprefix(EXTERNAL): Requisition(position_id, opening_key)
        for chunk in chunks(keys)
        for key, position_id, opening_key in connection.execute(
            select(position_aliases.c.key, position_aliases.c.position_id, positions.c.opening_key)
            .join(positions, positions.c.id == position_aliases.c.position_id)
            .where(position_aliases.c.account == account, position_aliases.c.key.in_(chunk))
        )
    }


def known_keys(connection: Connection, account: str, keys: Sequence[str]) -> set[str]:
    """Those of the keys that lead to a position."""
    return {
        row.key
        for chunk in chunks(keys)
        for row in connection.execute(BY_KEYS, {"of_account": account, "of_keys": chunk})
    }


def other_opening_keys(
    connection: Connection, position_ids: Sequence[int]
) -> Iterator[tuple[int, str]]:
    """Folded names that lead to positions, beside the one that each was made with."""
    for chunk in chunks(position_ids):
        theirs = position_aliases.c.position_id.in_(chunk)
        named = select(position_aliases.c.position_id, position_aliases.c.key).where(
            theirs, position_aliases.c.key.startswith(NAME, autoescape=True)
        )
        for position_id, key in connection.execute(named):
            yield position_id, key.removeprefix(NAME)
        became = select(position_aliases.c.position_id, positions.c.opening_key).join(
            positions, position_aliases.c.key == f"{MERGED}:" + cast(positions.c.id, String)
        )
        for position_id, opening_key in connection.execute(became.where(theirs)):
            if opening_key is not None:
                yield position_id, opening_key


def invited_under(connection: Connection, position_ids: Sequence[int]) -> Iterator[InvitedUnder]:
    """The names under which people were invited to positions."""
    for chunk in chunks(position_ids):
        query: Any = (
            select(invitations.c.position_id, run_rows.c.position_name, func.min(invitations.c.id))
            .join(runs, runs.c.run_id == invitations.c.run_id)
            .join(run_rows, IS_ITS_ROW)
            .where(
                invitations.c.position_id.in_(chunk),
                run_rows.c.position_id == invitations.c.position_id,
                run_rows.c.position_name.is_not(None),
            )
            .group_by(invitations.c.position_id, run_rows.c.position_name)
        )
        for row in connection.execute(query):
            yield InvitedUnder(*row)


def beside_ids(
    connection: Connection, account: str, names: Collection[str], position_ids: Collection[int]
) -> Iterator[tuple[str | None, int, str]]:
    """
    Positions that an external id leads to: opening key, id, that key; one for each key.

    Those whose opening key is among *names*, and those with one of *position_ids*. Read once, as
    they lie: no index leads from a position to its keys.
    """
    query = (
        select(positions.c.opening_key, positions.c.id, position_aliases.c.key)
        .join(positions, positions.c.id == position_aliases.c.position_id)
        .where(
            position_aliases.c.account == account,
            position_aliases.c.key.startswith(EXTERNAL, autoescape=True),
        )
    )
    for opening_key, position_id, key in connection.execute(query):
        if opening_key in names or position_id in position_ids:
            yield opening_key, position_id, key


def note_keys(connection: Connection, noted: Iterable[Noted]) -> None:
    """Have keys lead to positions; one that leads somewhere already stays."""
    wanted = list(noted)
    where = merged_into(connection, {key.position_id for key in wanted})
    add = inserting(connection.dialect.name, position_aliases).on_conflict_do_nothing()
    connection.execute(
        add,
        [
            {
                "account": key.account,
                "key": key.key,
                "position_id": where.get(key.position_id, key.position_id),
            }
            for key in wanted
        ],
    )
