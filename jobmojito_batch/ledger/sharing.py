"""What processes share: who opens a position, who lives, when the next start is due."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from jobmojito_batch.ledger.requests import (
    CloseOpening,
    RenewLease,
    SharePause,
    TakeClaim,
    TakeOver,
    TakeSlots,
)
from jobmojito_batch.ledger.tables import ClaimState, RunState, invitations, openings, paces, runs

MOST_AHEAD_SECONDS: Final = 60.0
MOST_BLOCKS_AHEAD: Final = 50
"""As many processes as share a pace; at slow rates their blocks reach further than the seconds."""
LONGEST_PAUSE_SECONDS: Final = 1_000.0
"""A run that would have to pause longer stops (sending.retry)."""
LEASE_SECONDS: Final = 60.0
"""How long a run counts as living after its last word, where its process cannot be asked."""
HELD_BACK_SECONDS: Final = 30.0
"""How long after its claim a call may start at the latest (see sending)."""


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


_RENEW = (
    update(runs)
    .where(runs.c.run_id == bindparam("of_run"), runs.c.state == RunState.RUNNING)
    .values(lease_until=bindparam("new_until"))
)


def renew_leases(connection: Connection, renewed: Sequence[RenewLease]) -> list[None]:
    """Runs live on."""
    connection.execute(_RENEW, [{"of_run": one.run_id, "new_until": one.until} for one in renewed])
    return [None] * len(renewed)


_OUTLIVE = (
    update(runs)
    .where(
        runs.c.run_id == bindparam("of_run"),
        runs.c.state != RunState.ENDED,
        or_(runs.c.state != RunState.RUNNING, runs.c.lease_until < bindparam("needed_until")),
    )
    .values(state=RunState.RUNNING.value, lease_until=bindparam("new_until"))
)


def outlive_calls(connection: Connection, run_ids: set[str], at: datetime) -> None:
    """
    Have the leases of runs last until the calls that they claim now have surely started.

    So no call starts after its run's lease. A run that was taken for dead (its machine slept) lives
    again with its next claim: what it held before is unknown, what it claims from here on is held.
    """
    needed, longer = (
        at + timedelta(seconds=seconds) for seconds in (HELD_BACK_SECONDS, LEASE_SECONDS)
    )
    connection.execute(
        _OUTLIVE,
        [{"of_run": one, "needed_until": needed, "new_until": longer} for one in sorted(run_ids)],
    )


def take_slots(connection: Connection, wanted: Sequence[TakeSlots]) -> list[tuple[float, float]]:
    """The first of the reserved starts and the end of the pause, both in Unix seconds."""
    return [_take_slots(connection, one) for one in wanted]


def _take_slots(connection: Connection, one: TakeSlots) -> tuple[float, float]:
    query = select(paces.c.due, paces.c.paused_until).where(paces.c.key == one.key)
    found = connection.execute(query).first()
    due, paused = (found.due, found.paused_until) if found else (0.0, 0.0)
    # What lies further ahead than anybody is asked to wait or reserves was told by another clock.
    if paused > one.now + LONGEST_PAUSE_SECONDS:
        paused = 0.0
    # Not a credit before: by the time that it is committed that would be too late to use.
    earliest = max(one.now, paused)
    if due > earliest + max(MOST_AHEAD_SECONDS, MOST_BLOCKS_AHEAD * one.count * one.interval):
        due = 0.0
    first = max(due, earliest)
    values = {"due": first + one.count * one.interval, "paused_until": paused}
    if found is None:
        connection.execute(insert(paces).values(key=one.key, **values))
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
