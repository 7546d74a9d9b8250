"""What the ledger tells of earlier nights, and of files that were done; what it lets go of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Row, delete, func, insert, select, update

from jobmojito_batch.alerts import RECENT_NIGHTS, Night, Trouble
from jobmojito_batch.columns import NOT_THE_ROWS_FAULT, Outcome
from jobmojito_batch.ledger.engine import adding, translated, writing
from jobmojito_batch.ledger.tables import RunState, files, run_rows, runs, troubles

TROUBLES_READ: Final = 100
"""Nights without a run that are looked back; the latest tells whether a good one recovered."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneFile:
    """A content of an inbox that was read in one way, and whose rows were all settled."""

    key: str
    """Of content and reading."""
    name: str
    run_id: str | None
    """None for a file without rows."""
    done_at: datetime
    rows_to_repair: int
    """Rows that were invalid or failed: the same content goes again for them."""


def nights(connection: Connection, series: str, *, but: str | None) -> list[Night]:
    """
    Earlier nights of a series, the latest first; runs that go on are left out, and run *but*.

    All runs of the RECENT_NIGHTS latest days that had one, however many those are.
    """
    is_earlier = (
        runs.c.series == series,
        runs.c.parent_id.is_(None),
        runs.c.state != RunState.RUNNING.value,
        runs.c.run_id != (but or ""),
    )
    day = func.date(runs.c.started_at)
    recent = select(day).where(*is_earlier).distinct().order_by(day.desc()).limit(RECENT_NIGHTS)
    days = [date.fromisoformat(str(one)) for one in connection.scalars(recent)]
    found: list[tuple[datetime, Night]] = []
    if days:
        since = datetime.combine(min(days), time())
        query = select(*_OF_A_NIGHT).where(*is_earlier, runs.c.started_at >= since)
        found += [(run.started_at, _night(run)) for run in connection.execute(query)]
    had_trouble = connection.execute(
        select(troubles.c.at, troubles.c.kind)
        .where(troubles.c.series == series)
        .order_by(troubles.c.at.desc())
        .limit(TROUBLES_READ)
    )
    found += [
        (row.at, Night(day=row.at.date(), exit_code=2, trouble=Trouble(row.kind)))
        for row in had_trouble
    ]
    return [night for _, night in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _night(run: Row[Any]) -> Night:
    has_ended = run.state == RunState.ENDED.value and run.ended_at is not None
    return Night(
        day=run.started_at.date(),
        run_id=run.run_id,
        exit_code=run.exit_code if has_ended else None,
        rows=run.rows,
        new=run.to_send or 0,
        known=run.known or 0,
        seconds=(run.ended_at - run.started_at).total_seconds() if has_ended else None,
    )


def add_trouble(engine: Engine, series: str, kind: Trouble, *, at: datetime) -> None:
    """Note that a night of the series ended without a run."""
    with translated("writing"), writing(engine) as connection:
        connection.execute(insert(troubles).values(series=series, at=at, kind=kind.value))


def knows_any(connection: Connection, run_ids: Collection[str]) -> bool:
    """Whether one of the runs is in the ledger."""
    query = select(runs.c.run_id).where(runs.c.run_id.in_(run_ids)).limit(1)
    return connection.scalar(query) is not None


def done_files(connection: Connection, series: str, keys: Collection[str]) -> dict[str, DoneFile]:
    """Those of the contents that were done in this series, by key."""
    query = select(files).where(files.c.series == series, files.c.sha256.in_(keys))
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


def add_done_file(engine: Engine, series: str, done: DoneFile) -> None:
    """Note a content as done; one that went again is noted anew."""
    with translated("writing"), writing(engine) as connection:
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


def outcomes_by_source(connection: Connection, run_id: str) -> dict[str, dict[Outcome, int]]:
    """Rows of a run by source and outcome; a row without one yet counts as unknown."""
    query = (
        select(run_rows.c.source, run_rows.c.outcome, func.count())
        .where(run_rows.c.run_id == run_id)
        .group_by(run_rows.c.source, run_rows.c.outcome)
    )
    found: dict[str, dict[Outcome, int]] = {}
    for source, outcome, count in connection.execute(query):
        kind = Outcome(outcome) if outcome else Outcome.UNKNOWN
        of_source = found.setdefault(source, {})
        of_source[kind] = of_source.get(kind, 0) + count
    return found


def unheard_sources(connection: Connection, run_id: str) -> set[str]:
    """The sources with rows that failed without a fault of theirs: the service was not there."""
    query = (
        select(run_rows.c.source)
        .distinct()
        .where(
            run_rows.c.run_id == run_id,
            run_rows.c.outcome == Outcome.FAILED.value,
            run_rows.c.error_code.in_([code.value for code in NOT_THE_ROWS_FAULT]),
        )
    )
    return set(connection.scalars(query))


def blank_cells(engine: Engine, series: str, *, before: datetime) -> int:
    """
    Take the original cells, names and external ids from rows of old runs; gives their count.

    What was paid for stays known: invitations, outcomes and counts are left as they are. The bytes
    are overwritten in an SQLite file.
    """
    with translated("erasing"), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
    old = select(runs.c.run_id).where(
        runs.c.series == series, runs.c.started_at < before, runs.c.state != RunState.RUNNING.value
    )
    with translated("erasing"), adding(engine) as connection:  # long, and nobody writes them
        done = connection.execute(
            update(run_rows)
            .where(run_rows.c.run_id.in_(old), run_rows.c.cells != BLANK)
            .values(cells=BLANK, candidate_name=None, candidate_external_id=None)
        )
    return int(done.rowcount)


BLANK: Final = "{}"
"""The cells of a row that has none."""
