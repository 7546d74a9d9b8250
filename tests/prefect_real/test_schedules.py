"""
A clock starts the night: planned by a real server, started at its minute, everybody invited once.

What no other test waits for. Prefect 3.8.8 with SQLAlchemy 2.1 says Ready and plans nothing.
"""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import prefect
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import friendly, people, read_results, write_input
from tests.prefect_real.house import (
    FINAL,
    POOL,
    PREFECT,
    ROOT,
    Json,
    Night,
    PrefectHouse,
    end,
    until,
)
from tests.prefect_server import PATIENCE_SECONDS

pytestmark = pytest.mark.flow

EACH_MINUTE = "* * * * *"
EACH_NIGHT = "30 3 * * *"
ZONE = "Europe/Bratislava"
FLOW = "flows/invite_candidates.py:invite_candidates"
ROWS = 3
SEVERAL = 12


@dataclass(frozen=True, kw_only=True)
class Served:
    """`serve` in a process of its own."""

    house: PrefectHouse
    name: str
    process: "Popen[bytes]"
    log_name: str

    @property
    def log(self) -> str:
        return self.house.tail(self.log_name)

    def until_said(self, words: str) -> None:
        until(lambda: words in self.log, f"serve says {words!r}", said=lambda: self.log)

    @property
    def deployment(self) -> Json:
        return self.house.get(f"/deployments/name/invite-candidates/{self.name}")

    def end_code(self) -> int:
        """How it ended by itself."""
        return self.process.wait(PATIENCE_SECONDS)


Serve = Callable[..., Served]


def start_serving(
    house: PrefectHouse, folder: Path, base_url: str, name: str, *arguments: str
) -> Served:
    log_name = f"serve-{name}-{len(list(house.folder.glob('serve-*.log')))}.log"
    process = house.start(
        [sys.executable, "-m", "jobmojito_batch", "serve", *arguments, "--name", name],
        log_name,
        JOBMOJITO_BASE_URL=base_url,
        JOBMOJITO_LEDGER=str(folder / "ledger.sqlite"),
    )
    return Served(house=house, name=name, process=process, log_name=log_name)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly(latency=0.3, position_latency=0.0)) as sandbox:
        yield sandbox


@pytest.fixture
def serve(house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Serve]:
    """Starts `serve` and waits until it serves; each is ended with the test."""
    started: list[Served] = []

    def start(name: str, *arguments: str) -> Served:
        started.append(start_serving(house, tmp_path, sandbox.base_url, name, *arguments))
        started[-1].until_said("serving ")
        return started[-1]

    yield start
    for one in started:
        end(one.process)


@dataclass(frozen=True, kw_only=True)
class Silent:
    """A server that plans nothing, and two that wait for it."""

    house: PrefectHouse
    waiting: Served
    paused: Served


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory, prefect_databases: Path) -> Iterator[Silent]:
    """As with a broken scheduler: Ready in the UI, and no run ahead."""
    folder = tmp_path_factory.mktemp("silent")
    house = PrefectHouse(folder)
    path = str(write_input(folder, people(1)))
    nobody = "http://127.0.0.1:9"
    try:
        plans_nothing = house.environment | {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}

        def make() -> None:
            house.server.start(**plans_nothing)

        house.server.start_like(prefect_databases / "plain.db", make, **plans_nothing)
        waiting = start_serving(house, folder, nobody, "nightly", path, "--cron", EACH_MINUTE)
        paused = start_serving(house, folder, nobody, "paused", path, "--cron", EACH_MINUTE)
        paused.until_said("serving ")
        [schedule] = paused.deployment["schedules"]
        house.patch(
            f"/deployments/{paused.deployment['id']}/schedules/{schedule['id']}", {"active": False}
        )
        yield Silent(house=house, waiting=waiting, paused=paused)
    finally:
        house.close()


def runs_of(house: PrefectHouse, name: str) -> list[Json]:
    """The runs of a deployment, those that are only planned too."""
    found: list[Json] = house.post(
        "/flow_runs/filter", {"deployments": {"name": {"any_": [name]}}, "limit": 200}
    )
    return found


def ended(house: PrefectHouse, name: str) -> list[Json]:
    return [run for run in runs_of(house, name) if run["state_type"] in FINAL]


