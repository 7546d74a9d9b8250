"""Parquet, workbooks and NDJSON become the same all-text frame as a CSV."""

import datetime as dt
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import arro3.core
import polars as pl
import pytest
import xlsxwriter
from arro3.io import write_parquet

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake import ndjson
from jobmojito_batch.intake.leading_zeros import with_leading_zeros
from jobmojito_batch.records import Detected, Table
from tests.helpers import tables_of

OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600)


def rows_of(table: Table) -> list[tuple[object, ...]]:
    return table.frame.collect(engine="streaming").rows()


def column_of(path: Path, values: pl.Series) -> list[str | None]:
    """What one Parquet column is read as; a second column keeps the rows from being blank."""
    pl.DataFrame({"x": values, "id": range(len(values))}).write_parquet(path)
    return tables_of(path)[0].frame.collect()["cell:0"].to_list()


UTC = dt.UTC


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(pl.Series([5, None]), ["5", None], id="integers"),
        pytest.param(pl.Series([5.0, 2.5, None]), ["5", "2.5", None], id="floats"),
        pytest.param(
            pl.Series([float("nan"), 1e20, 1.23456789012345e17, 1234567890123456.0, 1e15 - 1]),
            [None, "1E+20", "1.23456789012345E+17", "1.234567890123456E+15", f"{10**15 - 1}"],
            id="missing-and-long",
        ),
        pytest.param(pl.Series([Decimal("5.00"), Decimal("5.10")]), ["5", "5.10"], id="decimals"),
        pytest.param(pl.Series([True, False, None]), ["true", "false", None], id="booleans"),
        pytest.param(pl.Series([dt.date(2026, 3, 4)]), ["2026-03-04"], id="dates"),
        pytest.param(
            pl.Series([dt.datetime(2026, 3, 4), dt.datetime(2026, 3, 4, 5, 6, 7, 89000)]),  # noqa: DTZ001
            ["2026-03-04", "2026-03-04T05:06:07.089000"],
            id="times",
        ),
        pytest.param(
            pl.Series([dt.datetime(2026, 3, 4, 5, tzinfo=UTC)]),
            ["2026-03-04T05:00:00+00:00"],
            id="times-with-a-zone",
        ),
        pytest.param(pl.Series([[1, 2], None, []]), ["[1,2]", None, None], id="lists"),
        pytest.param(pl.Series([["a@x"], ["b", "c"]]), ["a@x", '["b","c"]'], id="lists-of-one"),
        pytest.param(pl.Series([[{"a": "é"}]]), ['[{"a":"é"}]'], id="lists-of-structs"),
        pytest.param(pl.Series([{"a": "é"}, None]), ["é", None], id="structs"),
        pytest.param(pl.Series(["b", "a"], dtype=pl.Categorical), ["b", "a"], id="categories"),
        pytest.param(pl.Series([None], dtype=pl.Null), [None], id="nothing-but-nulls"),
        pytest.param(pl.Series(["007", " x "]), ["007", " x "], id="text-as-it-is"),
    ],
)
def test_typed_parquet_columns_become_text(
    tmp_path: Path, values: pl.Series, expected: list[str | None]
) -> None:
    assert column_of(tmp_path / "x.parquet", values) == expected


def test_parquet_rows_count_from_one_and_blank_ones_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"row": ["a", None, "c"], "*": ["1", " ", "3"]}).write_parquet(path)
    table = tables_of(path)[0]

    assert table.headers == ("row", "*")
    assert rows_of(table) == [(1, "a", "1", None), (3, "c", "3", None)]


FIXED = arro3.core.DataType.binary(16)


