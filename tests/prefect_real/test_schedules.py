"""
A clock starts the night: planned by a real server, started at its minute, everybody invited once.

What no other test waits for. Prefect 3.8.8 with SQLAlchemy 2.1 says Ready and plans nothing.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import friendly, people, read_results, write_input
from tests.prefect_real.house import (
    FINAL,
    PATIENCE_SECONDS,
    POOL,
    PREFECT,
    Json,
    Night,
    PrefectHouse,
    end,
    until,
)

pytestmark = pytest.mark.flow

EACH_MINUTE = "* * * * *"
ZONE = "Europe/Bratislava"
ROWS = 3
Serve = Callable[..., "Popen[bytes]"]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly()) as sandbox:
        yield sandbox


@pytest.fixture
def serve(house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Serve]:
    """`serve` in a process of its own; each is ended with the test."""
    started: list[Popen[bytes]] = []

    def start(*arguments: str, **more: str) -> "Popen[bytes]":
        started.append(
            house.start(
                [sys.executable, "-m", "jobmojito_batch", "serve", *arguments],
                f"{tmp_path.name}.log",
                JOBMOJITO_BASE_URL=sandbox.base_url,
                JOBMOJITO_LEDGER=str(tmp_path / "ledger.sqlite"),
                PREFECT_RUNNER_POLL_FREQUENCY="1",
                **more,
            )
        )
        return started[-1]

    yield start
    for one in started:
        end(one)


def runs_of(house: PrefectHouse, name: str) -> list[Json]:
    """The runs of a deployment, those that are only planned too."""
    found: list[Json] = house.post(
        "/flow_runs/filter", {"deployments": {"name": {"any_": [name]}}, "limit": 200}
    )
    return found


def ended(house: PrefectHouse, name: str) -> list[Json]:
    return [run for run in runs_of(house, name) if run["state_type"] in FINAL]


def test_a_cron_run_of_serve_and_one_of_a_worker_start_at_their_minute(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox, serve: Serve
) -> None:
    """Both wait for the same minute: `serve` by its own, the worker by a deployment of its pool."""
    served = write_input(tmp_path, people(ROWS), "served.csv")
    serve(str(served), "--name", "each-minute", "--cron", EACH_MINUTE, "--timezone", ZONE)
    night = Night(house, tmp_path, sandbox)
    worked = write_input(tmp_path, people(ROWS, start=100), "worked.csv")
    parameters = night.parameters(worked, ledger=str(tmp_path / "other.sqlite"))
    schedule: Any = {"schedule": {"cron": EACH_MINUTE, "timezone": ZONE}, "active": True}
    house.api.patch(
        f"/deployments/{night.deployment}", json={"parameters": {"parameters": parameters}}
    ).raise_for_status()
    house.post(f"/deployments/{night.deployment}/schedules", [schedule])

    until(
        lambda: all(ended(house, name) for name in ("each-minute", tmp_path.name)),
        "a run of each was planned and has ended",
        seconds=2 * PATIENCE_SECONDS,
        said=lambda: f"{house.tail(f'{tmp_path.name}.log')}\n{house.tail('worker.log')}",
    )
    house.api.patch(f"/deployments/{night.deployment}", json={"paused": True}).raise_for_status()

    first = [ended(house, name)[-1] for name in ("each-minute", tmp_path.name)]
    assert [run["state"]["message"] for run in first] == [
        f"{ROWS} rows: {ROWS} invited; about 0.75 credits"
    ] * 2
    assert all(run["auto_scheduled"] for run in first)
    assert list(creates_per_invitation(sandbox.log).values()) == [1] * (2 * ROWS)
    assert len(read_results(tmp_path / "1.results.csv")) == ROWS
    log = house.tail(f"{tmp_path.name}.log")
    assert "next run      " in log
    assert f" {ZONE}\n" in log


def test_a_server_that_plans_nothing_is_told_by_serve_and_by_doctor(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """As with a broken scheduler: Ready in the UI, and no run ahead."""
    house = PrefectHouse(tmp_path)
    try:
        house.start_server(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false")
        path = str(write_input(tmp_path, people(1)))
        house.start(
            [sys.executable, "-m", "jobmojito_batch", "serve", path, "--cron", EACH_MINUTE],
            "serve.log",
            JOBMOJITO_BASE_URL=sandbox.base_url,
            JOBMOJITO_LEDGER=str(tmp_path / "ledger.sqlite"),
            PREFECT_RUNNER_POLL_FREQUENCY="1",
        )
        until(
            lambda: (
                "warning       the Prefect server has planned no run" in house.tail("serve.log")
            ),
            "serve warns",
            said=lambda: house.tail("serve.log"),
        )

        doctor = house.command(sys.executable, "-m", "jobmojito_batch", "doctor", is_good=False)

        assert "fault    schedule invite-candidates/nightly: the Prefect server has pl" in doctor
        assert sandbox.log == []
    finally:
        house.close()


def test_serve_ends_where_its_deployment_was_given_to_a_worker(
    house: PrefectHouse, tmp_path: Path, serve: Serve
) -> None:
    """`prefect deploy` with the same name: this process would start no run any more."""
    process = serve(str(write_input(tmp_path, people(1))), "--name", tmp_path.name)
    log = f"{tmp_path.name}.log"
    until(lambda: "serving " in house.tail(log), "it serves", said=lambda: house.tail(log))

    flow = "flows/invite_candidates.py:invite_candidates"
    house.command(PREFECT, "--no-prompt", "deploy", flow, "--name", tmp_path.name, "--pool", POOL)

    assert process.wait(PATIENCE_SECONDS) == 2
    assert "was registered anew for the work pool jobmojito" in house.tail(log)
    assert "--name" in house.tail(log)


def test_the_older_of_two_serves_of_one_name_ends(
    house: PrefectHouse, tmp_path: Path, serve: Serve
) -> None:
    older = serve(str(write_input(tmp_path, people(1))), "--name", tmp_path.name)
    log = f"{tmp_path.name}.log"
    until(lambda: "serving " in house.tail(log), "it serves", said=lambda: house.tail(log))

    newer = serve(str(tmp_path / "people.csv"), "--name", tmp_path.name)

    assert older.wait(PATIENCE_SECONDS) == 2
    assert "was registered anew by another `serve`" in house.tail(log)
    assert newer.poll() is None


def test_what_serve_and_prefect_yaml_register_are_two_deployments(house: PrefectHouse) -> None:
    """`prefect deploy --all` beside a running `serve` takes nothing away from it."""
    names = {one["name"] for one in house.post("/deployments/filter", {})}

    assert "nightly-worker" in names
    assert "nightly" not in names
