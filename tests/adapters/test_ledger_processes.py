"""Real processes on one ledger, of either kind: each thing that may be had once is had once."""

import asyncio
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import (
    Claim,
    EndAttempt,
    Ledger,
    OpenPosition,
    RowOutcome,
    TakeClaim,
    TakeOver,
    TakeSlots,
)
from jobmojito_batch.ledger.database import open_engine, writing
from jobmojito_batch.ledger.schema import paces
from tests.helpers import OpenLedger
from tests.ledgers import ACCOUNT, NOON, a_position, begin, taking

NAME = f"{ACCOUNT}|nurse"
PROCESSES = 4
spawning = multiprocessing.get_context("spawn")

Run = Callable[..., list[Any]]


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """The helper that multiprocessing starts beside the first process lives on; others count."""
    yield
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def at_once() -> Iterator[Run]:
    """Calls a function in several processes at the same time, each with its number."""
    with spawning.Pool(PROCESSES) as pool:
        pool.starmap(time.sleep, [(0.0,)] * PROCESSES)  # they have started

        def run(work: Callable[..., Any], *arguments: Any) -> list[Any]:
            return pool.starmap(work, [(n, *arguments) for n in range(PROCESSES)], chunksize=1)

        yield run


def claim_of(run_id: str, position_id: int, ordinal: int, **more: Any) -> TakeClaim:
    email = f"p{ordinal}@example.com"
    return taking(position_id, email, run_id=run_id, ordinal=ordinal, **more)


def submitted(url: str, make: Callable[[Ledger], list[Any]], *, in_turn: bool = False) -> list[Any]:
    """What a process hears: all asked for together, or one after the other."""

    async def run(ledger: Ledger) -> list[Any]:
        pen = ledger.writer()
        try:
            wanted = make(ledger)
            if in_turn:
                return [await pen.submit(one) for one in wanted]
            return list(await asyncio.gather(*(pen.submit(one) for one in wanted)))
        finally:
            await pen.close()

    ledger = Ledger.open(url)
    try:
        return asyncio.run(run(ledger))
    finally:
        ledger.close()


def claim_all(number: int, url: str, position_id: int, count: int, limit: float | None) -> Any:
    def wanted(ledger: Ledger) -> list[Any]:
        begin(ledger, f"run-{number}")
        order = random.Random(number).sample(range(count), count)  # noqa: S311 - an order
        return [claim_of(f"run-{number}", position_id, n, day_limit=limit) for n in order]

    claims: list[Claim] = submitted(url, wanted)
    return [(one.invitation_id, one.is_mine, one.run_id) for one in claims]


def test_each_invitation_is_claimed_by_one_process(
    open_ledger: OpenLedger, ledger_url: str, at_once: Run
) -> None:
    """Everybody wants all, each in another order; the others hear who has it."""
    ledger = open_ledger(ledger_url)
    nurse = a_position(ledger)

    heard = [one for some in at_once(claim_all, ledger_url, nurse, 150, None) for one in some]

    winners = {invitation: run_id for invitation, is_mine, run_id in heard if is_mine}
    assert sum(is_mine for _, is_mine, _ in heard) == len(winners) == 150
    assert all(run_id == winners[invitation] for invitation, _, run_id in heard)


def claim_some(number: int, url: str, position_id: int) -> int:
    def wanted(ledger: Ledger) -> list[Any]:
        begin(ledger, f"run-{number}")
        first = 100 * number
        run_id = f"run-{number}"
        return [claim_of(run_id, position_id, n, day_limit=10.0) for n in range(first, first + 40)]

    return sum(one.is_mine for one in submitted(url, wanted, in_turn=True))


def test_the_days_credits_are_spent_once(
    open_ledger: OpenLedger, ledger_url: str, at_once: Run
) -> None:
    ledger = open_ledger(ledger_url)
    nurse = a_position(ledger)

    mine = at_once(claim_some, ledger_url, nurse)

    assert sum(mine) == 40  # of 160; at 0.25 each
    assert ledger.results.credits_since(NOON) == 10.0


