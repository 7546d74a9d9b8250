"""
A run in shards, each a real process, on both ledgers: nobody twice, nobody lost.

The flow starts shards as runs of a deployment; here a crew starts them as processes. What is told
apart by Prefect is in tests/prefect_real/test_shards.py.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.sharding.coordinator import MOST_ATTEMPTS
from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from jobmojito_batch.sending import Progress
from jobmojito_batch.summary import PositionCounts, Summary
from tests import processes
from tests.helpers import (
    BOTH_LEDGERS,
    Run,
    friendly,
    living_shards,
    most_in_a_second,
    people,
    read_results,
    starts_of,
    wait_until,
    write_input,
)
from tests.shard_crew import Processes, invite_in_shards

POSITIONS = ("Nurse", "Cook", "Driver", "Clerk", "Baker")
EACH = 12
ROWS = EACH * len(POSITIONS)


class Sharded:
    """A run in shards against a sandbox."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, ledger_url: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.ledger_url = ledger_url
        self.place = folder / "shards"
        self.crew = Processes()
        self.seen: list[Progress] = []

    def invite(
        self, rows: list[str], meanwhile: Callable[[], Any] | None = None, **more: Any
    ) -> Summary:
        """The whole staircase; *meanwhile* is called in a thread beside it."""
        return asyncio.run(self._invite(self.parameters(rows, **more), meanwhile))

    def parameters(self, rows: list[str], **more: Any) -> InviteParameters:
        """What the run is asked for."""
        given = {"shards": 3, "shard_folder": str(self.place), "rate": 100, "max_in_flight": 9}
        return InviteParameters(inputs=[str(write_input(self.folder, rows))], **(given | more))

    async def _invite(
        self, parameters: InviteParameters, meanwhile: Callable[[], Any] | None
    ) -> Summary:
        beside = asyncio.create_task(asyncio.to_thread(meanwhile)) if meanwhile else None
        conclusion = await invite_in_shards(parameters, self.crew, on_progress=self.seen.append)
        if beside is not None:
            await beside
        return conclusion

    @property
    def results(self) -> list[dict[str, str]]:
        return read_results(self.folder / "people.results.csv")

    @property
    def outcomes(self) -> dict[str, int]:
        return dict(Counter(row["outcome"] for row in self.results))

    def count(self, event: str) -> int:
        return sum(
            entry.event == event and entry.endpoint.startswith("job-interview-create")
            for entry in self.sandbox.log
        )

    def wait_for_calls(self, count: int) -> None:
        wait_until(lambda: self.count("received") >= count, f"{count} calls have arrived")

    @property
    def most_creates(self) -> int:
        return max(creates_per_invitation(self.sandbox.log).values())

    @property
    def positions_created(self) -> int:
        return sum(bool(entry.position_created) for entry in self.sandbox.log)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly(latency=0.15, position_latency=0.2)) as sandbox:
        yield sandbox


@pytest.fixture
def sharded(
    tmp_path: Path, sandbox: RunningSandbox, either_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sharded]:
    Run(tmp_path, sandbox, monkeypatch, either_ledger_url)  # the environment that all of them have
    run = Sharded(tmp_path, sandbox, either_ledger_url)
    try:
        yield run
    finally:
        run.crew.close()


def everybody() -> list[str]:
    return [row for n, name in enumerate(POSITIONS) for row in people(EACH, position=name, start=n)]


@BOTH_LEDGERS
def test_three_processes_send_the_rows_of_one_run(sharded: Sharded) -> None:
    summary = sharded.invite([*everybody(), *people(1, position="Nurse")])

    assert summary.exit_code == 0
    assert sharded.outcomes == {"invited": ROWS, "duplicate": 1}
    assert (sharded.count("created"), sharded.most_creates) == (ROWS, 1)
    assert sharded.positions_created == len(POSITIONS)
    assert summary.positions == PositionCounts(created=len(POSITIONS), reused=0)
    assert (summary.calls, summary.credits_estimated) == (ROWS, ROWS / 4)
    assert summary.latency_seconds.p50 is not None
    assert summary.latency_seconds.p50 >= 0.15
    assert sharded.seen[-1].settled == sharded.seen[-1].total == ROWS
    assert sorted(order.shard for order in sharded.crew.orders) == [0, 1, 2]
    assert not list(sharded.place.iterdir())


def test_shards_are_no_runs_of_their_own(sharded: Sharded) -> None:
    sharded.invite(people(6))

    ledger = Ledger.open(sharded.ledger_url)
    [run] = ledger.runs.latest()
    found = ledger.runs.find(run.run_id[:20])
    ledger.close()
    assert (found.run_id if found else None) == run.run_id
    assert run.exit_code == 0


def test_a_second_run_in_shards_sends_nothing(sharded: Sharded) -> None:
    sharded.invite(everybody())

    sharded.invite(everybody())

    assert sharded.outcomes == {"already_done": ROWS}
    assert sharded.count("received") == ROWS


