"""What a machine is told: one JSON object a line, and nothing private by accident."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmojito_batch.events import Event, emit, logger, warn
from jobmojito_batch.logs import keep_off_console, logging_on_page, logging_to


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """No handler is left behind."""
    before = list(logger.handlers)
    yield
    assert logger.handlers == before


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_one_object_with_time_level_name_and_fields(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with logging_to(str(log)) as fault:
        emit(Event.RUN_ENDED, run_id="0192-ab", exit_code=1, counts={"invited": 2}, seconds=1.5)
        warn(Event.NOTIFY_FAILED, kinds=["unsettled"], says="only for a page")
    emit(Event.API_AWAY)

    first, second = lines_of(log)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "info", "event": "run.ended", "run_id": "0192-ab", "exit_code": 1,
        "counts": {"invited": 2}, "seconds": 1.5,
    }  # fmt: skip
    assert (second["level"], second["kinds"]) == ("warning", ["unsettled"])
    assert fault is None
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "ann@example.com"},
        {"code": "Ann Secret"},
        {"code": "https://interview/1"},
        {"kinds": ["fine", "ann@example.com"]},
        {"counts": {"Ann Secret": 1}},
        {"code": "x" * 81},
        {"code": b"bytes"},
        {"code": None},
        {"seconds": float("nan")},
        {"email": "plain"},
        {"name": "Ann"},
    ],
)
def test_what_is_no_field_or_no_code_by_its_looks_is_left_out(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    with logging_to(str(log)):
        emit(Event.RUN_ENDED, **fields)
        logger.info("Ann Secret is no event")
        logging.getLogger("httpx").info("GET https://secret")

    [line] = lines_of(log)
    assert line.keys() == {"time", "level", "event"}


def test_processes_and_runs_append_and_a_command_logs_for_its_flow(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for _ in range(2):
        with logging_to(str(log)), logging_to(str(log)):
            emit(Event.API_BACK)

    assert len(lines_of(log)) == 2


def test_a_log_that_is_rotated_goes_on_in_a_new_file(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with logging_to(str(log)):
        emit(Event.API_AWAY)
        log.rename(tmp_path / "log.1")
        emit(Event.API_BACK)

    assert [line["event"] for line in lines_of(log)] == ["api.back"]


def test_a_log_that_cannot_be_opened_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "no folder" / "log.jsonl", tmp_path, tmp_path / "pipe"):
        with logging_to(str(target)) as fault:
            emit(Event.API_AWAY)
        assert "the run goes on without it" in str(fault)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_disk_that_fills_up_costs_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to("/dev/full"):
        emit(Event.API_AWAY)
        emit(Event.API_BACK)

    assert capsys.readouterr().err == "warning       the log ends here: OSError\n"


def test_a_folder_that_goes_away_costs_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with logging_to(str(folder / "log.jsonl")):
        (folder / "log.jsonl").unlink()
        folder.rmdir()
        emit(Event.API_AWAY)
        emit(Event.API_BACK)

    assert capsys.readouterr().err == "warning       the log ends here: FileNotFoundError\n"


def test_standard_error_is_a_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to("-"):
        emit(Event.API_AWAY)

    assert json.loads(capsys.readouterr().err)["event"] == "api.away"


def test_without_a_log_nothing_is_said_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None):
        warn(Event.API_AWAY)

    assert capsys.readouterr() == ("", "")


def test_a_page_shows_the_fields_and_what_is_said_besides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    page = logging.getLogger("a.page")
    with logging_on_page(page):
        emit(Event.API_AWAY, says="the run waits")
        emit(
            Event.RUN_PLANNED, run_id="r", rows=3, counts={"to_send": 2, "invalid": 0}, credits=0.5
        )

    told = [record.getMessage() for record in caplog.records if record.name == "a.page"]
    assert told == ["api.away the run waits", "run.planned run_id=r rows=3 to_send=2 credits=0.5"]


def test_prefect_tells_a_person_only_of_what_goes_wrong(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its console stands on the root, by its module; an event reaches no console at all."""
    heard: list[str] = []

    class Console(logging.Handler):
        __module__ = "prefect.logging.handlers"

        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(logging.getLogger(), "handlers", [Console()])
    keep_off_console(is_terminal=True, is_watched=True)
    page = logging.getLogger("prefect.flow_runs")
    # Prefect puts its own there once it is loaded, and that one asks which run it is of.
    monkeypatch.setattr(page, "handlers", [])
    page.info("Beginning flow run")
    page.warning("The API is away")
    page.warning("run.stopping", extra={"event": "run.stopping"})

    assert heard == ["The API is away"]