def open_name(number: int, url: str, position_id: int) -> tuple[bool, bool]:
    def wanted(ledger: Ledger) -> list[Any]:
        begin(ledger, f"run-{number}")
        return [claim_of(f"run-{number}", position_id, number, opens=NAME)]

    (one,) = submitted(url, wanted)
    return one.is_mine, one.is_opened_elsewhere


def test_one_process_opens_a_name(open_ledger: OpenLedger, ledger_url: str, at_once: Run) -> None:
    ledger = open_ledger(ledger_url)
    nurse = a_position(ledger)

    heard = at_once(open_name, ledger_url, nurse)

    assert Counter(heard) == {(True, False): 1, (False, True): PROCESSES - 1}


def take_starts(_: int, url: str) -> list[float]:
    def wanted(_: Ledger) -> list[Any]:
        return [TakeSlots(key="api", count=3, interval=0.05, now=time.time())] * 20

    taken = submitted(url, wanted, in_turn=True)
    return [first + n * 0.05 for first, _ in taken for n in range(3)]


def test_processes_share_one_pace(open_ledger: OpenLedger, ledger_url: str, at_once: Run) -> None:
    """Starts are handed out once, an interval apart: in no second more than the ceiling."""
    open_ledger(ledger_url)

    starts = sorted(start for some in at_once(take_starts, ledger_url) for start in some)

    assert len(starts) == PROCESSES * 60
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 0.05 - 1e-6
    busiest = max(sum(one <= other < one + 1.0 - 1e-6 for other in starts) for one in starts)
    assert busiest <= 20


def open_it(_: int, url: str) -> bool:
    Ledger.open(url).close()
    return True


def test_processes_that_all_find_no_tables_make_them_once(ledger_url: str, at_once: Run) -> None:
    assert all(at_once(open_it, ledger_url))

    engine = create_engine(ledger_url)
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT count(*) FROM meta")).scalar_one()
    engine.dispose()
    assert versions == 1


def settle_orphans(_: int, url: str) -> list[str]:
    ledger = Ledger.open(url, clock=lambda: datetime(2026, 11, 24, 12, 5, 0))  # noqa: DTZ001
    try:
        return ledger.runs.settle_orphans()
    finally:
        ledger.close()


def test_one_process_buries_a_run_of_another_host(
    open_ledger: OpenLedger, ledger_url: str, at_once: Run
) -> None:
    """Its lease is over; what it held is in doubt, once."""
    ledger = open_ledger(ledger_url, clock=lambda: NOON)
    begin(ledger, "run-far", owner="another-host|1|0.0")
    nurse = a_position(ledger)
    submitted(ledger_url, lambda _: [claim_of("run-far", nurse, n) for n in range(5)])

    buried = at_once(settle_orphans, ledger_url)

    assert sorted(map(len, buried)) == [0] * (PROCESSES - 1) + [1]
    assert {one.unknown_since for one in ledger.doubts.all()} == {NOON + timedelta(seconds=60)}


def take_over(number: int, url: str, invitation_id: int) -> bool:
    def wanted(ledger: Ledger) -> list[Any]:
        begin(ledger, f"run-{number}")
        return [
            TakeOver(
                position_id=1,
                invitation_id=invitation_id,
                seen_at=NOON,
                run_id=f"run-{number}",
                ordinal=0,
                number=1,
                at=NOON + timedelta(seconds=500),
                credits=0.25,
            )
        ]

    (one,) = submitted(url, wanted)
    return bool(one.is_mine)


def test_a_doubt_is_taken_over_by_one_process(
    open_ledger: OpenLedger, ledger_url: str, at_once: Run
) -> None:
    ledger = open_ledger(ledger_url, clock=lambda: NOON)
    begin(ledger, "run-far", owner="another-host|1|0.0")
    (held,) = submitted(ledger_url, lambda _: [claim_of("run-far", a_position(ledger), 0)])
    ledger.runs.settle_orphans(NOON + timedelta(seconds=400))

    assert sorted(at_once(take_over, ledger_url, held.invitation_id)) == [
        *[False] * (PROCESSES - 1),
        True,
    ]


