"""The two functions of the package, and the README's lines as they stand."""

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch import BatchError, InviteParameters, check, invite
from jobmojito_batch.errors import DoubtError, SettingsError
from jobmojito_batch.sandbox import Fault, RunningSandbox, creates_per_invitation
from tests.helpers import TOKEN, Run, friendly, people, write_input

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "samples" / "candidates.csv"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Settings of a machine whose API is a sandbox."""
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def test_the_lines_of_the_readme_invite_the_sample(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = re.findall(
        r"^```python\n(.+?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    shutil.copy(SAMPLE, tmp_path / "candidates.csv")

    assert len(lines) == 1
    exec(compile(lines[0], "README.md", "exec"), {})  # noqa: S102 - what is tested

    planned, ended = capsys.readouterr().out.splitlines()
    assert planned == "35 rows for about 8.75 credits"
    assert ended.startswith("1 40 rows: 35 invited")
    assert (tmp_path / "candidates.results.csv").is_file()
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


def test_check_sends_nothing_and_a_second_call_finds_all_done(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = InviteParameters(inputs=[str(write_input(tmp_path, people(3)))])

    assert check(wanted)["would_send"] == 3
    assert not creates_per_invitation(run.sandbox.log)
    first = invite(wanted)
    again = invite(wanted)

    assert (first.exit_code, first.sentence) == (0, "3 rows: 3 invited; about 0.75 credits")
    assert again.sentence == "3 rows: 3 already done; about 0 credits"
    assert check(wanted)["classes"]["already_done"] == 3
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_a_program_that_logs_everything_logs_no_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look-up has the e-mail in its address, and httpx's own client tells addresses at INFO."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiohttp"):  # as an earlier test may have left them
        caplog.set_level(logging.NOTSET, logger=name)
    lost = Fault(call=(1,), disconnect="after")
    with RunningSandbox(friendly(faults=[lost])) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        wanted = InviteParameters(inputs=[str(write_input(tmp_path, people(2)))])
        check(wanted)
        ended = invite(wanted)

    assert (ended.lookups or 0) > 0
    assert "example.com" not in caplog.text
    assert TOKEN not in caplog.text


def test_a_fault_is_a_batch_error_and_nothing_is_sent(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BatchError, match=r"gone\.csv"):
        invite(InviteParameters(inputs=[str(tmp_path / "gone.csv")]))
    with pytest.raises(SettingsError):
        check(InviteParameters(inputs=["x.csv"], base_url="http://api.example"))

    assert not creates_per_invitation(run.sandbox.log)


def test_what_holds_a_run_that_nobody_confirms_holds_this_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Name,Land,Lebenslauf,Stelle\nAnn Lee,SK,years,Nurse\n", encoding="utf-8")

    with pytest.raises(DoubtError):
        invite(InviteParameters(inputs=[str(path)]))
    assert not creates_per_invitation(run.sandbox.log)
