"""
The ledger's tables. It holds what results and resuming need: no résumé, no token.

A position is one row however it is named: `position_aliases` leads from each of its keys (`id:…`,
`ext:…`, `name:…`) to it, so a name and the id that the API gave for it are one invitation key
(spec section 2). Uniqueness is the database's: one invitation per position and e-mail.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    UniqueConstraint,
    literal_column,
    types,
)

SCHEMA_VERSION: Final = 4

metadata = MetaData()

Key: Final = BigInteger().with_variant(Integer, "sqlite")
"""An id the database gives: SQLite counts only INTEGER by itself, PostgreSQL's ends at 2^31."""


class String(TypeDecorator[str]):
    """
    Text that either database keeps.

    PostgreSQL refuses U+0000, and no database takes half a surrogate pair: an answer may hold
    either, and a row is not lost for it.
    """

    impl = types.String
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """What makes text fit; by process_bind_param each text would cost two calls more."""
        return _fit


def _fit(text: str | None) -> str | None:
    """The text, with a mark where a character cannot be kept."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class Text(String):
    """The same, for long texts."""

    impl = types.Text
    cache_ok = True


class ClaimState(StrEnum):
    """Where an invitation stands."""

    CLAIMED = "claimed"
    """Somebody sends it, or did and died: then it is unknown on the next start."""
    SETTLED = "settled"
    """Invited, review, rejected or already_applied: never sent again."""
    UNKNOWN = "unknown"
    """Sent, no trustworthy answer: never sent again blind."""
    OPEN = "open"
    """Refused or provably not run: it may be claimed again."""


class LetterState(StrEnum):
    """Where a letter stands."""

    CLAIMED = "claimed"
    """Somebody posts it, or did and died: then it is unknown."""
    SENT = "sent"
    """The mail server has taken it."""
    REFUSED = "refused"
    """The mail server will not take it for this address: it may be tried again."""
    UNKNOWN = "unknown"
    """Handed over, no trustworthy answer: never posted again blind."""


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    ENDED = "ended"
    CRASHED = "crashed"


meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String))

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("base_url", String, nullable=False),
    Column("merchant", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("state", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("lease_until", DateTime),
    Column("started_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("exit_code", Integer),
    Column("rows", Integer, nullable=False),
    Column("stop_code", String),
    Column("stop_message", Text),
    Column("layouts", Text, nullable=False),
    Column("summary", Text),
    Column("series", String),
    Column("to_send", Integer),
    Column("known", Integer),
    Column("parent_id", String),
    Index("runs_by_series", "series", "started_at"),
    Index("runs_by_parent", "parent_id"),
)
"""
`series` is what the run was asked to read (an inbox, a pattern with a date in it), so that nights
can be compared; `to_send` and `known` are counts of its plan. `parent_id` is set for an attempt at
a shard of a run: it holds claims like a run, and its rows are those of its parent.
"""

troubles = Table(
    "troubles",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("series", String, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("kind", String, nullable=False),
    Index("troubles_by_series", "series", "at"),
)
"""Nights that ended without a run: held by the volume guard, or failed before the first claim."""

files = Table(
    "files",
    metadata,
    Column("series", String, primary_key=True),
    Column("sha256", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("run_id", String),
    Column("done_at", DateTime, nullable=False),
    Column("failed_rows", Integer, nullable=False),
)
"""
Files of an inbox whose rows are all settled. `sha256` is of content and reading together, `run_id`
null for one without rows, `failed_rows` those that were left to repair.
"""

positions = Table(
    "positions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account", String, nullable=False),
    Column("opening_key", String),
    Column("position_def_set_id", String),
    Column("opened_at", DateTime),
    Index("positions_by_opening_key", "account", "opening_key"),
)

position_aliases = Table(
    "position_aliases",
    metadata,
    Column("account", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("position_id", ForeignKey("positions.id"), nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Key, primary_key=True),
    Column("position_id", ForeignKey("positions.id"), nullable=False),
    Column("candidate_email", String, nullable=False),
    Column("state", String, nullable=False),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("claimed_at", DateTime, nullable=False),
    Column("unknown_since", DateTime),
    Column("outcome", String),
    Column("status", String),
    Column("interview_url", Text),
    Column("reason", Text),
    Column("position_def_set_id", String),
    Column("interview_def_set_id", String),
    Column("profile_interview_id", String),
    Column("error_code", String),
    Column("http_status", Integer),
    Column("sent_at", DateTime),
    Column("settled_at", DateTime),
    UniqueConstraint("position_id", "candidate_email", name="one_invitation"),
    Index("invitations_by_run", "run_id", "state"),
)

# Written into the statement: with a parameter the planner could not tell that the index fits.
IN_DOUBT: Final = invitations.c.state.in_(
    [literal_column(f"'{state.value}'") for state in (ClaimState.CLAIMED, ClaimState.UNKNOWN)]
)
"""Sent, or being sent, without an outcome yet."""

_INVITATIONS_IN_DOUBT: Final = Index(
    "invitations_in_doubt", invitations.c.position_id, sqlite_where=IN_DOUBT
)


def make_fit_for_server() -> None:
    """What only PostgreSQL is told; to say it above would load its dialect for every file."""
    _INVITATIONS_IN_DOUBT.dialect_kwargs["postgresql_where"] = IN_DOUBT


attempts = Table(
    "attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("invitation_id", ForeignKey("invitations.id"), nullable=False),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("result", String),
    Column("http_status", Integer),
    Column("request_id", String),
    Column("credits", Float, nullable=False),
    UniqueConstraint("invitation_id", "run_id", "number", name="one_attempt"),
    Index("attempts_by_start", "started_at"),
)

followups = Table(
    "followups",
    metadata,
    Column("invitation_id", ForeignKey("invitations.id"), primary_key=True),
    Column("stage", String, nullable=False),
    Column("decision", String),
    Column("score", Float),
    Column("interview_result_id", String),
    Column("stage_since", DateTime),
    Column("link_made_at", DateTime),
    Column("checked_at", DateTime, nullable=False),
    Column("why", String),
    Column("has_odd_decision", Boolean, nullable=False, default=False),
    Column("profile_id", String),
    Column("profile_interview_id", String),
    Column("definition_id", String),
    Column("rows", Text),
    Column("told_stage", String),
    Column("told_decision", String),
    Column("told_score", Float),
    Column("replaced_url", Text),
    Column("replaced_at", DateTime),
    Column("report_key", String),
)
"""
What became of invitations. The ids are those of the enrolment that was found, for a fresh link;
`rows` are its rows in the API's list, as far as they tell (JSON): a later look has what is new;
`told_…` is what the last look that was written to a file said, `replaced_…` the link that a fresh
one took the place of, `report_key` the result whose report was fetched.
"""

followup_looks = Table(
    "followup_looks",
    metadata,
    Column("account", String, primary_key=True),
    Column("definition_id", String, primary_key=True),
    Column("looked_at", DateTime, nullable=False),
    Column("newest_created", DateTime),
    Column("newest_updated", DateTime),
    Column("total", Integer),
)
"""Definitions whose list was walked once: what the next look goes on from, by the API's times."""

