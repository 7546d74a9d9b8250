"""What only a ledger on a server can meet: lost connections, lost commits, roles, passwords."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from jobmojito_batch.cli import main
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import BatchError, LedgerError
from jobmojito_batch.ledger import (
    ClaimState,
    Ledger,
    TakeClaim,
    Writer,
    postgresql,
)
from jobmojito_batch.ledger.addresses import named
from jobmojito_batch.ledger.database import Database, writing
from jobmojito_batch.ledger.people import PAUSES, Erasure
from jobmojito_batch.settings import load_settings
from tests.helpers import OpenLedger
from tests.ledgers import NOON, a_position, ending, taking
from tests.ledgers import begin as begin_run
from tests.postgresql import SERVER, do, own_schema, why_not
from tests.wire import Cut, Wire

SECRET = "s3cret-of-nobody"


def begin(ledger: Ledger, run_id: str = "run-1") -> int:
    """A run with one row; gives its position."""
    begin_run(ledger, run_id)
    position_id = a_position(ledger)
    ledger.runs.add_rows(
        [
            {
                "run_id": run_id, "ordinal": 0, "source": "people.csv", "row": 2,
                "position_id": position_id, "candidate_email": "ann@example.com",
                "candidate_name": "Ann Lee", "cells": '{"0": "ann@example.com"}', "outcome": None,
            }
        ]
    )  # fmt: skip
    return position_id


@asynccontextmanager
async def pen_of(ledger: Ledger) -> AsyncIterator[Writer]:
    pen = ledger.writer()
    try:
        yield pen
    finally:
        await pen.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Wire() as wire:
        yield wire


# A server that goes away


async def test_connections_that_break_between_commits_lose_nothing(
    open_ledger: OpenLedger, postgresql_url: str, wire: Wire
) -> None:
    """As when the server is started anew: claims and outcomes wait and are written."""
    ledger = open_ledger(wire.url(postgresql_url))
    nurse = begin(ledger)
    async with pen_of(ledger) as pen:
        claim = await pen.submit(taking(nurse))
        wire.break_all()
        await pen.submit(ending(claim))

    assert ledger.results.outcomes("run-1") == {Outcome.INVITED: 1}


async def test_a_server_that_is_away_for_a_moment_is_waited_for(
    open_ledger: OpenLedger, postgresql_url: str, wire: Wire
) -> None:
    ledger = open_ledger(wire.url(postgresql_url))
    nurse = begin(ledger)
    wire.is_up = False
    wire.break_all()
    async with pen_of(ledger) as pen:
        waiting = asyncio.create_task(pen.submit(taking(nurse)))
        looking = asyncio.create_task(asyncio.to_thread(ledger.doubts.is_being_opened, "x"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert not looking.done()
        wire.is_up = True

        assert (await waiting).is_mine
        assert await looking is False


@pytest.mark.parametrize("cut", Cut)
async def test_a_connection_lost_in_commit_is_neither_success_nor_failure(
    open_ledger: OpenLedger, postgresql_url: str, wire: Wire, cut: Cut
) -> None:
    """The caller hears that nobody knows; whatever is there is found, and sent by nobody blind."""
    ledger = open_ledger(wire.url(postgresql_url))
    nurse = begin(ledger)
    async with pen_of(ledger) as pen:
        wire.cut = cut
        with pytest.raises(LedgerError, match="in the middle of a commit"):
            await pen.submit(taking(nurse))

    ledger.runs.abandon("run-1")  # what delivering does with a run that failed
    doubts = ledger.doubts.all()
    assert [one.state for one in doubts] == ([ClaimState.UNKNOWN] if cut is Cut.ANSWER else [])
    begin(ledger, "run-2")
    async with pen_of(ledger) as pen:
        again = await pen.submit(taking(nurse, run_id="run-2"))
    assert again.is_mine is (cut is Cut.COMMIT)


async def test_a_lock_that_somebody_holds_is_waited_for(
    open_ledger: OpenLedger, postgresql_url: str
) -> None:
    ledger, other = open_ledger(postgresql_url), create_engine(postgresql_url)
    nurse = begin(ledger)
    async with pen_of(ledger) as pen:
        with other.begin() as connection:
            connection.exec_driver_sql(postgresql._LOCK)
            waiting = asyncio.create_task(pen.submit(taking(nurse)))
            await asyncio.sleep(0.3)
            assert not waiting.done()

        assert (await waiting).is_mine
    other.dispose()


def test_two_ledgers_of_one_database_do_not_wait_for_one_another(
    open_ledger: OpenLedger, postgresql_url: str
) -> None:
    with own_schema() as another_url:
        one, other = open_ledger(postgresql_url), open_ledger(another_url)
        with writing(one.database.engine):
            begin(other)


async def test_a_row_that_the_driver_cannot_take_leaves_nobody_waiting(
    open_ledger: OpenLedger, postgresql_url: str
) -> None:
    """Whatever goes wrong below, everybody hears of it."""
    ledger = open_ledger(postgresql_url)
    nurse = begin(ledger)
    async with pen_of(ledger) as pen:
        with pytest.raises(LedgerError, match="writing failed"):
            await pen.submit(TakeClaim(
                run_id="run-1", ordinal=1 << 40, position_id=nurse, candidate_email="a@example.com",
                number=1, at=NOON, credits=0.25,
            ))  # fmt: skip
        assert (await pen.submit(taking(nurse))).is_mine


# What a connection is told


def test_no_wait_is_without_end_and_commits_reach_the_disk(
    open_ledger: OpenLedger, postgresql_url: str
) -> None:
    """Whatever the server's own settings are."""
    ledger = open_ledger(f"{postgresql_url}%20-csynchronous_commit%3Doff")
    with ledger.database.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "synchronous_commit", "transaction_isolation", "lock_timeout",
                "idle_in_transaction_session_timeout", "statement_timeout", "application_name",
            )
        }  # fmt: skip

    assert found == {
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "20s",
        "statement_timeout": "10min",
        "application_name": "jobmojito-batch",
    }


