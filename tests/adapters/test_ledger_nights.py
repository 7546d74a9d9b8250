"""What the ledger tells of earlier nights, and what it lets go of."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from jobmojito_batch.alerts import RECENT_NIGHTS, Night, Trouble, by_day
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import DoneFile, Ledger
from tests.adapters.test_ledger_doubts import undo_nights
from tests.ledgers import NOON
from tests.ledgers import begin as begin_run

SERIES = "https://api.example|m1|live|inbox|/data/in"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    book = Ledger.open(ledger_url)
    yield book
    book.close()


@pytest.fixture
def in_file(path: Path) -> Iterator[Ledger]:
    book = Ledger.open(f"sqlite:///{path}")
    yield book
    book.close()


def begin(ledger: Ledger, run_id: str, *, at: datetime = NOON, series: str = SERIES) -> None:
    begin_run(ledger, run_id, started_at=at, rows=12, series=series, to_send=7, known=5)


def end(ledger: Ledger, run_id: str, *, at: datetime, exit_code: int = 0) -> None:
    ledger.runs.end(run_id, at=at, stop_code=ErrorCode.INTERRUPTED, stop_message="")
    ledger.runs.save_summary(run_id, "{}", exit_code)


def add_row(ledger: Ledger, run_id: str, ordinal: int, outcome: Outcome | None) -> None:
    ledger.runs.add_rows(
        [
            {
                "run_id": run_id,
                "ordinal": ordinal,
                "source": f"{'ab'[ordinal % 2]}.csv",
                "row": ordinal + 2,
                "position_id": None,
                "candidate_email": "ann@example.com",
                "candidate_name": f"Ann of {run_id}",
                "candidate_external_id": f"id of {run_id}",
                "cells": cells_of(run_id),
                "outcome": outcome.value if outcome else None,
            }
        ]
    )


def cells_of(run_id: str) -> str:
    """So long that SQLite gives it pages of its own."""
    text_ = f"cell of {run_id} " * 2_000
    return f'{{"0": "{text_}"}}'


def test_nights_of_a_series_come_back_the_latest_first(ledger: Ledger) -> None:
    begin(ledger, "r1", at=NOON - timedelta(days=3))
    end(ledger, "r1", at=NOON - timedelta(days=3) + timedelta(seconds=90), exit_code=3)
    ledger.nights.add_trouble(SERIES, Trouble.VOLUME, at=NOON - timedelta(days=2))
    begin(ledger, "r2", at=NOON)
    ledger.runs.abandon("r2", NOON)
    begin(ledger, "elsewhere", series="another")
    end(ledger, "elsewhere", at=NOON)

    assert ledger.nights.of_series(SERIES) == [
        Night(day=date(2026, 11, 24), run_id="r2", exit_code=None, rows=12, new=7, known=5),
        Night(day=date(2026, 11, 22), exit_code=ExitCode.USAGE, trouble=Trouble.VOLUME),
        Night(
            day=date(2026, 11, 21),
            run_id="r1",
            exit_code=ExitCode.UNSETTLED,
            rows=12,
            new=7,
            known=5,
            seconds=90.0,
        ),
    ]


def test_many_runs_a_day_do_not_hide_the_days_before(ledger: Ledger) -> None:
    """An inbox that is emptied every few minutes has hundreds of runs since the night before."""
    for day in range(1, RECENT_NIGHTS + 3):
        begin(ledger, f"night-{day}", at=NOON - timedelta(days=day))
        end(ledger, f"night-{day}", at=NOON - timedelta(days=day))
    for number in range(150):
        begin(ledger, f"r{number}", at=NOON - timedelta(minutes=number))
        end(ledger, f"r{number}", at=NOON - timedelta(minutes=number))

    nights = ledger.nights.of_series(SERIES)

    assert len(by_day(nights)) == RECENT_NIGHTS
    assert nights[0].run_id == "r0"


def test_tonight_and_runs_that_go_on_are_no_earlier_nights(ledger: Ledger) -> None:
    begin(ledger, "tonight")
    end(ledger, "tonight", at=NOON)
    begin(ledger, "goes-on")

    assert ledger.nights.of_series(SERIES, but="tonight") == []


def test_a_content_is_done_once_for_its_series(ledger: Ledger) -> None:
    done = DoneFile(key="abc", name="a.csv", run_id="r1", done_at=NOON, rows_to_repair=2)
    ledger.nights.add_done_file(SERIES, done)
    again = DoneFile(key="abc", name="b.csv", run_id="r2", done_at=NOON, rows_to_repair=0)
    ledger.nights.add_done_file(SERIES, again)

    assert ledger.nights.done_files(SERIES, ["abc", "def"]) == {"abc": again}
    assert ledger.nights.done_files("another", ["abc"]) == {}


def test_which_of_some_runs_is_the_latest_that_is_known(ledger: Ledger) -> None:
    begin(ledger, "r1")
    begin(ledger, "r2")

    assert ledger.nights.latest_known({"r0", "r1", "r2", "r3"}) == "r2"
    assert ledger.nights.latest_known({"r0", "r1"}) == "r1"
    assert ledger.nights.latest_known({"r0"}) is None
    assert ledger.nights.latest_known(set()) is None


def test_rows_are_counted_by_source_and_outcome(ledger: Ledger) -> None:
    begin(ledger, "r1")
    for ordinal, outcome in enumerate(
        [Outcome.INVITED, Outcome.UNKNOWN, Outcome.INVITED, None, Outcome.FAILED]
    ):
        add_row(ledger, "r1", ordinal, outcome)

    assert ledger.results.outcomes_by_source("r1") == {
        "a.csv": {Outcome.INVITED: 2, Outcome.FAILED: 1},
        "b.csv": {Outcome.UNKNOWN: 2},
    }


def test_old_rows_lose_what_tells_of_a_person_down_to_the_bytes(
    in_file: Ledger, path: Path
) -> None:
    for run_id, at in (("old", NOON - timedelta(days=91)), ("new", NOON)):
        begin(in_file, run_id, at=at)
        add_row(in_file, run_id, 0, Outcome.INVITED)
        end(in_file, run_id, at=at)
    begin(in_file, "elsewhere", at=NOON - timedelta(days=91), series="another")
    add_row(in_file, "elsewhere", 0, Outcome.INVITED)
    end(in_file, "elsewhere", at=NOON)

    assert in_file.nights.blank_cells(SERIES, before=NOON - timedelta(days=90)) == 1
    assert in_file.nights.blank_cells(SERIES, before=NOON - timedelta(days=90)) == 0

    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT run_id, cells, candidate_name, outcome FROM run_rows ORDER BY run_id")
        ).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [
        ("elsewhere", cells_of("elsewhere"), "Ann of elsewhere", "invited"),
        ("new", cells_of("new"), "Ann of new", "invited"),
        ("old", "{}", None, "invited"),
    ]
    assert in_file.results.outcomes("old") == {Outcome.INVITED: 1}
    in_file.close()
    content = b"".join(file.read_bytes() for file in path.parent.glob("ledger.sqlite*"))
    assert b"Ann of new" in content
    for gone in (b"Ann of old", b"id of old", b"cell of old"):
        assert gone not in content


def test_a_ledger_of_the_second_schema_is_led_to_ours(ledger_url: str) -> None:
    """With its runs, which belong to no series."""
    book = Ledger.open(ledger_url)
    begin(book, "before")
    end(book, "before", at=NOON)
    book.close()
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        undo_nights(connection)
        connection.execute(text("UPDATE meta SET value = '2' WHERE key = 'schema_version'"))
    engine.dispose()

    book = Ledger.open(ledger_url)
    assert book.nights.of_series(SERIES) == []
    assert book.nights.latest_known({"before"}) == "before"
    begin(book, "after")
    end(book, "after", at=NOON)
    assert [night.run_id for night in book.nights.of_series(SERIES)] == ["after"]
    book.close()
