"""Reading a ledger that is in use: what it costs the file, and all of a position at once."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import Ledger, RowOutcome, SettleRows, TakeClaim, lookups
from jobmojito_batch.ledger.results import RESULT_SCHEMA
from tests.helpers import BOTH_LEDGERS
from tests.ledgers import NOON, a_position, begin, taking

ROWS = 11_000


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
    ledger.runs.add_rows([a_row(run_id, ordinal, nurse) for ordinal in range(rows)])
    if ends:
        ledger.runs.end(
            run_id, at=started_at, stop_code=ErrorCode.INTERRUPTED, stop_message="the end"
        )
    return nurse


def a_row(run_id: str, ordinal: int, position_id: int) -> dict[str, object]:
    """Half a kilobyte."""
    return {
        "run_id": run_id,
        "ordinal": ordinal,
        "source": "people.csv",
        "row": ordinal + 2,
        "position_id": position_id,
        "candidate_email": f"p{ordinal}@example.com",
        "cells": "x" * 500,
    }


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


@BOTH_LEDGERS
@pytest.mark.parametrize("others", [0, 40], ids=["as it lies", "by index"])
@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_reading_all_of_a_position_says_what_looking_up_says(
    either_ledger_url: str, monkeypatch: pytest.MonkeyPatch, *, is_forgotten: bool, others: int
) -> None:
    """
    Large inputs read the ledger, small ones ask it row by row; of forgotten people too.

    A position with many others beside it is read by an index; in either way a few rows at a time.
    """
    monkeypatch.setattr(lookups, "HISTORY_CHUNK", 2)
    ledger = Ledger.open(either_ledger_url)
    nurse = a_run(ledger, "run-1", NOON, 0, ends=False)
    cook = a_position(ledger, "name:cook", "cook")
    writer = ledger.writer()
    for number in range(5):
        await writer.submit(claim_of("run-1", nurse, number))
    for number in range(others):
        await writer.submit(claim_of("run-1", cook, number))
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

    ledger.close()
    assert sum(frame.height for frame in frames) == 5
    assert set(pl.concat(frames)["position_id"]) == {nurse}
    read = pl.concat(frames).join(wanted, on=wanted.columns, how="semi")
    by_email = [pl.col("candidate_email")]
    assert read.sort(by_email).equals(looked_up.sort(by_email))
    assert read["candidate_email"].sort().to_list() == ["p1@example.com", "p3@example.com"]
    assert read["is_in_flight"].all()


@BOTH_LEDGERS
def test_rows_that_are_entered_as_a_frame_come_back_as_they_were(either_ledger_url: str) -> None:
    """All of them over several pages, untried; U+0000, which no ledger keeps, is a mark."""
    ledger = Ledger.open(either_ledger_url)
    begin(ledger, "run-1", rows=ROWS)
    nurse = a_position(ledger)
    number = pl.int_range(ROWS, dtype=pl.Int64)
    rows = pl.select(
        pl.lit("run-1").alias("run_id"),
        number.cast(pl.UInt32).alias("ordinal"),
        pl.lit("people.csv").alias("source"),
        (number + 2).alias("row"),
        pl.lit(nurse, pl.Int64).alias("position_id"),
        pl.format("Zoë {}%s?", number).alias("candidate_name"),
        pl.when(number == 7).then(pl.lit("a\0b")).alias("error_message"),
        pl.lit("{}").alias("cells"),
    )

    for start in range(0, ROWS, 5_000):
        ledger.runs.add_frame(rows.slice(start, 5_000))

    read = pl.concat(ledger.results.frames("run-1"))
    ledger.close()
    assert read["ordinal"].to_list() == list(range(ROWS))
    assert read["row"].equals(rows["row"])
    assert read["candidate_name"].equals(rows["candidate_name"])
    assert read["error_message"].drop_nulls().to_list() == ["a\ufffdb"]
    assert read["error_message"][7] == "a\ufffdb"
    assert set(read["attempts"]) == {0}


@BOTH_LEDGERS
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("null", id="null"),
        pytest.param("007", id="number"),
        pytest.param('["a", {"b": "c\\n"}]', id="json"),
        pytest.param('\\"\\\\', id="quotes"),
        pytest.param("\r\n\t\x01\x1e\x1f\x7f\x85\u2028", id="controls"),
        pytest.param("Zoë \u0161 \U0001f600 \ufeff", id="beyond-ascii"),
    ],
)
def test_whatever_a_text_holds_it_comes_back_as_it_was(either_ledger_url: str, text: str) -> None:
    """A file of results has what the ledger was given, nulls and empty texts apart."""
    ledger = Ledger.open(either_ledger_url)
    begin(ledger, "run-1", rows=2)
    nurse = a_position(ledger)
    given = {"candidate_name": text, "error_message": text, "cells": text, "http_status": 404}
    ledger.runs.add_rows([a_row("run-1", number, nurse) for number in range(2)])
    ledger.runs.add_rows([a_row("run-1", 2, nurse) | given])

    [whole] = ledger.results.frames("run-1")
    [part] = ledger.results.frames("run-1", without=("state", "source"))
    ledger.close()
    assert whole["candidate_name"].to_list() == [None, None, text]
    assert whole["error_message"][2] == whole["cells"][2] == text
    assert whole["http_status"].to_list() == [None, None, 404]
    assert part.equals(whole.drop("state", "source"))


@BOTH_LEDGERS
async def test_times_come_back_in_utc_to_the_microsecond(either_ledger_url: str) -> None:
    """A time on the full second too, which a database may write shorter; none stays none."""
    ledger = Ledger.open(either_ledger_url)
    begin(ledger, "run-1", rows=3)
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_row("run-1", number, nurse) for number in range(3)])
    later = NOON + timedelta(microseconds=17)
    writer = ledger.writer()
    for number, at in enumerate((NOON, later)):
        row = RowOutcome(
            run_id="run-1", ordinal=number, outcome=Outcome.INVITED, sent_at=NOON, settled_at=at
        )
        await writer.submit(SettleRows(rows=(row,)))
    await writer.close()

    [read] = ledger.results.frames("run-1")
    ledger.close()
    assert read.schema == RESULT_SCHEMA | {
        name: pl.Datetime("us", "UTC")
        for name, dtype in RESULT_SCHEMA.items()
        if dtype == pl.Datetime
    }
    assert read["sent_at"].to_list() == [NOON.replace(tzinfo=UTC)] * 2 + [None]
    assert read["settled_at"][1] == later.replace(tzinfo=UTC)


@BOTH_LEDGERS
@pytest.mark.parametrize("others", [1, 40], ids=["side by side", "far apart"])
def test_the_rows_of_a_run_are_counted_wherever_they_lie(
    either_ledger_url: str, others: int
) -> None:
    """Rows of another run between them are not its own, however many those are."""
    ledger = Ledger.open(either_ledger_url)
    for run_id in ("run-1", "run-2"):
        begin(ledger, run_id)
    nurse = a_position(ledger)
    done, same = Outcome.ALREADY_DONE.value, Outcome.DUPLICATE.value
    for run_id, first, count, outcome, code in (
        ("run-1", 0, 3, done, None),
        ("run-2", 0, others, done, None),
        ("run-1", 3, 2, same, "duplicate_row"),
        ("run-1", 5, 1, None, None),
    ):
        said = {"outcome": outcome, "error_code": code}
        rows = (a_row(run_id, first + number, nurse) | said for number in range(count))
        ledger.runs.add_rows(list(rows))

    before = ledger.results.counts("run-1")
    ledger.runs.end("run-1", at=NOON, stop_code=ErrorCode.INTERRUPTED, stop_message="the end")

    after = ledger.results.counts("run-1")
    other = ledger.results.outcomes("run-2")
    nobody = ledger.results.counts("run-3")
    ledger.close()
    assert before == ({Outcome.ALREADY_DONE: 3, Outcome.DUPLICATE: 2}, {"duplicate_row": 2})
    assert after.outcomes[Outcome.NOT_SENT] == 1
    assert after.reasons == {"duplicate_row": 2, "interrupted": 1}
    assert other == {Outcome.ALREADY_DONE: others}
    assert nobody == ({}, {})
