"""A file appears whole under its name, or the older one stays."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from polars.exceptions import ComputeError

from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.publish import check_target, write_summary, written_whole
from tests.helpers import a_summary


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_body_writes_beside_the_target_and_the_target_appears(tmp_path: Path) -> None:
    target = tmp_path / "results.csv"
    with written_whole(target) as path:
        path.write_text("new")
        assert path.parent == tmp_path
        assert not target.exists()

    assert target.read_text() == "new"
    assert not list(tmp_path.glob(".*"))


def test_a_crash_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "results.csv"
    target.write_text("old")

    def crash() -> None:
        with written_whole(target) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert target.read_text() == "old"
    assert not list(tmp_path.glob(".results*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_the_owner_may_read_it_from_the_first_byte_on(tmp_path: Path) -> None:
    """Also where the body made the file anew and where the older file was open to all."""
    target = tmp_path / "results.csv"
    target.write_text("old")
    target.chmod(0o644)
    with written_whole(target) as path:
        assert mode_of(path) == 0o600
        path.unlink()
        path.write_text("new")
        path.chmod(0o644)

    assert mode_of(target) == 0o600


def test_two_writers_of_one_target_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "results.csv"
    with written_whole(target) as one, written_whole(target) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")

    assert target.read_text() == "one"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("no/results.csv", "there is no folder", id="no-folder"),
        pytest.param("taken.csv", "is a folder", id="folder"),
        pytest.param("file/results.csv", "cannot be written", id="folder-is-a-file"),
    ],
)
def test_an_impossible_target_is_one_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "taken.csv").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match=said) as caught, written_whole(tmp_path / name) as path:
        path.write_text("new")

    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), id="from-python"),
        pytest.param(OSError("No space left on device (os error 28)"), id="from-polars-csv"),
        pytest.param(
            ComputeError("parquet: IO error: No space left on device (os error 28)"),
            id="from-polars-parquet",
        ),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path, error: Exception) -> None:
    target = tmp_path / "results.csv"
    target.write_text("old")

    with (
        pytest.raises(BatchError, match=r"results\.csv: No space.*make room"),
        written_whole(target),
    ):
        raise error
    assert target.read_text() == "old"


def test_errors_about_other_files_keep_their_own_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "results.csv"):
        (tmp_path / "elsewhere").read_text()


@pytest.mark.parametrize("name", ["r.csv", "r.xlsx", "r.parquet", "r.jsonl", "R.CSV"])
def test_the_four_formats_are_accepted(tmp_path: Path, name: str) -> None:
    check_target(tmp_path / name)

    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("r.xls", r"results cannot be \.xls; end the name in \.csv", id="suffix"),
        pytest.param("r", "results cannot be without suffix", id="no-suffix"),
        pytest.param("no/r.csv", "there is no folder", id="no-folder"),
        pytest.param("taken.csv", "is a folder", id="folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "taken.csv").mkdir()

    with pytest.raises(SettingsError, match=said):
        check_target(tmp_path / name)


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patched, since tests may run as root."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(SettingsError, match="may not be written"):
        check_target(tmp_path / "r.csv")


def test_more_rows_than_a_sheet_takes_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    check_target(tmp_path / "r.xlsx", rows=1_048_575)
    check_target(tmp_path / "r.csv", rows=1_048_576)

    with pytest.raises(SettingsError, match=r"use \.csv or \.parquet"):
        check_target(tmp_path / "r.xlsx", rows=1_048_576)


def test_the_summary_is_json_for_people_and_programs(tmp_path: Path) -> None:
    summary = a_summary(sources=["Zoë.csv"])

    write_summary(tmp_path / "s.json", summary)

    text = (tmp_path / "s.json").read_text("utf-8")
    assert text == json.dumps(summary.as_json(), ensure_ascii=False, indent=2) + "\n"
    assert '  "sources": [\n    "Zoë.csv"\n  ],\n' in text
