"""Which files an input stands for, and what they are called."""

from pathlib import Path

import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import InputFile, as_input_error, input_files
from tests.helpers import tables_of

A_ROW = "a,b\n1,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    for name in (
        "b.csv",
        "a.xlsx",
        "c.jsonl",
        "b.results.csv",
        "b.errors.csv",
        "b.summary.json",
        ".hidden.csv",
        "~$a.xlsx",
        "notes.docx",
        "resume.txt",
    ):
        (folder / name).write_text(A_ROW)
    return folder


def names(files: list[InputFile]) -> list[str]:
    return [file.path.name for file in files]


def test_a_folder_is_its_candidate_files_sorted(folder: Path) -> None:
    """Without hidden files, lock files, our own outputs, and texts that may be résumés."""
    assert names(input_files([str(folder)])) == ["a.xlsx", "b.csv", "c.jsonl"]


def test_a_folder_of_texts_alone_is_those(tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text(A_ROW)

    assert names(input_files([str(tmp_path)])) == ["people.txt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("*.csv", ["b.csv"], id="without-our-own"),
        pytest.param("*.errors.csv", ["b.errors.csv"], id="our-own-on-request"),
        pytest.param("[ab].*", ["a.xlsx", "b.csv"], id="class"),
        pytest.param("../**/c.jsonl", ["c.jsonl"], id="recursive"),
    ],
)
def test_a_glob_is_what_it_matches(folder: Path, pattern: str, expected: list[str]) -> None:
    assert names(input_files([str(folder / pattern)])) == expected


def test_a_file_named_like_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "people [1].csv").write_text(A_ROW)

    assert names(input_files([str(tmp_path / "people [1].csv")])) == ["people [1].csv"]


def test_a_file_given_twice_is_read_once(folder: Path) -> None:
    again = folder / ".." / "exports" / "b.csv"

    assert len(input_files([str(folder / "b.csv"), str(again), str(folder / "b.*")])) == 1


def test_inputs_keep_their_order(folder: Path) -> None:
    inputs = [str(folder / "c.jsonl"), str(folder / "b.csv")]

    assert names(input_files(inputs)) == ["c.jsonl", "b.csv"]


def test_sources_are_names_with_as_many_folders_as_tell_them_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "jan" / "x.csv", tmp_path / "feb" / "x.csv", tmp_path / "feb" / "y.csv"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(A_ROW)

    tables = tables_of(*paths)

    assert [table.source for table in tables] == ["jan/x.csv", "feb/x.csv", "y.csv"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("nobody.csv", "nobody.csv: no such file", id="no-file"),
        pytest.param("no/where.csv", "no such file", id="no-folder"),
        pytest.param("*.nope", "no file matches", id="no-match"),
        pytest.param("empty", "a folder without inputs", id="folder-with-nothing"),
        pytest.param("/dev/null", "neither a file nor a folder", id="device"),
        pytest.param("s3://bucket/x.xlsx?key=hush", "from a disk only", id="s3-workbook"),
        pytest.param("ftp://example.com/x.csv?key=hush", "not read", id="ftp"),
        pytest.param("http://example.com/x.csv?key=hush", "unencrypted", id="http"),
    ],
)
def test_an_input_that_stands_for_nothing_says_so(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match=said) as caught:
        input_files([text])

    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_no_input_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no input given"):
        input_files([])


def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patched where the file is opened, since tests may run as root."""
    (tmp_path / "people.csv").write_text(A_ROW)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"^people\.csv: may not be read"):
        tables_of(tmp_path / "people.csv")


def test_an_input_error_stays_what_it_is() -> None:
    error = InputError("people.csv: row 3 …")

    assert as_input_error("other.csv", error) is error
