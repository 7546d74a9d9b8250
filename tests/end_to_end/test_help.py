"""What `--help` says is what was written: no bracket is taken for a style of the terminal."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jobmojito_batch.cli import main
from jobmojito_batch.cli.app import app
from tests.helpers import people, write_input

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_its_brackets(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("TERMINAL_WIDTH", "240")

    assert main([command, "--help"]) == 0

    shown = capsys.readouterr().out
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    for parameter in parameters:
        for bracket in re.findall(r"\[\w+\]", getattr(parameter, "help", None) or ""):
            assert bracket in shown


@pytest.mark.parametrize("width", [60, 80, 133])
def test_help_at_once_is_what_the_commands_would_say(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written without loading them: nothing but a test keeps the two alike."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)  # read once, for other tests
    with pytest.raises(SystemExit):
        app(args=["--help"], prog_name="jobmojito-batch")
    by_typer = capsys.readouterr().out

    assert main(["--help"]) == 0

    assert capsys.readouterr().out == by_typer


def loaded_by(words: list[str], libraries: set[str]) -> tuple[int, set[str]]:
    """The exit code of a command, and which of these it has loaded."""
    asked = (
        "import sys; from jobmojito_batch.cli import main; code = main(sys.argv[1:]); "
        f"print(*{libraries!r} & sys.modules.keys()); sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked, *words], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    return ran.returncode, set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_what_is_said_at_once_loads_no_library(words: list[str]) -> None:
    heavy = {"typer", "rich", "pydantic", "polars", "prefect", "sqlalchemy", "aiohttp"}

    assert loaded_by(words, heavy) == (0, set())


def test_a_check_loads_nothing_that_sends_and_no_database_where_there_is_no_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_LEDGER", str(tmp_path / "ledger.sqlite"))
    table = write_input(tmp_path, people(2))
    heavy = {"sqlalchemy", "httpx", "aiohttp", "prefect", "arro3", "jobmojito_batch.sending.sender"}

    assert loaded_by(["check", str(table)], heavy) == (0, set())


@pytest.mark.parametrize("option", ["--time-zone", "--timezone"])
def test_a_zone_is_said_in_either_spelling(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever knows one command knows the other."""
    for command in (["check", "gone.csv"], ["serve", "gone.csv", "--cron", "30 3 * * *"]):
        main([*command, option, "Mars/Olympus"])

        assert "No such option" not in capsys.readouterr().err
