"""The commands of docs/walkthrough.md, and those that the demo ends with, as they are pasted."""

import shlex
import shutil
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.cli.next_steps import program
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, friendly
from tests.unit.test_docs import ROOT

PAGE = (ROOT / "docs" / "walkthrough.md").read_text("utf-8")


def commands_in(text: str, named: str) -> list[list[str]]:
    """The lines of its blocks that begin with the program."""
    lines = [line.strip() for line in text.splitlines() if line.startswith(f"    {named} ")]
    return [shlex.split(line.removeprefix(named)) for line in lines]


def test_four_commands_lead_from_a_workbook_to_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = commands_in(PAGE, "jobmojito-batch")
    shutil.copy(ROOT / "data" / "samples" / "candidates.xlsx", tmp_path)
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        codes = [main([*words, "--yes"] if words[0] == "invite" else words) for words in walk]

    assert len(walk) == len(codes) <= 4
    assert codes[:2] == [1, 1]  # four rows of the sample are to be corrected
    assert not any(codes[2:])
    assert len(list((tmp_path / "drafts").glob("*.eml"))) == 35


def test_the_demo_ends_with_commands_that_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--no-prefect", "--folder", str(tmp_path / "demo-output")]) == 0
    said = capsys.readouterr().err
    last = commands_in(said.split("what to do next")[-1], program())

    assert "calls made    0" in said
    assert [words[0] for words in last] == ["status", "person", "template", "invite"]
    assert [main(words) for words in last] == [0, 0, 0, 0]
    printed = capsys.readouterr()
    assert "nothing of this person" not in printed.out
    assert "a rehearsal: nothing was created" in printed.err
    assert (tmp_path / "demo-output" / "candidates.results.xlsx").is_file()