credit_charges = Table(
    "credit_charges",
    metadata,
    Column("account", String, primary_key=True),
    Column("charge_id", String, primary_key=True),
    Column("invitation_id", ForeignKey("invitations.id"), nullable=False),
    Column("event", String, nullable=False),
    Column("credits", Float, nullable=False),
    Column("at", DateTime),
    Column("kind", String, nullable=False),
    Index("credit_charges_by_invitation", "invitation_id"),
)
"""
What the account was charged for invitations. `kind` is what decides the price of a row: template
and duration, as the row had them.
"""

openings = Table(
    "openings",
    metadata,
    Column("name", String, primary_key=True),
    Column("position_id", ForeignKey("positions.id"), nullable=False),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("at", DateTime, nullable=False),
)
"""Who opens a position now: account and folded name, since the platform goes by name."""

paces = Table(
    "paces",
    metadata,
    Column("key", String, primary_key=True),
    Column("due", Float, nullable=False),
    Column("paused_until", Float, nullable=False),
)
"""When the next start of all processes is due, and until when a 429 holds them (Unix seconds)."""

run_rows = Table(
    "run_rows",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("position_id", ForeignKey("positions.id")),
    Column("candidate_email", String),
    Column("candidate_name", String),
    Column("candidate_external_id", String),
    Column("position_name", String),
    Column("position_def_set_id", String),
    Column("mojito_language_code", String),
    Column("outcome", String),
    Column("error_code", String),
    Column("error_field", String),
    Column("error_message", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("http_status", Integer),
    Column("sent_at", DateTime),
    Column("settled_at", DateTime),
    Column("cells", Text, nullable=False),
    Index("run_rows_by_position", "run_id", "position_id"),
    Index("run_rows_by_email", "candidate_email"),
)
"""
Every row of every run. `cells` is a JSON object of the original cells by column number, without
the résumé's. Times are UTC without a zone, since SQLite keeps none.
"""

written_files = Table(
    "written_files",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("at", DateTime, nullable=False),
)
"""What results and errors files were when they were written: another content was changed since."""

letters = Table(
    "letters",
    metadata,
    Column("id", Key, primary_key=True),
    Column("invitation_id", ForeignKey("invitations.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("day", String, nullable=False),
    Column("state", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("lease_until", DateTime, nullable=False),
    Column("claimed_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("message_id", String, nullable=False),
    Column("smtp_code", Integer),
    Column("error", Text),
    UniqueConstraint("invitation_id", "step", "day", name="one_letter"),
)
"""
Letters that were posted, or may have been. `day` (UTC, as 2026-11-26) is the occasion: one letter a
day at most, and only the first unasked. `error` is the server's sentence, which may name somebody.
"""

_PARTIAL: Final = "WHERE state IN ('claimed', 'unknown')"

UPGRADES: Final = {
    1: (
        "ALTER TABLE runs ADD COLUMN lease_until TIMESTAMP",
        "ALTER TABLE invitations ADD COLUMN unknown_since TIMESTAMP",
        "UPDATE invitations SET unknown_since = claimed_at WHERE state = 'unknown'",
    ),
    2: (
        "ALTER TABLE runs ADD COLUMN series VARCHAR",
        "ALTER TABLE runs ADD COLUMN to_send INTEGER",
        "ALTER TABLE runs ADD COLUMN known INTEGER",
        "ALTER TABLE runs ADD COLUMN parent_id VARCHAR",
        "CREATE INDEX runs_by_series ON runs (series, started_at)",
        "CREATE INDEX runs_by_parent ON runs (parent_id)",
        f"CREATE INDEX IF NOT EXISTS invitations_in_doubt ON invitations (position_id) {_PARTIAL}",
    ),
    3: ("ALTER TABLE run_rows ADD COLUMN mojito_language_code VARCHAR",),
}
"""What leads from a schema version to the next, beside tables that are new, with their indexes."""
