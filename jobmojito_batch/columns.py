"""The words of the frames and files: column names, outcomes, error codes (spec 5 and 6)."""

from collections.abc import Iterable
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


# What became of an invitation afterwards (spec section 10).


class Stage(StrEnum):
    """How far the candidate of an invitation has come."""

    NOT_STARTED = "not_started"
    STARTED = "started"
    NOT_SUBMITTED = "not_submitted"
    """Finished, but the candidate did not press submit."""
    SUBMITTED = "submitted"
    FAILED = "failed"
    """Failed, abandoned, or nothing was said."""
    UNCLEAR = "unclear"
    """Not to be joined with certainty, or in words that this program does not know."""


class Decision(StrEnum):
    """What was decided of a candidate; without one nobody has."""

    SELECTED = "selected"
    REJECTED = "rejected"


FOLLOWUP_COLUMNS: Final = (
    "stage",
    "decision",
    "score",
    "interview_result_id",
    "stage_since",
    "link_made_at",
    "checked_at",
    "what_to_do",
)
"""Beside the columns of the results, after `interview_url`."""


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


POSITION_UNRESOLVED_SAYS: Final = (
    "the first call of this position had no trustworthy answer; until that is settled nobody else "
    "of the position is sent; settle it with `reconcile`, run again"
)
"""The message of a row that is not sent, in the run of that call and in later ones."""
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

REHEARSAL: Final = "rehearsal"
"""The environment of runs against the stand-in: no account has it."""

# What intake adds to every row of every input.
ORDINAL: Final = "_ordinal"
"""UInt32, from 0: the row's place among all rows of all inputs of a run."""
SOURCE: Final = "source"
ROW: Final = "row"
"""The row number a person sees in their editor or spreadsheet."""

CELL_PREFIX: Final = "cell:"
"""`cell:0`, `cell:1`, …: the original cells of a row, as text, in the input's column order."""
OVERFLOW: Final = "overflow"
"""
What stands beyond the last header of a CSV row, cell by cell; null where that is nothing but
blanks. Such a row is invalid, never cut silently.
"""
OVERFLOW_SEPARATOR: Final = "\x1f"
"""Parts the cells of an overflow: Unicode's own sign for it, which no cell has."""

# What normalising adds.
FAULTS: Final = "faults"
"""The names of the rules a row breaks, blank-separated, first the one that leads; null = none."""
POSITION_KEY: Final = "position_key"
"""`id:…`, `ext:…` or `name:…` (spec section 2); null where the row has none."""
OPENING_KEY: Final = "opening_key"
"""The folded position name: what the platform resolves by, so what must not be opened twice."""

# The results file (spec section 6): these, the input's own columns, then those of the machine.
LEADING_COLUMNS: Final = (
    "outcome",
    "candidate_name",
    "candidate_email",
    "position_name",
    "interview_url",
    "error_message",
)
TECHNICAL_COLUMNS: Final = (
    "source",
    "row",
    "status",
    "reason",
    "error_code",
    "error_field",
    "candidate_external_id",
    "position_def_set_id",
    "interview_def_set_id",
    "profile_interview_id",
    "attempts",
    "http_status",
    "sent_at",
    "settled_at",
    "run_id",
)
RESULT_COLUMNS: Final = (*LEADING_COLUMNS, *TECHNICAL_COLUMNS)
"""All that are ours, whatever stands between them."""
SHOWN_FIELDS: Final = (
    "candidate_name",
    "candidate_email",
    "position_name",
    "candidate_external_id",
    "position_def_set_id",
)
"""Fields of a row that have a column of ours."""


def are_results(headers: Iterable[str]) -> bool:
    """Whether a file with these headers is results of ours, handed back."""
    return set(RESULT_COLUMNS) <= {header.strip() for header in headers}


ALL_ROWS_SHEET: Final = "All rows"
"""The sheet of our workbook that has the columns above."""
TO_SEND_PREFIX: Final = "\x1fto_send:"
"""Of columns that only the sheet of links shows; no header of an input begins so."""
ERROR_COLUMNS: Final = ("error_code", "error_field", "error_message")
WORKBOOK_ERROR_COLUMNS: Final = (*ERROR_COLUMNS, ROW)
"""In an errors file that is a workbook: also where the row was, since its cells get coloured."""
FAULTY: Final = "_faulty"
"""The places of the cells of a row that are wrong, from 0, each followed by a blank."""

EXPLANATION_MARKS: Final = ("# meaning:", "# takes:")
"""How the explaining rows of our own CSV template begin; reading leaves them out."""

# Input columns that are not members of the request.
RESUME_FILE: Final = "candidate_resume_file"
FIRST_NAME: Final = "candidate_first_name"
LAST_NAME: Final = "candidate_last_name"

# What candidates are told (spec section 11).


class LetterStep(StrEnum):
    """Whom a letter is for, and which text it has."""

    INVITED = "invited"
    """Everybody with a link."""
    NOT_STARTED = "not_started"
    NOT_SUBMITTED = "not_submitted"


class LetterOutcome(StrEnum):
    """What became of a letter that was to be posted."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Handed over without an answer: it may have arrived, so it is never posted again blind."""
    NOT_SENT = "not_sent"
    ALREADY_SENT = "already_sent"


LETTER_COLUMNS: Final = ("letter_outcome", "letter_message", "letter_at")
"""Beside the columns of the results."""
