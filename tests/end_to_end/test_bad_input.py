"""Bad input and bad settings: one line that says what to do, exit 2, nothing sent, nothing lost."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, friendly, people, write_input

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are text there")


def no_such_file(_folder: Path) -> list[str]:
    return ["nowhere.csv"]


def written(content: bytes, name: str = "people.csv") -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return [str(folder / name)]

    return make


def empty_folder(folder: Path) -> list[str]:
    (folder / "inbox").mkdir()
    return [str(folder / "inbox")]


def empty_workbook(folder: Path) -> list[str]:
    with xlsxwriter.Workbook(folder / "people.xlsx") as workbook:
        workbook.add_worksheet()
    return [str(folder / "people.xlsx")]


def good_with(*options: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        return [str(write_input(folder, people(1))), *options]

    return make


def named_in_no_text(folder: Path) -> list[str]:
    """As an archive of an old Windows leaves a name: its bytes are no UTF-8."""
    shutil.copy(write_input(folder, people(1)), folder / os.fsdecode(b"Kandid\xe1ti.csv"))
    return [str(folder)]


def option_in_no_text(folder: Path) -> list[str]:
    return [*good_with()(folder), "-o", os.fsdecode(b"v\xfdsledky.csv")]


def in_a_folder_in_no_text(folder: Path) -> list[str]:
    here = folder / os.fsdecode(b"z\xe1znamy")
    here.mkdir()
    os.chdir(write_input(here, people(1)).parent)
    return ["people.csv"]


BAD = [
    pytest.param(no_such_file, "nowhere.csv", id="no-such-file"),
    pytest.param(written(b""), "people.csv", id="empty-file"),
    pytest.param(written(b"candidate_email,name\n"), "people.csv", id="header-only"),
    pytest.param(written(b"one,two\n1,2\n"), "one", id="no-recognisable-header"),
    pytest.param(written(b"\x00\x01\x02\xff" * 500), "people.csv", id="binary-named-csv"),
    pytest.param(written(b"PAR1 broken", "people.parquet"), "people.parquet", id="broken-parquet"),
    pytest.param(written(b"not a zip", "people.xlsx"), "people.xlsx", id="broken-workbook"),
    pytest.param(written(b"{broken\n", "people.jsonl"), "people.jsonl", id="broken-ndjson"),
    pytest.param(written(b'a,candidate_email\n"x,y\n'), "people.csv", id="open-quote"),
    pytest.param(
        written("candidate_email\né\n".encode() + b"\xe9\n"), "row 3 holds", id="not-utf-8"
    ),
    pytest.param(named_in_no_text, "Kandid?ti.csv", id="name-no-text", marks=LINUX),
    pytest.param(option_in_no_text, "v?sledky.csv", id="option-no-text", marks=LINUX),
    pytest.param(in_a_folder_in_no_text, "z?znamy", id="folder-no-text", marks=LINUX),
    pytest.param(empty_folder, "inbox", id="empty-folder"),
    pytest.param(empty_workbook, "people.xlsx", id="workbook-without-data"),
    pytest.param(good_with("--base-url", "http://api.example.com"), "https", id="http-abroad"),
    pytest.param(good_with("--base-url", "nonsense"), "BASE_URL", id="no-url"),
    pytest.param(good_with("--rate", "0"), "--rate", id="rate-0"),
    pytest.param(good_with("--rate", "-1"), "--rate", id="rate-negative"),
    pytest.param(good_with("--set", "candidate_nmae=x"), "candidate_name", id="set-misspelt"),
    pytest.param(good_with("--set", "mojito_language_code=klingon"), "klingon", id="set-no-value"),
    pytest.param(good_with("--map", "Nothing=candidate_name"), "Nothing", id="map-no-such-header"),
    pytest.param(good_with("-o", "results.doc"), ".csv", id="odd-results"),
    pytest.param(good_with("-o", "no/such/folder/r.csv"), "no/such/folder", id="no-folder"),
    pytest.param(good_with("--ledger", "postgresql://x"), "JOBMOJITO_LEDGER", id="no-driver"),
    pytest.param(good_with("--no-such-option"), "--no-such-option", id="no-such-option"),
]


@pytest.mark.parametrize("command", ["check", "invite"])
@pytest.mark.parametrize(("make", "word"), BAD)
def test_bad_input_ends_with_a_line_and_sends_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], list[str]],
    word: str,
    command: str,
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.chdir(tmp_path)
        arguments = make(tmp_path)
        before = sorted(one.name for one in tmp_path.iterdir())
        more = ["--yes", "--no-prefect"] if command == "invite" else []

        code = main([command, *arguments, *more])

        told = capsys.readouterr()
        assert code == 2
        assert word.lower() in told.err.lower()
        assert "Traceback" not in told.err
        if "--no-such-option" not in arguments:  # the library draws a box around those
            assert told.err.count("\n") == 1
            assert told.err.startswith("jobmojito-batch: ")
        assert told.out == ""
        assert run.calls == 0
        left = {one.name for one in tmp_path.iterdir()} - {"ledger.sqlite"}
        assert sorted(name for name in left if not name.startswith("ledger.")) == before


def test_results_never_overwrite_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(tmp_path, people(1))
    before = path.read_bytes()
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "t")

    code = main(["invite", str(path), "--yes", "--no-prefect", "-o", str(path)])

    assert code == 2
    assert "overwrite" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_export_may_lie_where_nobody_writes_until_results_are_to_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A share of HR that is read alone. Patched, since tests may run as root."""
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        (share := tmp_path / "share").mkdir()
        path, may = write_input(share, people(1)), os.access
        monkeypatch.setattr(os, "access", lambda at, mode: at != share and may(at, mode))

        assert main(["check", str(path)]) == 0
        assert main(["invite", str(path), "--yes", "--no-prefect"]) == 2

        assert "people.results.csv: may not be written" in capsys.readouterr().err
        assert run.calls == 0


