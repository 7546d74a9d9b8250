"""README, docs/settings.md and docs/options.md say what the program does."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobmojito_batch.cli import main
from jobmojito_batch.cli.app import app
from jobmojito_batch.settings import Settings, variable
from tests.readme import OPTIONS, README, with_tables

TEXT = README.read_text("utf-8")
ROOT = README.parent
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
OPTIONS_PAGE = OPTIONS.read_text("utf-8")


@pytest.mark.parametrize("page", [README, OPTIONS], ids=lambda page: page.name)
def test_the_tables_are_what_the_program_says(page: Path) -> None:
    """`python -m tests.readme` writes them: fields of the request, options of the commands."""
    assert with_tables(page) == page.read_text("utf-8")


def test_the_first_screen_is_what_check_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    main(["check", "data/samples/candidates.csv"])

    printed = capsys.readouterr().out.rstrip().splitlines()
    start = TEXT.index("    read          40")
    shown = [line[4:] for line in TEXT[start:].split("\n    read →")[0].rstrip().splitlines()]
    rest = iter(printed)
    for line in shown:  # in this order; which column is which is left out there
        assert line == "" or line in rest, line


def test_every_setting_is_named_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        line = re.search(rf"^\| {variable(name)} \| (.*?) \|", SETTINGS_PAGE, re.MULTILINE)
        assert line, name
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert float(line[1]) == field.default


@pytest.mark.parametrize(
    ("command", "at_least"), [("invite", 15), ("check", 15), ("serve", 15), ("setup", 3)]
)
def test_every_option_is_named(command: str, at_least: int) -> None:
    help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output

    options = set(re.findall(r"--[a-z][a-z-]+", help_text)) - {"--help"}
    assert len(options) >= at_least
    for option in options:
        assert option in OPTIONS_PAGE, option


def test_every_command_has_help() -> None:
    for command in (
        "demo",
        "check",
        "invite",
        "status",
        "results",
        "template",
        "reconcile",
        "followup",
        "doctor",
        "forget",
        "sandbox",
        "serve",
        "setup",
    ):
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_pins_name_versions_never_addresses() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", ".ci/run", "Containerfile"):
        assert "://" not in Path(ROOT / name).read_text("utf-8")
