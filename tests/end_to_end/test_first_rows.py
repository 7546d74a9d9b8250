"""--first N, the question above the send, and Ctrl-C there."""

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, friendly, people, write_input


def the_first_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *faults: Fault, rows: list[str] | None = None
) -> tuple[Run, int]:
    """Unattended: five rows of two positions, the second and fourth of the other."""
    first, second = people(5), people(5, position="Cook")
    both = rows or [first[0], second[1], first[2], second[3], first[4]]
    with RunningSandbox(friendly(faults=faults)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        return run, run.invite(write_input(tmp_path, both), "--first", "2")


def test_the_rest_follows_where_each_of_the_first_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run, code = the_first_two(tmp_path, monkeypatch)

    sent = [entry.email for entry in run.sandbox.log if entry.event == "created"]
    assert (code, run.outcomes, run.calls) == (0, {"invited": 5}, 5)
    assert set(sent[:2]) == {"p0@example.com", "p1@example.com"}
    assert run.summary["positions"] == {"created": 2, "reused": 0}
    said = capfd.readouterr().err
    assert "the first 2: 2 invited\n  row 2  invited\n  row 3  invited\ngoing on\n" in said


@pytest.mark.parametrize(
    ("fault", "code", "outcomes"),
    [
        ({"status": 422}, 1, {"invited": 1, "failed": 1, "not_sent": 3}),
        ({"disconnect": "after"}, 3, {"invited": 1, "unknown": 1, "not_sent": 3}),
    ],
    ids=["refused", "unknown"],
)
def test_the_rest_waits_where_one_of_them_is_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, object],
    code: int,
    outcomes: dict[str, int],
) -> None:
    """As with a limit: not_sent, limit_reached, and the exit code is that of the first rows."""
    strikes = Fault.model_validate({"email": "p1@example.com", **fault})
    run, ended = the_first_two(tmp_path, monkeypatch, strikes, rows=people(5))

    assert (ended, run.outcomes, run.calls) == (code, outcomes, 2)
    assert {row["error_code"] for row in run.results[2:]} == {"limit_reached"}
    assert sum(run.summary["outcomes"].values()) == run.summary["rows"] == 5


def test_shards_and_first_rows_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(tmp_path, people(1))

    words = ["--first", "1", "--shards", "2", "--shard-folder", str(tmp_path)]
    assert main(["invite", str(path), "--yes", *words]) == 2
    assert "not for shards" in capsys.readouterr().err


def on_a_terminal(run: Run, path: Path, *options: str, answers: list[str]) -> tuple[int, str]:
    """A command at a terminal of 80 columns, each question answered in its turn."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        os.environ.update(run.environment | {"TERM": "xterm", "COLUMNS": "80"})
        command = [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--no-prefect"]
        os.execv(sys.executable, [*command, *options])  # noqa: S606
    said = ""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            heard = os.read(terminal, 65_536)
        except OSError:  # Linux's way of saying that the terminal is closed
            break
        if not heard:
            break
        said += heard.decode(errors="replace").replace("\r\n", "\n")
        if answers and said.endswith("[y/N] "):
            os.write(terminal, answers.pop(0).encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def test_a_person_is_asked_twice_and_may_end_it_at_any_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(4))

        code, said = on_a_terminal(run, path, answers=["\x03"])
        assert (code, run.calls) == (130, 0)
        assert "interrupted; nothing was sent" in said
        assert "Traceback" not in said
        question = said[said.index("This creates") :]
        for words in ("4 interviews for 4 people, and 1 position", "cannot be taken", "may write"):
            assert words in " ".join(question.split())
        assert said.index("1 to create") < said.index("would send") < said.index("cost  ")
        assert said.index("cost  ") < said.index("environment live") < said.index("This creates")

        code, said = on_a_terminal(run, path, "--first", "1", answers=["y\n", "\x03"])
        assert (code, run.calls) == (130, 1)
        assert run.outcomes == {"invited": 1, "not_sent": 3}
        assert "the first 1: 1 invited" in said
        assert "Traceback" not in said
        assert "Fatal Python error" not in said
