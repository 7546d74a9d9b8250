"""
What a look-up shows of an invitation in doubt (spec section 7, Settling unknowns).

Pure: rows of merchant-result-list in, a finding out. A row is ours where e-mail and position fit
and it was made after the claim, by the API's own clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from jobmojito_batch.contract import ResultRow
from jobmojito_batch.ledger import Doubted
from jobmojito_batch.normalise import folded_name

CLOCK_TOLERANCE_SECONDS: Final = 2.0
"""The Date header tells the API's clock to the second, and a claim is a moment before its call."""


class Seen(Enum):
    """What a look-up proves."""

    FOUND = auto()
    """The call took effect."""
    OLDER = auto()
    """The candidate had been enrolled before the call."""
    ABSENT = auto()
    """Not there now; whether it may still come depends on the time that has passed."""
    UNCLEAR = auto()
    """Not permitted, not readable, or fits more than one enrolment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look-up showed."""

    seen: Seen
    row: ResultRow | None = field(default=None, repr=False)
    why: str = ""
    """For UNCLEAR: the sentence's end."""


def finding_of(rows: Iterable[ResultRow], doubt: Doubted, *, clock_ahead_seconds: float) -> Finding:
    """The finding of all *rows* listed for the doubt's e-mail."""
    since = (
        doubt.claimed_at.replace(tzinfo=UTC)
        + timedelta(seconds=clock_ahead_seconds)
        - timedelta(seconds=CLOCK_TOLERANCE_SECONDS)
    )
    mine = [row for row in rows if _is_same_person(row, doubt)]
    fitting = [row for row in mine if fits_position(row, doubt)]
    newer = [row for row in fitting if _is_since(row, since)]
    if len(newer) > 1:
        return Finding(seen=Seen.UNCLEAR, why=f"{len(newer)} enrolments fit it")
    if newer:
        return Finding(seen=Seen.FOUND, row=newer[0])
    if fitting:
        return Finding(seen=Seen.OLDER, row=fitting[0])
    if _cannot_tell_positions_apart(doubt) and any(_is_since(row, since) for row in mine):
        return Finding(
            seen=Seen.UNCLEAR, why="an enrolment was made then, for a position that may be this"
        )
    return Finding(seen=Seen.ABSENT)


def fits_position(row: ResultRow, doubt: Doubted) -> bool:
    """By the definition's id where we know one, or by the position's name."""
    if row.definition_id is not None and row.definition_id in doubt.definition_ids:
        return True
    if doubt.opening_key is None or row.position_name is None:
        return False
    return folded_name(row.position_name) == doubt.opening_key


def _cannot_tell_positions_apart(doubt: Doubted) -> bool:
    """A position known by its own id alone, which the list does not show."""
    return doubt.opening_key is None


def _is_same_person(row: ResultRow, doubt: Doubted) -> bool:
    return (row.candidate_email or "").strip().lower() == doubt.candidate_email.lower()


def _is_since(row: ResultRow, since: datetime) -> bool:
    """A row without a time counts as new: it must not be taken for an older enrolment."""
    if row.created_at is None:
        return True
    made = row.created_at
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) >= since
