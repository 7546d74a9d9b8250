"""The ledger as the pipeline sees it: runs, what is known of rows, and what results need."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    func,
    insert,
    select,
    update,
)

from jobmojito_batch.alerts import Night, Trouble
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import families, known, owners, results
from jobmojito_batch.ledger import nights as of_nights
from jobmojito_batch.ledger.chunks import chunks
from jobmojito_batch.ledger.doubts import Doubted, doubts, is_being_opened
from jobmojito_batch.ledger.ending import doubt_claims, settle_unreached, sweep
from jobmojito_batch.ledger.engine import adding, open_engine, translated, writing
from jobmojito_batch.ledger.families import ShardAttempt, ShardId, family_of, is_among
from jobmojito_batch.ledger.forgetting import forget, traces_of
from jobmojito_batch.ledger.known import KnownPosition
from jobmojito_batch.ledger.maintenance import prune
from jobmojito_batch.ledger.merging import merged_into
from jobmojito_batch.ledger.nights import DoneFile
from jobmojito_batch.ledger.operations import APPLIERS, settle_rows
from jobmojito_batch.ledger.requests import RenewLease, RowOutcome, SettleRows
from jobmojito_batch.ledger.sharing import LEASE_SECONDS, renew_leases
from jobmojito_batch.ledger.tables import (
    ClaimState,
    RunState,
    attempts,
    invitations,
    positions,
    run_rows,
    runs,
)
from jobmojito_batch.ledger.writer import Writer

Clock = Callable[[], datetime]
"""UTC without a zone."""


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
            return known.known_positions(connection, account, keys, opening_keys)

    def history(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """
        What became of invitations: `wanted` has position_id (Int64) and candidate_email (String).

        Gives HISTORY_SCHEMA, only for those that are not open; `is_in_flight` where a living
        process holds the claim.
        """
        with translated("reading"), self._engine.connect() as connection:
            return known.history(connection, wanted, self._clock())

    def history_of(self, position_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
        """
        The same of all invitations of some positions, save people who were forgotten.

        In frames of at most HISTORY_CHUNK rows: for inputs so large that looking each row up
        takes longer than reading what there is.
        """
        with translated("reading"), self._engine.connect() as connection:
            yield from known.history_of(connection, position_ids, self._clock())

    def forgotten_among(
        self, position_ids: Sequence[int], wanted: Iterable[pl.DataFrame]
    ) -> Iterator[pl.DataFrame]:
        """
        What `history_of` leaves out, under the addresses of *wanted* (position_id,
        candidate_email).
        """
        with translated("reading"), self._engine.connect() as connection:
            forgotten = known.forgotten_of(connection, position_ids, self._clock())
        # Out of the transaction: *wanted* may take long to come.
        return iter(()) if forgotten is None else forgotten.among(wanted)

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

    def base_urls(self, environment: str) -> list[str]:
        """The base URLs that runs were made for under this label, as they were spelt then."""
        query = select(runs.c.base_url).where(runs.c.environment == environment).distinct()
        with translated("reading"), self._engine.connect() as connection:
            return sorted(connection.scalars(query))

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
        sweep(self._engine, run_id, ErrorCode.INTERRUPTED, "the run crashed")
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
            doubt_claims(connection, run_id, since=min(now, lease or now))
            settle_unreached(connection, run_id, ErrorCode.INTERRUPTED, "the run crashed")
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
                made |= known.ensure_positions(connection, chunk)
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
        sweep(self._engine, run_id, stop_code, stop_message)
        with translated("writing"), writing(self._engine) as connection:
            doubt_claims(connection, run_id, since=at)
            settle_unreached(connection, run_id, stop_code, stop_message)
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
            doubt_claims(connection, str(id_), since=at)
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
        with translated("reading"), self._engine.connect() as connection:
            return results.rows_in(connection, run_id, outcome, at_most=at_most)

    def _count_rows(self, run_id: str, column: str) -> list[tuple[str, int]]:
        with translated("reading"), self._engine.connect() as connection:
            return results.count_rows(connection, run_id, column)

    def run(self, run_id: str) -> Row[Any] | None:
        """The run's row, by its id or an unambiguous beginning of it."""
        found = self.runs_beginning(run_id)
        return found[0] if len(found) == 1 else None

    def runs_beginning(self, run_id: str, *, most: int = 5) -> list[Row[Any]]:
        """The runs whose ids begin so, the latest first; *most* of them."""
        is_it = runs.c.run_id.startswith(run_id, autoescape=True)
        query = (
            select(runs)
            .where(is_it, runs.c.parent_id.is_(None))
            .order_by(runs.c.started_at.desc())
            .limit(most)
        )
        with translated("reading"), self._engine.connect() as connection:
            return list(connection.execute(query).all())

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

    def done_files(self, series: str, keys: Collection[str]) -> dict[str, DoneFile]:
        """Those of the contents, by key, that were done in this series."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.done_files(connection, series, keys)

    def unheard_sources(self, run_id: str) -> set[str]:
        """The sources with rows that failed without a fault of theirs."""
        with translated("reading"), self._engine.connect() as connection:
            return of_nights.unheard_sources(connection, run_id)

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
        return results.result_frames(self._engine, run_id, only=only)


def utc_now() -> datetime:
    """The wall clock, UTC without a zone, as the ledger keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)
