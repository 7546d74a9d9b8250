"""The ledger: claims are unique, durable, and never given back by accident."""

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import assert_type

import polars as pl
import pytest
from sqlalchemy import Connection, create_engine, text

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import (
    Claim,
    ClaimState,
    Enrolment,
    ForgetPositionId,
    Ledger,
    OpenPosition,
    Writer,
)
from jobmojito_batch.ledger.writer import gather_seconds
from tests.ledgers import ACCOUNT, NOON, RUN, a_position, begin, ending, taking


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    book = Ledger.open(ledger_url)
    yield book
    book.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """For what only a file has."""
    return tmp_path / "books" / "ledger.sqlite"


@pytest.fixture
def in_file(path: Path) -> Iterator[Ledger]:
    book = Ledger.open(f"sqlite:///{path}")
    yield book
    book.close()


def test_opening_waits_for_a_lock_that_sqlite_itself_does_not_wait_for(path: Path) -> None:
    """Somebody writes while the file becomes one with a write-ahead log: SQLite is busy at once."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.executescript("CREATE TABLE t (n INTEGER); DROP TABLE t; BEGIN IMMEDIATE")
        leaving = Timer(0.5, other.rollback)
        leaving.start()

        Ledger.open(f"sqlite:///{path}").close()

        leaving.join()


@contextmanager
def another_look(url: str) -> Iterator[Connection]:
    """A connection that has nothing to do with ours."""
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def a_row(ordinal: int, position_id: int, email: str, run_id: str = RUN) -> dict[str, object]:
    return {
        "run_id": run_id,
        "ordinal": ordinal,
        "source": "people.csv",
        "row": ordinal + 2,
        "position_id": position_id,
        "candidate_email": email,
        "candidate_name": "Ann Lee",
        "cells": "{}",
        "outcome": None,
    }


async def claim(
    writer: Writer,
    position_id: int,
    email: str = "ann@example.com",
    *,
    ordinal: int = 0,
    run_id: str = RUN,
    number: int = 1,
) -> Claim:
    wanted = taking(position_id, email, ordinal=ordinal, run_id=run_id, number=number)
    return assert_type(await writer.submit(wanted), Claim)


async def test_an_invitation_is_claimed_once(ledger: Ledger, writer: Writer) -> None:
    begin(ledger)
    nurse = a_position(ledger)

    claims = await asyncio.gather(*(claim(writer, nurse, ordinal=n) for n in range(20)))

    assert sum(one.is_mine for one in claims) == 1
    assert {one.state for one in claims} == {ClaimState.CLAIMED}


async def test_two_that_have_the_ledger_open_give_one_claim(
    ledger_url: str, ledger: Ledger
) -> None:
    begin(ledger)
    nurse = a_position(ledger)
    other = Ledger.open(ledger_url)
    begin(other, "run-2")
    pens = [ledger.writer(), other.writer()]

    claims = await asyncio.gather(
        *(
            claim(pen, nurse, f"{n}@example.com", run_id=run)
            for n in range(50)
            for pen, run in zip(pens, (RUN, "run-2"), strict=True)
        )
    )

    for pen in pens:
        await pen.close()
    other.close()
    assert sum(one.is_mine for one in claims) == 50


@pytest.mark.parametrize(
    ("outcome", "may_be_claimed_again"),
    [
        (Outcome.INVITED, False),
        (Outcome.REVIEW, False),
        (Outcome.REJECTED, False),
        (Outcome.ALREADY_APPLIED, False),
        (Outcome.UNKNOWN, False),
        (Outcome.FAILED, True),
        (Outcome.NOT_SENT, True),
    ],
)
async def test_only_what_was_not_created_may_be_claimed_again(
    ledger: Ledger, writer: Writer, outcome: Outcome, *, may_be_claimed_again: bool
) -> None:
    begin(ledger)
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_row(0, nurse, "ann@example.com")])
    await writer.submit(ending(await claim(writer, nurse), outcome))
    begin(ledger, "run-2")

    again = await claim(writer, nurse, run_id="run-2")

    assert again.is_mine is may_be_claimed_again


async def test_a_claim_is_committed_before_it_returns(
    ledger_url: str, ledger: Ledger, writer: Writer
) -> None:
    begin(ledger)
    await claim(writer, a_position(ledger))

    with another_look(ledger_url) as reader:
        rows = reader.execute(text("SELECT state, run_id FROM invitations")).all()

    assert rows == [("claimed", RUN)]


async def test_a_dead_owners_claims_become_unknown_and_the_rest_not_sent(
    ledger_url: str, ledger: Ledger, writer: Writer
) -> None:
    begin(ledger, rows=2)
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_row(0, nurse, "ann@example.com"), a_row(1, nurse, "bob@example.com")])
    await claim(writer, nurse)
    with another_look(ledger_url) as other:  # no such process
        other.execute(text("UPDATE runs SET owner = replace(owner, '|', '|9')"))

    dead = ledger.runs.settle_orphans()

    assert dead == [RUN]
    assert ledger.results.outcomes(RUN) == {Outcome.UNKNOWN: 1, Outcome.NOT_SENT: 1}
    assert not (await claim(writer, nurse, run_id=RUN)).is_mine


async def test_a_living_owners_claims_are_left_alone(ledger: Ledger, writer: Writer) -> None:
    begin(ledger)
    nurse = a_position(ledger)
    await claim(writer, nurse)

    assert ledger.runs.settle_orphans() == []
    wanted = pl.DataFrame({"position_id": [nurse], "candidate_email": ["ann@example.com"]})
    assert ledger.lookups.history(wanted)["is_in_flight"].to_list() == [True]


async def test_a_name_and_the_id_learnt_for_it_are_one_position(
    ledger: Ledger, writer: Writer
) -> None:
    begin(ledger)
    by_name = a_position(ledger, "name:nurse")
    await writer.submit(OpenPosition(position_id=by_name, position_def_set_id="P-1", at=NOON))

    found, _ = ledger.lookups.known_positions(ACCOUNT, ["id:p-1", "name:nurse"], [])

    assert {one.position_id for one in found.values()} == {by_name}
    assert found["name:nurse"].position_def_set_id == "P-1"


async def test_an_invitation_by_id_is_found_by_the_name_that_turns_out_to_be_it(
    ledger: Ledger, writer: Writer
) -> None:
    begin(ledger)
    by_id, by_name = a_position(ledger, "id:p-1", None), a_position(ledger, "name:nurse")
    ledger.runs.add_rows([a_row(0, by_id, "ann@example.com")])
    await writer.submit(ending(await claim(writer, by_id), Outcome.INVITED))

    merged = await writer.submit(
        OpenPosition(position_id=by_name, position_def_set_id="P-1", at=NOON)
    )

    assert merged == by_id
    assert not (await claim(writer, merged, ordinal=1)).is_mine
    assert a_position(ledger, "name:nurse") == by_id


async def test_a_forgotten_id_leaves_the_name_to_be_opened_again(
    ledger: Ledger, writer: Writer
) -> None:
    begin(ledger)
    nurse = a_position(ledger)
    await writer.submit(OpenPosition(position_id=nurse, position_def_set_id="P-1", at=NOON))

    await writer.submit(ForgetPositionId(position_id=nurse, position_def_set_id="P-1"))

    found, _ = ledger.lookups.known_positions(ACCOUNT, ["id:p-1", "name:nurse"], ["nurse"])
    assert list(found) == ["name:nurse"]
    assert found["name:nurse"].position_def_set_id is None
    assert not found["name:nurse"].is_opened


async def test_a_lost_first_call_leaves_its_name_unresolved_under_every_key(
    ledger: Ledger, writer: Writer
) -> None:
    begin(ledger)
    nurse = a_position(ledger, "ext:7", "nurse")
    ledger.runs.add_rows([a_row(0, nurse, "ann@example.com")])
    await writer.submit(ending(await claim(writer, nurse), Outcome.UNKNOWN))

    found, lost = ledger.lookups.known_positions(ACCOUNT, ["ext:7"], ["nurse"])

    assert found["ext:7"].is_unresolved
    assert lost == {"nurse"}


async def test_free_attempts_give_their_credits_back(ledger: Ledger, writer: Writer) -> None:
    begin(ledger, rows=2)
    nurse = a_position(ledger)
    paid = await claim(writer, nurse, "ann@example.com", ordinal=0)
    free = await claim(writer, nurse, "bob@example.com", ordinal=1)

    await writer.submit(ending(paid, Outcome.INVITED))
    await writer.submit(ending(free, Outcome.FAILED, is_free=True))

    assert ledger.results.credits_of(RUN) == 0.25
    assert ledger.results.credits_since(NOON) == 0.25


async def test_results_join_rows_and_invitations_by_key(ledger: Ledger, writer: Writer) -> None:
    begin(ledger, rows=2)
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_row(1, nurse, "bob@example.com"), a_row(0, nurse, "ann@example.com")])
    bob = await claim(writer, nurse, "bob@example.com", ordinal=1)
    said = Enrolment(status="ai_accept", interview_url="https://i.example/t")
    await writer.submit(ending(bob, Outcome.INVITED, enrolment=said))

    ledger.runs.end(RUN, at=NOON, stop_code=ErrorCode.BREAKER_OPEN, stop_message="stopped")

    (frame,) = ledger.results.frames(RUN)
    assert frame.select("row", "outcome", "interview_url", "error_code").rows() == [
        (2, "not_sent", None, "breaker_open"),
        (3, "invited", "https://i.example/t", None),
    ]


def test_the_file_and_its_folder_are_the_owners_alone(path: Path, in_file: Ledger) -> None:
    begin(in_file)

    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}

    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_commit_is_flushed(in_file: Ledger) -> None:
    with in_file.database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_looking_for_a_ledger_makes_none(ledger_url: str, path: Path) -> None:
    for _ in range(2):
        with Ledger.existing(ledger_url) as ledger:
            assert ledger is None
    assert not path.parent.exists()


def test_a_ledger_of_another_version_is_refused(ledger_url: str, ledger: Ledger) -> None:
    ledger.close()
    with another_look(ledger_url) as other:
        other.execute(text("UPDATE meta SET value = '99'"))

    with pytest.raises(LedgerError, match="schema version 99"):
        Ledger.open(ledger_url)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"this is no database, whatever its name says" * 100, id="not-sqlite"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 4000, id="corrupt"),
    ],
)
def test_a_broken_file_is_one_line_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)

    with pytest.raises(LedgerError, match="JOBMOJITO_LEDGER") as caught:
        Ledger.open(f"sqlite:///{path}")

    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_left_alone(tmp_path: Path, ledger_url: str) -> None:
    (tmp_path / "books").mkdir()
    with another_look(ledger_url) as other:
        other.execute(text("CREATE TABLE orders (id INTEGER)"))

    with pytest.raises(LedgerError, match="not a ledger of ours"):
        Ledger.open(ledger_url)


async def test_a_failing_write_reaches_everybody_who_waits(ledger: Ledger, writer: Writer) -> None:
    begin(ledger)
    with pytest.raises(LedgerError, match="writing failed"):
        await claim(writer, position_id=12345)  # no such position: the foreign key says no


@pytest.mark.parametrize(
    ("in_flight", "seconds"),
    [(0, 0.004), (10, 0.004), (1_000, 0.004), (2_000, 0.008), (4_000, 0.016), (50_000, 0.016)],
)
def test_a_commit_waits_for_others_as_many_may_be_in_flight(in_flight: int, seconds: float) -> None:
    """So that waiting caps no pace that calls could reach: in flight / (2 x seconds) a second."""
    assert gather_seconds(in_flight) == pytest.approx(seconds)
