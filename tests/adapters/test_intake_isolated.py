"""A file whose reader aborts, hangs or fills the memory costs that file, with one sentence."""

import errno
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import xlsxwriter

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import isolated
from tests.helpers import tables_of

OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
WIDE_ROW = (
    '<table:table-row><table:table-cell table:number-columns-repeated="16000"'
    ' office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>'
)


@pytest.fixture(autouse=True)
def readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Processes of the test's own, which end with it."""
    isolated._readers.end_idle()
    own = isolated._Readers()
    monkeypatch.setattr(isolated, "_readers", own)
    yield
    own.end_idle()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet().write_column(0, 0, ["Name", "Ann"])
    book.close()
    return path


def rows_of(path: Path) -> list[str]:
    cells: list[str] = tables_of(path)[0].frame.collect()["cell:0"].to_list()
    return cells


def processes() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any("isolated_worker" in word for word in child.cmdline())
    ]


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A file that never ends, to whoever reads it."""
    path = tmp_path / "endless.xlsx"
    os.mkfifo(path)
    return path


def test_a_bomb_of_a_few_kilobytes_makes_its_reader_abort_and_nothing_else(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 rows that repeat one cell 16,000 times: 13 kB, which the native reader unfolds."""
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 400 << 20)
    bomb = tmp_path / "bomb.ods"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr(
            "META-INF/manifest.xml", f'<m:manifest xmlns:m="{OFFICE}:manifest:1.0"></m:manifest>'
        )
        package.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{OFFICE}:office:1.0"'
            f' xmlns:table="{OFFICE}:table:1.0" xmlns:text="{OFFICE}:text:1.0"><office:body>'
            f'<office:spreadsheet><table:table table:name="S">{WIDE_ROW * 20_000}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )

    with pytest.raises(InputError, match=r"^bomb\.ods: makes its reader fail: .* copy its rows"):
        tables_of(bomb)

    assert rows_of(good) == ["Ann"]


def test_a_reader_that_dies_in_the_middle_costs_the_file(
    good: Path, pipe: Path, tmp_path: Path
) -> None:
    """Killed for real."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def kill_it() -> None:
        while not (found := processes()):
            time.sleep(0.01)
        kill(found[0])

    killer = threading.Thread(target=kill_it)
    killer.start()

    with pytest.raises(InputError, match="makes its reader fail"):
        isolated.read_apart("workbook", pipe, "endless.xlsx", scratch, overrides={})

    killer.join()
    assert rows_of(good) == ["Ann"]


def test_a_reader_that_hangs_is_ended(
    pipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "SECONDS", 0.2)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with pytest.raises(InputError, match="takes longer than 0 s to read"):
        isolated.read_apart("workbook", pipe, "endless.xlsx", scratch, overrides={})

    assert processes() == []


def test_a_process_that_died_while_nobody_asked_it_costs_no_file(good: Path) -> None:
    first = rows_of(good)
    [process] = processes()
    kill(process)

    assert rows_of(good) == first == ["Ann"]


def test_one_process_reads_the_files_of_a_run_and_knows_no_secret(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "secret-token")
    rows_of(good)
    [first] = processes()
    rows_of(good)
    [second] = processes()

    assert first.pid == second.pid
    assert "secret-token" not in first.environ().values()
    assert {"PATH", "PYTHONPATH"} <= first.environ().keys()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_name_is_that_of_the_folder_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that invites one folder after the other: the process is of the first."""
    for name in ("Ann", "Ben"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with xlsxwriter.Workbook("people.xlsx") as book:
            book.add_worksheet().write_column(0, 0, ["Name", name])

        assert rows_of(Path("people.xlsx")) == [name]


def test_a_disk_without_room_is_no_fault_of_the_file(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an inbox would put a good file into failed/."""
    monkeypatch.setattr(isolated, "scratch_file", lambda *_: Path("/dev/full"))

    with pytest.raises(InputError) as caught:
        tables_of(good)

    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ENOSPC
