"""Runs: entered before their first claim, and what they leave behind when they end or die."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    Update,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger.database import Database, chunks
from jobmojito_batch.ledger.frames import insert_frame
from jobmojito_batch.ledger.leases import LEASE_SECONDS, renew_leases
from jobmojito_batch.ledger.outcomes import settle_rows
from jobmojito_batch.ledger.owners import is_alive, this_owner
from jobmojito_batch.ledger.positions import ensure_positions
from jobmojito_batch.ledger.records import Noted
from jobmojito_batch.ledger.requests import RenewLease, RowOutcome, SettleRows
from jobmojito_batch.ledger.requisitions import note_keys
from jobmojito_batch.ledger.schema import (
    IN_DOUBT,
    ClaimState,
    RunState,
    invitations,
    run_rows,
    runs,
)

SWEEP_SLICE: Final = 50_000
MOST_APART: Final = 4
"""Places in the table for each row of a run, up to which its stretch of it is read as it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as it is entered before its first claim."""

    run_id: str
    base_url: str
    merchant: str
    environment: str
    started_at: datetime
    rows: int
    layouts: str
    """JSON: the headers of each source and what they are (see pipeline.Layout)."""
    owner: str = ""
    """Who lives as long as the run does; this process if it is empty."""
    series: str = ""
    """What the run was asked to read, so that nights can be compared."""
    to_send: int = 0
    known: int = 0
    """Rows that the ledger had an invitation for when the run was planned."""
    parent_id: str | None = None
    """The run that an attempt at a shard belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """A run that the ledger has, or an attempt at a shard of one."""

    run_id: str
    parent_id: str | None
    base_url: str
    merchant: str
    environment: str
    state: RunState
    owner: str
    lease_until: datetime | None
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    rows: int
    stop_code: str | None
    stop_message: str | None
    layouts: str
    summary: str | None

    def is_living(self, now: datetime) -> bool:
        """Whether it goes on in a living process of its own; shards do not count."""
        return self.state == RunState.RUNNING and is_alive(self.owner, self.lease_until, now)


def known_runs(
    connection: Connection, *which: ColumnElement[bool], limit: int | None = None
) -> list[KnownRun]:
    """Those that fit, the latest first."""
    return _known(connection, _KNOWN.where(*which).limit(limit))


def _known(connection: Connection, query: Select[Any], **values: object) -> list[KnownRun]:
    return [
        KnownRun(**{**dict(zip(_OF_A_RUN, row, strict=True)), "state": RunState(row.state)})
        for row in connection.execute(query, values)
    ]


_OF_A_RUN: Final = tuple(field.name for field in fields(KnownRun))
_KNOWN: Final = select(*(runs.c[name] for name in _OF_A_RUN)).order_by(runs.c.started_at.desc())
_RUNNING: Final = _KNOWN.where(runs.c.state == RunState.RUNNING)
_OF_ID: Final = _KNOWN.where(runs.c.run_id == bindparam("of_run"))
_SHARDS: Final = _KNOWN.where(runs.c.parent_id == bindparam("of_run"))


def enter_run(connection: Connection, run: RunRecord, now: datetime) -> None:
    """A run, or an attempt at a shard, begins: it lives for LEASE_SECONDS (see RenewLease)."""
    connection.execute(
        _ENTER,
        {
            "run_id": run.run_id,
            "parent_id": run.parent_id,
            "base_url": run.base_url,
            "merchant": run.merchant,
            "environment": run.environment,
            "state": RunState.RUNNING.value,
            "owner": run.owner or this_owner(),
            "lease_until": now + timedelta(seconds=LEASE_SECONDS),
            "started_at": run.started_at,
            "rows": run.rows,
            "layouts": run.layouts,
            "series": run.series,
            "to_send": run.to_send,
            "known": run.known,
        },
    )


_ENTER: Final = insert(runs)


def family_of(connection: Connection, run_id: str) -> list[str]:
    """The run and the attempts at its shards."""
    return [run_id, *connection.scalars(_SHARD_IDS, {"of_run": run_id})]


_SHARD_IDS: Final = select(runs.c.run_id).where(runs.c.parent_id == bindparam("of_run"))


def is_among(column: ColumnElement[Any], family: list[str]) -> ColumnElement[bool]:
    """Whether a run id is one of a family's."""
    return column == family[0] if len(family) == 1 else column.in_(family)


