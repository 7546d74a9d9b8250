"""The results and errors files hold what they were given, and no spreadsheet runs any of it."""

import datetime as dt
import json
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest

from jobmojito_batch.columns import RESULT_COLUMNS
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish import workbook, write_errors, write_results
from jobmojito_batch.publish.cells import UTC_TIME, harmless
from tests.helpers import tables_of

SUFFIXES = [".csv", ".xlsx", ".parquet", ".jsonl"]
COLUMNS = (*RESULT_COLUMNS, "Team", "*", "input.row")
SENT_AT = dt.datetime(2026, 3, 4, 5, 6, 7, 89_012, tzinfo=dt.UTC)
SCHEMA = dict.fromkeys(COLUMNS, pl.String()) | {
    "row": pl.UInt32(),
    "attempts": pl.Int64(),
    "http_status": pl.Int64(),
    "sent_at": UTC_TIME,
    "settled_at": UTC_TIME,
}


def a_frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Result rows that say only what matters."""
    return pl.DataFrame([dict.fromkeys(COLUMNS) | row for row in rows], schema=SCHEMA)


def written(path: Path, *frames: pl.DataFrame) -> Path:
    write_results(path, frames, COLUMNS)
    return path


def csv_cells(path: Path) -> list[dict[str, str | None]]:
    """The cells as our own intake reads them."""
    table = tables_of(path)[0]
    rows = table.frame.collect().drop("row", "overflow").rows()
    return [dict(zip(table.headers, row, strict=True)) for row in rows]


def sheet_cells(path: Path) -> pl.DataFrame:
    return fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_polars()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("=1+1", "'=1+1", id="equals"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage-return"),
        pytest.param("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0", id="plus"),
        pytest.param("-A1", "'-A1", id="minus"),
        pytest.param("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0", id="begins-as-a-number"),
        pytest.param("+1(SUM(A1))", "'+1(SUM(A1))", id="begins-as-a-phone"),
        pytest.param("+1\n=A1", "'+1\n=A1", id="number-and-more-lines"),
        pytest.param("- first point", "'- first point", id="bullet"),
        pytest.param("-", "'-", id="dash"),
        pytest.param("-1,5", "-1,5", id="number"),
        pytest.param("-1.234,56", "-1.234,56", id="number-in-groups"),
        pytest.param("-.5", "-.5", id="number-without-a-nought"),
        pytest.param("+12 %", "+12 %", id="percentage"),
        pytest.param("-5.55E+09", "-5.55E+09", id="exponent"),
        pytest.param("5.55E+09", "5.55E+09", id="exponent-without-sign"),
        pytest.param("+1 (555) 010-9999", "+1 (555) 010-9999", id="phone"),
        pytest.param("+49\xa030/010-99.99", "+49\xa030/010-99.99", id="phone-with-hard-blank"),
        pytest.param("+1 555 010 9999 ext. 12", "+1 555 010 9999 ext. 12", id="phone-extension"),
        pytest.param("a=1", "a=1", id="inside"),
        pytest.param("'=1", "'=1", id="harmless-already"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_only_what_a_spreadsheet_would_run_gets_an_apostrophe(
    cell: str | None, expected: str | None
) -> None:
    frame = pl.DataFrame({"x": [cell]}, schema={"x": pl.String})

    assert frame.select(harmless(pl.col("x")))["x"].to_list() == [expected]


def test_csv_comes_back_through_our_own_intake(tmp_path: Path) -> None:
    """Quotes, delimiters, line breaks, accents and headers that look like patterns."""
    cells = {"Team": 'a,"b"\nc', "*": "x\ry", "candidate_name": "Zoë", "reason": " blank "}
    path = written(tmp_path / "r.csv", a_frame({"row": 2, **cells}), a_frame({"row": 3}))

    assert csv_cells(path) == [
        {name: {"row": "2", **cells}.get(name) for name in COLUMNS},
        {name: {"row": "3"}.get(name) for name in COLUMNS},
    ]


def test_csv_is_utf8_with_bom_and_iso_times(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", a_frame({"sent_at": SENT_AT, "reason": "=1"}))

    assert path.read_bytes().startswith(b"\xef\xbb\xbfoutcome,candidate_name,")
    assert csv_cells(path)[0]["sent_at"] == "2026-03-04T05:06:07.089Z"
    assert csv_cells(path)[0]["reason"] == "'=1"


def test_headers_that_would_run_are_made_harmless(tmp_path: Path) -> None:
    write_results(tmp_path / "r.csv", [pl.DataFrame({"=1": ["x"], "'=1": ["y"]})], ["=1", "'=1"])

    assert (tmp_path / "r.csv").read_text("utf-8-sig") == "'=1,'=1\nx,y\n"


def test_text_is_made_harmless_whatever_its_column_is_called(tmp_path: Path) -> None:
    """Columns with something to look at closely and those with nothing, also where all are one."""
    frame = pl.DataFrame({"*": ["=1", ""], "^x$": ["a", ""], "n": ["-1", None]})

    write_results(tmp_path / "r.csv", [frame], ["*", "^x$", "n"])
    write_results(tmp_path / "one.csv", [frame], ["*"])

    assert (tmp_path / "r.csv").read_text("utf-8-sig") == "*,^x$,n\n'=1,a,-1\n,,\n"
    assert (tmp_path / "one.csv").read_text("utf-8-sig") == "*\n'=1\n\n"


def test_json_lines_keep_nulls_and_types(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", a_frame({"row": 2, "Team": "=é\n", "sent_at": SENT_AT}))
    [line] = path.read_text("utf-8").splitlines()

    assert json.loads(line) == {
        **dict.fromkeys(COLUMNS),
        "row": 2,
        "Team": "=é\n",
        "sent_at": "2026-03-04T05:06:07.089Z",
    }


def test_parquet_is_typed(tmp_path: Path) -> None:
    path = written(tmp_path / "r.parquet", a_frame({"row": 2, "sent_at": SENT_AT}), a_frame({}))
    frame = pl.read_parquet(path)

    assert dict(frame.schema) == {**SCHEMA, "row": pl.Int64()}
    assert frame["sent_at"].to_list() == [SENT_AT, None]


def test_parquet_keeps_the_order_of_many_frames(tmp_path: Path) -> None:
    frames = (a_frame(*({"row": 100 * n + i} for i in range(100))) for n in range(30))
    write_results(tmp_path / "r.parquet", frames, COLUMNS)

    assert pl.read_parquet(tmp_path / "r.parquet")["row"].to_list() == list(range(3000))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_are_taken_in_the_callers_thread_one_by_one(tmp_path: Path, suffix: str) -> None:
    """They may come from a database connection, which belongs to its thread."""
    threads: set[int] = set()

    def frames() -> Iterator[pl.DataFrame]:
        for row in range(5):
            threads.add(threading.get_ident())
            yield a_frame({"row": row})

    write_results(tmp_path / f"r{suffix}", frames(), COLUMNS)

    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_crash_while_rows_are_written_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    """And nothing beside it; the error is the one that was raised."""
    target = tmp_path / "out" / f"r{suffix}"
    target.parent.mkdir()
    target.write_text("old")

    def frames() -> Iterator[pl.DataFrame]:
        for row in range(5):
            yield a_frame({"row": row})
        raise KeyError("the ledger is gone")

    with pytest.raises(KeyError, match="the ledger is gone"):
        write_results(target, frames(), COLUMNS)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_results_are_for_the_owner_alone(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"r{suffix}", a_frame({"row": 2}))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_rows_still_give_a_file_with_the_header(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        written(tmp_path / f"none{suffix}")
        written(tmp_path / f"blank{suffix}", a_frame())

    for name in ("none", "blank"):
        assert (tmp_path / f"{name}.csv").read_text("utf-8-sig") == ",".join(COLUMNS) + "\n"
        assert tuple(sheet_cells(tmp_path / f"{name}.xlsx").columns) == COLUMNS
        assert tuple(pl.read_parquet(tmp_path / f"{name}.parquet").columns) == COLUMNS
        assert (tmp_path / f"{name}.jsonl").read_text() == ""


def test_sheet_cells_are_typed_text_and_integers(tmp_path: Path) -> None:
    """Nothing that looks like a formula, number or date is taken for one."""
    texts = {"Team": "=1+1", "*": "007", "reason": "  ", "status": "l1\nl2", "input.row": "_x0041_"}
    path = written(tmp_path / "r.xlsx", a_frame({"row": 2, "attempts": 3, **texts}))
    typed = fastexcel.read_excel(path).load_sheet(0).to_polars()

    assert typed.row(0, named=True).items() >= {"row": 2, "attempts": 3, **texts}.items()


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "\r"])
def test_control_characters_do_not_break_a_sheet(tmp_path: Path, character: str) -> None:
    path = written(tmp_path / "r.xlsx", a_frame({"Team": f"a{character}b"}, {"Team": "next"}))
    first, second = sheet_cells(path)["Team"].to_list()

    assert (first[0], first[-1], second) == ("a", "b", "next")


@pytest.mark.parametrize(
    ("text", "is_link"),
    [
        pytest.param("https://example.com/i?a=1&b=2#x", True, id="https"),
        pytest.param("http://127.0.0.1:8700/i", True, id="http"),
        pytest.param("https://example.com/" + "x" * 2059, True, id="longest"),
        pytest.param("https://example.com/" + "x" * 2060, False, id="too-long"),
        pytest.param("file:///etc/passwd", False, id="file"),
        pytest.param("internal:Sheet1!A1", False, id="internal"),
        pytest.param("javascript:alert(1)", False, id="script"),
        pytest.param("https://example.com/\x01 x", False, id="odd-characters"),
    ],
)
def test_web_addresses_alone_become_hyperlinks(tmp_path: Path, text: str, is_link: bool) -> None:
    path = written(tmp_path / "r.xlsx", a_frame({"interview_url": text}))
    names = [name for name in _parts(path) if name.endswith("sheet1.xml.rels")]

    assert bool(names) == is_link
    assert sheet_cells(path)["interview_url"][0].startswith(text[:10])


def test_links_beyond_what_a_sheet_takes_stay_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_LINKS", 2)
    urls = [f"https://example.com/{number}" for number in range(4)]
    path = written(tmp_path / "r.xlsx", a_frame(*({"interview_url": url} for url in urls)))
    links = _parts(path)["xl/worksheets/_rels/sheet1.xml.rels"].decode()

    assert [url in links for url in urls] == [True, True, False, False]
    assert sheet_cells(path)["interview_url"].to_list() == urls


@pytest.mark.parametrize(
    "text",
    [pytest.param("é" * 40_000, id="one-unit"), pytest.param("x" + "😀" * 20_000, id="two-units")],
)
def test_text_longer_than_a_cell_is_cut_with_a_mark(tmp_path: Path, text: str) -> None:
    [cell] = sheet_cells(written(tmp_path / "r.xlsx", a_frame({"Team": text})))["Team"]

    assert cell.endswith(workbook.CUT_MARK)
    assert text.startswith(cell.removesuffix(workbook.CUT_MARK))
    assert 32_765 <= len(cell.encode("utf-16-le")) // 2 <= 32_767


def test_text_that_just_fits_a_cell_is_not_cut() -> None:
    assert workbook.fitting("x" * 32_767) == "x" * 32_767


def test_more_rows_than_a_sheet_takes_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)

    with pytest.raises(SettingsError, match=r"use \.csv or \.parquet"):
        written(tmp_path / "r.xlsx", a_frame({}, {}, {}))
    assert not (tmp_path / "r.xlsx").exists()


def _parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as parts:
        return {name: parts.read(name) for name in parts.namelist()}


def test_the_header_of_a_sheet_stays_in_sight_and_filters(tmp_path: Path) -> None:
    sheet = _parts(written(tmp_path / "r.xlsx", a_frame({})))["xl/worksheets/sheet1.xml"].decode()

    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:X2"/>' in sheet


def errors_frame(*rows: tuple[str | None, ...]) -> pl.DataFrame:
    names = [f"cell:{number}" for number in range(len(rows[0]) - 1)]
    schema = dict.fromkeys([*names, "error_code", "error_field", "error_message"], pl.String)
    return pl.DataFrame([(*row, "email", "a; b") for row in rows], schema=schema, orient="row")


def test_the_errors_file_has_the_layout_of_the_input(tmp_path: Path) -> None:
    """Double and blank headers, its delimiter, its cells; and it can be read again."""
    path = tmp_path / "r.errors.csv"
    frames = [errors_frame(('1;"2"', None, "x\ny", "bad")), errors_frame(("=1", "-1,5", "", "bad"))]

    rows = write_errors(path, frames, headers=["Name", "", "Name"], delimiter=";")

    assert rows == 2
    assert path.read_bytes().decode("utf-8-sig") == (
        "Name;;Name;error_code;error_field;error_message\n"
        '"1;""2""";;"x\ny";bad;email;"a; b"\n'
        '\'=1;-1,5;;bad;email;"a; b"\n'
    )
    table = tables_of(path)[0]
    assert (table.delimiter, table.headers[:3]) == (";", ("Name", "", "Name"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("frames", [[], [errors_frame(("1", "bad")).clear()]])
def test_without_errors_an_older_errors_file_goes(
    tmp_path: Path, frames: list[pl.DataFrame]
) -> None:
    """It would tell of rows that are fine by now."""
    path = tmp_path / "r.errors.csv"
    path.write_text("old")

    assert write_errors(path, frames, headers=["Name"], delimiter=",") == 0
    assert not path.exists()
    assert write_errors(path, frames, headers=["Name"], delimiter=",") == 0
