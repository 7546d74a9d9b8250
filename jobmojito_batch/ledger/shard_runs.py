"""
Runs that are carried out in shards: the parent, and attempts at its shards.

An attempt is a row of `runs` with an owner and a lease of its own: its claims are told from those
of others, and become unknown when it dies, like a run's. The rows are the parent's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import polars as pl
from sqlalchemy import Connection, and_, func, or_, select, update

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger.database import Database
from jobmojito_batch.ledger.results import credits_of_calls
from jobmojito_batch.ledger.runs import (
    KnownRun,
    RunRecord,
    doubt_claims,
    enter_run,
    family_of,
    is_among,
    known_runs,
)
from jobmojito_batch.ledger.schema import (
    ClaimState,
    RunState,
    attempts,
    invitations,
    run_rows,
    runs,
)

LEFT_SCHEMA: Final = {"ordinal": pl.UInt32(), "outcome": pl.String()}
_LEFT_CHUNK: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ShardId:
    """An attempt at a shard; as text `run.shard.attempt`, which is its id in the ledger."""

    run_id: str
    shard: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.run_id}.{self.shard}.{self.attempt}"

    @classmethod
    def of(cls, text: str) -> Self:
        """The attempt with this id."""
        run_id, shard, attempt = text.rsplit(".", 2)
        return cls(run_id=run_id, shard=int(shard), attempt=int(attempt))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardAttempt:
    """Where an attempt at a shard stands."""

    id: ShardId
    is_living: bool
    has_ended: bool
    """By itself, its rows done or stopped for a reason; not one that died."""
    stop_code: str | None
    stop_message: str | None
    summary: str | None

    @property
    def is_done(self) -> bool:
        """Whether nobody has to carry it on: it ended, and not because it was interrupted."""
        return self.has_ended and self.stop_code != ErrorCode.INTERRUPTED.value


@dataclass(frozen=True, slots=True)
class Shards:
    """Attempts at the shards of a run."""

    database: Database

    def begin(self, id_: ShardId) -> str | None:
        """
        Enter an attempt, owned by this process; gives why not if it may not begin.

        One attempt at a shard lives at a time, so that its share of the credits is spent once.
        """
        now = self.database.clock()
        with self.database.writing() as connection:
            parent = next(iter(known_runs(connection, runs.c.run_id == id_.run_id)), None)
            if parent is None:
                return f"this ledger has no run {id_.run_id}; all machines need the same ledger"
            if parent.stop_code is not None or not parent.is_living(now):
                return f"run {id_.run_id} is over; its rows wait for the next run"
            for other in _attempts(connection, id_.run_id, now):
                if other.id.shard == id_.shard and (other.is_living or other.id >= id_):
                    return (
                        f"attempt {other.id.attempt} at this shard came first; "
                        "this one sends nothing"
                    )
            attempt = RunRecord(
                run_id=str(id_),
                parent_id=id_.run_id,
                base_url=parent.base_url,
                merchant=parent.merchant,
                environment=parent.environment,
                started_at=now,
                rows=0,
                layouts="[]",
            )
            enter_run(connection, attempt, now)
        return None

    def end(
        self,
        id_: ShardId,
        *,
        at: datetime,
        stop_code: ErrorCode | None,
        stop_message: str | None,
        summary: str,
    ) -> None:
        """End an attempt: what it still holds is unknown, its other rows stay as they are."""
        with self.database.writing() as connection:
            doubt_claims(connection, str(id_), since=at)
            connection.execute(
                update(runs)
                .where(runs.c.run_id == str(id_))
                .values(
                    state=RunState.ENDED.value,
                    ended_at=at,
                    stop_code=stop_code.value if stop_code else None,
                    stop_message=stop_message,
                    summary=summary,
                )
            )

    def attempts(self, run_id: str) -> list[ShardAttempt]:
        """The attempts at a run's shards, by shard and attempt."""
        with self.database.reading() as connection:
            return _attempts(connection, run_id, self.database.clock())

    def ask_to_stop(self, run_id: str, code: ErrorCode, message: str) -> None:
        """Have all shards of a run stop, wherever they are: each looks every few seconds."""
        with self.database.writing() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id, runs.c.state == RunState.RUNNING)
                .values(stop_code=code.value, stop_message=message)
            )

    def may_go_on(self, id_: ShardId) -> bool:
        """
        Whether an attempt may go on sending.

        Not if the run was stopped or is over, or if the attempt was replaced: its machine slept
        until it was taken for dead.
        """
        with self.database.reading() as connection:
            parent = connection.execute(
                select(runs.c.state, runs.c.stop_code).where(runs.c.run_id == id_.run_id)
            ).one()
            others = [ShardId.of(text) for text in family_of(connection, id_.run_id)[1:]]
        is_replaced = any(other.shard == id_.shard and other > id_ for other in others)
        return parent.state == RunState.RUNNING and parent.stop_code is None and not is_replaced

    def credits_before(self, id_: ShardId) -> float:
        """Credits of calls that earlier attempts at the shard began, that cost or may have cost."""
        earlier = [
            str(other.id)
            for other in self.attempts(id_.run_id)
            if other.id.shard == id_.shard and other.id < id_
        ]
        with self.database.reading() as connection:
            return credits_of_calls(connection, attempts.c.run_id.in_(earlier))

    def rows_left(self, run_id: str, first: int, last: int) -> pl.DataFrame:
        """Rows of a run that have no outcome for good (LEFT_SCHEMA), among some ordinals."""
        with self.database.reading() as connection:
            frames = list(_rows_left(connection, run_id, first, last))
        return pl.concat([pl.DataFrame(schema=LEFT_SCHEMA), *frames])

    def in_flight(self, run_id: str) -> int:
        """Claims that a run and its shards hold now."""
        with self.database.reading() as connection:
            query = select(func.count()).where(
                is_among(invitations.c.run_id, family_of(connection, run_id)),
                invitations.c.state == ClaimState.CLAIMED.value,
            )
            return int(connection.scalar(query) or 0)


def _attempts(connection: Connection, run_id: str, now: datetime) -> list[ShardAttempt]:
    shards = known_runs(connection, runs.c.parent_id == run_id)
    return sorted((_attempt(shard, now) for shard in shards), key=lambda attempt: attempt.id)


def _attempt(run: KnownRun, now: datetime) -> ShardAttempt:
    return ShardAttempt(
        id=ShardId.of(run.run_id),
        is_living=run.is_living(now),
        has_ended=run.state == RunState.ENDED,
        stop_code=run.stop_code,
        stop_message=run.stop_message,
        summary=run.summary,
    )


def _rows_left(
    connection: Connection, run_id: str, first: int, last: int
) -> Iterator[pl.DataFrame]:
    """Those that have none, are unknown, or were given back when an attempt was interrupted."""
    column = run_rows.c
    is_left = or_(
        column.outcome.is_(None),
        column.outcome == Outcome.UNKNOWN.value,
        and_(
            column.outcome == Outcome.NOT_SENT.value,
            column.error_code == ErrorCode.INTERRUPTED.value,
        ),
    )
    query = select(column.ordinal, column.outcome).where(
        column.run_id == run_id, column.ordinal >= first, column.ordinal <= last, is_left
    )
    reading = connection.execution_options(yield_per=_LEFT_CHUNK)
    for rows in reading.execute(query).partitions():
        yield pl.DataFrame([tuple(row) for row in rows], schema=LEFT_SCHEMA, orient="row")
