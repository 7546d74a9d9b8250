"""What the writer can be asked to make durable, and what it gives back: plain values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, Self, TypeVar, cast

from sqlalchemy import Connection

from jobmojito_batch.columns import ErrorCode, LetterStep, Outcome
from jobmojito_batch.ledger.schema import ClaimState, LetterState

R_co = TypeVar("R_co", covariant=True)
Write = Callable[[Connection, Sequence[object]], Sequence[object]]
"""Does all requests of one kind in a transaction; gives a result for each, in order."""


class Request(Generic[R_co]):
    """What can be asked of the writer; R_co is what is given once the write is durable."""

    __slots__ = ()

    @classmethod
    def written_by(
        cls, write: Callable[[Connection, Sequence[Self]], Sequence[R_co]]
    ) -> tuple[type[object], Write]:
        """The kind and what writes it: the one place where the two have to fit."""
        return cls, cast("Write", write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    What became of a TakeClaim or TakeOver.

    `is_mine` is false where somebody has the invitation, it is settled, somebody else opens the
    position, or the day's credits are spent; `state` and `run_id` say who and how.
    """

    invitation_id: int
    is_mine: bool
    state: ClaimState
    run_id: str
    ordinal: int
    is_opened_elsewhere: bool = False
    is_over_day_limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeClaim(Request[Claim]):
    """Take an invitation for a row, and with it the right to its next attempt."""

    run_id: str
    ordinal: int
    position_id: int
    candidate_email: str
    number: int
    at: datetime
    credits: float
    opens: str | None = None
    """Account and folded name, if the row is to open its position."""
    day_limit: float | None = None
    """What all calls of the UTC day may cost; None for no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver(Request[Claim]):
    """Take an unknown invitation that provably did not happen, to send it once more."""

    invitation_id: int
    seen_at: datetime
    """`claimed_at` as it was when the doubt was settled: should it have moved, it is not ours."""
    run_id: str
    ordinal: int
    number: int
    at: datetime
    credits: float
    position_id: int
    opens: str | None = None
    day_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginAttempt(Request[bool]):
    """A further attempt under a claim that is held; False if it is held no more."""

    invitation_id: int
    run_id: str
    number: int
    at: datetime
    credits: float
    day_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """What a row of this run ended in."""

    run_id: str
    ordinal: int
    outcome: Outcome
    error_code: ErrorCode | None = None
    error_field: str | None = None
    error_message: str | None = None
    attempts: int = 0
    http_status: int | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What the API said of the candidate; no repr shows it."""

    status: str | None = None
    interview_url: str | None = None
    reason: str | None = None
    position_def_set_id: str | None = None
    interview_def_set_id: str | None = None
    profile_interview_id: str | None = None

    def __repr__(self) -> str:
        return "<Enrolment>"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAttempt(Request[None]):
    """
    How an attempt ended; with `row`, how the row did.

    `gives_back_claim` opens the invitation again without settling the row: it will be sent anew.
    """

    invitation_id: int
    run_id: str
    number: int
    at: datetime
    result: str
    http_status: int | None
    request_id: str | None
    is_free: bool
    row: RowOutcome | None = None
    enrolment: Enrolment | None = None
    gives_back_claim: bool = False
    opened: str | None = None
    """The opening that the attempt held: it is let go unless the attempt is in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleDoubt(Request[bool]):
    """
    What looking up an unknown invitation came to; False if it is not the same doubt any more.

    The rows that say unknown because of it, in whatever run, get the outcome.
    """

    invitation_id: int
    seen_at: datetime
    run_id: str
    outcome: Outcome
    at: datetime
    error_code: ErrorCode | None = None
    error_message: str | None = None
    enrolment: Enrolment | None = None
    opened: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOpening(Request[None]):
    """A row that was to open its position lost its claim: somebody else may open it."""

    name: str
    run_id: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease(Request[None]):
    """The run lives until *until*, at least."""

    run_id: str
    until: datetime


class Slots(NamedTuple):
    """Starts of the shared pace, in Unix seconds."""

    first: float
    paused_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSlots(Request[Slots]):
    """Reserve the next *count* starts of the shared pace."""

    key: str
    count: int
    interval: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePause(Request[None]):
    """Hold the starts of all processes until *until* (Unix seconds)."""

    key: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRows(Request[None]):
    """One outcome for rows that were not sent."""

    rows: tuple[RowOutcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeLink(Request[None]):
    """A link that was minted after the outcome was recorded: review becomes invited."""

    invitation_id: int
    run_id: str
    ordinal: int
    interview_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition(Request[int]):
    """
    The API answered for the position: it exists, under this id if it gave one.

    Gives the position to go on with: by its id it may be one that was known under another name.
    """

    position_id: int
    position_def_set_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPositionId(Request[None]):
    """The API no longer knows the id: the position will be opened again by name."""

    position_id: int
    position_def_set_id: str


class LetterStanding(StrEnum):
    """What became of a TakeLetter."""

    MINE = "mine"
    SENT = "sent"
    UNKNOWN = "unknown"
    HELD = "held"
    """A living process posts it now."""
    GONE = "gone"
    """The person was forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterClaim:
    """Whether a letter may be posted, and who did if not."""

    letter_id: int
    standing: LetterStanding
    at: datetime | None = None
    """When it was posted, if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeLetter(Request[LetterClaim]):
    """The right to post one letter, once."""

    invitation_id: int
    candidate_email: str = field(repr=False)
    step: LetterStep
    day: str
    """The occasion: the UTC day, as 2026-11-26."""
    again: bool
    """Whether one of an earlier day may be followed by another."""
    at: datetime
    lease_seconds: float
    """By then the delivery has surely ended, or its process has."""
    message_id: str
    owner: str = ""
    """Who posts it; this process if it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLetter(Request[None]):
    """How a letter ended; without a *state* it was provably not taken, and is free again."""

    letter_id: int
    message_id: str
    state: LetterState | None
    at: datetime
    smtp_code: int | None = None
    error: str | None = field(default=None, repr=False)
