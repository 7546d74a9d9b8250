"""What the ledger tells of earlier nights, and of files that were done; what it lets go of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Row, Select, delete, func, insert, or_, select, update

from jobmojito_batch.alerts import RECENT_NIGHTS, Night, Trouble
from jobmojito_batch.columns import NOT_THE_ROWS_FAULT, Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger.database import Database, overwrite_what_is_erased
from jobmojito_batch.ledger.records import DoneFile
from jobmojito_batch.ledger.schema import (
    RunState,
    files,
    followups,
    invitations,
    run_rows,
    runs,
    troubles,
)

TROUBLES_READ: Final = 100
"""Nights without a run that are looked back; the latest tells whether a good one recovered."""
BLANK: Final = "{}"
"""The cells of a row that has none."""
_OF_A_NIGHT: Final[tuple[Column[Any], ...]] = (
    runs.c.run_id,
    runs.c.state,
    runs.c.started_at,
    runs.c.ended_at,
    runs.c.exit_code,
    runs.c.rows,
    runs.c.to_send,
    runs.c.known,
)


class LatestRun(NamedTuple):
    """A run of a series, and the summary that was kept of it."""

    run_id: str
    started_at: datetime
    exit_code: int | None
    rows: int
    summary: str | None


@dataclass(frozen=True, slots=True)
class NightHistory:
    """Earlier nights of a series, and the contents of its inbox that were done."""

    database: Database

    def of_series(self, series: str, *, but: str | None = None) -> list[Night]:
        """Earlier nights of a series, the latest first; without runs that go on, and run *but*."""
        with self.database.reading() as connection:
            nights = [
                *_with_a_run(connection, series, but or ""),
                *_without_a_run(connection, series),
            ]
        return [night for _, night in sorted(nights, key=lambda pair: pair[0], reverse=True)]

    def layouts(self, series: str) -> list[str]:
        """What the inputs of the RECENT_NIGHTS latest runs looked like, the latest first."""
        query = (
            select(runs.c.layouts)
            .where(
                runs.c.series == series,
                runs.c.parent_id.is_(None),
                runs.c.state != RunState.RUNNING.value,
            )
            .order_by(runs.c.started_at.desc())
            .limit(RECENT_NIGHTS)
        )
        with self.database.reading() as connection:
            return list(connection.scalars(query))

    def latest(self, series: str | None) -> list[LatestRun]:
        """The RECENT_NIGHTS latest runs of a series; of all that belong to one where it is None."""
        is_of_it = runs.c.series.is_not(None) if series is None else runs.c.series == series
        query = (
            select(*(runs.c[name] for name in LatestRun._fields))
            .where(is_of_it, runs.c.parent_id.is_(None), runs.c.state != RunState.RUNNING.value)
            .order_by(runs.c.started_at.desc())
            .limit(RECENT_NIGHTS)
        )
        with self.database.reading() as connection:
            return [LatestRun(*row) for row in connection.execute(query)]

    def add_trouble(self, series: str, kind: Trouble, *, at: datetime) -> None:
        """Note that a night of the series ended without a run."""
        with self.database.writing() as connection:
            connection.execute(insert(troubles).values(series=series, at=at, kind=kind.value))

    def latest_known(self, run_ids: Collection[str]) -> str | None:
        """The latest of the runs that is in the ledger: their ids are in the order of time."""
        query = select(func.max(runs.c.run_id)).where(runs.c.run_id.in_(run_ids))
        with self.database.reading() as connection:
            latest: str | None = connection.scalar(query)
        return latest

    def done_files(self, series: str, keys: Collection[str]) -> dict[str, DoneFile]:
        """Those of the contents, by key, that were done in this series."""
        query = select(files).where(files.c.series == series, files.c.sha256.in_(keys))
        with self.database.reading() as connection:
            return {
                row.sha256: DoneFile(
                    key=row.sha256,
                    name=row.name,
                    run_id=row.run_id,
                    done_at=row.done_at,
                    rows_to_repair=row.failed_rows,
                )
                for row in connection.execute(query)
            }

    def add_done_file(self, series: str, done: DoneFile) -> None:
        """Note a content of an inbox as done; one that went again is noted anew."""
        with self.database.writing() as connection:
            connection.execute(
                delete(files).where(files.c.series == series, files.c.sha256 == done.key)
            )
            connection.execute(
                insert(files).values(
                    series=series,
                    sha256=done.key,
                    name=done.name,
                    run_id=done.run_id,
                    done_at=done.done_at,
                    failed_rows=done.rows_to_repair,
                )
            )

    def unheard_sources(self, run_id: str) -> set[str]:
        """The sources with rows that failed without a fault of theirs: the service was away."""
        query = (
            select(run_rows.c.source)
            .distinct()
            .where(
                run_rows.c.run_id == run_id,
                run_rows.c.outcome == Outcome.FAILED.value,
                run_rows.c.error_code.in_([code.value for code in NOT_THE_ROWS_FAULT]),
            )
        )
        with self.database.reading() as connection:
            return set(connection.scalars(query))

    def blank_cells(self, series: str, *, before: datetime) -> int:
        """
        Take the original cells, names and external ids from rows of old runs; gives their count.

        What was paid for stays known: invitations, outcomes and counts are left as they are. The
        bytes are overwritten in an SQLite file.
        """
        old = select(runs.c.run_id).where(
            runs.c.series == series,
            runs.c.started_at < before,
            runs.c.state != RunState.RUNNING.value,
        )
        with self.database.adding("erasing") as connection:  # long, and nobody writes them
            overwrite_what_is_erased(connection)
            blanked = connection.execute(
                update(run_rows)
                .where(run_rows.c.run_id.in_(old), run_rows.c.cells != BLANK)
                .values(cells=BLANK, candidate_name=None, candidate_external_id=None)
            )
            connection.execute(
                update(followups)
                .where(followups.c.invitation_id.in_(_invited_in(old)), _SAYS_MORE)
                .values(
                    score=None,
                    told_score=None,
                    interview_result_id=None,
                    rows=None,
                    replaced_url=None,
                )
            )
        return int(blanked.rowcount)


_SAYS_MORE: Final = or_(
    followups.c.score.is_not(None),
    followups.c.interview_result_id.is_not(None),
    followups.c.rows.is_not(None),
    followups.c.replaced_url.is_not(None),
)


def _invited_in(old: Select[str]) -> Select[int]:
    """Invitations that these runs, or shards of them, have or had."""
    shards = select(runs.c.run_id).where(runs.c.parent_id.in_(old))
    held_by = invitations.c.run_id
    return select(invitations.c.id).where(or_(held_by.in_(old), held_by.in_(shards)))


def _with_a_run(connection: Connection, series: str, but: str) -> list[tuple[datetime, Night]]:
    """All runs of the RECENT_NIGHTS latest days that had one, however many those are."""
    is_earlier = (
        runs.c.series == series,
        runs.c.parent_id.is_(None),
        runs.c.state != RunState.RUNNING.value,
        runs.c.run_id != but,
    )
    day = func.date(runs.c.started_at)
    recent = select(day).where(*is_earlier).distinct().order_by(day.desc()).limit(RECENT_NIGHTS)
    days = [date.fromisoformat(str(day_of_run)) for day_of_run in connection.scalars(recent)]
    if not days:
        return []
    since = datetime.combine(min(days), time())
    query = select(*_OF_A_NIGHT).where(*is_earlier, runs.c.started_at >= since)
    return [(run.started_at, _night(run)) for run in connection.execute(query)]


def _without_a_run(connection: Connection, series: str) -> list[tuple[datetime, Night]]:
    query = (
        select(troubles.c.at, troubles.c.kind)
        .where(troubles.c.series == series)
        .order_by(troubles.c.at.desc())
        .limit(TROUBLES_READ)
    )
    return [
        (row.at, Night(day=row.at.date(), exit_code=ExitCode.USAGE, trouble=Trouble(row.kind)))
        for row in connection.execute(query)
    ]


def _night(run: Row[Any]) -> Night:
    has_ended = run.state == RunState.ENDED.value and run.ended_at is not None
    return Night(
        day=run.started_at.date(),
        run_id=run.run_id,
        exit_code=ExitCode(run.exit_code) if has_ended and run.exit_code is not None else None,
        rows=run.rows,
        new=run.to_send or 0,
        known=run.known or 0,
        seconds=(run.ended_at - run.started_at).total_seconds() if has_ended else None,
    )
