"""The writer shares commits, on a loop whose time stands still while there is work."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from jobmojito_batch.ledger import Ledger, Request, TakeSlots, requests
from jobmojito_batch.ledger.outcomes import WRITES
from jobmojito_batch.ledger.writer import ENOUGH, GATHER_SECONDS
from jobmojito_batch.pipeline.work import shared_starts
from jobmojito_batch.sending import Clock
from jobmojito_batch.simulation import World
from tests.helpers import OpenLedger

FUTURE = 1_795_521_600.0  # a Unix time


@pytest.fixture
def ledger(tmp_path: Path, open_ledger: OpenLedger) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_those_that_come_shortly_after_each_other_share_a_commit(ledger: Ledger) -> None:
    commits = 0

    @event.listens_for(Engine, "commit")
    def count(_connection: object) -> None:
        nonlocal commits
        commits += 1

    async def work() -> None:
        writer = ledger.writer()

        async def later(seconds: float) -> None:
            await asyncio.sleep(seconds)
            slots = TakeSlots(key="k", count=1, interval=1.0, now=FUTURE)
            await writer.submit(slots)

        await asyncio.gather(*(later(n / 1_000) for n in range(4)))
        await writer.close()

    try:
        World().play(work, kill_at=None)
    finally:
        event.remove(Engine, "commit", count)
    assert commits == 1


def test_where_many_wait_already_nobody_waits_for_more(ledger: Ledger) -> None:
    passed = 0.0

    async def work() -> None:
        nonlocal passed
        loop = asyncio.get_running_loop()
        writer = ledger.writer()
        begun = loop.time()
        slots = TakeSlots(key="k", count=1, interval=1.0, now=FUTURE)
        await asyncio.gather(*(writer.submit(slots) for _ in range(ENOUGH)))
        passed = loop.time() - begun
        await writer.close()

    World().play(work, kill_at=None)
    assert passed < GATHER_SECONDS


def test_shared_starts_come_no_later_for_the_commit_that_hands_them_out(ledger: Ledger) -> None:
    """Two blocks would overlap by the difference, and break the ceiling where they meet."""
    asked_at = first = 0.0

    async def work() -> None:
        nonlocal asked_at, first
        loop = asyncio.get_running_loop()
        writer = ledger.writer()
        clock = Clock.of_loop(
            asyncio.sleep, wall=lambda: datetime.fromtimestamp(FUTURE + loop.time(), UTC)
        )
        take_block = shared_starts(writer, "k", clock)
        asked_at = loop.time()
        first, _ = await take_block(10, 0.1)
        await writer.close()

    World().play(work, kill_at=None)
    assert first == pytest.approx(asked_at, abs=1e-5)


def test_whatever_can_be_asked_of_the_writer_has_its_write() -> None:
    """One without would be noticed by the run that first needs it, and end it."""
    named = (kind for kind in vars(requests).values() if isinstance(kind, type))

    assert WRITES.keys() == {kind for kind in named if issubclass(kind, Request)} - {Request}
