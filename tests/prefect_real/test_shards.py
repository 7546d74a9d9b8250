"""
A run in shards under a real Prefect on PostgreSQL, with three workers, one of them killed.

The parent is a process of its own (`invite --prefect --shards`), so that a worker may die without
it. Each worker takes one flow run at a time, so that the shards are on three "machines".
"""

import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import (
    friendly,
    living_shards,
    most_in_a_second,
    people,
    read_results,
    starts_of,
    write_input,
)
from tests.postgresql import SERVER, do, own_schema, why_not
from tests.prefect_real.house import (
    FINAL,
    POOL,
    PREFECT,
    PrefectHouse,
    end,
    flow_processes,
    is_create,
    until,
)
from tests.prefect_server import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

POSITIONS = ("Nurse", "Cook", "Driver", "Clerk", "Baker", "Porter")
EACH = 30
ROWS = EACH * len(POSITIONS)
RATE = 12
WORKERS = 3
IN_FLIGHT = 12


class PostgresHouse(PrefectHouse):
    """A house whose server keeps what it knows on PostgreSQL."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder)
        self.database = database
        self.dead_runs: list[str] = []
        """Flow runs that were killed, and whose end Prefect has to find out by itself."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database}


class ManyMachines:
    """What one test has in that house: workers, runs, a ledger on PostgreSQL and a sandbox."""

    def __init__(
        self, house: PostgresHouse, folder: Path, ledger: str, sandbox: RunningSandbox
    ) -> None:
        self.house = house
        self.folder = folder
        self.shared = folder / "shared"
        self.ledger = ledger
        self.sandbox = sandbox
        self.began = datetime.now(UTC)
        self.started: list[subprocess.Popen[bytes]] = []

    def have_workers(self, count: int) -> None:
        """So many workers, each for one flow run at a time."""
        command = [PREFECT, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1"]
        for n in range(count):
            self.start([*command, "--name", f"machine-{n}"])

    def invite(self, path: Path, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--yes"]
        more = ["--prefect", "--shard-folder", str(self.shared), "--rate", str(RATE), *options]
        return self.start([*command, *more])

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        process = self.house.start(
            command,
            self.log(len(self.started)),
            JOBMOJITO_LEDGER=self.ledger,
            JOBMOJITO_BASE_URL=self.sandbox.base_url,
        )
        self.started.append(process)
        return process

    def log(self, number: int) -> str:
        return f"{self.folder.name}.{number}.log"

    @property
    def created(self) -> int:
        """Invitations that the sandbox has made."""
        return sum(is_create(one) and one.event == "created" for one in self.sandbox.log)

    def shard_runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.house.post(
            "/flow_runs/filter",
            {
                "flows": {"name": {"any_": ["send-shard"]}},
                "flow_runs": {"expected_start_time": {"after_": self.began.isoformat()}},
            },
        )
        return found

    def said(self) -> str:
        """The ends of all logs, to be shown where a test fails."""
        names = [self.log(number) for number in range(len(self.started))]
        return "\n".join(f"--- {name}\n{self.house.tail(name)}" for name in names)

    def close(self) -> None:
        """End the processes, and the runs that a test which failed has left to others' workers."""
        for process in self.started:
            end(process)
        for run in self.house.post("/flow_runs/filter", {}):
            if run["state_type"] not in FINAL and run["id"] not in self.house.dead_runs:
                self.house.set_state(run["id"], "CANCELLED", "Cancelled", force=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresHouse]:
    name = f"jobmojito_prefect_{uuid.uuid4().hex[:12]}"
    do(f"CREATE DATABASE {name}")
    url = make_url(SERVER).set(drivername="postgresql+asyncpg", database=name)
    house = PostgresHouse(
        tmp_path_factory.mktemp("house"), url.render_as_string(hide_password=False)
    )
    try:
        house.start_server()
        house.deploy()
        yield house
    finally:
        house.close()
        do(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def machines(house: PostgresHouse, tmp_path: Path) -> Iterator[ManyMachines]:
    scenario = friendly(latency=0.4, position_latency=0.4)
    with own_schema() as ledger, RunningSandbox(scenario) as sandbox:
        machines = ManyMachines(house, tmp_path, ledger, sandbox)
        try:
            yield machines
        finally:
            machines.close()


def test_three_workers_send_one_run_and_one_of_them_dies(machines: ManyMachines) -> None:
    runs_before = flow_runs_in(machines.house.database)
    machines.have_workers(WORKERS)
    path = write_input(machines.folder, everybody())

    parent = machines.invite(path, "--shards", str(WORKERS), "--max-in-flight", str(IN_FLIGHT))
    until(
        lambda: living_shards(machines.ledger) == WORKERS,
        "all shards are being sent",
        said=machines.said,
    )
    until(lambda: machines.created >= 20, "some are invited", every=0.05, said=machines.said)
    worker = machines.started[1]
    assert flow_processes(worker)
    end(worker)  # and its flow run, as when the machine dies
    parent.wait(PATIENCE_SECONDS)

    assert parent.returncode == 0, machines.said()
    log = machines.sandbox.log
    results = read_results(machines.folder / "people.results.csv")
    attempts = [
        (run["parameters"]["parameters"]["shard"], run["parameters"]["parameters"]["attempt"])
        for run in machines.shard_runs()
    ]
    assert len(results) == ROWS
    assert {row["outcome"] for row in results} <= {"invited", "already_done"}
    assert len(attempts) == WORKERS + 1
    assert sum(attempt == 2 for _, attempt in attempts) == 1
    assert machines.created == ROWS
    assert set(creates_per_invitation(log).values()) == {1}
    assert sum(bool(one.position_created) for one in log) == len(POSITIONS)
    # Of a call that died with its worker nobody knows when it left.
    answered = [row for row in results if row["http_status"]]
    assert len(answered) >= ROWS - IN_FLIGHT
    assert most_in_a_second(starts_of(answered)) <= 1.02 * RATE + 1
    assert not list(machines.shared.iterdir())
    assert flow_runs_in(machines.house.database) == runs_before + 1 + len(attempts)
    for word in ("@example.com", "postgresql", "Ann Lee"):
        assert word not in str(machines.shard_runs())
    machines.house.dead_runs += [
        run["id"] for run in machines.shard_runs() if run["state_type"] not in FINAL
    ]
    assert len(machines.house.dead_runs) == 1


def test_a_server_that_is_away_stops_no_shard_and_the_run_ends_as_it_would(
    machines: ManyMachines,
) -> None:
    """Run and shards go on without it; what is to be told of them waits for it."""
    machines.have_workers(2)
    path = write_input(machines.folder, everybody())

    parent = machines.invite(path, "--shards", "2", "--max-in-flight", "8")
    until(lambda: machines.created >= 20, "some are invited", every=0.05, said=machines.said)
    machines.house.kill_server()
    try:
        at_once = machines.created
        until(
            lambda: machines.created >= at_once + 60,
            "sending goes on",
            every=0.05,
            said=machines.said,
        )
    finally:
        machines.house.start_server()
    parent.wait(PATIENCE_SECONDS)

    assert parent.returncode == 0, machines.said()
    results = read_results(machines.folder / "people.results.csv")
    assert Counter(row["outcome"] for row in results) == {"invited": ROWS}
    assert machines.created == ROWS
    assert set(creates_per_invitation(machines.sandbox.log).values()) == {1}


@pytest.mark.parametrize("name", ["Cancelled", "Suspended"])
def test_ending_the_run_in_the_ui_stops_its_shards_and_writes_its_files(
    name: str, machines: ManyMachines
) -> None:
    """A cancel reaches it by its worker, a suspension by its own look alone."""
    machines.have_workers(3)  # the run takes one, too
    path = write_input(machines.folder, everybody())
    target = machines.folder / "people.results.csv"

    run_id = machines.house.run(
        machines.house.by_hand["id"],
        {
            "inputs": [str(path)], "results": str(target), "rate": RATE, "max_in_flight": 8,
            "shards": 2, "shard_folder": str(machines.shared),
        },
    )  # fmt: skip
    until(lambda: machines.created >= 20, "some are invited", every=0.05, said=machines.said)
    if name == "Cancelled":
        machines.house.set_state(run_id, "CANCELLING", "Cancelling")
        machines.house.wait_for_end(run_id)
    else:
        machines.house.suspend(run_id)
    until(target.exists, "the run wrote its files", said=machines.said)

    sent = machines.created
    assert machines.house.flow_run(run_id)["state"]["name"] == name, machines.said()
    assert sent < ROWS
    assert Counter(row["outcome"] for row in read_results(target)) == {
        "invited": sent,
        "not_sent": ROWS - sent,
    }
    assert living_shards(machines.ledger) == 0
    assert set(creates_per_invitation(machines.sandbox.log).values()) == {1}
    assert not list(machines.shared.iterdir())


def everybody() -> list[str]:
    return [row for n, name in enumerate(POSITIONS) for row in people(EACH, position=name, start=n)]


def flow_runs_in(database: str) -> int:
    """What the server keeps on PostgreSQL, but for what its scheduler has planned meanwhile."""
    runs = text("SELECT count(*) FROM flow_run WHERE NOT auto_scheduled")
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            return int(connection.scalar(runs) or 0)
    finally:
        engine.dispose()


def test_a_shard_whose_machine_died_does_not_stay_running_for_ever(house: PostgresHouse) -> None:
    """The automation of `setup` knows the flow of the shards, too; the first test killed one."""
    [dead] = house.dead_runs

    crashed = house.wait_for(dead, "CRASHED", seconds=240)

    assert "no sign of life" in crashed["state"]["message"]
