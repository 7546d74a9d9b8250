"""What `--help` says is what was written: no bracket is taken for a style of the terminal."""

import re

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


@pytest.mark.parametrize("option", ["--time-zone", "--timezone"])
def test_a_zone_is_said_in_either_spelling(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever knows one command knows the other."""
    for command in (["check", "gone.csv"], ["serve", "gone.csv", "--cron", "30 3 * * *"]):
        main([*command, option, "Mars/Olympus"])

        assert "No such option" not in capsys.readouterr().err
