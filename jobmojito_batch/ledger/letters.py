"""Letters: claimed before they are posted, like invitations; at most one a person and step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from jobmojito_batch.columns import LetterStep
from jobmojito_batch.ledger.database import Database, chunks
from jobmojito_batch.ledger.owners import is_alive, this_owner
from jobmojito_batch.ledger.requests import EndLetter, LetterClaim, LetterStanding, TakeLetter
from jobmojito_batch.ledger.schema import LetterState, invitations, letters

_STANDING_OF: Final = {
    LetterState.SENT: LetterStanding.SENT,
    LetterState.UNKNOWN: LetterStanding.UNKNOWN,
}
ORPHANED: Final = "the program ended while the letter was handed over"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLetter:
    """The latest letter of an invitation and a step."""

    invitation_id: int
    state: LetterState
    at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Letters:
    """What was posted to whom."""

    database: Database

    def settle_orphans(self) -> int:
        """Letters whose process died while it posted them become unknown; how many."""
        now = self.database.clock()
        query = _LETTERS.where(letters.c.state == LetterState.CLAIMED)
        with self.database.reading() as connection:
            dead = [row.id for row in connection.execute(query) if not _is_held(row, now)]
        for some in chunks(dead):
            with self.database.writing() as connection:
                _orphan(connection, some)
        return len(dead)

    def latest(self, invitation_ids: Iterable[int], step: LetterStep) -> dict[int, KnownLetter]:
        """The last letter of a step for each of these invitations that had one."""
        known: dict[int, KnownLetter] = {}
        with self.database.reading() as connection:
            for some in chunks(list(invitation_ids)):
                query = _LETTERS.where(
                    letters.c.invitation_id.in_(some), letters.c.step == step.value
                ).order_by(letters.c.id)
                known |= {row.invitation_id: _known(row) for row in connection.execute(query)}
        return known


_LETTERS: Final = select(letters)


def _known(row: Row[Any]) -> KnownLetter:
    return KnownLetter(
        invitation_id=row.invitation_id,
        state=LetterState(row.state),
        at=row.ended_at or row.claimed_at,
        error=row.error,
    )


def _is_held(row: Row[Any], now: datetime) -> bool:
    """Whether somebody may be posting it now: a delivery ends before its lease does."""
    return row.lease_until > now and is_alive(row.owner, row.lease_until, now)


def _orphan(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(
        update(letters)
        .where(letters.c.id.in_(ids), letters.c.state == LetterState.CLAIMED)
        .values(state=LetterState.UNKNOWN.value, ended_at=letters.c.claimed_at, error=ORPHANED)
    )


def take_letters(connection: Connection, wanted: Sequence[TakeLetter]) -> list[LetterClaim]:
    """Claim letters that may be posted; the unique constraint stands behind this code."""
    return [_take(connection, wish) for wish in wanted]


def _take(connection: Connection, wish: TakeLetter) -> LetterClaim:
    if not _is_for_them(connection, wish):
        return LetterClaim(letter_id=0, standing=LetterStanding.GONE)
    query = _LETTERS.where(
        letters.c.invitation_id == wish.invitation_id, letters.c.step == wish.step.value
    )
    earlier = connection.execute(query.order_by(letters.c.id)).all()
    for row in earlier:
        if row.state == LetterState.CLAIMED:
            if _is_held(row, wish.at):
                return LetterClaim(letter_id=row.id, standing=LetterStanding.HELD)
            _orphan(connection, [row.id])
            return _stands(row, LetterStanding.UNKNOWN)
    for row in reversed(earlier):
        standing = _STANDING_OF.get(LetterState(row.state))
        if standing is not None and (not wish.again or row.day == wish.day):
            return _stands(row, standing)
    return _claim(connection, wish, {row.day: row.id for row in earlier})


def _is_for_them(connection: Connection, wish: TakeLetter) -> bool:
    """Whether the invitation is theirs still: they may have been forgotten since."""
    email = select(invitations.c.candidate_email).where(invitations.c.id == wish.invitation_id)
    return connection.scalar(email) == wish.candidate_email


def _stands(row: Row[Any], standing: LetterStanding) -> LetterClaim:
    return LetterClaim(letter_id=row.id, standing=standing, at=row.ended_at or row.claimed_at)


def _claim(connection: Connection, wish: TakeLetter, by_day: dict[str, int]) -> LetterClaim:
    values = {
        "invitation_id": wish.invitation_id,
        "step": wish.step.value,
        "day": wish.day,
        "state": LetterState.CLAIMED.value,
        "owner": wish.owner or this_owner(),
        "lease_until": wish.at + timedelta(seconds=wish.lease_seconds),
        "claimed_at": wish.at,
        "ended_at": None,
        "message_id": wish.message_id,
        "smtp_code": None,
        "error": None,
    }
    refused_today = by_day.get(wish.day)
    if refused_today is not None:
        connection.execute(update(letters).where(letters.c.id == refused_today).values(values))
        return LetterClaim(letter_id=refused_today, standing=LetterStanding.MINE)
    new_ids = connection.execute(insert(letters).values(values).returning(letters.c.id))
    return LetterClaim(letter_id=int(new_ids.scalar_one()), standing=LetterStanding.MINE)


def end_letters(connection: Connection, ended: Sequence[EndLetter]) -> list[None]:
    """
    Record how letters ended; one that was provably not taken is free again.

    Only whose claim it is by its Message-ID: others may have taken it for dead and posted another.
    """
    for letter in ended:
        mine = (
            letters.c.id == letter.letter_id,
            letters.c.message_id == letter.message_id,
            or_(
                letters.c.state == LetterState.CLAIMED.value,
                letters.c.state == LetterState.UNKNOWN.value,
            ),
        )
        if letter.state is None:
            connection.execute(delete(letters).where(*mine))
            continue
        connection.execute(
            update(letters)
            .where(*mine)
            .values(
                state=letter.state.value,
                ended_at=letter.at,
                smtp_code=letter.smtp_code,
                error=letter.error,
            )
        )
    return [None] * len(ended)
