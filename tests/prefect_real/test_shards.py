"""
A run in shards under a real Prefect on PostgreSQL, with three workers, one of them killed.

The parent is a process of its own (`invite --prefect --shards`), so that a worker may die without
it. Each worker takes one flow run at a time, so that the shards are on three "machines".
"""

import contextlib
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, make_url, text

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import friendly, most_in_a_second, people, read_results, starts_of, write_input
from tests.postgresql import SERVER, do, own_schema, why_not
from tests.prefect_real.house import (
    PATIENCE_SECONDS,
    POOL,
    PREFECT,
    PrefectHouse,
    end,
    flow_processes,
    is_create,
    until,
)

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


class ManyMachines(PrefectHouse):
    """A house whose server and ledger are on PostgreSQL."""

    def __init__(self, folder: Path, database: str, ledger: str, sandbox: RunningSandbox) -> None:
        super().__init__(folder)
        self.database = database
        self.ledger = ledger
        self.sandbox = sandbox
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database,
            "JOBMOJITO_LEDGER": self.ledger,
            "JOBMOJITO_BASE_URL": self.sandbox.base_url,
        }

    def have_workers(self, count: int) -> None:
        """So many workers that live, each for one flow run at a time."""
        command = [PREFECT, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1"]
        for _ in range(count - sum(worker.poll() is None for worker in self.workers)):
            n = len(self.workers)
            self.workers.append(self.start([*command, "--name", f"machine-{n}"], f"worker{n}.log"))

    def invite(self, path: Path, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--yes"]
        return self.start([*command, "--prefect", *options], "parent.log")

    def shard_runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post(
            "/flow_runs/filter", {"flows": {"name": {"any_": ["send-shard"]}}}
        )
        return found

    def said(self) -> str:
        """The ends of all logs, to be shown where a test fails."""
        names = ("parent.log", *(f"worker{n}.log" for n in range(len(self.workers))))
        return "\n".join(f"--- {name}\n{self.tail(name)}" for name in names)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyMachines]:
    name = f"jobmojito_prefect_{uuid.uuid4().hex[:12]}"
    do(f"CREATE DATABASE {name}")
    scenario = friendly(latency=0.4, position_latency=0.4)
    url = make_url(SERVER).set(drivername="postgresql+asyncpg", database=name)
    try:
        with own_schema() as ledger, RunningSandbox(scenario) as sandbox:
            folder = tmp_path_factory.mktemp("machines")
            address = url.render_as_string(hide_password=False)
            house = ManyMachines(folder, address, ledger, sandbox)
            try:
                house.start_server()
                house.deploy()
                yield house
            finally:
                house.close()
    finally:
        do(f"DROP DATABASE {name} WITH (FORCE)")


def test_three_workers_send_one_run_and_one_of_them_dies(machines: ManyMachines) -> None:
    machines.have_workers(WORKERS)
    path = write_input(machines.folder, everybody("first"))
    place = machines.folder / "shared"

    parent = machines.invite(
        path, "--shards", str(WORKERS), "--shard-folder", str(place),
        "--rate", str(RATE), "--max-in-flight", str(IN_FLIGHT),
    )  # fmt: skip
    until(lambda: living(machines) == WORKERS, "all shards are being sent", said=machines.said)
    until(lambda: created(machines) >= 20, "some are invited", said=machines.said)
    kill(machines)
    parent.wait(PATIENCE_SECONDS)

    log = machines.sandbox.log
    results = read_results(machines.folder / "people.results.csv")
    attempts = [
        (run["parameters"]["parameters"]["shard"], run["parameters"]["parameters"]["attempt"])
        for run in machines.shard_runs()
    ]
    assert parent.returncode == 0, machines.said()
    assert sum(Counter(row["outcome"] for row in results).values()) == ROWS
    assert {row["outcome"] for row in results} <= {"invited", "already_done"}
    assert len(attempts) == WORKERS + 1
    assert sum(attempt == 2 for _, attempt in attempts) == 1
    assert sum(is_create(one) and one.event == "created" for one in log) == ROWS
    assert set(creates_per_invitation(log).values()) == {1}
    assert sum(bool(one.position_created) for one in log) == len(POSITIONS)
    # Of a call that died with its worker nobody knows when it left.
    answered = [row for row in results if row["http_status"]]
    assert len(answered) >= ROWS - IN_FLIGHT
    assert most_in_a_second(starts_of(answered)) <= 1.02 * RATE + 1
    assert not list(place.iterdir())
    assert flow_runs_in(machines.database) == 1 + len(attempts)
    for word in ("@example.com", "postgresql", "Ann Lee"):
        assert word not in str(machines.shard_runs())


def test_a_server_that_is_away_stops_no_shard_and_the_run_ends_as_it_would(
    machines: ManyMachines,
) -> None:
    """Run and shards go on without it; what is to be told of them waits for it."""
    machines.have_workers(2)
    before = created(machines)
    path = write_input(machines.folder, everybody("second"), "second.csv")

    parent = machines.invite(
        path, "--shards", "2", "--shard-folder", str(machines.folder / "shared"),
        "--rate", str(RATE), "--max-in-flight", "8",
    )  # fmt: skip
    until(lambda: created(machines) >= before + 20, "some are invited", said=machines.said)
    machines.kill_server()
    at_once = created(machines)
    until(lambda: created(machines) >= at_once + 60, "sending goes on", said=machines.said)
    machines.start_server()
    parent.wait(PATIENCE_SECONDS)

    results = read_results(machines.folder / "second.results.csv")
    assert parent.returncode == 0, machines.said()
    assert Counter(row["outcome"] for row in results) == {"invited": ROWS}
    assert created(machines) == before + ROWS
    assert set(creates_per_invitation(machines.sandbox.log).values()) == {1}


def test_cancelling_the_run_in_the_ui_stops_its_shards_and_writes_its_files(
    machines: ManyMachines,
) -> None:
    machines.have_workers(3)  # the run takes one, too
    before = created(machines)
    path = write_input(machines.folder, everybody("third"), "third.csv")
    target = machines.folder / "third.results.csv"

    run_id = machines.run(
        machines.by_hand["id"],
        {
            "inputs": [str(path)], "results": str(target), "rate": RATE, "max_in_flight": 8,
            "shards": 2, "shard_folder": str(machines.folder / "shared"),
        },
    )  # fmt: skip
    until(lambda: created(machines) >= before + 20, "some are invited", said=machines.said)
    machines.set_state(run_id, "CANCELLING", "Cancelling")
    ended = machines.wait_for_end(run_id)

    sent = created(machines) - before
    assert ended["state"]["name"] == "Cancelled"
    assert sent < ROWS
    assert Counter(row["outcome"] for row in read_results(target)) == {
        "invited": sent,
        "not_sent": ROWS - sent,
    }
    assert living(machines) == 0
    assert set(creates_per_invitation(machines.sandbox.log).values()) == {1}
    assert not list((machines.folder / "shared").iterdir())


def everybody(whose: str) -> list[str]:
    """The rows of one test: positions and people that no other has."""
    start = 1_000 * (1 + ("first", "second", "third").index(whose))
    return [
        row
        for n, name in enumerate(POSITIONS)
        for row in people(EACH, position=f"{name} {whose}", start=start + n)
    ]


def living(machines: ManyMachines) -> int:
    """Shards that somebody sends, as the ledger knows it."""
    ledger = Ledger.open(machines.ledger)
    try:
        return sum(
            one.is_living for run in ledger.runs(1) for one in ledger.shard_attempts(run.run_id)
        )
    finally:
        ledger.close()


def created(machines: ManyMachines) -> int:
    return sum(is_create(one) and one.event == "created" for one in machines.sandbox.log)


def kill(machines: ManyMachines) -> None:
    """SIGKILL to a worker and to its flow run, as the machine dies."""
    worker = machines.workers[1]
    processes = flow_processes(worker)
    assert processes
    end(worker)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(process.pid, 9)


def flow_runs_in(database: str) -> int:
    """What the server keeps on PostgreSQL."""
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM flow_run")) or 0)
    finally:
        engine.dispose()