@pytest.mark.parametrize(
    ("cells", "kind", "name", "expected"),
    [
        pytest.param([bytes(15) + b"\x01", None], FIXED, b"arrow.uuid",
                     ["00000000-0000-0000-0000-000000000001", None], id="uuid"),
        pytest.param([b"b3f1-00-annlee-x"], FIXED, None, ["b3f1-00-annlee-x"], id="16-letters"),
        pytest.param([b"\xe8" * 16], FIXED, None, ["e8" * 16], id="16-bytes-that-are-no-text"),
        pytest.param(["Zoë".encode(), None], arro3.core.DataType.binary(), None, ["Zoë", None],
                     id="text-that-nobody-called-so"),
        pytest.param([b"M\xfcller"], arro3.core.DataType.binary(), None, ["M\ufffdller"],
                     id="text-of-an-encoding-that-is-lost"),
        pytest.param([bytes(9_000)], arro3.core.DataType.binary(), None, ["\ufffd (9000 bytes)"],
                     id="a-picture"),
    ],
)  # fmt: skip
def test_bytes_of_parquet_are_text_or_the_digits_of_an_id(
    cells: list[bytes | None],
    kind: arro3.core.DataType,
    name: bytes | None,
    expected: list[str | None],
    tmp_path: Path,
) -> None:
    """U+FFFD makes a row invalid where a field needs it; it is never sent as a name."""
    metadata = {b"ARROW:extension:name": name} if name else {}
    fields = [
        arro3.core.Field("x", kind, nullable=True, metadata=metadata),
        arro3.core.Field("id", arro3.core.DataType.int64(), nullable=True),
    ]
    columns = [
        arro3.core.Array(cells, type=kind),
        arro3.core.Array(list(range(len(cells))), type=arro3.core.DataType.int64()),
    ]
    batch = arro3.core.RecordBatch.from_arrays(columns, schema=arro3.core.Schema(fields))
    write_parquet(batch, tmp_path / "x.parquet")
    [table] = tables_of(tmp_path / "x.parquet")

    assert table.frame.collect()["cell:0"].to_list() == expected


def workbook(path: Path, sheets: dict[str, dict[str, Any]], *, hidden: str = "") -> Path:
    """A workbook of cells by their address; a date where the value is one."""
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm"})
    for name, cells in sheets.items():
        sheet = book.add_worksheet(name)
        if name == hidden:
            sheet.hide()
        elif hidden:
            sheet.activate()  # a first sheet can be hidden only where another is on top
        for address, value in cells.items():
            sheet.write(address, value)
    book.close()
    return path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("007", "007", id="leading-zeros"),
        pytest.param(5, "5", id="integer"),
        pytest.param(2.5, "2.5", id="fraction"),
        pytest.param(123456789012345, "123456789012345", id="long-number"),
        pytest.param(1234567890123456, "1.234567890123456E+15", id="rounded-number"),
        pytest.param(True, "true", id="boolean"),
        pytest.param(dt.datetime(2026, 3, 4), "2026-03-04", id="date"),  # noqa: DTZ001
        pytest.param(dt.datetime(2026, 3, 4, 5, 6), "2026-03-04 05:06:00", id="date-and-time"),  # noqa: DTZ001
        pytest.param(dt.time(13, 30), "13:30:00", id="time"),
        pytest.param("l1\nl2", "l1\nl2", id="line-break"),
    ],
)
def test_workbook_cells_are_the_text_a_person_sees(
    tmp_path: Path, value: object, expected: str
) -> None:
    path = workbook(tmp_path / "x.xlsx", {"S": {"A1": "x", "A2": value}})

    assert rows_of(tables_of(path)[0]) == [(2, expected, None)]


def test_blank_rows_and_columns_of_a_sheet_keep_the_row_numbers(tmp_path: Path) -> None:
    """The table starts in C4; row 6 is blank; column E has text but no header."""
    cells = {"C4": "a", "D4": "b", "C5": "1", "D5": "2", "C7": "3", "E7": "note"}
    table = tables_of(workbook(tmp_path / "x.xlsx", {"S": cells}))[0]

    assert table.headers == ("a", "b", "")
    assert rows_of(table) == [(5, "1", "2", None, None), (7, "3", None, "note", None)]


SHEETS = {"Empty": {}, "Hidden": {"A1": "h", "A2": "0"}, "First": {"A1": "f", "A2": "1"}} | {
    "Second": {"A1": "s", "A2": "2"}
}


@pytest.mark.parametrize(
    ("sheet", "headers"),
    [
        pytest.param(None, ("f",), id="first-with-data"),
        pytest.param("Second", ("s",), id="by-name"),
        pytest.param("second ", ("s",), id="by-name-in-other-case"),
        pytest.param("Hidden", ("h",), id="hidden-by-name"),
    ],
)
def test_the_sheet_is_the_named_one_or_the_first_with_data(
    tmp_path: Path, sheet: str | None, headers: tuple[str, ...]
) -> None:
    path = workbook(tmp_path / "x.xlsx", SHEETS, hidden="Hidden")

    assert tables_of(path, sheet=sheet)[0].headers == headers


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({}, id="nothing-else"),
        pytest.param({"A1": "See the notes", "A2": "of May"}, id="notes-beside-it"),
    ],
)
def test_a_hidden_sheet_is_read_only_where_it_is_named(
    shown: dict[str, str], tmp_path: Path
) -> None:
    people = {"A1": "Email", "B1": "Candidate Name", "A2": "a@example.org", "B2": "Ann Lee"}
    path = workbook(tmp_path / "x.xlsx", {"H": people, "S": shown}, hidden="H")

    with pytest.raises(SettingsError, match=r"it is hidden; .* say --sheet 'H'"):
        tables_of(path)
    assert tables_of(path, sheet="H")[0].headers == ("Email", "Candidate Name")


