"""`serve` in a process of its own, against a real Prefect server: schedule, runs, stops."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled

from jobmojito_batch.cli import main
from jobmojito_batch.flows.invite_candidates import invite_candidates
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, friendly, people, read_results, write_input
from tests.prefect_server import RunningPrefect

pytestmark = [
    pytest.mark.flow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DEPLOYMENT = "invite-candidates/nightly"
LONG_ENOUGH = 120.0


class Serving:
    """A `serve` process and what Prefect knows of its runs."""

    def __init__(self, server: RunningPrefect, run: Run, *arguments: str) -> None:
        self._server = server
        self._log = run.folder / "serve.log"
        self._log.touch()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jobmojito_batch", "serve", *arguments],
                env=os.environ | run.environment | server.environment,
                cwd=run.folder,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, is_so: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + LONG_ENOUGH
        while not is_so():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, f"no {what}:\n{self.log}"
            time.sleep(0.05)

    def until_served(self) -> None:
        self.wait_for(lambda: "serving " in self.log, "serving")

    def stop(self) -> int:
        """SIGTERM, as a service manager sends it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LONG_ENOUGH)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def ask(self, question: Callable[[PrefectClient], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            async with get_client() as client:
                return await question(client)

        with temporary_settings({PREFECT_API_URL: self._server.url}):
            return asyncio.run(asked())

    def start_run(self, *, hours_ago: int = 0) -> FlowRun:
        due = datetime.now(UTC) - timedelta(hours=hours_ago)

        async def create(client: PrefectClient) -> FlowRun:
            deployment = await client.read_deployment_by_name(DEPLOYMENT)
            return await client.create_flow_run_from_deployment(
                deployment.id, state=Scheduled(scheduled_time=due)
            )

        created: FlowRun = self.ask(create)
        return created

    def until_ended(self, flow_run: FlowRun) -> FlowRun:
        async def read(client: PrefectClient) -> FlowRun:
            until = time.monotonic() + LONG_ENOUGH
            while True:
                found = await client.read_flow_run(flow_run.id)
                if found.state is not None and found.state.is_final():
                    return found
                assert time.monotonic() < until, self.log
                await asyncio.sleep(0.2)

        ended: FlowRun = self.ask(read)
        return ended


@pytest.fixture
def serving(
    prefect: RunningPrefect,
) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(run: Run, *arguments: str) -> Serving:
        started.append(Serving(prefect, run, *arguments))
        started[-1].until_served()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_the_deployment_has_its_schedule_in_its_zone_and_one_run_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = str(write_input(tmp_path, people(1)))

        service = serving(run, path, "--cron", "30 3 * * *", "--timezone", "Europe/Bratislava")
        deployment = service.ask(lambda client: client.read_deployment_by_name(DEPLOYMENT))

        assert service.stop() == 0
        after = service.ask(lambda client: client.read_deployment_by_name(DEPLOYMENT))
    schedule = deployment.schedules[0].schedule
    assert (schedule.cron, schedule.timezone) == ("30 3 * * *", "Europe/Bratislava")
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.collision_strategy.value == "CANCEL_NEW"
    assert deployment.parameters["parameters"]["inputs"] == [path]
    assert not after.paused
    assert after.schedules[0].active


def test_a_run_by_hand_needs_no_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        service = serving(run, str(write_input(tmp_path, people(2))))

        ended = service.until_ended(service.start_run())

    assert ended.state is not None
    assert ended.state.message == "2 rows: 2 invited; about 0.5 credits"
    assert {"jobmojito", "live"} <= set(ended.tags)
    assert ended.name.startswith("people.csv ")


def test_a_stop_drains_the_run_and_the_next_one_carries_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    with RunningSandbox(friendly(latency=0.5)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(60))
        service = serving(run, str(path), "--max-in-flight", "4")
        cut = service.start_run()
        service.wait_for(lambda: run.creates >= 3, "interview")

        code = service.stop()
        ended = service.until_ended(cut)

        assert code == 0
        outcomes = [row["outcome"] for row in read_results(tmp_path / "people.results.csv")]
        assert "unknown" not in outcomes
        assert outcomes.count("invited") == run.creates
        again = serving(run, str(path), "--rate", "500", "--max-in-flight", "50")
        finished = again.until_ended(again.start_run())
    assert ended.state is not None
    assert ended.state.name == "Crashed"
    assert (ended.state.message or "").startswith("60 rows: ")
    assert finished.state is not None
    assert finished.state.is_completed()
    assert run.creates == 60


def test_a_stop_ends_a_night_that_waits_for_another_try_with_the_state_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    until = f"{datetime.now(UTC) + timedelta(hours=2):%H:%M}"
    with RunningSandbox(friendly(faults=(Fault(status=540),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = str(write_input(tmp_path, people(2)))
        service = serving(run, path, "--retry-until", until, "--timezone", "UTC")
        night = service.start_run()

        def is_waiting() -> bool:
            found = service.ask(lambda client: client.read_flow_run(night.id))
            return found.state is not None and found.state.name == "Waiting"

        service.wait_for(is_waiting, "night that waits")
        code = service.stop()
        ended = service.until_ended(night)

    assert code == 0
    assert ended.state is not None
    assert (ended.state.type.value, ended.state.name) == ("FAILED", "Stopped")
    assert (ended.state.message or "").startswith("2 rows: 2 not sent")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal here")
def test_on_sigusr1_the_run_ends_by_itself_nothing_else_begins_and_serve_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    with RunningSandbox(friendly(latency=0.3)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(40))
        service = serving(run, str(path), "--max-in-flight", "4")
        going_on = service.start_run()
        service.wait_for(lambda: run.creates >= 3, "interview")

        service.process.send_signal(signal.SIGUSR1)
        service.wait_for(lambda: "draining " in service.log, "draining")
        sent_by_then = run.creates
        later = service.start_run()
        code = service.process.wait(LONG_ENOUGH)
        ended = service.until_ended(going_on)
        left = service.ask(lambda client: client.read_flow_run(later.id))
        # The next `serve` of this name would take it.
        service.ask(lambda client: client.delete_flow_run(later.id))

    assert code == 0
    assert sent_by_then < run.creates == 40
    assert ended.state is not None
    assert (ended.state.name, ended.state.message) == (
        "Completed",
        "40 rows: 40 invited; about 10 credits",
    )
    assert left.state.is_scheduled()


def test_a_server_that_is_away_stops_neither_the_run_nor_the_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serving: Callable[..., Serving],
    prefect: RunningPrefect,
) -> None:
    with RunningSandbox(friendly(latency=0.2)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(60))
        service = serving(run, str(path), "--max-in-flight", "2")
        flow_run = service.start_run()
        service.wait_for(lambda: run.creates >= 3, "interview")

        prefect.stop()
        service.wait_for((tmp_path / "people.results.csv").exists, "results without the API")
        service.wait_for(lambda: "is away" in service.log, "word of the API being away")
        prefect.start()
        service.wait_for(lambda: "prefect.back" in service.log, "word of the API being back")
        ended = service.until_ended(flow_run)

        assert service.process.poll() is None
    assert ended.state is not None
    assert ended.state.message == "60 rows: 60 invited; about 15 credits"
    assert run.creates == 60


def test_nights_that_were_missed_are_made_up_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Serving]
) -> None:
    """The server planned them while the service was off; one runs, the others are cancelled."""
    with RunningSandbox(friendly(latency=0.5)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = str(write_input(tmp_path, people(20)))
        off = serving(run, path)
        off.stop()
        missed = [off.start_run(hours_ago=24 * night) for night in (3, 2, 1)]

        service = serving(run, path)
        ended = [service.until_ended(one) for one in missed]

    names = sorted(str(one.state.name) for one in ended if one.state is not None)
    assert names == ["Cancelled", "Cancelled", "Completed"]
    assert run.creates == 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--cron", "often"], "--cron often: is no cron schedule", id="cron"),
        pytest.param(
            ["--cron", "30 3 * * *", "--timezone", "Mars/Olympus"], "no time zone", id="zone"
        ),
        pytest.param(
            ["--ledger", "postgresql://me:secret@db/x"], "JOBMOJITO_LEDGER", id="password"
        ),
        pytest.param(["https://host/a.csv?X-Amz-Signature=secret"], "--no-prefect", id="key"),
        pytest.param(["--name", "a/b"], "cannot be registered", id="name"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    says: str,
    prefect: RunningPrefect,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in prefect.environment.items():
        monkeypatch.setenv(name, value)

    with temporary_settings({PREFECT_API_URL: prefect.url}):
        code = main(["serve", "people.csv", *arguments])

    last = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert last.startswith("jobmojito-batch: ")
    assert says in last
    assert "secret" not in last


@pytest.mark.parametrize("command", [["serve", "people.csv"], ["setup"]], ids=["serve", "setup"])
def test_no_prefect_api_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "no Prefect API is configured" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve", "people.csv"], ["setup"]], ids=["serve", "setup"])
def test_a_prefect_api_that_does_not_answer_is_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main(command) == 2
    assert "http://127.0.0.1:9/api does not answer" in capsys.readouterr().err


def test_the_flow_can_be_handed_to_a_process() -> None:
    """A runner pickles it by value: a context variable among its globals would end each run."""
    assert cloudpickle.loads(cloudpickle.dumps(invite_candidates)).name == invite_candidates.name


def test_the_one_inner_step_of_prefects_runner_that_serve_uses_is_there() -> None:
    """Not part of Prefect's promise, so an upgrade that takes it away has to fail here."""
    assert callable(getattr(Runner, "_get_and_submit_flow_runs", None))
