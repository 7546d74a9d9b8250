"""The Prefect server goes away, or takes a run for lost: no reason to break off a paid call."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import friendly, people, write_input
from tests.prefect_real.house import Night, PrefectHouse, until

pytestmark = pytest.mark.flow

ROWS = 60
AWAY_SECONDS = 10.0
HASTY = "tests/prefect_real/hasty.py:invite_candidates"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly(latency=0.5, position_latency=0.0)) as sandbox:
        yield sandbox


def test_a_server_that_is_away_for_a_while_stops_no_call_and_hears_the_end(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    night = Night(house, tmp_path, sandbox)
    run_id = night.start(write_input(tmp_path, people(ROWS)), max_in_flight=2)
    night.wait_for_calls(6)
    house.kill_server()
    before = night.calls
    time.sleep(AWAY_SECONDS)
    meanwhile = night.calls - before
    house.start_server()

    ended = house.wait_for_end(run_id)

    sentence = f"{ROWS} rows: {ROWS} invited; about 15 credits"
    until(lambda: sentence in house.logs(run_id), "the run's log ends with the sentence")
    assert meanwhile > 0
    assert ended["state"]["message"] == sentence
    assert any("prefect.back" in line for line in house.logs(run_id))
    assert (night.calls, night.most_creates) == (ROWS, 1)


def test_a_server_that_is_away_at_the_end_of_a_run_hears_of_it_when_it_is_back(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """Prefect's own client would have given up; the run waits with its news."""
    night = Night(house, tmp_path, sandbox)
    run_id = night.start_impatient(write_input(tmp_path, people(8)))
    night.wait_for_calls(4)
    house.kill_server()
    until((tmp_path / "1.results.summary.json").exists, "the run has written its files")
    time.sleep(AWAY_SECONDS)
    house.start_server()

    ended = house.wait_for_end(run_id)

    until(lambda: any("prefect.back" in line for line in house.logs(run_id)), "it says so")
    assert ended["state"]["message"] == "8 rows: 8 invited; about 2 credits"
    assert "invite-summary" in {one["key"] for one in house.artifacts(run_id)}
    assert (night.calls, night.most_creates) == (8, 1)


def test_a_run_that_loses_its_concurrency_slot_goes_on_to_its_end(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """As after a restart of a server that keeps leases in memory, which is Prefect's default."""
    night = Night(house, tmp_path, sandbox, entrypoint=HASTY)
    run_id = night.start(write_input(tmp_path, people(ROWS)))
    night.wait_for_calls(4)
    details = house.flow_run(run_id)["state"]["state_details"]
    lease = details["deployment_concurrency_lease_id"]

    house.post("/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease})

    ended = house.wait_for_end(run_id)
    until(
        lambda: any("run.carried_through" in line for line in house.logs(run_id)),
        "the log says that Prefect had given the run up",
    )
    assert ended["state"]["message"] == f"{ROWS} rows: {ROWS} invited; about 15 credits"
    assert (night.calls, night.most_creates) == (ROWS, 1)
    assert "Traceback" not in house.tail("worker.log").partition("run.carried_through")[2]
