"""--rehearse: everything as for real, and nothing of it leaves this machine."""

import json
import os
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from tests.helpers import people, read_results, write_input

REAL = "the results of a real run, notes and all"


@pytest.fixture(autouse=True)
def _real_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an account that nobody must meet."""
    monkeypatch.setenv("JOBMOJITO_API_TOKEN_COMMAND", "exit 7")
    monkeypatch.setenv("JOBMOJITO_BASE_URL", "http://127.0.0.1:9/functions/v1")
    monkeypatch.setenv("JOBMOJITO_LEDGER", str(tmp_path / "real.sqlite"))
    monkeypatch.setenv("JOBMOJITO_METRICS", str(tmp_path / "real.prom"))


def test_a_rehearsal_touches_nothing_real_and_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(tmp_path, [*people(3), "x,nobody,SK,y,Nurse,London,GB,en,blue"])
    (tmp_path / "people.results.csv").write_text(REAL, encoding="utf-8")
    words = ["invite", str(path), "--rehearse", "--yes", "--rate", "500"]

    assert main(words) == 1
    said = capsys.readouterr().err
    assert main(words) == 1

    assert (tmp_path / "people.results.csv").read_text(encoding="utf-8") == REAL
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {
        "people.csv",
        "people.results.csv",
        "people.rehearsal.results.csv",
        "people.rehearsal.results.errors.csv",
        "people.rehearsal.results.summary.json",
    }
    summary = json.loads((tmp_path / "people.rehearsal.results.summary.json").read_text())
    assert (summary["environment"], summary["rows"]) == ("rehearsal", 4)
    assert summary["outcomes"]["already_done"] == 0  # nobody is remembered
    for row in read_results(tmp_path / "people.rehearsal.results.csv"):
        assert row["interview_url"] == "" or "//127.0.0.1:" in row["interview_url"]
    assert "a rehearsal: nothing was created, nothing was spent; 4 rows" in said
    assert f"invite {path}\n" in said.split("To send for real:")[1]
    assert os.environ["JOBMOJITO_API_TOKEN_COMMAND"] == "exit 7"
    assert "JOBMOJITO_API_TOKEN" not in os.environ


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ledger", "real.sqlite"], "a ledger of its own"),
        (["--inbox"], "taken as done"),
        (["--keep-days", "3"], "would be removed"),
    ],
)
def test_what_would_be_real_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    path = write_input(tmp_path, people(1))

    assert main(["invite", str(path), "--rehearse", "--yes", *words]) == 2
    assert said in capsys.readouterr().err
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {"people.csv"}


def test_a_real_account_is_never_called_a_rehearsal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_BASE_URL", "https://api.example.com/v1")
    path = write_input(tmp_path, people(1))

    assert main(["invite", str(path), "--yes", "--environment", "rehearsal"]) == 2
    assert "is for --rehearse" in capsys.readouterr().err
