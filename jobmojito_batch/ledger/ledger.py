"""The ledger as the pipeline sees it: runs, what is known of rows, and what results need."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    func,
    insert,
    select,
    true,
    update,
)

from jobmojito_batch.alerts import Night, Trouble
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import families, owners
from jobmojito_batch.ledger import nights as of_nights
from jobmojito_batch.ledger.doubts import Doubted, doubts, is_being_opened
from jobmojito_batch.ledger.engine import adding, open_engine, translated, writing
from jobmojito_batch.ledger.families import ShardAttempt, ShardId, family_of, is_among
from jobmojito_batch.ledger.forgetting import forget, traces_of
from jobmojito_batch.ledger.maintenance import prune
from jobmojito_batch.ledger.masks import PREFIX, forgotten_key, mask
from jobmojito_batch.ledger.merging import merged_into
from jobmojito_batch.ledger.nights import DoneFile
from jobmojito_batch.ledger.operations import APPLIERS, settle_rows
from jobmojito_batch.ledger.requests import RenewLease, RowOutcome, SettleRows
from jobmojito_batch.ledger.sharing import LEASE_SECONDS, renew_leases
from jobmojito_batch.ledger.tables import (
    IN_DOUBT,
    ClaimState,
    RunState,
    attempts,
    invitations,
    position_aliases,
    positions,
    run_rows,
    runs,
)
from jobmojito_batch.ledger.writer import Writer

LOOKUP_CHUNK: Final = 500
"""Values in one IN list; SQLite takes 32,766, shorter lists stay in the statement cache."""
RESULT_CHUNK: Final = 10_000
SWEEP_SLICE: Final = 50_000
HISTORY_CHUNK: Final = 20_000

Clock = Callable[[], datetime]
"""UTC without a zone."""

HISTORY_SCHEMA: Final = {
    "position_id": pl.Int64(),
    "candidate_email": pl.String(),
    "state": pl.String(),
    "is_in_flight": pl.Boolean(),
    "held_by": pl.String(),
}
_HISTORY_READ: Final = {
    name: dtype for name, dtype in HISTORY_SCHEMA.items() if name != "is_in_flight"
}


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
    """Who lives as long as the run does; this process where it is empty."""
    series: str = ""
    """What the run was asked to read, so that nights can be compared."""
    to_send: int = 0
    known: int = 0
    """Rows that the ledger had an invitation for when the run was planned."""


class Standing(NamedTuple):
    """Where an invitation stands, and the run that has or had it."""

    state: ClaimState
    outcome: Outcome | None
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPosition:
    """A position the ledger has."""

    position_id: int
    position_def_set_id: str | None
    is_opened: bool
    is_unresolved: bool
    """No id is known and a first call for it (or its name) was lost: nobody may open it again."""


class Ledger:
    """An open ledger. Times are UTC; on the way in and out they carry no zone."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock or utc_now

    @classmethod
    def open(cls, url: str, *, clock: Clock | None = None) -> Self:
        """Open it, made anew where it is absent; *clock* tells UTC. Raises LedgerError."""
        engine = open_engine(url)
        assert engine is not None  # noqa: S101 - create is on
        return cls(engine, clock)

    @classmethod
    def open_existing(cls, url: str) -> Self | None:
        """Open it where it exists; None where it does not, so that looking leaves nothing."""
        engine = open_engine(url, create=False)
        return None if engine is None else cls(engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def writer(self) -> Writer:
        """What a run writes through, in its event loop; close it when the run ends."""
        return Writer(self._engine, APPLIERS)

    # What is known

    def known_positions(
        self, account: str, keys: Sequence[str], opening_keys: Sequence[str]
    ) -> tuple[dict[str, KnownPosition], set[str]]:
        """
        Positions by key, and those opening keys whose first call was lost.

        A lost first call blocks its name under every other key too: the platform goes by name.
        """
        with translated("reading"), self._engine.connect() as connection:
            lost = {
                key
                for chunk in chunks(opening_keys)
                for key in connection.scalars(_lost_openings(account, chunk))
            }
            found = {
                row.key: KnownPosition(
                    position_id=row.id,
                    position_def_set_id=row.position_def_set_id,
                    is_opened=row.opened_at is not None,
                    is_unresolved=row.position_def_set_id is None
                    and row.opened_at is None
                    and _has_lost_call(connection, row.id),
                )
                for chunk in chunks(keys)
                for row in connection.execute(_by_alias(account, chunk))
            }
        return found, lost

    def history(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """
        What became of invitations: `wanted` has position_id (Int64) and candidate_email (String).

        Gives HISTORY_SCHEMA, only for those that are not open; `is_in_flight` where a living
        process holds the claim.
        """
        found: list[tuple[Any, ...]] = []
        alive: dict[str, bool] = {}
        with translated("reading"), self._engine.connect() as connection:
            forgotten = forgotten_key(connection)
            for (position_id,), group in wanted.group_by("position_id"):
                names = {email: email for email in group["candidate_email"].unique()}
                if forgotten is not None:
                    names |= {mask(email, forgotten): email for email in list(names)}
                for chunk in chunks(list(names)):
                    for row in connection.execute(_history(position_id, chunk)):
                        is_claimed = row.state == ClaimState.CLAIMED
                        in_flight = is_claimed and _remembered(alive, row, self._clock())
                        email = names[row.candidate_email]
                        found.append((position_id, email, row.state, in_flight, row.run_id))
        return pl.DataFrame(found, schema=HISTORY_SCHEMA, orient="row")

    def history_of(self, position_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
        """
        The same of all invitations of some positions, save people who were forgotten.

        In frames of at most HISTORY_CHUNK rows: for inputs so large that looking each row up
        takes longer than reading what there is.
        """
        for frame in self._of_positions(position_ids):
            yield frame.filter(~_is_masked())

    def forgotten_among(
        self, position_ids: Sequence[int], wanted: Iterable[pl.DataFrame]
    ) -> Iterator[pl.DataFrame]:
        """
        What `history_of` leaves out, under the addresses of *wanted* (position_id,
        candidate_email).
        """
        with translated("reading"), self._engine.connect() as connection:
            key = forgotten_key(connection)
        if key is None:
            return
        masked = pl.concat(
            [
                pl.DataFrame(schema=HISTORY_SCHEMA),
                *(frame.filter(_is_masked()) for frame in self._of_positions(position_ids)),
            ]
        ).rename({"candidate_email": "mask"})
        if masked.is_empty():
            return
        for frame in wanted:
            emails = frame["candidate_email"].drop_nulls().unique()
            masks = pl.DataFrame(
                {"candidate_email": emails, "mask": [mask(email, key) for email in emails]},
                schema={"candidate_email": pl.String, "mask": pl.String},
            )
            found = frame.unique().join(masks, on="candidate_email")
            yield found.join(masked, on=["position_id", "mask"]).select(*HISTORY_SCHEMA)

    def _of_positions(self, position_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
        with translated("reading"), self._engine.connect() as connection:
            living = [
                run.run_id
                for run in connection.execute(_RUNS_THAT_HOLD)
                if owners.is_alive(run.owner, run.lease_until, self._clock())
            ]
            is_in_flight = (pl.col("state") == ClaimState.CLAIMED.value) & pl.col("held_by").is_in(
                living
            )
            reading = connection.execution_options(yield_per=HISTORY_CHUNK)
            for chunk in chunks(position_ids):
                for rows in reading.execute(_history_of(chunk)).partitions():
                    frame = pl.DataFrame(
                        [tuple(row) for row in rows], schema=_HISTORY_READ, orient="row"
                    )
                    yield frame.with_columns(is_in_flight.alias("is_in_flight")).select(
                        *HISTORY_SCHEMA
                    )

    def doubts(
        self, accounts: Sequence[str] | None = None, now: datetime | None = None
    ) -> list[Doubted]:
        """Invitations that are unknown or claimed, of *accounts* or of all, the oldest first."""
        with translated("reading"), self._engine.connect() as connection:
            return doubts(connection, now or self._clock(), accounts=accounts)

    def once_in_doubt(self, wanted: Iterable[tuple[int, str]]) -> list[Doubted]:
        """
        Invitations by position id and e-mail, as settling needs them, whatever became of them.

        They are held: settling asks the ledger of them before it does anything.
        """
        emails: dict[int, list[str]] = {}
        for position_id, email in wanted:
            emails.setdefault(position_id, []).append(email)
        with translated("reading"), self._engine.connect() as connection:
            return [
                replace(one, is_held=True)
                for position_id, all_emails in emails.items()
                for some in chunks(all_emails)
                for one in doubts(connection, self._clock(), invitations_of=(position_id, some))
            ]

    def doubt(self, invitation_id: int) -> Doubted | None:
        """An invitation as settling needs it, whatever became of it; None where there is none."""
        with translated("reading"), self._engine.connect() as connection:
            return next(iter(doubts(connection, self._clock(), invitation_id=invitation_id)), None)

    def is_being_opened(self, name: str) -> bool:
        """Whether somebody holds the opening of a name (`account|folded name`)."""
        with translated("reading"), self._engine.connect() as connection:
            return is_being_opened(connection, name)

    def standing(self, invitation_id: int) -> Standing:
        """Where an invitation stands now."""
        query = select(invitations.c.state, invitations.c.outcome, invitations.c.run_id).where(
            invitations.c.id == invitation_id
        )
        with translated("reading"), self._engine.connect() as connection:
            row = connection.execute(query).one()
        outcome = Outcome(row.outcome) if row.outcome else None
        return Standing(ClaimState(row.state), outcome, row.run_id)

    def position_def_set_id(self, position_id: int) -> str | None:
        """A position's id in the API, as far as an answer has named it."""
        query = select(positions.c.position_def_set_id)
        with translated("reading"), self._engine.connect() as connection:
            position_id = merged_into(connection, {position_id}).get(position_id, position_id)
            return connection.scalar(query.where(positions.c.id == position_id))

    def traces_of(self, email: str) -> int:
        """Rows that have the address, as theirs or in an original cell."""
        with translated("reading"), self._engine.connect() as connection:
            return traces_of(connection, email)

    def forget(self, email: str) -> None:
        """Erase a person; see ledger.forgetting."""
        forget(self._engine, email)

    def prune(self, older_than: datetime) -> int:
        """Remove the rows of runs that are older; see ledger.maintenance."""
        return prune(self._engine, older_than)

    def merchants(self, base_url: str, environment: str) -> list[str]:
        """The merchants that runs were made for, under this URL and label."""
        query = (
            select(runs.c.merchant)
            .where(runs.c.base_url == base_url, runs.c.environment == environment)
            .distinct()
        )
        with translated("reading"), self._engine.connect() as connection:
            return list(connection.scalars(query))

    def credits_since(self, moment: datetime) -> float:
        """Credits reserved since then and not given back: calls that cost or may have cost."""
        return self._credits(attempts.c.started_at >= moment)

    def credits_of(self, run_id: str) -> float:
        """Credits of a run's calls that cost or may have cost, by the price in the settings."""
        return self._credits(is_among(attempts.c.run_id, self._family(run_id)))

    def calls_of(self, run_id: str) -> int:
        """Calls to the create endpoint that a run began."""
        return self._count_calls(is_among(attempts.c.run_id, self._family(run_id)))

    def retries_of(self, run_id: str) -> int:
        """Those of them that were not the first of their row."""
        return self._count_calls(
            is_among(attempts.c.run_id, self._family(run_id)), attempts.c.number > 1
        )

    def _count_calls(self, *which: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(attempts).where(*which)
        with translated("reading"), self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def _family(self, run_id: str) -> list[str]:
        with translated("reading"), self._engine.connect() as connection:
            return family_of(connection, run_id)

    def _credits(self, which: ColumnElement[bool]) -> float:
        with translated("reading"), self._engine.connect() as connection:
            total = connection.scalar(select(func.sum(attempts.c.credits)).where(which))
        return float(total or 0.0)

    # A run

    def settle_orphans(self, now: datetime | None = None) -> list[str]:
        """Claims without an outcome whose owner is dead become unknown; gives the runs' ids."""
        now = now or self._clock()
        with translated("reading"), self._engine.connect() as connection:
            running = connection.execute(
                select(runs.c.run_id, runs.c.owner, runs.c.lease_until, runs.c.parent_id)
                .where(runs.c.state == RunState.RUNNING)
                .order_by(runs.c.parent_id.is_(None))  # shards before their parents
            ).all()
        living = [row for row in running if owners.is_alive(row.owner, row.lease_until, now)]
        # Rows of a parent that died are sent as long as one of its shards lives.
        kept = {row.run_id for row in living} | {row.parent_id for row in living}
        return [
            row.run_id
            for row in running
            if row.run_id not in kept and self.abandon_run(row.run_id, now, is_dead_only=True)
        ]

    def abandon_run(
        self, run_id: str, now: datetime | None = None, *, is_dead_only: bool = False
    ) -> bool:
        """
        Mark a run as crashed: what it held is unknown, what it had not reached is not_sent.

        With *is_dead_only* not where it has ended, or has come back, since it was looked at; tells
        whether it was marked.

        The doubt counts from now, or from the end of the lease where that is earlier: the owner
        is dead, so no call of its can have begun later.
        """
        now = now or self._clock()
        self._sweep(run_id, ErrorCode.INTERRUPTED, "the run crashed")
        with translated("writing"), writing(self._engine) as connection:
            run = connection.execute(
                select(runs.c.state, runs.c.owner, runs.c.lease_until).where(
                    runs.c.run_id == run_id
                )
            ).one()
            lease = run.lease_until
            if is_dead_only and (
                run.state != RunState.RUNNING or owners.is_alive(run.owner, lease, now)
            ):
                return False
            _doubt_claims(connection, run_id, since=min(now, lease or now))
            _settle_unreached(connection, run_id, ErrorCode.INTERRUPTED, "the run crashed")
            connection.execute(
                update(runs).where(runs.c.run_id == run_id).values(state=RunState.CRASHED.value)
            )
        return True

    def begin_run(self, run: RunRecord, *, now: datetime | None = None) -> None:
        """Enter a run, owned by this process for the first LEASE_SECONDS (see RenewLease)."""
        with translated("writing"), adding(self._engine) as connection:
            connection.execute(
                insert(runs).values(
                    run_id=run.run_id,
                    base_url=run.base_url,
                    merchant=run.merchant,
                    environment=run.environment,
                    state=RunState.RUNNING.value,
                    owner=run.owner or owners.this_owner(),
                    lease_until=(now or self._clock()) + timedelta(seconds=LEASE_SECONDS),
                    started_at=run.started_at,
                    rows=run.rows,
                    layouts=run.layouts,
                    series=run.series,
                    to_send=run.to_send,
                    known=run.known,
                )
            )

    def ensure_positions(
        self, wanted: Iterable[tuple[str, str, str | None]]
    ) -> dict[tuple[str, str], int]:
        """The ids of positions by (account, key), made where absent; wanted has the opening key."""
        made: dict[tuple[str, str], int] = {}
        for chunk in chunks(list(wanted)):
            with translated("writing"), writing(self._engine) as connection:
                made |= _ensure_positions(connection, chunk)
        return made

    def add_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Enter rows of a run (columns of run_rows)."""
        if not rows:
            return
        with translated("writing"), adding(self._engine) as connection:
            connection.execute(insert(run_rows), rows)

    def end_run(
        self,
        run_id: str,
        *,
        at: datetime,
        stop_code: ErrorCode,
        stop_message: str,
    ) -> dict[Outcome, int]:
        """
        Give every row that has no outcome not_sent, and count the rows by outcome.

        Claims that are held still are those of calls that the drain was too short for: unknown.
        """
        self._sweep(run_id, stop_code, stop_message)
        with translated("writing"), writing(self._engine) as connection:
            _doubt_claims(connection, run_id, since=at)
            _settle_unreached(connection, run_id, stop_code, stop_message)
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(
                    state=RunState.ENDED.value,
                    ended_at=at,
                    stop_code=stop_code.value,
                    stop_message=stop_message,
                )
            )
        return self.outcomes(run_id)

    def _sweep(self, run_id: str, code: ErrorCode, message: str) -> None:
        """
        Make rows that were never claimed not_sent, in slices, before the run is ended.

        Of millions of rows that a stop leaves over, few are left to do then while others wait.
        """
        last = select(func.max(run_rows.c.ordinal)).where(run_rows.c.run_id == run_id)
        with translated("reading"), self._engine.connect() as connection:
            count = 1 + (connection.scalar(last) or 0)
            family = family_of(connection, run_id)
        for start in range(0, count, SWEEP_SLICE):
            with translated("writing"), adding(self._engine) as connection:
                connection.execute(
                    update(run_rows)
                    .where(
                        run_rows.c.run_id == run_id,
                        run_rows.c.ordinal >= start,
                        run_rows.c.ordinal < start + SWEEP_SLICE,
                        run_rows.c.outcome.is_(None),
                        ~_has_call_in_doubt(family),
                    )
                    .values(_not_sent(code, message))
                )

    def save_summary(self, run_id: str, summary: str, exit_code: int) -> None:
        """Keep the summary (JSON) with the run."""
        with translated("writing"), adding(self._engine) as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(summary=summary, exit_code=exit_code)
            )

    # Shards

    def begin_shard(self, id_: ShardId) -> str | None:
        """Enter an attempt at a shard; gives why it may not begin, where it may not."""
        now = self._clock()
        with translated("writing"):
            return families.begin_shard(self._engine, id_, started_at=now, now=now)

    def end_shard(
        self,
        id_: ShardId,
        *,
        at: datetime,
        stop_code: ErrorCode | None,
        stop_message: str | None,
        summary: str,
    ) -> None:
        """End an attempt: what it still holds is unknown, its other rows stay as they are."""
        with translated("writing"), writing(self._engine) as connection:
            _doubt_claims(connection, str(id_), since=at)
            families.end_shard(
                connection,
                id_,
                at=at,
                stop_code=stop_code,
                stop_message=stop_message,
                summary=summary,
            )

    def renew_lease(self, run_id: str) -> None:
        """A run, or an attempt at a shard, lives on."""
        until = self._clock() + timedelta(seconds=LEASE_SECONDS)
        with translated("writing"), writing(self._engine) as connection:
            renew_leases(connection, [RenewLease(run_id=run_id, until=until)])

    def credits_of_shard(self, id_: ShardId) -> float:
        """Credits of calls that earlier attempts at the shard began, that cost or may have cost."""
        earlier = [
            str(one.id)
            for one in self.shard_attempts(id_.run_id)
            if one.id.shard == id_.shard and one.id < id_
        ]
        return self._credits(attempts.c.run_id.in_(earlier)) if earlier else 0.0

    def shard_attempts(self, run_id: str) -> list[ShardAttempt]:
        """The attempts at a run's shards, by shard and attempt."""
        with translated("reading"), self._engine.connect() as connection:
            return families.shard_attempts(connection, run_id, self._clock())

    def ask_to_stop(self, run_id: str, code: ErrorCode, message: str) -> None:
        """Have the shards of a run stop, wherever they are."""
        with translated("writing"):
            families.ask_to_stop(self._engine, run_id, code, message)

    def may_go_on(self, id_: ShardId) -> bool:
        """Whether an attempt at a shard may go on sending."""
        with translated("reading"), self._engine.connect() as connection:
            return families.may_go_on(connection, id_)

    def rows_left(self, run_id: str, first: int, last: int) -> pl.DataFrame:
        """Rows of a run that have no outcome for good (LEFT_SCHEMA)."""
        with translated("reading"), self._engine.connect() as connection:
            return pl.concat(
                [
                    pl.DataFrame(schema=families.LEFT_SCHEMA),
                    *families.rows_left(connection, run_id, first, last),
                ]
            )

    def settle_rows(self, rows: Sequence[RowOutcome]) -> None:
        """Record outcomes of rows that hold no claim of ours."""
        with translated("writing"), writing(self._engine) as connection:
            settle_rows(connection, [SettleRows(rows=tuple(rows))])

    def in_flight(self, run_id: str) -> int:
        """Claims that a run and its shards hold now."""
        with translated("reading"), self._engine.connect() as connection:
            return families.in_flight(connection, run_id)

    def opened_among(self, position_ids: Sequence[int]) -> int:
        """How many of the positions the API has answered for."""
        with translated("reading"), self._engine.connect() as connection:
            return sum(
                connection.scalar(
                    select(func.count()).where(
                        positions.c.id.in_(some), positions.c.opened_at.is_not(None)
                    )
                )
                or 0
                for some in chunks(position_ids)
            )

    # What happened

    def has_rows(self, run_id: str) -> bool:
        """Whether the rows of a run are still kept; see `prune`."""
        query = select(run_rows.c.ordinal).where(run_rows.c.run_id == run_id).limit(1)
        with translated("reading"), self._engine.connect() as connection:
            return connection.scalar(query) is not None

    def outcomes(self, run_id: str) -> dict[Outcome, int]:
        """Rows of a run by outcome; rows without one yet are left out."""
        return {Outcome(outcome): count for outcome, count in self._count_rows(run_id, "outcome")}

    def reasons(self, run_id: str) -> dict[str, int]:
        """Rows of a run by error code, most frequent first."""
        return dict(
            sorted(self._count_rows(run_id, "error_code"), key=lambda pair: (-pair[1], pair[0]))
        )

    def rows_in(
        self, run_id: str, outcome: Outcome, *, at_most: int
    ) -> list[tuple[str, int, str | None, str | None]]:
        """The first rows of a run in an outcome: source, row, error code, error field."""
        columns = (run_rows.c[name] for name in ("source", "row", "error_code", "error_field"))
        query = (
            select(*columns)
            .where(run_rows.c.run_id == run_id, run_rows.c.outcome == outcome.value)
            .order_by(run_rows.c.ordinal)
            .limit(at_most)
        )
        with translated("reading"), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def _count_rows(self, run_id: str, column: str) -> list[tuple[str, int]]:
        what = run_rows.c[column]
        query = (
            select(what, func.count())
            .where(run_rows.c.run_id == run_id, what.is_not(None))
            .group_by(what)
            .order_by(what)
        )
        with translated("reading"), self._engine.connect() as connection:
            return [(str(value), int(count)) for value, count in connection.execute(query)]

    def run(self, run_id: str) -> Row[Any] | None:
        """The run's row, by its id or an unambiguous beginning of it."""
        is_it = runs.c.run_id.startswith(run_id, autoescape=True)
        query = select(runs).where(is_it, runs.c.parent_id.is_(None)).limit(2)
        with translated("reading"), self._engine.connect() as connection:
            found = connection.execute(query).all()
        return found[0] if len(found) == 1 else None

    def runs(self, limit: int = 20) -> list[Row[Any]]:
        """Runs, newest first; a running one whose owner is dead shows as crashed."""
        query = (
            select(runs)
            .where(runs.c.parent_id.is_(None))
            .order_by(runs.c.started_at.desc())
            .limit(limit)
        )
        with translated("reading"), self._engine.connect() as connection:
            return list(connection.execute(query).all())

    def is_running(self, run: Row[Any]) -> bool:
        """Whether the run goes on in a living process; its shards count."""
        if run.state != RunState.RUNNING:
            return False
        if owners.is_alive(run.owner, run.lease_until, self._clock()):
            return True
        with translated("reading"), self._engine.connect() as connection:
            return families.has_living_shard(connection, run.run_id, self._clock())

    def invitation_counts(self) -> dict[str, int]:
        """Invitations by outcome, of all runs; `in_flight` for those without one."""
        query = select(invitations.c.outcome, func.count()).group_by(invitations.c.outcome)
        with translated("reading"), self._engine.connect() as connection:
            return {outcome or "in_flight": count for outcome, count in connection.execute(query)}

    # Nights

    def nights(self, series: str, *, but: str | None = None) -> list[Night]:
        """Earlier nights of a series, the latest first, without run *but*."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.nights(connection, series, but=but)

    def add_trouble(self, series: str, kind: Trouble, *, at: datetime) -> None:
        """Note that a night of the series ended without a run."""
        of_nights.add_trouble(self._engine, series, kind, at=at)

    def knows_any(self, run_ids: Collection[str]) -> bool:
        """Whether one of the runs is in the ledger."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.knows_any(connection, run_ids)

    def done_files(self, series: str, hashes: Collection[str]) -> dict[str, DoneFile]:
        """Those of the contents (SHA-256) that were done in this series."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.done_files(connection, series, hashes)

    def add_done_file(self, series: str, done: DoneFile) -> None:
        """Note a content of an inbox as done."""
        of_nights.add_done_file(self._engine, series, done)

    def outcomes_by_source(self, run_id: str) -> dict[str, dict[Outcome, int]]:
        """Rows of a run by source and outcome."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.outcomes_by_source(connection, run_id)

    def blank_cells(self, series: str, *, before: datetime) -> int:
        """Take personal data from rows of old runs; see ledger.nights."""
        return of_nights.blank_cells(self._engine, series, before=before)

    def result_frames(
        self, run_id: str, *, only: Collection[Outcome] | None = None
    ) -> Iterator[pl.DataFrame]:
        """
        The rows of a run in input order, at most RESULT_CHUNK at a time (RESULT_SCHEMA).

        Those with some outcomes *only*, where it is given.

        Joined with their invitations by position and e-mail. Of a run that never ended, rows
        that it holds are unknown, the others not_sent.
        """
        after = -1
        while True:
            with translated("reading"), self._engine.connect() as connection:
                rows = connection.execute(_results(run_id, after, only)).all()
            if not rows:
                return
            after = rows[-1].ordinal
            yield pl.DataFrame(
                [tuple(row) for row in rows], schema=RESULT_SCHEMA, orient="row"
            ).with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))


RESULT_SCHEMA: Final = {
    "ordinal": pl.Int64(),
    "source": pl.String(),
    "row": pl.Int64(),
    "outcome": pl.String(),
    "error_code": pl.String(),
    "error_field": pl.String(),
    "error_message": pl.String(),
    "attempts": pl.Int64(),
    "http_status": pl.Int64(),
    "sent_at": pl.Datetime("us"),
    "settled_at": pl.Datetime("us"),
    "candidate_external_id": pl.String(),
    "candidate_name": pl.String(),
    "candidate_email": pl.String(),
    "position_name": pl.String(),
    "row_position_def_set_id": pl.String(),
    "cells": pl.String(),
    "state": pl.String(),
    "invitation_outcome": pl.String(),
    "held_by": pl.String(),
    "status": pl.String(),
    "interview_url": pl.String(),
    "reason": pl.String(),
    "position_def_set_id": pl.String(),
    "interview_def_set_id": pl.String(),
    "profile_interview_id": pl.String(),
    "invitation_http_status": pl.Int64(),
    "invitation_sent_at": pl.Datetime("us"),
    "invitation_settled_at": pl.Datetime("us"),
    "known_position_def_set_id": pl.String(),
}


def utc_now() -> datetime:
    """The wall clock, UTC without a zone, as the ledger keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values, LOOKUP_CHUNK at a time."""
    for start in range(0, len(values), LOOKUP_CHUNK):
        yield values[start : start + LOOKUP_CHUNK]


def _remembered(alive: dict[str, bool], row: Row[Any], now: datetime) -> bool:
    if row.run_id not in alive:
        alive[row.run_id] = owners.is_alive(row.owner, row.lease_until, now)
    return alive[row.run_id]


def _by_alias(account: str, keys: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(
            position_aliases.c.key,
            positions.c.id,
            positions.c.position_def_set_id,
            positions.c.opened_at,
        )
        .join(positions, positions.c.id == position_aliases.c.position_id)
        .where(position_aliases.c.account == account, position_aliases.c.key.in_(keys))
    )


def _lost_openings(account: str, opening_keys: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(positions.c.opening_key)
        .join(invitations, invitations.c.position_id == positions.c.id)
        .where(
            positions.c.account == account,
            positions.c.opening_key.in_(opening_keys),
            positions.c.position_def_set_id.is_(None),
            positions.c.opened_at.is_(None),
            IN_DOUBT,
        )
        .distinct()
    )


def _has_lost_call(connection: Connection, position_id: int) -> bool:
    query = select(invitations.c.id).where(invitations.c.position_id == position_id, IN_DOUBT)
    return connection.scalar(query.limit(1)) is not None


def _history(position_id: object, emails: Sequence[str]) -> Any:  # noqa: ANN401 - a select
    return (
        select(
            invitations.c.candidate_email,
            invitations.c.state,
            invitations.c.run_id,
            runs.c.owner,
            runs.c.lease_until,
        )
        .join(runs, runs.c.run_id == invitations.c.run_id)
        .where(
            invitations.c.position_id == position_id,
            invitations.c.candidate_email.in_(emails),
            invitations.c.state != ClaimState.OPEN,
        )
    )


_RUNS_THAT_HOLD: Final = select(runs.c.run_id, runs.c.owner, runs.c.lease_until).where(
    select(invitations.c.id)
    .where(invitations.c.run_id == runs.c.run_id, invitations.c.state == ClaimState.CLAIMED)
    .exists()
)


def _history_of(position_ids: Sequence[int]) -> Any:  # noqa: ANN401 - a select
    columns = invitations.c
    return select(
        columns.position_id, columns.candidate_email, columns.state, columns.run_id
    ).where(columns.position_id.in_(position_ids), columns.state != ClaimState.OPEN)


def _is_masked() -> pl.Expr:
    return pl.col("candidate_email").str.starts_with(PREFIX)


def _ensure_positions(
    connection: Connection, wanted: Sequence[tuple[str, str, str | None]]
) -> dict[tuple[str, str], int]:
    keys_of: dict[str, list[str]] = {}
    for account, key, _ in wanted:
        keys_of.setdefault(account, []).append(key)
    made = {
        (account, row.key): int(row.id)
        for account, keys in keys_of.items()
        for row in connection.execute(_by_alias(account, keys))
    }
    for account, key, opening_key in wanted:
        if (account, key) not in made:
            made[account, key] = _new_position(connection, account, key, opening_key)
    return made


def _new_position(connection: Connection, account: str, key: str, opening_key: str | None) -> int:
    given_id = key.removeprefix("id:") if key.startswith("id:") else None
    made = connection.execute(
        insert(positions)
        .values(account=account, opening_key=opening_key, position_def_set_id=given_id)
        .returning(positions.c.id)
    ).scalar_one()
    connection.execute(insert(position_aliases).values(account=account, key=key, position_id=made))
    return int(made)


def _doubt_claims(connection: Connection, run_id: str, *, since: datetime) -> None:
    """What the run holds is unknown: nobody listens for the answers any more."""
    connection.execute(
        update(invitations)
        .where(invitations.c.run_id == run_id, invitations.c.state == ClaimState.CLAIMED)
        .values(
            state=ClaimState.UNKNOWN.value,
            outcome=Outcome.UNKNOWN.value,
            error_code=ErrorCode.INTERRUPTED.value,
            sent_at=invitations.c.claimed_at,
            unknown_since=since,
        )
    )


def _settle_unreached(connection: Connection, run_id: str, code: ErrorCode, message: str) -> None:
    """Rows without an outcome: unknown where this run holds a call in doubt, else not_sent."""
    mine = and_(
        run_rows.c.run_id == run_id,
        run_rows.c.outcome.is_(None),
    )
    connection.execute(
        update(run_rows)
        .where(mine, _has_call_in_doubt(family_of(connection, run_id)))
        .values(
            outcome=Outcome.UNKNOWN.value,
            error_code=ErrorCode.INTERRUPTED.value,
            error_message=f"{message} while the call was under way: the interview may exist, so "
            "the row is not sent again; look the candidate up in JobMojito",
        )
    )
    connection.execute(update(run_rows).where(mine).values(_not_sent(code, message)))


def _has_call_in_doubt(family: list[str]) -> ColumnElement[bool]:
    """Whether the run (or a shard of it) holds the invitation of its row, without an outcome."""
    return (
        select(invitations.c.id)
        .where(
            invitations.c.position_id == run_rows.c.position_id,
            invitations.c.candidate_email == run_rows.c.candidate_email,
            is_among(invitations.c.run_id, family),
            invitations.c.ordinal == run_rows.c.ordinal,
            IN_DOUBT,
        )
        .exists()
    )


def _not_sent(code: ErrorCode, message: str) -> dict[str, str]:
    return {
        "outcome": Outcome.NOT_SENT.value,
        "error_code": code.value,
        "error_message": message,
    }


def _results(run_id: str, after: int, only: Collection[Outcome] | None) -> Any:  # noqa: ANN401
    row, invitation = run_rows.c, invitations.c
    is_wanted = true() if only is None else row.outcome.in_([one.value for one in only])
    return (
        select(
            row.ordinal, row.source, row.row, row.outcome, row.error_code, row.error_field,
            row.error_message, row.attempts, row.http_status, row.sent_at, row.settled_at,
            row.candidate_external_id, row.candidate_name, row.candidate_email,
            row.position_name, row.position_def_set_id.label("row_position_def_set_id"),
            row.cells, invitation.state, invitation.outcome.label("invitation_outcome"),
            invitation.run_id.label("held_by"), invitation.status, invitation.interview_url,
            invitation.reason, invitation.position_def_set_id, invitation.interview_def_set_id,
            invitation.profile_interview_id,
            invitation.http_status.label("invitation_http_status"),
            invitation.sent_at.label("invitation_sent_at"),
            invitation.settled_at.label("invitation_settled_at"),
            positions.c.position_def_set_id.label("known_position_def_set_id"),
        )
        .select_from(run_rows)
        .outerjoin(
            invitations,
            and_(
                invitation.position_id == row.position_id,
                invitation.candidate_email == row.candidate_email,
            ),
        )
        .outerjoin(positions, positions.c.id == row.position_id)
        .where(row.run_id == run_id, row.ordinal > after, is_wanted)
        .order_by(row.ordinal)
        .limit(RESULT_CHUNK)
    )  # fmt: skip