@pytest.mark.parametrize("seconds", [-60.0, 60.0])
def test_a_machine_whose_clock_is_wrong_is_refused(
    open_ledger: OpenLedger, postgresql_url: str, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """By the clock the others tell whether its runs live: they would settle what it is sending."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + seconds)

    with pytest.raises(LedgerError, match="clock is 60 s from"):
        open_ledger(postgresql_url)


def test_a_database_that_cannot_hold_every_name_is_refused(open_ledger: OpenLedger) -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    name = f"jobmojito_test_{uuid.uuid4().hex[:12]}"
    do(f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        url = make_url(SERVER).set(database=name).render_as_string(hide_password=False)
        with pytest.raises(LedgerError, match="encoding LATIN1"):
            open_ledger(url)
    finally:
        do(f"DROP DATABASE {name} WITH (FORCE)")


# Roles


@pytest.fixture
def clerk(open_ledger: OpenLedger, postgresql_url: str) -> Iterator[str]:
    """The URL for a role that has what docs/ledger.md grants, on a ledger that another owns."""
    open_ledger(postgresql_url)
    role, schema = f"jobmojito_test_{uuid.uuid4().hex[:12]}", postgresql_url.rpartition("%3D")[2]
    do(f"CREATE ROLE {role} LOGIN")
    try:
        for grant in grants():
            do(grant.format(schema=schema, role=role))
        yield make_url(postgresql_url).set(username=role).render_as_string(hide_password=False)
    finally:
        do(f"DROP OWNED BY {role}")
        do(f"DROP ROLE {role}")


def grants() -> list[str]:
    """The statements of docs/ledger.md, with its names as places to fill."""
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    return [
        " ".join(line.split()).rstrip(";").replace("public", "{schema}")
        .replace("jobmojito_clerk", "{role}")
        for line in page.splitlines()
        if line.strip().startswith("GRANT ") and "jobmojito_clerk" in line
        and "ON DATABASE" not in line
    ]  # fmt: skip


async def with_ann(ledger: Ledger) -> Ledger:
    """A ledger that has ann@example.com invited."""
    nurse = begin(ledger)
    async with pen_of(ledger) as pen:
        await pen.submit(ending(await pen.submit(taking(nurse))))
    return ledger


async def test_the_documented_privileges_are_enough(open_ledger: OpenLedger, clerk: str) -> None:
    """And forgetting erases the person, and says that the owner has to see to the bytes."""
    ledger = await with_ann(open_ledger(clerk))
    assert ledger.results.outcomes("run-1") == {Outcome.INVITED: 1}

    with pytest.raises(LedgerError, match="VACUUM"):
        ledger.people.forget("ann@example.com")
    assert ledger.people.traces_of("ann@example.com") == 0


def test_a_privilege_that_lacks_is_named_before_anything_is_sent(
    open_ledger: OpenLedger, clerk: str, postgresql_url: str
) -> None:
    """As after an upgrade that added a table."""
    do(f"REVOKE UPDATE ON attempts, paces FROM {make_url(clerk).username}", url=postgresql_url)

    with pytest.raises(LedgerError, match="may not read and write attempts, paces"):
        open_ledger(clerk)


async def test_forgetting_leaves_nothing_in_the_tables_files(
    open_ledger: OpenLedger, postgresql_database_url: str
) -> None:
    """Nor in what the planner remembers of them."""
    ledger = await with_ann(open_ledger(postgresql_database_url))
    do("ANALYZE", url=postgresql_database_url)
    assert b"ann@example.com" in files_of(postgresql_database_url)

    ledger.people.forget("ann@example.com")

    assert b"ann@example.com" not in files_of(postgresql_database_url)


async def test_forgetting_says_that_an_open_transaction_keeps_the_old_rows(
    open_ledger: OpenLedger, postgresql_database_url: str
) -> None:
    """As a report may have one open: the server keeps all that it could still read."""
    ledger = await with_ann(open_ledger(postgresql_database_url))
    reader = create_engine(postgresql_database_url)
    waited: list[float] = []
    with reader.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SELECT 1"))

        with pytest.raises(LedgerError, match="open transaction may still read"):
            Erasure(Database(reader)).forget("ann@example.com", sleep=waited.append)
    reader.dispose()

    assert waited == list(PAUSES)
    assert ledger.people.traces_of("ann@example.com") == 0
    ledger.people.forget("ann@example.com")
    assert b"ann@example.com" not in files_of(postgresql_database_url)


def files_of(url: str) -> bytes:
    """What the server's disk has of the schema's tables and indexes, and what it counted."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        pages = connection.scalars(
            text(
                "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class "
                "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')"
            )
        ).all()
        counted = connection.scalars(
            text("SELECT s::text FROM pg_stats s WHERE schemaname = current_schema()")
        ).all()
    engine.dispose()
    return b"".join(map(bytes, pages)) + "".join(counted).encode()