def doctor(house: PrefectHouse) -> dict[str, list[str]]:
    """What it says of Prefect, by state; each line after what it is about."""
    command = (sys.executable, "-m", "jobmojito_batch", "doctor", "--json")
    said = json.loads(house.command(*command, is_good=False))
    lines: dict[str, list[str]] = {}
    for one in said["checks"]:
        if one["check"] in {"Prefect", "schedule", "pool"}:
            lines.setdefault(one["state"], []).append(f"{one['check']} {one['message']}")
    return lines


@pytest.mark.usefixtures("silent")  # its minute of waiting goes by meanwhile
def test_a_cron_run_of_serve_and_one_of_a_worker_start_at_their_minute(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox, serve: Serve
) -> None:
    """Both wait for the same minute: `serve` by its own, the worker by a deployment of its pool."""
    path = write_input(tmp_path, people(ROWS), "served.csv")
    served = serve("each-minute", str(path), "--cron", EACH_MINUTE, "--timezone", ZONE)
    night = Night(house, tmp_path, sandbox)
    worked = write_input(tmp_path, people(ROWS, start=100), "worked.csv")
    parameters = night.parameters(worked, ledger=str(tmp_path / "other.sqlite"))
    schedule: Any = {"schedule": {"cron": EACH_MINUTE, "timezone": ZONE}, "active": True}
    house.patch(f"/deployments/{night.deployment}", {"parameters": {"parameters": parameters}})
    house.post(f"/deployments/{night.deployment}/schedules", [schedule])

    until(
        lambda: all(ended(house, name) for name in ("each-minute", tmp_path.name)),
        "a run of each was planned and has ended",
        seconds=2 * PATIENCE_SECONDS,
        said=lambda: f"{served.log}\n{house.tail('worker.log')}",
    )
    house.patch(f"/deployments/{night.deployment}", {"paused": True})

    first = [ended(house, name)[-1] for name in ("each-minute", tmp_path.name)]
    assert [run["state"]["message"] for run in first] == [
        f"{ROWS} rows: {ROWS} invited; about 0.75 credits"
    ] * 2
    assert all(run["auto_scheduled"] for run in first)
    assert list(creates_per_invitation(sandbox.log).values()) == [1] * (2 * ROWS)
    assert len(read_results(tmp_path / "1.results.csv")) == ROWS
    assert served.log.count("next run      ") == 1
    assert f" {ZONE}\n" in served.log
    assert "warning" not in served.log


def test_a_server_that_plans_nothing_is_told_by_serve_and_by_doctor(silent: Silent) -> None:
    silent.waiting.until_said("warning       the Prefect server has planned no run")
    silent.paused.until_said("warning       the schedule is paused in Prefect")
    said = doctor(silent.house)

    for word in (f"Prefect {prefect.__version__}", "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED"):
        assert word in silent.waiting.log
    assert "next run" not in silent.waiting.log
    assert silent.waiting.process.poll() is None
    [fault] = said["fault"]
    assert fault.startswith(
        "schedule invite-candidates/nightly: the Prefect server has planned no run"
    )
    [paused] = [one for one in said["warning"] if "invite-candidates/paused" in one]
    assert "is paused, nothing starts by itself" in paused


def test_a_run_that_a_person_has_planned_is_not_taken_for_one_of_the_schedule(
    silent: Silent,
) -> None:
    silent.waiting.until_said("warning       the Prefect server has planned no run")

    silent.house.post(
        f"/deployments/{silent.waiting.deployment['id']}/create_flow_run",
        {
            "state": {
                "type": "SCHEDULED",
                "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"},
            }
        },
    )

    [fault] = [one for one in doctor(silent.house)["fault"] if "nightly" in one]
    assert "has planned no run for the schedule" in fault


def test_doctor_tells_the_next_run_and_that_a_pool_is_paused_or_has_no_worker(
    house: PrefectHouse,
) -> None:
    house.post("/work_pools/", {"name": "idle", "type": "process"})
    idle = house.deployment_like_it("waits", pool="idle")
    well = doctor(house)
    house.patch(f"/work_pools/{POOL}", {"is_paused": True})
    held = doctor(house)
    house.patch(f"/work_pools/{POOL}", {"is_paused": False})
    house.delete(f"/deployments/{idle}")

    [next_run] = [one for one in well["ok"] if "nightly-worker" in one]
    assert next_run.startswith("schedule invite-candidates/nightly-worker: next run 20")
    assert next_run.endswith(f" 03:30 {ZONE}")
    assert "fault" not in well
    [nobody] = [one for one in well["warning"] if one.startswith("pool idle has no worker")]
    assert "runs of invite-candidates/waits would wait" in nobody
    assert "`prefect worker start --pool idle`" in nobody
    [paused] = [one for one in held["warning"] if one.startswith(f"pool {POOL} is paused")]
    assert "send-shard/shard" in paused
    assert f"`prefect work-pool resume {POOL}`" in paused


