"""`--metrics` and JOBMOJITO_PING_URL of whole runs: what a machine is told of a night."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.end_to_end.test_tries import OUT_OF_CREDITS_ONCE, NightClock, night
from tests.helpers import TOKEN, Run, a_row, friendly, people, write_input

PRIVATE = ("Secretname", "secretname", "example.com", "@", "http", TOKEN, "Nurse")


class Switch:
    """What a dead man's switch was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                switch.asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/s3cret"


@pytest.fixture
def switch() -> Iterator[Switch]:
    switch = Switch()
    serving = threading.Thread(target=switch.server.serve_forever, daemon=True)
    serving.start()
    yield switch
    switch.server.shutdown()
    switch.server.server_close()
    serving.join()


def samples(path: Path) -> dict[str, dict[str, float]]:
    """By name, and by outcome or exit code where there is one."""
    found: dict[str, dict[str, float]] = {}
    families: Callable[[str], Iterator[Any]] = text_string_to_metric_families
    for family in families(path.read_text("utf-8")):
        for sample in family.samples:
            label = sample.labels.get("outcome") or sample.labels.get("exit_code") or ""
            found.setdefault(sample.name.removeprefix("jobmojito_batch_"), {})[label] = sample.value
    return found


def test_nights_are_told_to_machines_in_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    switch: Switch,
) -> None:
    metrics = tmp_path / "jobmojito.prom"
    monkeypatch.setenv("JOBMOJITO_METRICS", str(metrics))
    monkeypatch.setenv("JOBMOJITO_PING_URL", switch.url)
    with RunningSandbox(friendly(faults=(Fault(call=(2,), status=504),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        rows = [*people(5), a_row("no address", name="Zoe Secretname")]
        source = write_input(tmp_path, rows, name="zoe_secretname.csv")
        assert run.invite(source) == 3
        summary = json.loads((tmp_path / "zoe_secretname.results.summary.json").read_text())
        first = samples(metrics)
        assert main(["reconcile"]) == 0
        reconciled = samples(metrics)
        assert main(["invite", str(tmp_path / "gone.csv"), "--yes"]) == 2
        assert main(["invite", str(source), "--rate", "-1", "--yes"]) == 2
        assert run.invite(write_input(tmp_path, people(5), name="good.csv")) == 0

    assert first["last_run_rows"] == summary["outcomes"]
    assert sum(first["last_run_rows"].values()) == summary["rows"] == 6
    for name in ("calls", "retries", "lookups"):
        assert first[f"last_run_{name}"][""] == summary[name]
    assert first["last_run_credits"][""] == summary["credits_estimated"]
    assert first["runs_total"] == {"3": 1}
    assert first["unknown_invitations"] == {"": 1}
    assert first["last_success_timestamp_seconds"] == {"": 0}
    assert reconciled["unknown_invitations"] == {"": 0}
    last = samples(metrics)
    assert last["runs_total"] == {"3": 1, "2": 1, "0": 1}
    assert switch.asked == ["/s3cret/fail"] * 3 + ["/s3cret"]
    assert not any(word in metrics.read_text() for word in PRIVATE)
    assert "s3cret" not in capsys.readouterr().err


def test_what_is_broken_costs_a_line_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_PING_URL", "http://ping.example/s3cret")
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        source = write_input(tmp_path, people(2))
        code = run.invite(source, "--metrics", str(tmp_path / "none" / "x.prom"))

    errors = capsys.readouterr().err
    assert code == 0
    assert errors.count("the metrics were not written") == 2  # at its beginning and at its end
    assert errors.count("JOBMOJITO_PING_URL was not reached (it must begin with https://)") == 1
    assert "s3cret" not in errors


async def test_a_night_of_several_tries_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: Switch
) -> None:
    metrics = tmp_path / "jobmojito.prom"
    monkeypatch.setenv("JOBMOJITO_METRICS", str(metrics))
    monkeypatch.setenv("JOBMOJITO_PING_URL", switch.url)
    clock = NightClock()
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        await night(write_input(tmp_path, people(4)), clock=clock)

    assert len(clock.waited) == 1
    assert switch.asked == ["/s3cret"]
    assert samples(metrics)["runs_total"] == {"0": 1.0}