# Passwords


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/x",
        f"postgresql+psycopg://nobody_here:{SECRET}@127.0.0.1:5432/test",
        f"postgresql+psycopg://u@127.0.0.1:1/x?password={SECRET}",
        f"postgresql+psycopg://u:{SECRET}@127.0.0.1:port/x",
        f"postgresql+psycopg://u:p@{SECRET}@127.0.0.1/x",
        f"postgresql+psycopg://u:p@{SECRET}/y@127.0.0.1/x",
        f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/x?no_such_option=1",
        f"postgresql+asyncpg://u:{SECRET}@127.0.0.1/x",
        f"mysql://u:{SECRET}@127.0.0.1/x",
        f"nonsense+{SECRET}://u:{SECRET}@127.0.0.1/x".replace(f"nonsense+{SECRET}", "nonsense"),
    ],
)
def test_no_message_shows_the_password(
    open_ledger: OpenLedger,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor a part of it that was taken for something else; and no message is a traceback."""
    monkeypatch.setenv("JOBMOJITO_LEDGER", url)
    monkeypatch.setenv("JOBMOJITO_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "made-up")
    caplog.set_level(logging.DEBUG)

    with pytest.raises(BatchError) as caught:
        open_ledger(url)
    codes = [main(["status"]), main(["doctor", "--json"]), main(["doctor"])]

    said = capfd.readouterr()
    everything = f"{caught.value!r}{caught.value}{said.out}{said.err}{caplog.text}"
    assert codes == [2, 1, 1]
    assert "JOBMOJITO_LEDGER" in str(caught.value)
    assert SECRET not in everything
    assert "Traceback" not in everything
    assert SECRET not in repr(load_settings())


def test_a_foreign_database_is_named_without_its_password(
    open_ledger: OpenLedger, postgresql_url: str
) -> None:
    do("CREATE TABLE orders (id integer)", url=postgresql_url)
    with_password = make_url(postgresql_url).update_query_dict({"password": SECRET})
    url = with_password.set(username=None).render_as_string(hide_password=False)

    with pytest.raises(LedgerError, match="not a ledger of ours") as caught:
        open_ledger(url)

    assert SECRET not in str(caught.value)
    assert SECRET not in named(f"postgresql+psycopg://u:{SECRET}@h/d?password={SECRET}&sslkey=x")


def test_a_url_from_a_provider_is_taken(open_ledger: OpenLedger, postgresql_url: str) -> None:
    """They write postgres:// or postgresql://."""
    for scheme in ("postgres", "postgresql"):
        open_ledger(postgresql_url.replace("postgresql+psycopg", scheme))


def test_leases_keep_their_microseconds(open_ledger: OpenLedger, postgresql_url: str) -> None:
    moment = NOON + timedelta(microseconds=123_457)
    ledger = open_ledger(postgresql_url, clock=lambda: moment)
    begin(ledger)

    run = ledger.runs.find("run-1")

    assert run is not None
    assert run.lease_until == moment + timedelta(seconds=60)
    assert run.lease_until.tzinfo is None
