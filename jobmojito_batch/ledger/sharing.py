"""What processes share: who opens a position, who lives, when the next start is due."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from jobmojito_batch.ledger.requests import (
    CloseOpening,
    RenewLease,
    SharePause,
    TakeClaim,
    TakeOver,
    TakeSlots,
)
from jobmojito_batch.ledger.tables import ClaimState, RunState, invitations, openings, paces, runs

CREDIT_SECONDS: Final = 0.020
"""How late a start may be and still count as on time (see sending.pace)."""
MOST_AHEAD_SECONDS: Final = 3_600.0


def hold_opening(connection: Connection, claim: "TakeClaim | TakeOver") -> str | None:
    """Take the opening of the claim's name; gives the run that has it where that is another row."""
    held = connection.execute(
        select(openings.c.run_id, openings.c.ordinal).where(openings.c.name == claim.opens)
    ).first()
    if held is not None:
        is_mine = (held.run_id, held.ordinal) == (claim.run_id, claim.ordinal)
        if is_mine:
            return None
        if not is_left_over(connection, claim.opens or ""):
            return str(held.run_id)
        connection.execute(delete(openings).where(openings.c.name == claim.opens))
    connection.execute(
        insert(openings).values(
            name=claim.opens,
            position_id=claim.position_id,
            run_id=claim.run_id,
            ordinal=claim.ordinal,
            at=claim.at,
        )
    )
    return None


def is_left_over(connection: Connection, name: str) -> bool:
    """
    Whether the row that holds an opening has no call under way or in doubt any more.

    An opening is taken in the transaction of its claim, so the claim is there as long as it counts.
    """
    held = connection.execute(
        select(openings.c.run_id, openings.c.ordinal).where(openings.c.name == name)
    ).first()
    if held is None:
        return False
    counts = select(invitations.c.id).where(
        invitations.c.run_id == held.run_id,
        invitations.c.ordinal == held.ordinal,
        invitations.c.state.in_([ClaimState.UNKNOWN.value, ClaimState.CLAIMED.value]),
    )
    return connection.scalar(counts.limit(1)) is None


def close_openings(connection: Connection, closed: "Sequence[CloseOpening]") -> list[None]:
    """Let go of openings whose row did not get its claim."""
    for one in closed:
        close_opening(connection, one.name, one.run_id, one.ordinal)
    return [None] * len(closed)


def close_opening(connection: Connection, name: str, run_id: str, ordinal: int) -> None:
    """Let go of an opening, where this row holds it."""
    connection.execute(
        delete(openings).where(
            openings.c.name == name, openings.c.run_id == run_id, openings.c.ordinal == ordinal
        )
    )


def renew_leases(connection: Connection, renewed: Sequence[RenewLease]) -> list[None]:
    """Runs live on."""
    for one in renewed:
        connection.execute(
            update(runs)
            .where(runs.c.run_id == one.run_id, runs.c.state == RunState.RUNNING)
            .values(lease_until=one.until)
        )
    return [None] * len(renewed)


def take_slots(connection: Connection, wanted: Sequence[TakeSlots]) -> list[tuple[float, float]]:
    """The first of the reserved starts and the end of the pause, both in Unix seconds."""
    return [_take_slots(connection, one) for one in wanted]


def _take_slots(connection: Connection, one: TakeSlots) -> tuple[float, float]:
    query = select(paces.c.due, paces.c.paused_until).where(paces.c.key == one.key)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    found = connection.execute(query).first()
    due, paused = (found.due, found.paused_until) if found else (0.0, 0.0)
    if max(due, paused) > one.now + MOST_AHEAD_SECONDS:
        due, paused = 0.0, 0.0  # a clock was put back: nobody reserves so far ahead
    first = max(due, one.now - CREDIT_SECONDS)
    values = {"due": first + one.count * one.interval, "paused_until": paused}
    if found is None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(
            dialect.insert(paces)
            .values(key=one.key, **values)
            .on_conflict_do_update(index_elements=["key"], set_=values)
        )
    else:
        connection.execute(update(paces).where(paces.c.key == one.key).values(**values))
    return first, paused


def share_pauses(connection: Connection, shared: Sequence[SharePause]) -> list[None]:
    """A pause for everybody; a longer one that is under way stays."""
    for one in shared:
        connection.execute(
            update(paces)
            .where(paces.c.key == one.key, paces.c.paused_until < one.until)
            .values(paused_until=one.until)
        )
    return [None] * len(shared)
