"""A folder is not trusted because one stands in it: what a `.env` there cannot do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.env_files import own_path
from jobmojito_batch.sandbox import RunningSandbox
from jobmojito_batch.settings import ENV_FILE
from tests.helpers import TOKEN, Run, friendly, people, write_input


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


@pytest.fixture
def hostile() -> Iterator[RunningSandbox]:
    with RunningSandbox(friendly()) as sandbox:
        yield sandbox


def unpacked(hostile: RunningSandbox, *more: str) -> Path:
    """An export as it came out of an archive, with a file that nobody looked at."""
    folder = Path.cwd() / "export"
    folder.mkdir()
    (folder / ".env").write_text(
        f"JOBMOJITO_API_TOKEN_COMMAND=touch {folder / 'ran'}; echo stolen\n"
        f"JOBMOJITO_BASE_URL={hostile.base_url}\n"
        f"JOBMOJITO_NOTIFY=json://{hostile.base_url.partition('//')[2]}\n"
        f"JOBMOJITO_LEDGER={folder / 'theirs.sqlite'}\n" + "\n".join(more)
    )
    write_input(folder, people(1))
    return folder


@pytest.mark.parametrize("command", [["check"], ["invite", "--yes", "--no-prefect"]])
def test_an_export_runs_nothing_and_is_sent_nothing(
    command: list[str],
    hostile: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(unpacked(hostile))

    main([*command, "people.csv"])

    assert not Path("ran").exists()
    assert not Path("theirs.sqlite").exists()
    assert hostile.log == []
    said = capsys.readouterr().err
    assert said.count("not taken from the current folder") == 1
    assert "JOBMOJITO_API_TOKEN_COMMAND, JOBMOJITO_BASE_URL" in said
    assert hostile.base_url not in said


def test_the_persons_own_token_goes_where_it_always_went(
    a_run: Run, hostile: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unpacked(hostile, "JOBMOJITO_ENVIRONMENT=test")
    monkeypatch.chdir(folder)

    assert a_run.invite(folder / "people.csv") == 0

    assert a_run.creates == 1
    assert hostile.log == []
    assert not Path("ran").exists()
    summary = json.loads((folder / "people.results.summary.json").read_text())
    assert summary["environment"] == "test"


@pytest.mark.parametrize("place", ["option", "own", "variable"])
def test_a_file_that_the_person_chose_is_all_that_is_needed(
    place: str, a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From whatever folder, and not beyond the command."""
    lines = [f"{name}={value}" for name, value in a_run.environment.items()]
    for name in a_run.environment:
        monkeypatch.delenv(name)
    path = own_path() if place == "own" else a_run.folder / "my.env"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    options = ["--env-file", "my.env"] if place == "option" else []
    if place == "variable":
        monkeypatch.setenv(ENV_FILE, str(path))

    assert a_run.invite(write_input(a_run.folder, people(1)), *options) == 0

    assert a_run.creates == 1
    assert (ENV_FILE in os.environ) == (place == "variable")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["status"], "gone.env"),
        (["doctor"], "gone.env"),
        (["check", "people.csv"], "folder"),
        (["invite", "people.csv", "--yes"], "gone.env"),
        (["serve", "people.csv"], "latin.env"),
        (["setup"], "gone.env"),
        (["reconcile"], "gone.env"),
        (["results", "018f"], "gone.env"),
        (["forget", "x@example.org", "--yes"], "gone.env"),
    ],
)
def test_a_named_file_that_is_no_use_is_a_sentence(
    command: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.env").write_bytes(b"JOBMOJITO_ENVIRONMENT=\xfc\n")

    assert main([*command, "--env-file", name]) == 2

    said = capsys.readouterr().err
    assert f"jobmojito-batch: --env-file {tmp_path / name}: " in said
    assert len(said.strip().splitlines()) == 1


def test_the_doctor_says_where_settings_come_from(
    a_run: Run,
    hostile: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own_path().parent.mkdir(parents=True)
    own_path().write_text("JOBMOJITO_MAX_ATTEMPTS=3\nJOBMOJITO_API_TOKEN=never-shown\n")
    own_path().chmod(0o644)
    monkeypatch.chdir(unpacked(hostile, "JOBMOJITO_ENVIRONMENT=test", "JOBMOJITO_MAX_ATTEMPTS=9"))

    main(["doctor"])

    captured = capsys.readouterr()
    shown = [line for line in captured.out.splitlines() if " settings " in line]
    assert "the environment: JOBMOJITO_API_TOKEN, JOBMOJITO_BASE_URL" in shown[0]
    assert f"{own_path()} (configuration folder): JOBMOJITO_MAX_ATTEMPTS" in shown[1]
    assert "others may read it" in shown[2]
    assert "chmod 600" in shown[2]
    assert shown[3].endswith(".env (current folder): JOBMOJITO_ENVIRONMENT")
    assert "not taken from the current folder" in shown[4]
    assert captured.err == ""
    assert "never-shown" not in captured.out
    assert TOKEN not in captured.out
    assert hostile.log == []
    assert a_run.creates == 0


def test_a_token_of_the_current_folder_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It decides whose account the interviews are made on."""
    Path(".env").write_text("JOBMOJITO_API_TOKEN=never-shown\n")

    main(["status"])

    said = capsys.readouterr().err
    assert f"token         from {Path.cwd() / '.env'}" in said
    assert "never-shown" not in said


LOGGING = """
version: 1
disable_existing_loggers: false
formatters:
  theirs: {"()": os.mkdir, path: ran}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prefect.toml", '[logging]\nconfig_path = "log.yml"\n'),
        ("pyproject.toml", '[tool.prefect.logging]\nconfig_path = "log.yml"\n'),
        (".env", "prefect_logging_settings_path=log.yml\n"),
    ],
)
def test_an_export_sets_no_prefect(name: str, text: str, a_run: Run) -> None:
    """Importing Prefect there would run what the file names; the run goes without it."""
    folder = a_run.folder / "export"
    folder.mkdir()
    (folder / name).write_text(text)
    (folder / "log.yml").write_text(LOGGING)
    write_input(folder, people(1))

    done = subprocess.run(
        [sys.executable, "-P", "-m", "jobmojito_batch", "invite", "people.csv", "--yes"],
        cwd=folder,
        env=os.environ | a_run.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert not (folder / "ran").exists()
    assert f"{name} in the current folder would set Prefect" in done.stderr
    assert a_run.creates == 1


@pytest.mark.parametrize(
    ("command", "code"), [(["serve", "people.csv"], 2), (["setup"], 2), (["doctor"], 1)]
)
def test_what_needs_prefect_says_which_file_is_in_the_way(
    command: list[str],
    code: int,
    a_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(a_run.folder)
    Path("prefect.toml").write_text("")

    assert main(command) == code

    captured = capsys.readouterr()
    assert "prefect.toml in the current folder would set Prefect" in captured.out + captured.err


def test_the_doctor_says_where_the_token_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody has to guess the program's own folder."""
    main(["doctor"])

    captured = capsys.readouterr()
    assert f"{own_path()} is not there; it takes them" in captured.out
    assert f"JOBMOJITO_API_TOKEN=… into {own_path()}" in captured.out


@pytest.mark.parametrize("name", ["JOBMOJITO_LEDGER", "JOBMOJITO_BASE_URL"])
def test_who_relied_on_a_folders_ledger_or_account_is_asked_before_anybody_is_paid_for(
    name: str,
    a_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without it the run would know nobody of earlier runs."""
    folder = a_run.folder / "work"
    folder.mkdir()
    (folder / ".env").write_text(f"{name}={a_run.environment[name]}\n")
    monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    path = write_input(folder, people(1))

    assert a_run.invite(path) == 2

    assert a_run.creates == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"{name} in the current folder is not taken from there" in said
    option = ["--env-file", ".env"]
    assert a_run.invite(path, *option) == 0
