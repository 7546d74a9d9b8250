"""What `--help` says is what was written: no bracket is taken for a style of the terminal."""

import re
import subprocess
import sys

import pytest
import typer

from jobmojito_batch.cli import main
from jobmojito_batch.cli.app import app

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


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_what_is_said_at_once_loads_no_library(words: list[str]) -> None:
    asked = (
        "import sys; from jobmojito_batch.cli import main; main(sys.argv[1:]); "
        "heavy = {'typer', 'rich', 'pydantic', 'polars', 'prefect', 'sqlalchemy', 'aiohttp'}; "
        "print(*heavy & sys.modules.keys(), file=sys.stderr, end='')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked, *words], capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--time-zone", "--timezone"])
def test_a_zone_is_said_in_either_spelling(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever knows one command knows the other."""
    for command in (["check", "gone.csv"], ["serve", "gone.csv", "--cron", "30 3 * * *"]):
        main([*command, option, "Mars/Olympus"])

        assert "No such option" not in capsys.readouterr().err