def test_an_unknown_sheet_is_answered_with_those_there_are(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", SHEETS)

    with pytest.raises(SettingsError, match="no sheet 'Third'; there are Empty, Hidden, First"):
        tables_of(path, sheet="Third")


def test_json_lines_keep_numbers_as_written_and_count_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(
        b'\xef\xbb\xbf{"n": 1.50, "b": true}\n\n'
        b'{"b": null, "z": {"k": [1, 2.5]}, "n": 12345678901234567890}\r\n'
        b'{"n": "  "}\n'
        b'{"n": 1e5, "z": "\\ud800 \\u00e9"}'
    )
    table = tables_of(path)[0]

    assert table.headers == ("n", "b", "z.k", "z")
    assert rows_of(table) == [
        (1, "1.50", "true", None, None, None),
        (3, "12345678901234567890", None, "[1, 2.5]", None, None),
        (5, "1e5", None, None, "? é", None),
    ]


def test_keys_that_appear_late_are_columns_of_all_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the earlier lines were packed before the key was seen."""
    monkeypatch.setattr(ndjson, "CHUNK_ROWS", 1)
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "1"}\n{"b": "2", "row": "r"}\n{"a": "3"}\n')
    table = tables_of(path)[0]

    assert table.headers == ("a", "b", "row")
    assert rows_of(table) == [
        (1, "1", None, None, None),
        (2, None, "2", "r", None),
        (3, "3", None, None, None),
    ]


@pytest.mark.parametrize(
    ("suffix", "made_like"),
    [
        pytest.param(".data", ".parquet", id="parquet"),
        pytest.param(".data", ".xlsx", id="workbook"),
        pytest.param(".data", ".jsonl", id="json"),
        pytest.param(".data", ".csv", id="csv"),
        pytest.param("", ".csv", id="csv-without-suffix"),
        pytest.param(".XLSX", ".xlsx", id="upper-case"),
        pytest.param(".xls", ".xlsx", id="workbook-with-another-suffix"),
    ],
)
def test_an_unknown_suffix_is_read_by_its_content(
    tmp_path: Path, suffix: str, made_like: str
) -> None:
    made = tmp_path / f"made{made_like}"
    match made_like:
        case ".parquet":
            pl.DataFrame({"a": ["1"]}).write_parquet(made)
        case ".xlsx":
            workbook(made, {"S": {"A1": "a", "A2": "1"}})
        case ".jsonl":
            made.write_text('\n{"a": "1"}\n')
        case _:
            made.write_text("a\n1\n")
    path = made.rename(tmp_path / f"people{suffix}")

    assert [cells[1] for cells in rows_of(tables_of(path)[0])] == ["1"]


def a_workbook_without(part: str) -> bytes:
    """The bytes of a workbook that lacks one of its parts."""
    whole, broken = io.BytesIO(), io.BytesIO()
    book = xlsxwriter.Workbook(whole)
    book.add_worksheet().write("A1", "a")
    book.close()
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            if part not in name:
                new.writestr(name, old.read(name))
    return broken.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("x.parquet", b"PAR1 and junk", "Parquet", id="broken-parquet"),
        pytest.param("x.parquet", b"", "is empty", id="empty-parquet"),
        pytest.param("x.xlsx", b"PK\x03\x04junk", "not a readable workbook", id="broken-xlsx"),
        pytest.param("x.xlsx", a_workbook_without("sheet1"), "sheet", id="xlsx-without-its-sheet"),
        pytest.param("x.xlsx", OLE, "password", id="encrypted-xlsx"),
        pytest.param("x.xls", b"junk", "not a readable workbook", id="broken-xls"),
        pytest.param("x.jsonl", b'{"a": 1}\n\n{"a":', "line 3 is not a JSON object", id="json"),
        pytest.param("x.jsonl", b'{"a": 1}\n[1]\n', "line 2 is JSON but not an", id="json-array"),
        pytest.param("x.jsonl", b'{"a": "\xe9"}\n', "line 1 is not UTF-8", id="json-latin-1"),
        pytest.param("x.jsonl", b"[" * 100_000, "line 1 is not a JSON", id="json-too-deep"),
        pytest.param("x.jsonl", b"{}\n", "nothing to read", id="json-without-keys"),
        pytest.param("x.jsonl", b'{"a": null}\n', "no rows", id="json-without-values"),
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError, match=said) as caught:
        tables_of(tmp_path / name)

    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


def test_files_without_rows_are_refused(tmp_path: Path) -> None:
    """A header alone, no header either, or no columns at all."""
    pl.DataFrame({"a": []}, schema={"a": pl.String}).write_parquet(tmp_path / "rows.parquet")
    pl.DataFrame().write_parquet(tmp_path / "columns.parquet")
    workbook(tmp_path / "rows.xlsx", {"S": {"A1": "a"}})
    workbook(tmp_path / "nothing.xlsx", {"S": {}, "T": {"B2": "  "}})

    for name in ("rows.parquet", "columns.parquet", "rows.xlsx", "nothing.xlsx"):
        with pytest.raises(InputError, match=f"^{name}: "):
            tables_of(tmp_path / name)


NESTED = {"candidate": {"name": "Ann", "emails": ["a@example.com"]}, "custom_scoring": {"a": 1}}


def test_nested_values_become_columns_and_json_members_stay_json(tmp_path: Path) -> None:
    """The same person, as a line of JSON and as structs and lists of Parquet."""
    (tmp_path / "x.ndjson").write_text(json.dumps(NESTED) + "\n")
    pl.DataFrame([NESTED]).write_parquet(tmp_path / "x.parquet")
    from_json, from_parquet = tables_of(tmp_path / "x.ndjson", tmp_path / "x.parquet")

    assert from_json.headers == ("candidate.name", "candidate.emails", "custom_scoring")
    assert from_parquet.headers == from_json.headers
    assert rows_of(from_json) == [(1, "Ann", "a@example.com", '{"a": 1}', None)]
    assert rows_of(from_parquet) == [(1, "Ann", "a@example.com", '{"a":1}', None)]


def test_a_key_that_is_both_nested_and_written_out_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text('{"a.b": 1, "a": {"b": 2}}\n')
    [table] = tables_of(tmp_path / "x.ndjson")

    assert rows_of(table) == [(1, "1", '{"b": 2}', None)]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('{"a": {"b": {"c": 1}}, "a.b.c": 2}', ('{"b": {"c": 1}}', "2")),
        ('{"a.b.c": 2, "a": {"b": {"c": 1}}}', ("2", '{"b": {"c": 1}}')),
        ('{"a.b": {"c": 1}, "a": {"b": {"c": 2}}}', ("1", '{"b": {"c": 2}}')),
        ('{"a": {"b.c": 1, "b": {"c": 2}}}', ("1", '{"c": 2}')),
        ('{"a": {"b": {"c": 1}, "d": {}}}', ("1", "{}")),
    ],
)
def test_no_nested_value_gives_way_to_one_that_is_written_out(
    tmp_path: Path, line: str, cells: tuple[str, str]
) -> None:
    (tmp_path / "x.ndjson").write_text(f"{line}\n")
    [table] = tables_of(tmp_path / "x.ndjson")

    assert rows_of(table) == [(1, *cells, None)]


def test_a_sheet_that_the_workbook_does_not_list_has_no_leading_zeros() -> None:
    content = (Path(__file__).parents[1] / "exports" / "cell_formats.xlsx").read_bytes()

    assert with_leading_zeros(content, "People")
    assert with_leading_zeros(content, "No such sheet") == {}


CANDIDATES = {"A1": "Name", "B1": "E-Mail", "A2": "Ann", "B2": "ann@example.com"}


def test_the_sheet_that_looks_like_candidates_is_read(tmp_path: Path) -> None:
    """Whatever stands before it, and the others are named."""
    sheets = {"Empty": {}, "Read me": {"A1": "How to use", "A2": "Fill in"}, "People": CANDIDATES}
    [table] = tables_of(workbook(tmp_path / "x.xlsx", sheets))

    assert table.detected == Detected(kind="workbook", sheet="People", header_row=1)
    assert table.notes == ("sheet 'People' is read; not: Read me",)


def test_two_sheets_of_candidates_have_to_be_told_apart(tmp_path: Path) -> None:
    """To read one of two would lose the people of the other without a word."""
    path = workbook(tmp_path / "x.xlsx", {"May": CANDIDATES, "June": CANDIDATES})

    with pytest.raises(SettingsError, match=r"May, June.*--sheet"):
        tables_of(path)
    assert tables_of(path, sheet="June")[0].detected.sheet == "June"


def test_titles_above_and_totals_below_are_left_out_and_said(tmp_path: Path) -> None:
    """Rows keep the numbers of the sheet, blank ones in the middle counted."""
    cells = {
        "A1": "Candidates of May",
        "A3": "Name",
        "B3": "E-Mail",
        "A4": "Ann",
        "B4": "ann@example.com",
        "A6": "Jo",
        "B6": "jo@example.com",
        "A8": "Total",
        "B8": 2,
    }
    footer = {"A10": "Generated by Petra Primer", "B12": "Example d.o.o."}
    [table] = tables_of(workbook(tmp_path / "x.xlsx", {"S": cells}))
    [with_footer] = tables_of(workbook(tmp_path / "y.xlsx", {"S": cells | footer}))

    assert rows_of(table) == rows_of(with_footer)
    assert [row[:2] for row in rows_of(table)] == [(4, "Ann"), (6, "Jo")]
    above = "rows 1 to 2 are left out: the header is row 3"
    assert table.notes == (
        above,
        "the last row is left out: it looks like a total, not like a candidate",
    )
    assert with_footer.notes == (
        above,
        "3 rows from row 8 on are left out: the footer of a report, by the looks of it, and no "
        "candidates",
    )


def test_a_large_parquet_file_is_read_through_a_copy_in_small_row_groups(tmp_path: Path) -> None:
    """One row group of 40 MB: same rows, same numbers, same types as a small file has."""
    number = pl.col("n")
    people = pl.select(pl.int_range(60_000).alias("n")).select(
        pl.format("p{}@example.com", number).alias("email"),
        (number / 2).alias("salary"),
        pl.date(2026, 1, 1).alias("since"),
        pl.format("stage {}", number % 3).cast(pl.Categorical).alias("stage"),
        pl.concat_str([number.hash(seed).cast(pl.String) for seed in range(50)]).alias("résumé"),
    )
    people.write_parquet(
        tmp_path / "people.parquet", row_group_size=60_000, compression="uncompressed"
    )
    people.head(50).write_parquet(tmp_path / "few.parquet")

    large, few = tables_of(tmp_path / "people.parquet", tmp_path / "few.parquet")

    assert (tmp_path / "people.parquet").stat().st_size > 32 * 1024 * 1024
    assert [path.suffix for path in (tmp_path / ".scratch").iterdir()] == [".parquet"]
    assert large.headers == few.headers
    frame = large.frame.collect(engine="streaming")
    assert frame["row"].to_list() == list(range(1, 60_001))
    assert frame.head(50).equals(few.frame.collect())
    assert frame["cell:0"][-1] == "p59999@example.com"


def test_a_large_workbook_is_read_in_windows(tmp_path: Path) -> None:
    """Above 64 MB, unpacked, it is cut: every cell, number and date is what a small one has."""
    people = [
        [f"A{n % 7}", f"p{n}@example.com", n, dt.date(2026, 1, 1 + n % 28), n % 2 == 0, "x" * 5_000]
        for n in range(14_500)
    ]
    for name, rows in (("people.xlsx", people), ("few.xlsx", people[:40])):
        book = xlsxwriter.Workbook(tmp_path / name)
        sheet = book.add_worksheet("May")
        sheet.write_row(1, 1, ["team", "email", "number", "since", "agreed", "resume"])
        zeros = book.add_format({"num_format": "00000"})
        date = book.add_format({"num_format": "d.m.yyyy"})
        for place, row in enumerate(rows, start=3):
            sheet.write_row(place, 1, row[:2])
            sheet.write_number(place, 3, row[2], zeros)
            sheet.write_datetime(place, 4, row[3], date)
            sheet.write_boolean(place, 5, row[4])
            sheet.write_string(place, 6, f"{row[2]} & <{row[5]}>\n")
        book.close()

    large, few = tables_of(tmp_path / "people.xlsx", tmp_path / "few.xlsx")

    assert large.headers == few.headers
    assert large.detected == few.detected
    frame = large.frame.collect(engine="streaming")
    assert frame["row"].to_list() == list(range(4, 14_504))
    assert frame.head(40).equals(few.frame.collect())
    assert frame.row(-1)[1:4] == ("A2", "p14499@example.com", "14499")
    assert any(path.suffix == ".sheet" for path in (tmp_path / ".scratch").iterdir())