@BOTH_LEDGERS
def test_a_process_that_dies_is_replaced_and_what_it_held_is_looked_up(sharded: Sharded) -> None:
    def kill_one() -> None:
        sharded.wait_for_calls(15)
        sharded.crew.kill(1)

    conclusion = sharded.invite(everybody(), kill_one)

    assert conclusion.exit_code == 0
    assert set(sharded.outcomes) <= {"invited", "already_done"}
    assert sum(sharded.outcomes.values()) == ROWS
    assert (sharded.count("created"), sharded.most_creates) == (ROWS, 1)
    assert sharded.positions_created == len(POSITIONS)
    assert [order.attempt for order in sharded.crew.orders if order.shard == 1] == [1, 2]


def test_who_opens_a_position_and_dies_does_not_leave_it_shut(sharded: Sharded) -> None:
    """All shards have rows of one position: two wait for the one that opens it."""

    def kill_the_opener() -> None:
        sharded.wait_for_calls(1)
        ledger = Ledger.open(sharded.ledger_url)
        while not (held := ledger.doubts.all()):
            time.sleep(0.01)
        ledger.close()
        sharded.crew.kill(int(held[0].run_id.split(".")[-2]))

    conclusion = sharded.invite(people(24), kill_the_opener)

    assert conclusion.exit_code == 0
    assert sum(sharded.outcomes.values()) == 24
    assert set(sharded.outcomes) <= {"invited", "already_done"}
    assert (sharded.count("created"), sharded.most_creates, sharded.positions_created) == (24, 1, 1)


def test_without_settling_what_a_dead_process_held_stays_unknown(sharded: Sharded) -> None:
    def kill_one() -> None:
        sharded.wait_for_calls(15)
        sharded.crew.kill(1)

    conclusion = sharded.invite(everybody(), kill_one, settle=False)

    assert sum(sharded.outcomes.values()) == ROWS
    assert sharded.most_creates == 1
    assert conclusion.exit_code == (3 if "unknown" in sharded.outcomes else 0)
    assert set(sharded.outcomes) <= {"invited", "unknown", "not_sent"}


def test_a_shard_that_never_begins_is_given_up_and_the_next_run_sends_its_rows(
    sharded: Sharded,
) -> None:
    sharded.crew = Processes(does_begin=lambda order: order.shard != 2)

    conclusion = sharded.invite(everybody())

    left = sharded.outcomes["not_sent"]
    assert conclusion.exit_code == 4
    assert "shard 2 was given up" in (conclusion.stop_message or "")
    assert left == ROWS // 3
    assert len(sharded.crew.orders) == 2 + MOST_ATTEMPTS
    sharded.crew.close()
    sharded.crew = Processes()
    assert sharded.invite(everybody()).exit_code == 0
    assert sharded.outcomes == {"already_done": ROWS - left, "invited": left}
    assert (sharded.count("created"), sharded.most_creates) == (ROWS, 1)


def test_the_shares_of_the_credit_cap_are_never_more_than_the_cap(sharded: Sharded) -> None:
    conclusion = sharded.invite(everybody(), max_credits=10.2)

    assert sharded.outcomes == {"invited": 40, "not_sent": ROWS - 40}
    assert sharded.count("received") == 40
    assert conclusion.exit_code == 4
    assert conclusion.reasons == {"credit_cap": ROWS - 40}


def test_a_signal_to_the_parent_drains_all_shards(sharded: Sharded) -> None:
    def terminate() -> None:
        sharded.wait_for_calls(12)
        os.kill(os.getpid(), signal.SIGTERM)

    conclusion = sharded.invite(everybody(), terminate, rate=10)

    sent = sharded.count("received")
    assert conclusion.exit_code == 143
    assert sent < ROWS
    assert sharded.outcomes == {"invited": sent, "not_sent": ROWS - sent}
    assert all(process.wait(30) == 0 for process in sharded.crew.running.values())
    assert not list(sharded.place.iterdir())


def test_a_parent_that_dies_leaves_shards_that_end_and_the_next_run_knows_it(
    sharded: Sharded,
) -> None:
    """Nobody waits for the shards any more; what they do is in the ledger all the same."""
    parameters = sharded.parameters(everybody(), rate=10)
    parent = processes.start("tests.shard_crew", parameters.model_dump_json())
    wait_until(lambda: living_shards(sharded.ledger_url) == 3, "three shards live")
    parent.kill()
    parent.wait()
    assert sharded.count("received") < ROWS
    sharded.wait_for_calls(ROWS)
    wait_until(lambda: living_shards(sharded.ledger_url) == 0, "no shard lives")

    conclusion = sharded.invite(everybody())

    assert conclusion.exit_code == 0
    assert sharded.outcomes == {"already_done": ROWS}
    assert (sharded.count("created"), sharded.most_creates) == (ROWS, 1)


def test_starts_of_all_processes_keep_the_one_ceiling(sharded: Sharded) -> None:
    """Three paces of their own would make 60 of 20."""
    sharded.invite(everybody(), rate=20)

    starts = starts_of(sharded.results)
    assert len(starts) == ROWS
    assert most_in_a_second(starts) <= 1.02 * 20 + 1
