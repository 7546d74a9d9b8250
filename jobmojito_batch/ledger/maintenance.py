"""
Upkeep of a ledger that is in use: small transactions, with a rest between them for the writers.

Only rows of old runs go: what their results files were made from. Invitations stay for ever, since
they are what keeps anybody from being invited twice.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, exists, select

from jobmojito_batch.ledger.engine import translated, writing
from jobmojito_batch.ledger.tables import RunState, run_rows, runs

STEP_ROWS: Final = 2_000
STEP_PAGES: Final = 500
REST_SECONDS: Final = 0.02
"""SQLite's lock is not handed on in order: who lets go has to wait, or a writer starves."""

Rest = Callable[[float], object]


def prune(engine: Engine, older_than: datetime, rest: Rest = time.sleep) -> int:
    """
    Remove the rows of runs that ended before a moment; gives how many rows there were.

    Sending goes on meanwhile. The file is made smaller by what became free, where it was made by a
    program that foresees that. Raises LedgerError.
    """
    removed = 0
    with translated("reading"), engine.connect() as connection:
        old = list(connection.scalars(_old_runs(older_than)))
    for run_id in old:
        while some := _step(engine, run_id):
            removed += some
            rest(REST_SECONDS)
    if removed and engine.dialect.name == "sqlite":
        for _ in _shrunk(engine):
            rest(REST_SECONDS)
    return removed


def _old_runs(older_than: datetime) -> Any:  # noqa: ANN401 - a select
    return (
        select(runs.c.run_id)
        .where(
            runs.c.state != RunState.RUNNING,
            runs.c.started_at < older_than,
            exists().where(run_rows.c.run_id == runs.c.run_id),
        )
        .order_by(runs.c.started_at)
    )


def _step(engine: Engine, run_id: str) -> int:
    """Remove the first STEP_ROWS rows of a run; gives how many went."""
    mine = run_rows.c.run_id == run_id
    with translated("removing old rows"), writing(engine) as connection:
        beyond = connection.scalar(
            select(run_rows.c.ordinal)
            .where(mine)
            .order_by(run_rows.c.ordinal)
            .offset(STEP_ROWS)
            .limit(1)
        )
        some = mine if beyond is None else mine & (run_rows.c.ordinal < beyond)
        return connection.execute(delete(run_rows).where(some)).rowcount


def _shrunk(engine: Engine) -> Iterator[None]:
    """Give free pages back to the disk, STEP_PAGES a turn, then what the log holds to the file."""
    with translated("shrinking"), engine.connect() as connection:
        free = _pragma(connection, "freelist_count")
        is_incremental = _pragma(connection, "auto_vacuum") == 2  # noqa: PLR2004 - SQLite's number
        connection.rollback()
    for _ in range(free // STEP_PAGES + 1 if is_incremental else 0):
        # Where another process holds the lock for too long, the pages stay free until next time.
        with (
            suppress(sqlite3.OperationalError),
            translated("shrinking"),
            engine.connect() as connection,
        ):
            # As a script, since execute() would take its first step only: one page.
            _raw(connection).executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
        yield
    with translated("shrinking"), engine.connect() as connection:
        # PASSIVE takes what no reader needs and waits for nobody.
        _raw(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _raw(connection: Connection) -> Any:  # noqa: ANN401 - the driver's own
    """The driver's connection, which holds no transaction."""
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - it is connected
    return raw


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
