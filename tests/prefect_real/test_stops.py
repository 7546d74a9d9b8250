"""
Stops and crashes under a real Prefect, with real signals: the next run carries on.

However a run ends, nobody is invited twice: told by the sandbox's own log.
"""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import friendly, people, write_input
from tests.prefect_real.house import (
    HEARTBEAT_SECONDS,
    Night,
    PrefectHouse,
    end,
    flow_processes,
    until,
)

pytestmark = pytest.mark.flow

ROWS = 30
POSITIONS = [{"name": "Nurse", "id": "p-1"}]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """A sandbox slow enough to be stopped in the middle."""
    with RunningSandbox(friendly(latency=0.5, position_latency=0.0)) as sandbox:
        yield sandbox


@pytest.fixture
def night(house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox) -> Night:
    return Night(house, tmp_path, sandbox)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_input(tmp_path, people(ROWS))


class Killed:
    """A run whose worker a test has ended while it was sending, and what it left."""

    def __init__(self, house: PrefectHouse, folder: Path, sandbox: RunningSandbox) -> None:
        pool = f"pool-{folder.name}"
        self.worker = house.start_worker(pool)
        self.house = house
        until(lambda: house.api.get(f"/work_pools/{pool}").is_success, "the worker made its pool")
        self.night = Night(house, folder, sandbox, pool=pool)
        self.path = write_input(folder, people(ROWS))
        self.run_id = self.night.start(self.path)
        self.night.wait_for_calls(6)
        self.flow_processes = flow_processes(self.worker)

    def is_gone(self) -> bool:
        """Whether no process of the worker or its run is left."""
        return self.worker.poll() is not None and not any(
            one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in self.flow_processes
        )

    def carry_on(self) -> dict[str, Any]:
        """Run the same file again where a worker lives."""
        self.night.deployment = self.house.deployment_like_it(f"{self.night.folder.name} again")
        return self.house.wait_for_end(self.night.start(self.path))


