"""
Runs that are carried out in shards: the parent, and attempts at its shards.

An attempt is a row of `runs` with an owner and a lease of its own: its claims are told from those
of others, and become unknown when it dies, like a run's. The rows are the parent's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import owners
from jobmojito_batch.ledger.engine import writing
from jobmojito_batch.ledger.sharing import LEASE_SECONDS
from jobmojito_batch.ledger.tables import ClaimState, RunState, invitations, run_rows, runs

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


def family_of(connection: Connection, run_id: str) -> list[str]:
    """The run and the attempts at its shards."""
    return [run_id, *connection.scalars(select(runs.c.run_id).where(runs.c.parent_id == run_id))]


def is_among(column: ColumnElement[Any], family: list[str]) -> ColumnElement[bool]:
    """Whether a run id is one of a family's."""
    return column == family[0] if len(family) == 1 else column.in_(family)


def shard_attempts(connection: Connection, run_id: str, now: datetime) -> list[ShardAttempt]:
    """The attempts at a run's shards, by shard and attempt."""
    found = connection.execute(select(runs).where(runs.c.parent_id == run_id)).all()
    return sorted((_attempt(row, now) for row in found), key=lambda one: one.id)


def _attempt(row: Row[Any], now: datetime) -> ShardAttempt:
    return ShardAttempt(
        id=ShardId.of(row.run_id),
        is_living=_is_living(row, now),
        has_ended=row.state == RunState.ENDED,
        stop_code=row.stop_code,
        stop_message=row.stop_message,
        summary=row.summary,
    )


def _is_living(row: Row[Any], now: datetime) -> bool:
    return row.state == RunState.RUNNING and owners.is_alive(row.owner, row.lease_until, now)


def has_living_shard(connection: Connection, run_id: str, now: datetime) -> bool:
    """Whether somebody still sends rows of the run."""
    return any(one.is_living for one in shard_attempts(connection, run_id, now))


def begin_shard(engine: Engine, id_: ShardId, *, started_at: datetime, now: datetime) -> str | None:
    """
    Enter an attempt, owned by this process; gives why not where it may not begin.

    One attempt at a shard lives at a time, so that its share of the credits is spent once.
    """
    with writing(engine) as connection:
        parent = connection.execute(select(runs).where(runs.c.run_id == id_.run_id)).first()
        if parent is None:
            return f"this ledger has no run {id_.run_id}; all machines need the same ledger"
        if parent.stop_code is not None or not _is_living(parent, now):
            return f"run {id_.run_id} is over; its rows wait for the next run"
        for other in shard_attempts(connection, id_.run_id, now):
            if other.id.shard == id_.shard and (other.is_living or other.id >= id_):
                return (
                    f"attempt {other.id.attempt} at this shard came first; this one sends nothing"
                )
        connection.execute(
            insert(runs).values(
                run_id=str(id_),
                parent_id=id_.run_id,
                base_url=parent.base_url,
                merchant=parent.merchant,
                environment=parent.environment,
                state=RunState.RUNNING.value,
                owner=owners.this_owner(),
                lease_until=now + timedelta(seconds=LEASE_SECONDS),
                started_at=started_at,
                rows=0,
                layouts="[]",
            )
        )
    return None


def end_shard(
    connection: Connection,
    id_: ShardId,
    *,
    at: datetime,
    stop_code: ErrorCode | None,
    stop_message: str | None,
    summary: str,
) -> None:
    """The attempt is over; claims that the drain was too short for are unknown by now."""
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


def ask_to_stop(engine: Engine, run_id: str, code: ErrorCode, message: str) -> None:
    """Have all shards of a run stop: each looks every few seconds."""
    with writing(engine) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.run_id == run_id, runs.c.state == RunState.RUNNING)
            .values(stop_code=code.value, stop_message=message)
        )


def may_go_on(connection: Connection, id_: ShardId) -> bool:
    """
    Whether an attempt may go on sending.

    Not where the run was stopped or is over, or where the attempt was replaced: its machine slept
    until it was taken for dead.
    """
    parent = connection.execute(
        select(runs.c.state, runs.c.stop_code).where(runs.c.run_id == id_.run_id)
    ).one()
    siblings = connection.scalars(select(runs.c.run_id).where(runs.c.parent_id == id_.run_id))
    return (
        parent.state == RunState.RUNNING
        and parent.stop_code is None
        and not any(
            (other := ShardId.of(text)).shard == id_.shard and other > id_ for text in siblings
        )
    )


def rows_left(connection: Connection, run_id: str, first: int, last: int) -> Iterator[pl.DataFrame]:
    """
    Rows without an outcome for good among some ordinals (LEFT_SCHEMA).

    Those that have none, are unknown, or were given back when an attempt was interrupted.
    """
    row = run_rows.c
    is_left = or_(
        row.outcome.is_(None),
        row.outcome == Outcome.UNKNOWN.value,
        and_(
            row.outcome == Outcome.NOT_SENT.value,
            row.error_code == ErrorCode.INTERRUPTED.value,
        ),
    )
    query = select(row.ordinal, row.outcome).where(
        row.run_id == run_id, row.ordinal >= first, row.ordinal <= last, is_left
    )
    reading = connection.execution_options(yield_per=_LEFT_CHUNK)
    for rows in reading.execute(query).partitions():
        yield pl.DataFrame([tuple(one) for one in rows], schema=LEFT_SCHEMA, orient="row")


def in_flight(connection: Connection, run_id: str) -> int:
    """Claims that the family holds now."""
    query = select(func.count()).where(
        is_among(invitations.c.run_id, family_of(connection, run_id)),
        invitations.c.state == ClaimState.CLAIMED.value,
    )
    return int(connection.scalar(query) or 0)