class OfRun(NamedTuple):
    """A condition, and the values that a statement with it is executed with."""

    condition: ColumnElement[bool]
    values: Mapping[str, object]


def of_run(connection: Connection, run_id: str) -> OfRun:
    """
    Whether a row is of a run, for statements that look at all of its rows.

    An SQLite file has them beside one another, as they were entered: read as they lie, and not by
    an index that leads to them in another order, they take a quarter of the time or less.
    """
    own = {"of_run": run_id}
    if connection.dialect.name != "sqlite":
        return OfRun(_BY_INDEX, own)
    first, last, count = connection.execute(_STRETCH, own).one()
    if not count or last - first >= MOST_APART * count:  # what lies between them is read, too
        return OfRun(_BY_INDEX, own)
    return OfRun(_AS_THEY_LIE, {**own, "first_place": first, "last_place": last})


_PLACE: Final = literal_column("run_rows.rowid", Integer)
_BY_INDEX: Final = run_rows.c.run_id == bindparam("of_run")
_STRETCH: Final = select(func.min(_PLACE), func.max(_PLACE), func.count()).where(_BY_INDEX)
# The sign keeps SQLite from taking an index of run_id all the same.
_AS_THEY_LIE: Final = and_(
    _PLACE.between(bindparam("first_place"), bindparam("last_place")),
    literal_column("+run_rows.run_id", String) == bindparam("of_run"),
)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs, from their entry to their end, and those that are known."""

    database: Database

    # Begun

    def begin(self, run: RunRecord, *, now: datetime | None = None) -> None:
        """Enter a run, owned by this process unless it says otherwise."""
        with self.database.adding() as connection:
            enter_run(connection, run, now or self.database.clock())

    def ensure_positions(
        self, wanted: Iterable[tuple[str, str, str | None]]
    ) -> dict[tuple[str, str], int]:
        """The ids of positions by (account, key), made if absent; wanted has the opening key."""
        ids: dict[tuple[str, str], int] = {}
        for chunk in chunks(list(wanted)):
            with self.database.writing() as connection:
                ids |= ensure_positions(connection, chunk)
        return ids

    def note_keys(self, noted: Sequence[Noted]) -> None:
        """Have keys lead to positions; one that leads somewhere already stays."""
        for chunk in chunks(noted):
            with self.database.writing() as connection:
                note_keys(connection, chunk)

    def add_rows(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Enter rows of a run (columns of run_rows)."""
        if rows:
            with self.database.adding() as connection:
                connection.execute(_ADD_ROWS, rows)

    def add_frame(self, rows: pl.DataFrame) -> None:
        """Enter many rows of a run, which have not been tried (columns of run_rows)."""
        if not rows.is_empty():
            with self.database.adding() as connection:
                untried = pl.lit(0, pl.Int64).alias(run_rows.c.attempts.name)
                insert_frame(connection, run_rows, rows.with_columns(untried))

    def settle_rows(self, rows: Sequence[RowOutcome]) -> None:
        """Record outcomes of rows that hold no claim of ours."""
        with self.database.writing() as connection:
            settle_rows(connection, [SettleRows(rows=tuple(rows))])

    def renew_lease(self, run_id: str) -> None:
        """A run, or an attempt at a shard, lives on."""
        until = self.database.clock() + timedelta(seconds=LEASE_SECONDS)
        with self.database.writing() as connection:
            renew_leases(connection, [RenewLease(run_id=run_id, until=until)])

    # Over

    def end(
        self,
        run_id: str,
        *,
        at: datetime,
        stop_code: ErrorCode,
        stop_message: str,
    ) -> None:
        """
        Give every row that has no outcome not_sent.

        Claims that are held still are those of calls that the drain was too short for: unknown.
        """
        self._sweep(run_id, stop_code, stop_message)
        with self.database.writing() as connection:
            doubt_claims(connection, run_id, since=at)
            _settle_unreached(connection, run_id, stop_code, stop_message)
            _change(
                connection,
                run_id,
                state=RunState.ENDED.value,
                ended_at=at,
                stop_code=stop_code.value,
                stop_message=stop_message,
            )

    def save_summary(self, run_id: str, summary: str, exit_code: int) -> None:
        """Keep the summary (JSON) with the run."""
        with self.database.adding() as connection:
            _change(connection, run_id, summary=summary, exit_code=exit_code)

    def settle_orphans(self, now: datetime | None = None) -> list[str]:
        """Claims without an outcome whose owner is dead become unknown; gives the runs' ids."""
        now = now or self.database.clock()
        with self.database.reading() as connection:
            running = _known(connection, _RUNNING)
        living = [run for run in running if run.is_living(now)]
        # Rows of a parent that died are sent as long as one of its shards lives.
        kept = {run.run_id for run in living} | {run.parent_id for run in living}
        dead = [run for run in running if run.run_id not in kept]
        dead.sort(key=lambda run: run.parent_id is None)  # shards before their parents
        return [run.run_id for run in dead if self.abandon(run.run_id, now, is_dead_only=True)]

    def abandon(
        self, run_id: str, now: datetime | None = None, *, is_dead_only: bool = False
    ) -> bool:
        """
        Mark a run as crashed: what it held is unknown, what it had not reached is not_sent.

        With *is_dead_only* not if it has ended, or has come back, since it was looked at; tells
        whether it was marked.

        The doubt counts from now, or from the end of the lease if that is earlier: the owner is
        dead, so no call of its can have begun later.
        """
        now = now or self.database.clock()
        self._sweep(run_id, ErrorCode.INTERRUPTED, "the run crashed")
        with self.database.writing() as connection:
            [run] = _known(connection, _OF_ID, of_run=run_id)
            if is_dead_only and (run.state != RunState.RUNNING or run.is_living(now)):
                return False
            doubt_claims(connection, run_id, since=min(now, run.lease_until or now))
            _settle_unreached(connection, run_id, ErrorCode.INTERRUPTED, "the run crashed")
            _change(connection, run_id, state=RunState.CRASHED.value)
        return True

    def _sweep(self, run_id: str, code: ErrorCode, message: str) -> None:
        """
        Make rows that were never claimed not_sent, in slices, before the run is ended.

        Of millions of rows that a stop leaves over, few are left to do then while others wait.
        """
        with self.database.reading() as connection:
            count = 1 + (connection.scalar(_LAST, {"of_run": run_id}) or 0)
            family = family_of(connection, run_id)
        sweep = _sweep_slice(is_alone=len(family) == 1)
        values = {"of_run": run_id, "of_family": family, **_not_sent(code, message)}
        for start in range(0, count, SWEEP_SLICE):
            with self.database.adding() as connection:
                connection.execute(sweep, {**values, "first": start, "beyond": start + SWEEP_SLICE})

    # Known

    def layouts_of(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The layouts of runs, as JSON."""
        with self.database.reading() as connection:
            return {
                row.run_id: row.layouts
                for some in chunks(run_ids)
                for row in connection.execute(
                    select(runs.c.run_id, runs.c.layouts).where(runs.c.run_id.in_(some))
                )
            }

    def find(self, run_id: str) -> KnownRun | None:
        """The run, by its id or an unambiguous beginning of it."""
        beginning = self.beginning(run_id)
        return beginning[0] if len(beginning) == 1 else None

    def beginning(self, run_id: str, *, most: int = 5) -> list[KnownRun]:
        """The runs whose ids begin so, the latest first; *most* of them."""
        begins_so = runs.c.run_id.startswith(run_id, autoescape=True)
        with self.database.reading() as connection:
            return known_runs(connection, begins_so, _IS_NO_SHARD, limit=most)

    def latest(self, limit: int = 20) -> list[KnownRun]:
        """Runs, newest first."""
        with self.database.reading() as connection:
            return known_runs(connection, _IS_NO_SHARD, limit=limit)

    def count(self) -> int:
        """How many runs there are."""
        query = select(func.count()).select_from(runs).where(_IS_NO_SHARD)
        with self.database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def is_running(self, run: KnownRun) -> bool:
        """Whether the run goes on in a living process; its shards count."""
        now = self.database.clock()
        if run.state != RunState.RUNNING:
            return False
        if run.is_living(now):
            return True
        with self.database.reading() as connection:
            shards = _known(connection, _SHARDS, of_run=run.run_id)
        return any(shard.is_living(now) for shard in shards)


_IS_NO_SHARD: Final = runs.c.parent_id.is_(None)
_ADD_ROWS: Final = insert(run_rows)
_LAST: Final = select(func.max(run_rows.c.ordinal)).where(run_rows.c.run_id == bindparam("of_run"))


def _change(connection: Connection, run_id: str, **values: object) -> None:
    connection.execute(_CHANGE, {"of_run": run_id, **values})


_CHANGE: Final = update(runs).where(runs.c.run_id == bindparam("of_run"))
"""What it is executed with beside that is set."""


def doubt_claims(connection: Connection, run_id: str, *, since: datetime) -> None:
    """What the run holds is unknown: nobody listens for the answers any more."""
    connection.execute(_DOUBT_CLAIMS, {"of_run": run_id, "since": since})


_DOUBT_CLAIMS: Final = (
    update(invitations)
    .where(invitations.c.run_id == bindparam("of_run"), invitations.c.state == ClaimState.CLAIMED)
    .values(
        state=ClaimState.UNKNOWN.value,
        outcome=Outcome.UNKNOWN.value,
        error_code=ErrorCode.INTERRUPTED.value,
        sent_at=invitations.c.claimed_at,
        unknown_since=bindparam("since"),
    )
)


def _settle_unreached(connection: Connection, run_id: str, code: ErrorCode, message: str) -> None:
    """
    Rows without an outcome: unknown if this run holds a call in doubt, else not_sent.

    A row may be failed, since a doubt was settled so, and have been sent once more after that.
    """
    rows = of_run(connection, run_id)
    family = family_of(connection, run_id)
    connection.execute(
        _doubt_rows(is_alone=len(family) == 1),
        {
            "of_run": run_id,
            "of_family": family,
            "error_message": f"{message} while the call was under way: the interview may exist, so "
            "the row is not sent again; look the candidate up in JobMojito",
        },
    )
    connection.execute(
        _leave_unreached(as_they_lie=rows.condition is _AS_THEY_LIE),
        {**rows.values, **_not_sent(code, message)},
    )


@functools.cache
def _sweep_slice(*, is_alone: bool) -> Update:
    return update(run_rows).where(
        run_rows.c.run_id == bindparam("of_run"),
        run_rows.c.ordinal >= bindparam("first"),
        run_rows.c.ordinal < bindparam("beyond"),
        run_rows.c.outcome.is_(None),
        ~_has_call_in_doubt(is_alone=is_alone),
    )


@functools.cache
def _doubt_rows(*, is_alone: bool) -> Update:
    # Said once more by the ordinals alone, of which there are few: or each row would be looked at.
    in_doubt = select(invitations.c.ordinal).where(_is_of_family(is_alone=is_alone), IN_DOUBT)
    return (
        update(run_rows)
        .where(
            run_rows.c.run_id == bindparam("of_run"),
            run_rows.c.ordinal.in_(in_doubt),
            run_rows.c.outcome.is_(None) | (run_rows.c.outcome == Outcome.FAILED.value),
            _has_call_in_doubt(is_alone=is_alone),
        )
        .values(
            settled_at=None,
            outcome=Outcome.UNKNOWN.value,
            error_code=ErrorCode.INTERRUPTED.value,
        )
    )


@functools.cache
def _leave_unreached(*, as_they_lie: bool) -> Update:
    own = _AS_THEY_LIE if as_they_lie else _BY_INDEX
    return update(run_rows).where(own, run_rows.c.outcome.is_(None))


def _has_call_in_doubt(*, is_alone: bool) -> ColumnElement[bool]:
    """Whether the run (or a shard of it) holds the invitation of its row, without an outcome."""
    return (
        select(invitations.c.id)
        .where(
            invitations.c.position_id == run_rows.c.position_id,
            invitations.c.candidate_email == run_rows.c.candidate_email,
            _is_of_family(is_alone=is_alone),
            invitations.c.ordinal == run_rows.c.ordinal,
            IN_DOUBT,
        )
        .exists()
    )


def _is_of_family(*, is_alone: bool) -> ColumnElement[bool]:
    """Whether a run has the invitation, or one of `of_family` if it has shards."""
    if is_alone:
        return invitations.c.run_id == bindparam("of_run")
    return invitations.c.run_id.in_(bindparam("of_family", expanding=True))


def _not_sent(code: ErrorCode, message: str) -> dict[str, str]:
    return {
        "outcome": Outcome.NOT_SENT.value,
        "error_code": code.value,
        "error_message": message,
    }