@pytest.fixture(scope="module")
def terminated(house: PrefectHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """A worker that got SIGTERM, as by `systemctl stop`, while its run was sending."""
    scenario = friendly(latency=0.5, position_latency=0.0)
    with RunningSandbox(scenario) as sandbox:
        killed = Killed(house, tmp_path_factory.mktemp("terminated"), sandbox)
        killed.worker.send_signal(signal.SIGTERM)
        try:
            yield killed
        finally:
            end(killed.worker)


def test_sigterm_to_the_worker_ends_its_runs_at_once_and_prefect_does_not_know(
    house: PrefectHouse, terminated: Killed
) -> None:
    """Prefect 3.8.8: why the safe way to stop is to pause the pool first."""
    until(terminated.is_gone, "the worker and its flow have ended")

    assert house.flow_run(terminated.run_id)["state_type"] == "RUNNING"


def test_a_worker_of_ours_drains_its_runs_on_sigterm_and_leaves_nobody_unknown(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """And says that it polls; `drain` says when a pool is idle, lets nothing start meanwhile."""
    pool = f"pool-{tmp_path.name}"
    ours = [sys.executable, "-m", "jobmojito_batch"]
    house.command(*ours, "setup", "--pool", pool)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    worker = house.start(
        [*ours, "worker", "--pool", pool, "--health"],
        "worker.log",
        PREFECT_WORKER_WEBSERVER_HOST="127.0.0.1",
        PREFECT_WORKER_WEBSERVER_PORT=str(port),
    )
    night = Night(house, tmp_path, sandbox, pool=pool)
    path = write_input(tmp_path, people(ROWS))
    run_id = night.start(path)
    night.wait_for_calls(6)
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200

    worker.send_signal(signal.SIGTERM)
    until(
        lambda: worker.poll() is not None,
        "the worker has left",
        said=lambda: house.tail("worker.log"),
    )

    assert worker.returncode == 0
    sent = night.calls
    assert night.outcomes(1) == {"invited": sent, "not_sent": ROWS - sent}
    ended = house.wait_for(run_id, "CRASHED")
    assert f"{sent} invited" in ended["state"]["message"]
    assert "idle" in house.command(*ours, "drain", "--pool", pool)
    assert house.get(f"/work_pools/{pool}")["is_paused"]
    house.command(*ours, "drain", "--pool", pool, "--resume")
    assert not house.get(f"/work_pools/{pool}")["is_paused"]
    night.deployment = house.deployment_like_it(f"{tmp_path.name} again")
    second = house.wait_for_end(night.start(path))
    assert second["state"]["name"] == "Completed"
    assert night.outcomes(2) == {"already_done": sent, "invited": ROWS - sent}
    assert (night.calls, night.most_creates) == (ROWS, 1)


def test_a_cancelled_run_drains_for_25_seconds_writes_its_files_and_the_next_carries_on(
    house: PrefectHouse, tmp_path: Path, path: Path
) -> None:
    """One call outlives the drain: its row stays claimed and is settled by the next run."""
    stuck = Fault(email="p2@example.com", attempt=(1,), hang=300)
    scenario = friendly(latency=0.5, positions=POSITIONS, faults=[stuck])
    with RunningSandbox(scenario) as sandbox:
        night = Night(house, tmp_path, sandbox)
        first = night.start(path)
        night.wait_for_calls(6)
        house.set_state(first, "CANCELLING", "Cancelling")
        ended = house.wait_for_end(first)
        sent = night.calls

        second = house.wait_for_end(night.start(path))

        assert ended["state"]["name"] == "Cancelled"
        assert night.outcomes(1) == {"invited": sent - 1, "unknown": 1, "not_sent": ROWS - sent}
        [unknown] = [row for row in night.results(1) if row["outcome"] == "unknown"]
        assert (unknown["candidate_email"], unknown["error_code"]) == (stuck.email, "interrupted")
        assert second["state"]["name"] == "Completed"
        assert night.outcomes(2) == {"already_done": sent - 1, "invited": ROWS - sent + 1}
        assert (night.calls, night.most_creates) == (ROWS, 1)


def test_a_machine_that_dies_is_carried_on_by_the_next_run(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """SIGKILL to worker and flow: calls in flight had effect, and nobody heard."""
    killed = Killed(house, tmp_path, sandbox)
    end(killed.worker)
    for process in killed.flow_processes:
        with suppress(psutil.NoSuchProcess):  # one of them may have ended with the worker
            process.kill()
    until(killed.is_gone, "nothing of it is left")
    killed.night.wait_until_quiet()
    heard = killed.night.count("answered")
    made = killed.night.count("created")

    second = killed.carry_on()

    assert heard < made
    assert house.flow_run(killed.run_id)["state_type"] == "RUNNING"
    assert second["state"]["name"] == "Completed"
    assert sum(killed.night.outcomes(2).values()) == ROWS
    assert set(killed.night.outcomes(2)) == {"invited", "already_done"}
    assert (killed.night.calls, killed.night.most_creates) == (ROWS, 1)


def test_a_run_that_prefect_believes_crashed_and_its_successor_invite_nobody_twice(
    house: PrefectHouse, night: Night, path: Path
) -> None:
    """The first copy lives on while the second works on the same file."""
    first = night.start(path)
    night.wait_for_calls(4)
    house.set_state(first, "CRASHED", "Crashed", force=True)

    second = house.wait_for_end(night.start(path))

    until((night.folder / "1.results.csv").exists, "the first copy has ended too")
    assert second["state"]["name"] == "Completed"
    assert sum(night.outcomes(1).values()) == sum(night.outcomes(2).values()) == ROWS
    assert set(night.outcomes(1)) | set(night.outcomes(2)) <= {"invited", "already_done"}
    assert (night.calls, night.most_creates) == (ROWS, 1)


def test_the_retry_of_a_finished_run_sends_nothing(
    house: PrefectHouse, night: Night, tmp_path: Path
) -> None:
    """And what the first try was called is not what the second is called."""
    path = write_input(tmp_path, [*people(4), people(1)[0].replace("p0@example.com", "nobody")])
    run_id = night.start(path)
    assert "NeedsRepair" in house.wait_for_end(run_id)["tags"]
    write_input(tmp_path, people(4))

    house.set_state(run_id, "SCHEDULED", "AwaitingRetry", force=True)

    until(lambda: night.outcomes(1) == {"already_done": 4}, "the retry wrote its files")
    retried = house.wait_for_end(run_id)
    assert (retried["state"]["name"], retried["run_count"]) == ("Completed", 2)
    assert "NeedsRepair" not in retried["tags"]
    assert (night.calls, night.most_creates) == (4, 1)


def test_a_retry_of_a_run_that_still_runs_invites_nobody_twice(
    house: PrefectHouse, night: Night, path: Path
) -> None:
    """Two processes with one flow run id, one ledger and one file."""
    run_id = night.start(path)
    night.wait_for_calls(4)

    house.set_state(run_id, "SCHEDULED", "AwaitingRetry", force=True)

    until(lambda: house.flow_run(run_id)["run_count"] == 2, "a second copy has begun")
    until(lambda: night.calls == ROWS, "everybody was sent")
    house.wait_for_end(run_id)
    assert night.most_creates == 1


def test_after_three_missed_heartbeats_the_dead_run_is_crashed_and_the_next_carries_on(
    house: PrefectHouse, terminated: Killed
) -> None:
    crashed = house.wait_for(terminated.run_id, "CRASHED", seconds=240)

    second = terminated.carry_on()

    assert f"no sign of life for {3 * HEARTBEAT_SECONDS} s" in crashed["state"]["message"]
    assert second["state"]["name"] == "Completed"
    assert set(terminated.night.outcomes(2)) <= {"invited", "already_done"}
    assert sum(terminated.night.outcomes(2).values()) == ROWS
    assert (terminated.night.calls, terminated.night.most_creates) == (ROWS, 1)