def name_and_open(number: int, url: str) -> list[int]:
    """The same positions under their names, and the id that the API gives for all of them."""
    keys = [f"name:{n}" for n in range(12)]
    random.Random(number).shuffle(keys)  # noqa: S311 - an order
    ledger = Ledger.open(url)
    made = ledger.runs.ensure_positions([(ACCOUNT, key, key) for key in keys])
    ledger.close()

    def wanted(_: Ledger) -> list[Any]:
        return [
            OpenPosition(position_id=made[ACCOUNT, key], position_def_set_id="P-1", at=NOON)
            for key in keys
        ]

    return list(submitted(url, wanted, in_turn=True))


def test_processes_that_learn_one_id_for_many_names_agree(
    open_ledger: OpenLedger, ledger_url: str, at_once: Run
) -> None:
    open_ledger(ledger_url)

    at_once(name_and_open, ledger_url)

    ledger = open_ledger(ledger_url)
    found, _ = ledger.lookups.known_positions(
        ACCOUNT, ["id:p-1", *(f"name:{n}" for n in range(12))], []
    )
    assert len(found) == 13
    assert len({one.position_id for one in found.values()}) == 1


def send_until_killed(url: str, position_id: int, says: Any) -> None:
    """A run that claims and settles as fast as it can."""

    async def run(ledger: Ledger) -> None:
        pen = ledger.writer()
        begin(ledger, "run-killed")
        for n in range(100_000):
            claim = await pen.submit(claim_of("run-killed", position_id, n))
            await pen.submit(
                EndAttempt(
                    invitation_id=claim.invitation_id,
                    run_id="run-killed",
                    number=1,
                    at=datetime.now(UTC).replace(tzinfo=None),
                    result="settle",
                    http_status=200,
                    request_id=None,
                    is_free=False,
                    row=RowOutcome(run_id="run-killed", ordinal=n, outcome=Outcome.INVITED),
                )
            )
            says.put(n)

    asyncio.run(run(Ledger.open(url)))


def test_when_one_is_killed_another_carries_on(open_ledger: OpenLedger, ledger_url: str) -> None:
    """What it said was settled is; at most what it was at is in doubt; the rest is free."""
    ledger = open_ledger(ledger_url)
    nurse = a_position(ledger)
    says = spawning.SimpleQueue()
    process = spawning.Process(target=send_until_killed, args=(ledger_url, nurse, says))
    process.start()
    for _ in range(30):
        last = says.get()
    process.kill()
    process.join()
    while not says.empty():
        last = says.get()

    assert ledger.runs.settle_orphans() == ["run-killed"]
    begin(ledger, "run-2")
    claims = submitted(
        ledger_url, lambda _: [claim_of("run-2", nurse, n) for n in range(last + 20)]
    )

    assert not any(one.is_mine for one in claims[: last + 1])
    assert sum(one.is_mine for one in claims) >= 18


def stop_in_the_middle(url: str, says: Any) -> None:
    engine = open_engine(url)
    assert engine is not None
    with writing(engine) as connection:
        connection.execute(insert(paces).values(key="half", due=0.0, paused_until=0.0))
        says.put("written, not committed")
        time.sleep(600)


def test_what_a_killed_process_had_not_committed_is_gone_and_its_lock_too(
    open_ledger: OpenLedger, ledger_url: str
) -> None:
    open_ledger(ledger_url)
    says = spawning.SimpleQueue()
    process = spawning.Process(target=stop_in_the_middle, args=(ledger_url, says))
    process.start()
    says.get()
    process.kill()
    process.join()

    (slots,) = submitted(
        ledger_url, lambda _: [TakeSlots(key="half", count=1, interval=1.0, now=1_000_000.0)]
    )

    assert (slots[0] - 1_000_000.0, slots[1]) == (0.0, 0.0)


def look_and_leave(_number: int, url: str) -> None:
    Ledger.open(url).close()


def test_opening_a_file_twice_in_a_process_does_not_let_others_take_its_log_away(
    open_ledger: OpenLedger, tmp_path: Path, at_once: Run
) -> None:
    """Closing any descriptor of a file would drop the locks that this process has on it."""
    path = tmp_path / "ledger.sqlite"
    url = f"sqlite:///{path}"
    ledger = open_ledger(url)
    begin(ledger, "run-a")

    Ledger.open(url).close()
    at_once(look_and_leave, url)

    assert path.with_name("ledger.sqlite-wal").exists()
    a_position(ledger)
    with create_engine(url).connect() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
