"""
What a look-up shows of an invitation in doubt (spec section 7, Settling unknowns).

Pure: rows of merchant-result-list in, a finding out. Rows of one enrolment (its screening, its
interview, attempts) are one. It is ours where e-mail and position fit and it was made after the
claim, by the API's own clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from jobmojito_batch.columns import Outcome
from jobmojito_batch.contract import ResultRow
from jobmojito_batch.ledger import Doubted
from jobmojito_batch.normalise import folded_name

CLOCK_TOLERANCE_SECONDS: Final = 2.0
"""The Date header tells the API's clock to the second, and a claim is a moment before its call."""


_DECIDED: Final = {
    "selected": (3, Outcome.INVITED),
    "rejected": (3, Outcome.REJECTED),
    "recruiter_accept": (2, Outcome.INVITED),
    "recruiter_reject": (2, Outcome.REJECTED),
    "ai_accept": (1, Outcome.INVITED),
    "ai_reject": (1, Outcome.REJECTED),
}
"""
Decisions that say something, in the words of either list, and how much they confirm: that of the
interview above a recruiter's about the screening, and that above the AI's recommendation.
"""
_INTERVIEW_STEP: Final = "interview"


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


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One enrolment, in as many rows as the list has of it."""

    rows: Sequence[ResultRow] = field(repr=False)

    @property
    def profile_interview_id(self) -> str | None:
        """The enrolment's id; all its rows have it."""
        return self.rows[0].profile_interview_id

    @property
    def profile_id(self) -> str | None:
        """The person's."""
        return next((row.profile_id for row in self.rows if row.profile_id), None)

    @property
    def definition_id(self) -> str | None:
        """What a link is minted for: the interview's, where a screening row has another."""
        named = [row for row in self.rows if row.definition_id]
        interviews = [row for row in named if row.position_step == _INTERVIEW_STEP]
        return next((row.definition_id for row in [*interviews, *named]), None)

    @property
    def decision(self) -> str | None:
        """The decision that weighs most; the first that is named where none says anything."""
        named = [row.decision_status for row in self.rows if row.decision_status]
        return max(named, key=_weight, default=None)

    @property
    def outcome(self) -> Outcome:
        """What the decision means; a person looks where it says nothing or two contradict."""
        weight = _weight(self.decision or "")
        said = {
            _DECIDED[word][1]
            for row in self.rows
            if _weight(word := (row.decision_status or "").lower()) == weight > 0
        }
        return said.pop() if len(said) == 1 else Outcome.REVIEW

    def is_since(self, moment: datetime) -> bool:
        """
        Whether it was made since; by its first row, for a later attempt makes no enrolment.

        Without any time it counts as new: it must not be taken for an older one.
        """
        created = [_with_zone(row.created_at) for row in self.rows if row.created_at is not None]
        return not created or min(created) >= moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look-up showed."""

    seen: Seen
    enrolled: Enrolled | None = field(default=None, repr=False)
    why: str = ""
    """For UNCLEAR: the sentence's end."""


def finding_of(rows: Iterable[ResultRow], doubt: Doubted, *, clock_ahead_seconds: float) -> Finding:
    """The finding of all *rows* listed for the doubt's e-mail."""
    since = (
        doubt.claimed_at.replace(tzinfo=UTC)
        + timedelta(seconds=clock_ahead_seconds)
        - timedelta(seconds=CLOCK_TOLERANCE_SECONDS)
    )
    mine = enrolments(row for row in rows if _is_same_person(row, doubt))
    fitting = [
        enrolled for enrolled in mine if any(fits_position(row, doubt) for row in enrolled.rows)
    ]
    newer = [enrolled for enrolled in fitting if enrolled.is_since(since)]
    if len(newer) > 1:
        return Finding(seen=Seen.UNCLEAR, why=f"{len(newer)} enrolments fit it")
    if newer:
        return Finding(seen=Seen.FOUND, enrolled=newer[0])
    if fitting:
        return Finding(seen=Seen.OLDER, enrolled=fitting[0])
    if _cannot_tell_positions_apart(doubt) and any(enrolled.is_since(since) for enrolled in mine):
        return Finding(
            seen=Seen.UNCLEAR, why="an enrolment was made then, for a position that may be this"
        )
    return Finding(seen=Seen.ABSENT)


def enrolments(rows: Iterable[ResultRow]) -> list[Enrolled]:
    """Rows by the enrolment they are of, in their order; a row without its id stands alone."""
    by_enrolment: dict[object, list[ResultRow]] = {}
    for number, row in enumerate(rows):
        by_enrolment.setdefault(row.profile_interview_id or number, []).append(row)
    return [Enrolled(some) for some in by_enrolment.values()]


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


def _weight(decision: str) -> int:
    return _DECIDED.get(decision.lower(), (0, None))[0]


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