def test_a_demo_that_cannot_write_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").touch()

    assert main(["demo", "--no-prefect", "--folder", str(tmp_path / "taken" / "demo")]) == 2
    assert "the demo cannot write there (Not a directory)" in capsys.readouterr().err


def test_without_a_token_nothing_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["invite", str(write_input(tmp_path, people(1))), "--yes", "--no-prefect"])

    assert code == 2
    assert "JOBMOJITO_API_TOKEN" in capsys.readouterr().err


def test_where_nobody_can_be_asked_yes_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "t")

    code = main(["invite", str(write_input(tmp_path, people(1))), "--no-prefect"])

    assert code == 2
    assert "--yes" in capsys.readouterr().err


def test_check_needs_no_token_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(tmp_path, people(3))
    before = sorted(one.name for one in tmp_path.iterdir())

    code = main(["check", str(path)])

    assert code == 0
    assert "would send    3" in capsys.readouterr().out
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_parquet_with_typed_columns_is_read_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame(
        {
            "candidate_name": ["Ann"],
            "candidate_email": ["a@example.com"],
            "candidate_country_code": ["SK"],
            "candidate_resume": ["text"],
            "position_def_set_id": ["p-1"],
            "interview_attempts": [3],
            "include_rapport_question": [True],
            "tags": [["a", "b"]],
        }
    ).write_parquet(path)

    assert main(["check", str(path)]) == 0
    assert "would send    1" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "invite"])
def test_the_lock_file_of_a_workbook_is_no_home(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`~$b.xlsx` is what an office leaves while b.xlsx is open, not somebody's home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "made-up")
    (tmp_path / "~$b.xlsx").write_bytes(b"")

    assert (
        main([command, "~$b.xlsx", *(["--yes", "--no-prefect"] if command == "invite" else [])])
        == 2
    )

    assert "Traceback" not in capsys.readouterr().err
