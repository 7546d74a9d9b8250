"""
A run that somebody suspends or cancels sends nothing more, whatever its worker does.

The run looks at its own state: told by the sandbox's log, the files and the state that Prefect has.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import friendly, people, write_input
from tests.prefect_real.house import Night, PrefectHouse, flow_processes, until

pytestmark = pytest.mark.flow

ROWS = 120
SENDING = {"max_in_flight": 2}
"""Two at a time, half a second each: the whole file takes half a minute."""
OUTAGE_SECONDS = 60.0
"""After 55 a runner of Prefect asks no more whether its run was cancelled."""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly(latency=0.5, position_latency=0.0)) as sandbox:
        yield sandbox


@pytest.fixture
def night(house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox) -> Night:
    return Night(house, tmp_path, sandbox)


def begun(night: Night) -> str:
    """A run in the middle of its sending; gives its id."""
    run_id = night.start(write_input(night.folder, people(ROWS)), **SENDING)
    night.wait_for_calls(4)
    return run_id


def until_files(night: Night, run: int = 1) -> None:
    """Until the nth run has written what came of each row, and all its calls are over."""
    summary = night.folder / f"{run}.results.summary.json"
    until(summary.exists, "the run wrote its files", said=lambda: night.house.tail("worker.log"))
    night.wait_until_quiet()


def assert_stopped_early(night: Night) -> None:
    """It sent some and not all, and says of each row what became of it."""
    assert 0 < night.calls < ROWS
    assert night.outcomes(1) == {"invited": night.calls, "not_sent": ROWS - night.calls}
    codes = {row["error_code"] for row in night.results(1) if row["outcome"] == "not_sent"}
    assert codes == {"interrupted"}


def test_a_suspended_run_sends_no_more_writes_its_files_and_is_resumed(
    house: PrefectHouse, night: Night
) -> None:
    run_id = begun(night)
    house.suspend(run_id)
    until_files(night)
    assert_stopped_early(night)
    assert house.flow_run(run_id)["state"]["name"] == "Suspended"

    house.post(f"/flow_runs/{run_id}/resume", {})
    resumed = house.wait_for_end(run_id)

    assert resumed["state"]["name"] == "Completed"
    assert set(night.outcomes(1)) == {"invited", "already_done"}
    assert (night.calls, night.most_creates) == (ROWS, 1)


def test_a_run_that_was_suspended_and_then_cancelled_sends_no_more(
    house: PrefectHouse, night: Night
) -> None:
    """The server says Cancelled at once, as if nothing of the run were left to stop."""
    run_id = begun(night)
    house.suspend(run_id)
    house.set_state(run_id, "CANCELLING", "Cancelling")
    assert house.flow_run(run_id)["state"]["name"] == "Cancelled"

    until_files(night)

    assert_stopped_early(night)
    sentence = f"{ROWS} rows: {night.calls} invited, {ROWS - night.calls} not sent"
    until(
        lambda: str(house.flow_run(run_id)["state"]["message"]).startswith(sentence),
        "the state says what came of the run",
        said=lambda: str(house.flow_run(run_id)["state"]),
    )
    assert house.flow_run(run_id)["state"]["name"] == "Cancelled"


def test_a_cancel_after_an_outage_of_the_api_is_heard(house: PrefectHouse, night: Night) -> None:
    path = write_input(night.folder, people(10 * ROWS))
    run_id = night.start(path, **SENDING)
    night.wait_for_calls(4)
    house.kill_server()
    time.sleep(OUTAGE_SECONDS)
    house.start_server()

    house.set_state(run_id, "CANCELLING", "Cancelling")
    ended = house.wait_for_end(run_id)

    until_files(night)
    assert ended["state"]["name"] == "Cancelled"
    assert night.outcomes(1)["not_sent"] > 0
    assert night.most_creates == 1


def test_a_run_whose_worker_was_killed_goes_on_and_can_be_cancelled(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """Its next word to a console that is gone must not be its last."""
    pool = f"pool-{tmp_path.name}"
    worker = house.start_worker(pool)
    until(lambda: house.api.get(f"/work_pools/{pool}").is_success, "the worker made its pool")
    night = Night(house, tmp_path, sandbox, pool=pool)
    run_id = begun(night)
    left = flow_processes(worker)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    before = night.calls
    night.wait_for_calls(before + 10)

    house.set_state(run_id, "CANCELLING", "Cancelling")
    ended = house.wait_for_end(run_id)

    until_files(night)
    assert_stopped_early(night)
    assert ended["state"]["name"] == "Cancelled"
    assert str(ended["state"]["message"]).startswith(f"{ROWS} rows: ")
    until(lambda: not any(one.is_running() for one in left), "no process of it is left")


def test_a_run_whose_worker_was_killed_ends_well_by_itself(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    pool = f"pool-{tmp_path.name}"
    worker = house.start_worker(pool)
    until(lambda: house.api.get(f"/work_pools/{pool}").is_success, "the worker made its pool")
    night = Night(house, tmp_path, sandbox, pool=pool)
    run_id = night.start(write_input(tmp_path, people(40)), **SENDING)
    night.wait_for_calls(4)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    ended = house.wait_for_end(run_id)

    assert ended["state"]["message"] == "40 rows: 40 invited; about 10 credits"
    assert night.outcomes(1) == {"invited": 40}
    assert (night.calls, night.most_creates) == (40, 1)
