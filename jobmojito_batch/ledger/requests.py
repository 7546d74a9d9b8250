"""What the writer can be asked to make durable, and what it gives back: plain values."""

from dataclasses import dataclass
from datetime import datetime

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger.tables import ClaimState


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeClaim:
    """Take an invitation for a row, and with it the right to its next attempt."""

    run_id: str
    ordinal: int
    position_id: int
    candidate_email: str
    number: int
    at: datetime
    credits: float
    opens: str | None = None
    """Account and folded name, where the row is to open its position."""
    day_limit: float | None = None
    """What all calls of the UTC day may cost; None for no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
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
class BeginAttempt:
    """A further attempt under a claim that is held; False where it is held no more."""

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
class EndAttempt:
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
class SettleDoubt:
    """
    What looking up an unknown invitation came to; False where it is not the same doubt any more.

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
class CloseOpening:
    """A row that was to open its position lost its claim: somebody else may open it."""

    name: str
    run_id: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease:
    """The run lives until *until*, at least."""

    run_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSlots:
    """Reserve the next *count* starts of the shared pace; gives the first, and the pause."""

    key: str
    count: int
    interval: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePause:
    """Hold the starts of all processes until *until* (Unix seconds)."""

    key: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRows:
    """One outcome for rows that were not sent."""

    rows: tuple[RowOutcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeLink:
    """A link that was minted after the outcome was recorded: review becomes invited."""

    invitation_id: int
    run_id: str
    ordinal: int
    interview_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """The API answered for the position: it exists, under this id where it gave one."""

    position_id: int
    position_def_set_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPositionId:
    """The API no longer knows the id: the position will be opened again by name."""

    position_id: int
    position_def_set_id: str
