"""`--log-json` of whole runs: each line is JSON, and none has a person, a token or a link."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.events import Event
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import TOKEN, Run, a_row, friendly, people, write_input

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text("utf-8")
PRIVATE = ("Secretname", "secretname", "example.com", "@", "http", TOKEN, "Nurse", "interview")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_run_with_every_kind_of_end_logs_counts_and_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.jsonl"
    monkeypatch.setenv("JOBMOJITO_LOG_JSON", str(log))
    monkeypatch.setenv("JOBMOJITO_NOTIFY", "json://zoe.secretname:pass@127.0.0.1:1/")
    faults = (
        Fault(call=(2,), status=504),
        Fault(call=(3,), status=422),
        Fault(call=(5,), status=402),
    )
    with RunningSandbox(friendly(faults=faults)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        rows = [*people(9), a_row("no address", name="Zoe Secretname")]
        code = run.invite(write_input(tmp_path, rows, name="zoe_secretname.csv"))

    lines = lines_of(log)
    by_event = {line["event"]: line for line in lines}
    assert code == by_event["run.ended"]["exit_code"] == by_event["command.ended"]["exit_code"] == 4
    assert (
        by_event["run.planned"]["counts"] | {"to_send": 9, "invalid": 1}
        == (by_event["run.planned"]["counts"])
    )
    assert sum(by_event["run.ended"]["counts"].values()) == by_event["run.ended"]["rows"] == 10
    settled = [line for line in lines if line["event"] == "row.settled"]
    codes = {line["outcome"]: line.get("code") for line in settled}
    assert codes["unknown"] == "server_error"
    assert all(2 <= line["row"] <= 10 and line["level"] == "debug" for line in settled)
    assert by_event["run.stopping"]["code"] == "insufficient_credits"
    assert by_event["notify.failed"]["level"] == "warning"
    assert len({line["run_id"] for line in lines if "run_id" in line}) == 1
    assert by_event["run.ended"]["counts"]["unknown"] == 1
    for word in PRIVATE:
        assert word not in log.read_text("utf-8")


def test_check_logs_its_plan_and_a_command_that_fails_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        main(["check", str(write_input(tmp_path, people(2))), "--log-json", str(log)])
        main(["check", str(tmp_path / "gone.csv"), "--log-json", str(log)])
        main(["status"])

    assert [(line["event"], line.get("exit_code")) for line in lines_of(log)] == [
        ("run.planned", None),
        ("command.ended", 0),
        ("command.ended", 2),
    ]
    assert "run.planned" not in capsys.readouterr().err


def test_a_log_that_cannot_be_written_costs_a_line_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_LOG_JSON", str(tmp_path / "no folder" / "log.jsonl"))
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        code = run.invite(write_input(tmp_path, people(2)))

    assert code == 0
    assert capsys.readouterr().err.count("no log can be written there") == 1


def test_the_page_has_every_event() -> None:
    assert [event for event in Event if event.value not in PAGE] == []
