"""One pace for all processes: when the next start is due, and until when a 429 holds them."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from jobmojito_batch.ledger.requests import SharePause, Slots, TakeSlots
from jobmojito_batch.ledger.schema import paces

MOST_AHEAD_SECONDS: Final = 60.0
MOST_BLOCKS_AHEAD: Final = 50
"""As many processes as share a pace; at slow rates their blocks reach further than the seconds."""
LONGEST_PAUSE_SECONDS: Final = 1_000.0
"""A run that would have to pause longer stops (sending.retry)."""
_PACE: Final = select(paces.c.due, paces.c.paused_until).where(paces.c.key == bindparam("of"))
_MOVE: Final = update(paces).where(paces.c.key == bindparam("of"))
"""Made once: a statement that is built for each call costs as much as it takes to run."""
_BEGIN: Final = insert(paces)
_PAUSE: Final = (
    update(paces)
    .where(paces.c.key == bindparam("of"), paces.c.paused_until < bindparam("until"))
    .values(paused_until=bindparam("until"))
)


def take_slots(connection: Connection, wanted: Sequence[TakeSlots]) -> list[Slots]:
    """Reserve the next starts, for one process after the other."""
    return [_take_slots(connection, slots) for slots in wanted]


def _take_slots(connection: Connection, slots: TakeSlots) -> Slots:
    pace = connection.execute(_PACE, {"of": slots.key}).first()
    due, paused = (pace.due, pace.paused_until) if pace else (0.0, 0.0)
    # What lies further ahead than anybody is asked to wait or reserves was told by another clock.
    if paused > slots.now + LONGEST_PAUSE_SECONDS:
        paused = 0.0
    # Not a credit before: by the time that it is committed that would be too late to use.
    earliest = max(slots.now, paused)
    if due > earliest + max(MOST_AHEAD_SECONDS, MOST_BLOCKS_AHEAD * slots.count * slots.interval):
        due = 0.0
    first = max(due, earliest)
    values = {"due": first + slots.count * slots.interval, "paused_until": paused}
    if pace is None:
        connection.execute(_BEGIN, {"key": slots.key, **values})
    else:
        connection.execute(_MOVE, {"of": slots.key, **values})
    return Slots(first, paused)


def share_pauses(connection: Connection, shared: Sequence[SharePause]) -> list[None]:
    """A pause for everybody; a longer one that is under way stays."""
    for pause in shared:
        connection.execute(_PAUSE, {"of": pause.key, "until": pause.until})
    return [None] * len(shared)
