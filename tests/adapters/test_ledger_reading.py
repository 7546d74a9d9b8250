"""Reading a ledger that is in use: what it costs the file, and all of a position at once."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger, TakeClaim
from tests.ledgers import NOON, a_position, begin, taking

ROWS = 9_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    book = Ledger.open(f"sqlite:///{path}")
    yield book
    book.close()


def a_run(
    ledger: Ledger, run_id: str, started_at: datetime, rows: int, *, ends: bool = True
) -> int:
    """A run with rows of half a kilobyte; gives the id of its position."""
    begin(ledger, run_id, started_at=started_at, rows=rows)
    nurse = a_position(ledger)
    ledger.runs.add_rows(
        [
            {
                "run_id": run_id,
                "ordinal": ordinal,
                "source": "people.csv",
                "row": ordinal + 2,
                "position_id": nurse,
                "candidate_email": f"p{ordinal}@example.com",
                "cells": "x" * 500,
            }
            for ordinal in range(rows)
        ]
    )
    if ends:
        ledger.runs.end(
            run_id, at=started_at, stop_code=ErrorCode.INTERRUPTED, stop_message="the end"
        )
    return nurse


def claim_of(run_id: str, nurse: int, number: int) -> TakeClaim:
    return taking(nurse, f"p{number}@example.com", run_id=run_id, ordinal=number)


def test_a_log_that_grew_while_somebody_read_is_cut_afterwards(path: Path, ledger: Ledger) -> None:
    """A reader keeps the log from being emptied; when it has gone, the log has its size again."""
    log = path.with_name(f"{path.name}-wal")
    a_run(ledger, "first", NOON, 1)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM run_rows").fetchall()
    for number in range(5):
        a_run(ledger, f"run-{number}", NOON, ROWS)
    grown = log.stat().st_size
    reader.execute("COMMIT")
    reader.close()

    for number in range(3):
        a_run(ledger, f"later-{number}", NOON, 10)

    assert grown > 20e6
    assert log.stat().st_size < 17e6


@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_reading_all_of_a_position_says_what_looking_up_says(
    ledger: Ledger, *, is_forgotten: bool
) -> None:
    """Large inputs read the ledger, small ones ask it row by row; of forgotten people too."""
    nurse = a_run(ledger, "run-1", NOON, 0, ends=False)
    writer = ledger.writer()
    for number in range(5):
        await writer.submit(claim_of("run-1", nurse, number))
    await writer.close()
    if is_forgotten:
        ledger.people.forget("p3@example.com")
    wanted = pl.DataFrame(
        {"position_id": [nurse] * 3, "candidate_email": [f"p{n}@example.com" for n in (1, 3, 9)]}
    )

    looked_up = ledger.lookups.history(wanted)
    frames = [
        *ledger.lookups.history_of([nurse]),
        *ledger.lookups.forgotten_among([nurse], [wanted]),
    ]

    read = pl.concat(frames).join(wanted, on=wanted.columns, how="semi")
    by_email = [pl.col("candidate_email")]
    assert read.sort(by_email).equals(looked_up.sort(by_email))
    assert read["candidate_email"].sort().to_list() == ["p1@example.com", "p3@example.com"]
    assert read["is_in_flight"].all()