def test_doctor_tells_of_a_server_of_another_version(
    house: PrefectHouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(prefect, "__version__", "3.8.8")

    with temporary_settings({PREFECT_API_URL: house.server.url}):
        main(["doctor"])

    assert f"the server is Prefect {house.get('/admin/version')}, this program's is 3.8.8" in (
        capsys.readouterr().out
    )


def test_a_deployment_that_is_given_to_a_worker_ends_serve_after_the_run_that_goes_on(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox, serve: Serve
) -> None:
    """`prefect deploy` with the same name: this process would start no run of it any more."""
    name, path = tmp_path.name, str(write_input(tmp_path, people(SEVERAL)))
    served = serve(name, path, "--max-in-flight", "1")
    run_id = house.run(served.deployment["id"], served.deployment["parameters"]["parameters"])
    house.wait_for(run_id, "RUNNING")

    # Prefect 3.9.1: a run that holds a slot of a limit that was taken away can never end.
    deploy = ("--no-prompt", "deploy", FLOW, "--name", name, "--pool", POOL)
    house.command(PREFECT, *deploy, "--concurrency-limit", "1")
    code = served.end_code()

    assert code == 4
    assert f"was given to the workers of the pool {POOL}" in served.log
    assert served.log.count("stopping      ") == 1
    assert house.flow_run(run_id)["state"]["name"] == "Completed"
    assert list(creates_per_invitation(sandbox.log).values()) == [1] * SEVERAL
    again = start_serving(house, tmp_path, sandbox.base_url, name, path)
    assert again.end_code() == 2
    assert f"`prefect deployment delete invite-candidates/{name}`" in again.log
    assert served.deployment["work_pool_name"] == POOL


def test_the_older_of_two_serves_of_one_name_ends(tmp_path: Path, serve: Serve) -> None:
    name, path = tmp_path.name, str(write_input(tmp_path, people(1)))
    older = serve(name, path, "--cron", EACH_NIGHT)
    assert len(older.deployment["schedules"]) == 1

    newer = serve(name, path)

    assert older.end_code() == 4
    assert "was registered by another `serve` (served by " in older.log
    assert newer.process.poll() is None
    assert newer.deployment["schedules"] == []  # without --cron there is none


def test_serve_ends_where_its_deployment_was_deleted(
    house: PrefectHouse, tmp_path: Path, serve: Serve
) -> None:
    served = serve(tmp_path.name, str(write_input(tmp_path, people(1))))

    house.delete(f"/deployments/{served.deployment['id']}")

    assert served.end_code() == 4
    assert "was deleted" in served.log


def test_what_serve_and_prefect_yaml_register_are_two_deployments(house: PrefectHouse) -> None:
    """`prefect deploy --all` beside a running `serve` takes nothing away from it."""
    names = {one["name"] for one in house.post("/deployments/filter", {})}

    assert "nightly-worker" in names
    assert "nightly" not in names


def test_the_import_is_started_from_a_shell_as_the_page_says(
    house: PrefectHouse, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """docs/nightly.md: `prefect deployment run … -p parameters='{…}'`, its paths put in."""
    page = (ROOT / "docs" / "nightly.md").read_text()
    wanted = "deployment run invite-candidates/import -p"
    [line] = [one for one in page.splitlines() if wanted in one]
    path = write_input(tmp_path, people(ROWS))
    more = {"base_url": sandbox.base_url, "ledger": str(tmp_path / "ledger.sqlite"), "rate": 100}
    words = shlex.split(line.replace("/data/exports/people.csv", str(path)))
    name, _, parameters = words[-1].partition("=")
    words[-1] = f"{name}={json.dumps(json.loads(parameters) | more)}"

    house.command(PREFECT, *words[1:])

    results = tmp_path / "people.results.csv"
    until(results.exists, "the import wrote its results", said=lambda: house.tail("worker.log"))
    assert len(read_results(results)) == ROWS
    assert list(creates_per_invitation(sandbox.log).values()) == [1] * ROWS
