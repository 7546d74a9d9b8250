"""Upkeep of the ledger while it is in use: old rows go, the file shrinks, writers go on."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger, TakeClaim
from tests.ledgers import NOON, a_position, begin, taking

OLD = NOON - timedelta(days=100)
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
    ledger.add_rows(
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
        ledger.end_run(
            run_id, at=started_at, stop_code=ErrorCode.INTERRUPTED, stop_message="the end"
        )
    return nurse


def claim_of(run_id: str, nurse: int, number: int) -> TakeClaim:
    return taking(nurse, f"p{number}@example.com", run_id=run_id, ordinal=number)


def kept(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT run_id, count(*) FROM run_rows GROUP BY run_id"))


def test_rows_of_old_runs_go_and_others_stay(path: Path, ledger: Ledger) -> None:
    a_run(ledger, "old", OLD, 5_000)
    a_run(ledger, "old-but-running", OLD, 3, ends=False)
    a_run(ledger, "new", NOON, 7)

    removed = ledger.prune(NOON - timedelta(days=90))

    assert removed == 5_000
    assert kept(path) == {"old-but-running": 3, "new": 7}
    assert ledger.prune(NOON - timedelta(days=90)) == 0


async def test_who_was_invited_stays_known(ledger: Ledger) -> None:
    nurse = a_run(ledger, "old", OLD, 1)
    writer = ledger.writer()
    await writer.submit(claim_of("old", nurse, 0))

    ledger.prune(NOON)

    begun = a_run(ledger, "new", NOON, 0)
    again = await writer.submit(claim_of("new", begun, 0))
    await writer.close()
    assert not again.is_mine


def test_the_file_gives_back_what_became_free(path: Path, ledger: Ledger) -> None:
    a_run(ledger, "old", OLD, ROWS)
    before = path.stat().st_size

    ledger.prune(NOON)

    ledger.close()  # the last connection empties the log
    assert path.stat().st_size < before / 4


async def test_a_writer_goes_on_while_old_rows_go(path: Path, ledger: Ledger) -> None:
    """Claims are granted between any two steps, and every one of them is kept."""
    a_run(ledger, "old", OLD, ROWS)
    nurse = a_run(ledger, "tonight", NOON, 0, ends=False)
    writer = ledger.writer()
    pruning = asyncio.create_task(asyncio.to_thread(ledger.prune, NOON - timedelta(days=1)))
    while_pruning = 0
    number = 0
    while not pruning.done() or number < 50:
        claim = await writer.submit(claim_of("tonight", nurse, number))
        assert claim.is_mine
        while_pruning += not pruning.done()
        number += 1
    await writer.close()

    assert await pruning == ROWS
    assert while_pruning > 1
    with sqlite3.connect(path) as connection:
        [(claims,)] = connection.execute("SELECT count(*) FROM invitations")
    assert claims == number


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
        ledger.forget("p3@example.com")
    wanted = pl.DataFrame(
        {"position_id": [nurse] * 3, "candidate_email": [f"p{n}@example.com" for n in (1, 3, 9)]}
    )

    looked_up = ledger.history(wanted)
    frames = [*ledger.history_of([nurse]), *ledger.forgotten_among([nurse], [wanted])]

    read = pl.concat(frames).join(wanted, on=wanted.columns, how="semi")
    by_email = [pl.col("candidate_email")]
    assert read.sort(by_email).equals(looked_up.sort(by_email))
    assert read["candidate_email"].sort().to_list() == ["p1@example.com", "p3@example.com"]
    assert read["is_in_flight"].all()
