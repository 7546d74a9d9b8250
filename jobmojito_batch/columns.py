"""The words of the frames and files: column names, outcomes, error codes (spec 5 and 6)."""

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What a row ends in: exactly one of these."""

    INVITED = "invited"
    REVIEW = "review"
    REJECTED = "rejected"
    ALREADY_APPLIED = "already_applied"
    ALREADY_DONE = "already_done"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


SETTLED_FOR_GOOD: Final = frozenset(
    {Outcome.INVITED, Outcome.REVIEW, Outcome.REJECTED, Outcome.ALREADY_APPLIED}
)
"""An invitation that reached one of these is never sent again; a later run says already_done."""

NEEDS_REPAIR: Final = frozenset({Outcome.INVALID, Outcome.FAILED})
"""Rows that go into the errors file."""


class ErrorCode(StrEnum):
    """Why a row did not become an interview; stable, for filters and programs."""

    MISSING_FIELD = "missing_field"
    INVALID_EMAIL = "invalid_email"
    SEVERAL_EMAILS = "several_emails"
    SEVERAL_PEOPLE = "several_people"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_LANGUAGE = "unknown_language"
    INVALID_VALUE = "invalid_value"
    RESUME_TOO_LONG = "resume_too_long"
    RESUME_UNREADABLE = "resume_unreadable"
    DUPLICATE_ROW = "duplicate_row"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"
    UNREADABLE_ANSWER = "unreadable_answer"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    SERVICE_PAUSED = "service_paused"
    CREDIT_CAP = "credit_cap"
    LIMIT_REACHED = "limit_reached"
    BREAKER_OPEN = "breaker_open"
    INTERRUPTED = "interrupted"
    POSITION_UNRESOLVED = "position_unresolved"
    UNSETTLED = "unsettled"


NOT_THE_ROWS_FAULT: Final = frozenset(
    {
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNREACHABLE,
        ErrorCode.NO_ANSWER,
        ErrorCode.CONNECTION_LOST,
        ErrorCode.SERVER_ERROR,
        ErrorCode.UNREADABLE_ANSWER,
    }
)
"""Why a row failed that needs no correction: sent again, it may well go through."""

# What intake adds to every row of every input.
ORDINAL: Final = "_ordinal"
"""UInt32, from 0: the row's place among all rows of all inputs of a run."""
SOURCE: Final = "source"
ROW: Final = "row"
"""The row number a person sees in their editor or spreadsheet."""

CELL_PREFIX: Final = "cell:"
"""`cell:0`, `cell:1`, …: the original cells of a row, as text, in the input's column order."""
OVERFLOW: Final = "overflow"
"""Text beyond the last header of a CSV row; such a row is invalid, never cut silently."""

# What normalising adds.
FAULTS: Final = "faults"
"""The names of the rules a row breaks, blank-separated, first the one that leads; null = none."""
POSITION_KEY: Final = "position_key"
"""`id:…`, `ext:…` or `name:…` (spec section 2); null where the row has none."""
OPENING_KEY: Final = "opening_key"
"""The folded position name: what the platform resolves by, so what must not be opened twice."""

# The results file (spec section 6), in its order.
RESULT_COLUMNS: Final = (
    "source",
    "row",
    "outcome",
    "interview_url",
    "status",
    "reason",
    "error_code",
    "error_field",
    "error_message",
    "candidate_external_id",
    "candidate_name",
    "candidate_email",
    "position_name",
    "position_def_set_id",
    "interview_def_set_id",
    "profile_interview_id",
    "attempts",
    "http_status",
    "sent_at",
    "settled_at",
    "run_id",
)
ERROR_COLUMNS: Final = ("error_code", "error_field", "error_message")

EXPLANATION_MARKS: Final = ("# meaning:", "# takes:")
"""How the explaining rows of our own CSV template begin; reading leaves them out."""

# Input columns that are not members of the request.
RESUME_FILE: Final = "candidate_resume_file"
FIRST_NAME: Final = "candidate_first_name"
LAST_NAME: Final = "candidate_last_name"
