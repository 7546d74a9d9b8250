"""
A real Prefect on loopback: its server, a process worker, flow runs, and the looks a test needs.

Everything talks to the server's HTTP API, as the UI does. Ends only what it started.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import yaml

from jobmojito_batch.sandbox import Entry, RunningSandbox, creates_per_invitation
from tests.helpers import TOKEN, read_results
from tests.prefect_server import PATIENCE_SECONDS, RunningPrefect, environment_of_nobody

ROOT: Final = Path(__file__).parents[2]
PREFECT: Final = str(Path(sys.executable).with_name("prefect"))
POOL: Final = "jobmojito"
FINAL: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})
HEARTBEAT_SECONDS: Final = 30
"""The smallest that Prefect takes."""

Json = dict[str, Any]


class PrefectHouse:
    """The server, the worker and the folder they share; a session has one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = RunningPrefect(folder / "prefect")
        self.home = self.server.home
        self.url = self.server.url.removesuffix("/api")
        self.api = httpx.Client(base_url=self.server.url, timeout=30, trust_env=False)
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the house has: this Prefect and nothing of the person's own."""
        return (
            environment_of_nobody()
            | self.server.environment
            | {
                "HOME": str(self.folder),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                "XDG_DATA_HOME": str(self.folder / "data"),
                "PWD": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                    "prefect.server.concurrency.lease_storage.filesystem"
                ),
                "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "JOBMOJITO_API_TOKEN": TOKEN,
                "JOBMOJITO_READ_TIMEOUT_SECONDS": "60",
                "JOBMOJITO_SETTLE_SECONDS": "2",
            }
        )

    # The processes

    def start_server(self, **more: str) -> None:
        """Start the server and wait until it answers."""
        self.server.start(**(self.environment | more))

    def kill_server(self) -> None:
        """SIGKILL to the server: connections break, nothing is said."""
        self.server.kill()

    def start_worker(self, pool: str = POOL) -> "subprocess.Popen[bytes]":
        """Start a process worker of the pool; it makes the pool where there is none."""
        command = [PREFECT, "worker", "start", "--pool", pool, "--type", "process"]
        return self.start(command, "worker.log")

    def start(self, command: list[str], log: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start a process of the house in a group of its own; its output goes to *log*."""
        # A shell may have us ignore SIGINT, and what is ignored stays so in children.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with (self.folder / log).open("ab") as output:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self.environment | more,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        finally:
            signal.signal(signal.SIGINT, before)
        self._started.append(process)
        return process

    def command(self, *arguments: str, is_good: bool = True) -> str:
        """What a command prints; *is_good*: it has to end with 0."""
        return subprocess.run(
            arguments,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=is_good,
            timeout=PATIENCE_SECONDS,
        ).stdout

    def close(self) -> None:
        """End what was started."""
        for process in self._started:
            end(process)
        self.server.kill()
        self.api.close()

    # Deployments and runs

    def move_in(self, databases: Path) -> None:
        """Start the server with what `deploy` makes; the first house of a session makes it."""

        def make() -> None:
            self.start_server()
            self.deploy()

        self.server.start_like(databases / "deployed.db", make, **self.environment)

    def deploy(self) -> None:
        """Make what the README says: pool, blocks, automations, the deployments of prefect.yaml."""
        self.command(sys.executable, "-m", "jobmojito_batch", "setup")
        self.command(PREFECT, "--no-prompt", "deploy", "--all")

    @property
    def by_hand(self) -> Json:
        """The deployment that people run from the form."""
        there = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
        [name] = [one["name"] for one in there if one["name"] == "import"]
        return self.get(f"/deployments/name/invite-candidates/{name}")

    def deployment_like_it(
        self, name: str, *, pool: str = POOL, entrypoint: str | None = None
    ) -> str:
        """A copy of that deployment with a concurrency slot of its own; gives its id."""
        kept = (
            "flow_id", "path", "entrypoint", "pull_steps", "parameter_openapi_schema",
            "enforce_parameter_schema", "concurrency_options",
        )  # fmt: skip
        first = self.by_hand
        body: Json = {key: first[key] for key in kept}
        body |= {"name": name, "work_pool_name": pool, "concurrency_limit": 1}
        if entrypoint is not None:
            body["entrypoint"] = entrypoint
        return str(self.post("/deployments/", body)["id"])

    def run(self, deployment: str, parameters: Json, **environment: str) -> str:
        """Ask for a run now, as the form does; gives its id."""
        made = self.post(
            f"/deployments/{deployment}/create_flow_run",
            {
                "parameters": {"parameters": parameters},
                "job_variables": {"env": environment},
                "state": {"type": "SCHEDULED"},
            },
        )
        return str(made["id"])

    def flow_run(self, run_id: str) -> Json:
        """What the server says of a run."""
        return self.get(f"/flow_runs/{run_id}")

    def set_state(
        self, run_id: str, type_: str, name: str, *, force: bool = False, **details: Any
    ) -> str:
        """Set a run's state as the UI or an automation does; gives the server's answer."""
        state = {"type": type_, "name": name, "message": "by hand", "state_details": details}
        answer = self.post(f"/flow_runs/{run_id}/set_state", {"state": state, "force": force})
        return str(answer["status"])

    def suspend(self, run_id: str) -> None:
        """Suspend → Submit, as the UI does it: to be resumed within the hour."""
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        said = self.set_state(
            run_id, "PAUSED", "Suspended", pause_timeout=until, pause_reschedule=True
        )
        assert said == "ACCEPT"

    def wait_for(self, run_id: str, *types: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """The run once its state is of one of *types*."""
        until(
            lambda: self.flow_run(run_id)["state_type"] in types,
            f"run {run_id} is {' or '.join(types)}",
            seconds=seconds,
            said=lambda: f"{self.flow_run(run_id)['state']}\n{self.tail('worker.log')}",
        )
        return self.flow_run(run_id)

    def wait_for_end(self, run_id: str, *, seconds: float = PATIENCE_SECONDS) -> Json:
        """The run once its state is final."""
        return self.wait_for(run_id, *FINAL, seconds=seconds)

    def logs(self, run_id: str) -> list[str]:
        """The log lines that the run's page shows."""
        found = self.post(
            "/logs/filter",
            {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200, "sort": "TIMESTAMP_ASC"},
        )
        return [one["message"] for one in found]

    def artifacts(self, run_id: str) -> list[Json]:
        """The artifacts of the run."""
        found: list[Json] = self.post(
            "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
        )
        return found

    def get(self, path: str) -> Json:
        """GET of the API."""
        found: Json = self._asked("GET", path)
        return found

    def post(self, path: str, body: Json | list[Json]) -> Any:
        """POST to the API."""
        return self._asked("POST", path, json=body)

    def patch(self, path: str, body: Json) -> None:
        """PATCH to the API."""
        self._asked("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """DELETE to the API."""
        self._asked("DELETE", path)

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        """The answer; on SQLite the server says 503 where it is busy, and is asked again."""
        for _ in range(10):
            answer = self.api.request(method, path, **more)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def tail(self, log: str) -> str:
        """The end of a log, to be shown where a test fails."""
        path = self.folder / log
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""


class Night:
    """What the runs of one test work on: a deployment of their own, a sandbox, a folder."""

    def __init__(
        self,
        house: PrefectHouse,
        folder: Path,
        sandbox: RunningSandbox,
        deployment: str | None = None,
        **other: str,
    ) -> None:
        self.house = house
        self.deployment = deployment or house.deployment_like_it(folder.name, **other)
        self.folder = folder
        self.sandbox = sandbox
        self.runs = 0

    def parameters(self, path: Path, **more: Any) -> Json:
        """Parameters of a run; each run writes files of its own."""
        self.runs += 1
        given: Json = {
            "inputs": [str(path)],
            "results": str(self.folder / f"{self.runs}.results.csv"),
            "ledger": str(self.folder / "ledger.sqlite"),
            "base_url": self.sandbox.base_url,
            "rate": 100,
            "max_in_flight": 4,
        }
        return given | more

    def start(self, path: Path, **more: Any) -> str:
        """Ask for a run of the deployment; gives its id."""
        return self.house.run(self.deployment, self.parameters(path, **more))

    def start_impatient(self, path: Path) -> str:
        """The same, and Prefect's client gives a server up at once."""
        return self.house.run(
            self.deployment, self.parameters(path), PREFECT_CLIENT_MAX_RETRIES="1"
        )

    def wait_for_calls(self, count: int) -> None:
        """Until so many creates have arrived in all."""
        until(
            lambda: self.calls >= count,
            f"{count} creates have arrived",
            every=0.05,
            said=lambda: f"{self.calls} have\n{self.house.tail('worker.log')}",
        )

    def wait_until_quiet(self) -> None:
        """Until no create is at work: one whose client died goes on in the server."""
        until(lambda: self.calls == self.count("created"), "every create has done its work")

    def results(self, run: int) -> list[dict[str, str]]:
        """The results file of the nth run, from 1."""
        return read_results(self.folder / f"{run}.results.csv")

    def outcomes(self, run: int) -> dict[str, int]:
        """Rows by outcome in that file."""
        return dict(Counter(row["outcome"] for row in self.results(run)))

    @property
    def most_creates(self) -> int:
        """How often the invitation that was made most often was made."""
        return max(creates_per_invitation(self.sandbox.log).values())

    @property
    def calls(self) -> int:
        """Creates that arrived."""
        return self.count("received")

    def count(self, event: str) -> int:
        """Creates with this event."""
        return sum(is_create(entry) and entry.event == event for entry in self.sandbox.log)


def is_create(entry: Entry) -> bool:
    """Whether the entry is of the paid endpoint."""
    return entry.endpoint.startswith("job-interview-create")


def until(
    is_so: Callable[[], bool],
    what: str,
    *,
    seconds: float = PATIENCE_SECONDS,
    every: float = 0.25,
    said: Callable[[], str] = str,
) -> None:
    """
    Wait until it is so; a test that waits in vain fails and says for what.

    Most questions are the server's to answer, whose processor the runs need: they are asked seldom.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not so: {what}\n{said()}")
        time.sleep(every)


def flow_processes(worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The processes that the worker has started for its flow runs."""
    return list(psutil.Process(worker.pid).children(recursive=True))


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to a process that we started and to the children it has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def as_text(found: Any) -> str:
    """JSON as one text to search in, letters as they are."""
    return json.dumps(found, ensure_ascii=False)
