"""What a file is shows in its content, and compressed ones are read as what they hold."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
import zstandard

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import NoRowsError, input_files, is_input_name, unpacking
from tests.helpers import tables_of

HEADERS = ("Name", "E-Mail", "Job Title")
PEOPLE = [("Ann Lee", "ann@example.org", "Nurse"), ("Bo Ek", "bo@example.org", "Cook")]
GRID = [HEADERS, *PEOPLE]


def delimited(delimiter: str, codec: str = "utf-8") -> bytes:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter).writerows(GRID)
    return target.getvalue().encode(codec)


def workbook() -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet("People")
    for number, row in enumerate(GRID):
        sheet.write_row(number, 0, row)
    book.close()
    return target.getvalue()


def html(attributes: str = "") -> bytes:
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in GRID)
    return f"<html {attributes}><body><table border=1>{rows}</table></body></html>".encode()


def excel_2003() -> bytes:
    rows = "".join(
        "<Row>"
        + "".join(f'<Cell><Data ss:Type="String">{cell}</Data></Cell>' for cell in row)
        + "</Row>\n"
        for row in GRID
    )
    return (
        '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"'
        ' xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        f'<Worksheet ss:Name="People"><Table>{rows}</Table></Worksheet></Workbook>'
    ).encode()


OBJECTS = [dict(zip(HEADERS, row, strict=True)) for row in PEOPLE]


def parquet() -> bytes:
    target = io.BytesIO()
    pl.DataFrame(OBJECTS).write_parquet(target)
    return target.getvalue()


def as_json(value: object, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


A_LINE_EACH = b"\n".join(map(as_json, OBJECTS))
BY_COMMAS = delimited(",")
BROKEN_ZSTD = zstandard.compress(b"a,b\n" * 99)[:-4] + b"...."


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return target.getvalue()


def with_others(content: bytes) -> bytes:
    """A zip as people make it: in a folder, with what a Mac adds and a note beside."""
    return zipped(**{
        "export/": b"", "export/people.csv": content, "__MACOSX/export/._people.csv": b"x",
        "export/.DS_Store": b"x", "export/read me.txt": b"hello", "export/cv.pdf": b"%PDF-",
    })  # fmt: skip


def rows_of(path: Path) -> list[tuple[object, ...]]:
    [table] = tables_of(path)
    assert table.headers == HEADERS
    return [row[: len(HEADERS) + 1] for row in table.frame.collect(engine="streaming").rows()]


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        pytest.param("people.xls", html(), 2, id="html-named-xls"),
        pytest.param("people.csv", html('xmlns:x="urn:x"'), 2, id="html-named-csv"),
        pytest.param("people.xls", delimited("\t"), 2, id="tabs-named-xls"),
        pytest.param("people.xls", delimited("\t", "utf-16"), 2, id="utf-16-named-xls"),
        pytest.param("people.xlsx", delimited(";"), 2, id="csv-named-xlsx"),
        pytest.param("people.xls", excel_2003(), 2, id="excel-2003-named-xls"),
        pytest.param("people.xml", excel_2003(), 2, id="excel-2003"),
        pytest.param("people.xls", workbook(), 2, id="xlsx-named-xls"),
        pytest.param("people.csv", workbook(), 2, id="xlsx-named-csv"),
        pytest.param("people.csv", parquet(), 1, id="parquet-named-csv"),
        pytest.param("people.parquet", BY_COMMAS, 2, id="csv-named-parquet"),
        pytest.param("people.json", as_json(OBJECTS), 1, id="array-on-a-line"),
        pytest.param("people.json", b"\xef\xbb\xbf" + as_json(OBJECTS, 2), 1, id="array-lines"),
        pytest.param("people.csv", as_json(OBJECTS), 1, id="array-named-csv"),
        pytest.param("people.jsonl", as_json(OBJECTS, 1), 1, id="array-named-jsonl"),
        pytest.param("people.json", as_json(GRID), 2, id="array-of-arrays"),
        pytest.param("people.json", as_json({"n": 2, "data": OBJECTS}), 1, id="object"),
        pytest.param(
            "people.json", as_json({"meta": {"page": 1}, "data": {"items": OBJECTS}}, 2), 1,
            id="list-deeper-down",
        ),
        pytest.param("people.json", A_LINE_EACH, 1, id="lines"),
        pytest.param("people.csv", A_LINE_EACH, 1,
                     id="lines-named-csv"),
        pytest.param("people.csv.gz", gzip.compress(BY_COMMAS), 2, id="gzip"),
        pytest.param("people.csv", gzip.compress(BY_COMMAS), 2, id="gzip-named-csv"),
        pytest.param("people.xlsx.gz", gzip.compress(workbook()), 2, id="gzip-of-a-workbook"),
        pytest.param("people.jsonl.zst", zstandard.compress(as_json(OBJECTS)), 1, id="zstd"),
        pytest.param("people.zip", zipped(**{"a/people.csv": delimited("\t")}), 2, id="zip"),
        pytest.param("people.zip", with_others(BY_COMMAS), 2, id="zip-with-others"),
        pytest.param("people.zip", zipped(**{"p.xlsx": workbook()}), 2, id="zip-of-a-workbook"),
        pytest.param("people.zip", zipped(**{"p.csv.gz": gzip.compress(BY_COMMAS)}), 2,
                     id="packed-twice"),
    ],
)  # fmt: skip
def test_content_says_what_a_file_is(name: str, content: bytes, first: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert rows_of(path) == [(first, *PEOPLE[0]), (first + 1, *PEOPLE[1])]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("x.zip", zipped(**{"a.csv": b"a,b\n", "b.xlsx": b"x"}),
                     r"holds 2 tables \(a\.csv, b\.xlsx\)", id="several-tables"),
        pytest.param("x.zip", zipped(**{"a.pdf": b"%PDF", "b.docx": b"x"}),
                     r"holds no table \(a\.pdf, b\.docx\)", id="no-table"),
        pytest.param("x.zip", zipped(), "holds no table", id="nothing"),
        pytest.param("x.zip", b"PK\x03\x04junk", "cut off or damaged", id="broken-zip"),
        pytest.param("x.csv.gz", gzip.compress(BY_COMMAS)[:-12], "cut off or damaged", id="cut"),
        pytest.param("x.csv.zst", BROKEN_ZSTD, "cut off or damaged",
                     id="broken-zstd"),
        pytest.param("x.csv.gz", gzip.compress(b""), "in it is empty", id="empty-inside"),
        pytest.param("x.csv", b"%PDF-1.7\n", "but a PDF", id="pdf"),
        pytest.param("x.xlsx", zipped(**{"word/document.xml": b"<w/>"}), "a Word", id="word"),
        pytest.param("x.csv.bz2", b"BZh91AY&SYxxxx", "packed by bzip2; unpack", id="bzip2"),
        pytest.param("x.xls", b"<html><body><p>Your session is over</p></body></html>\n",
                     "HTML without a table", id="a-page-to-log-in"),
        pytest.param("x.xml", b"<?xml version='1.0'?><people/>", "XML of a kind", id="other-xml"),
        pytest.param("x.json", b'[{"a": 1}, 2]', "item 2 of the list is not an object", id="mixed"),
        pytest.param("x.json", b'[{"a": 1},\n{"a": ', "not whole JSON", id="cut-json"),
        pytest.param("x.json", b'[{"a": ' + b"9" * 5_000 + b"}]", "has thousands of digits",
                     id="huge-number"),
        pytest.param("x.json", as_json({"jobs": OBJECTS, "people": OBJECTS}),
                     r"2 lists .*\(jobs, people\)", id="two-lists"),
    ],
)  # fmt: skip
def test_what_holds_no_table_is_refused_in_one_sentence(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(InputError, match=said) as caught:
        tables_of(path)

    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.compress, lambda text: zipped(**{"a.csv": text})]
)
def test_what_unpacks_beyond_reason_is_refused_while_it_is_unpacked(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it says of its own size; the copy does not stay at that size either."""
    monkeypatch.setattr(unpacking, "SUSPECT_UNPACKED", 1 << 20)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(pack(b"a,b\n" * (4 << 20)))

    with pytest.raises(InputError, match=r"to more than \d MB, which no list"):
        tables_of(path)

    assert sum(one.stat().st_size for one in (tmp_path / ".scratch").iterdir()) == 0


def test_headers_in_brackets_are_no_markup(tmp_path: Path) -> None:
    for number, header in enumerate(('<Name>,"b"', "[Name],b", "{Name},b", "<Title> (Dr),b")):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"{header}\n1,2\n")
        [table] = tables_of(path)
        assert table.detected.kind == "CSV"
        assert len(table.headers) == 2


def test_cells_of_a_page_are_what_a_browser_shows(tmp_path: Path) -> None:
    """In its own encoding; tables around the table are layout, merged cells hold for all rows."""
    path = tmp_path / "x.xls"
    path.write_bytes(
        '<html><head><meta charset="windows-1252"></head><body><table><tr><td>'
        "<table><tr><th>Name</th><th>E-Mail</th><th>Job<br>Title</th><th>Id</th></tr>"
        '<tr><td> Zoë\n  <b>Lee</b></td><td><a href="mailto:x">z@example.org</a></td>'
        '<td rowspan="2">R&amp;D<p>Nurse<!-- no --> &lt;1&gt;</p></td><td>007</td></tr>'
        "<tr><td>Bo</td><td>b@example.org</td><td>1E5</td></tr></table>"
        "</td></tr></table></body></html>".encode("cp1252")
    )
    [table] = tables_of(path)

    assert table.headers == ("Name", "E-Mail", "Job\nTitle", "Id")
    assert table.detected.kind == "HTML table"
    assert table.frame.collect().rows() == [
        (2, "Zoë Lee", "z@example.org", "R&D\nNurse <1>", "007", None),
        (3, "Bo", "b@example.org", "R&D\nNurse <1>", "1E5", None),
    ]


@pytest.mark.parametrize("span", ["3", "0", "65000", "9" * 5_000])
def test_a_cell_of_a_page_reaches_down_to_the_end_of_its_rows_alone(
    tmp_path: Path, span: str
) -> None:
    """A browser clips what reaches beyond; a row that nothing else is in is no candidate."""
    path = tmp_path / "x.xls"
    path.write_text(
        f'<html><table><thead><tr><th rowspan="{span}">Name</th><th>E-Mail</th><th>Job</th></tr>'
        "</thead><tbody><tr><td>Ann</td><td>a@example.org</td>"
        f'<td rowspan="{span}">Cook</td></tr><tr><td>Bo</td><td>b@example.org</td></tr></tbody>'
        "<tbody><tr><td>Cy</td><td>c@example.org</td><td>Nurse</td></tr></tbody></table></html>"
    )
    [table] = tables_of(path)

    assert table.frame.collect().rows() == [
        (2, "Ann", "a@example.org", "Cook", None),
        (3, "Bo", "b@example.org", "Cook", None),
        (4, "Cy", "c@example.org", "Nurse", None),
    ]


SINCE = ("Name", "E-Mail", "Since", "n")


def test_cells_of_an_excel_2003_sheet_are_what_it_shows(tmp_path: Path) -> None:
    """Places that are skipped, dates without a midnight, merged cells, a hidden sheet."""
    row = "<Row{}>{}</Row>".format
    cell = '<Cell{}><Data ss:Type="{}">{}</Data></Cell>'.format
    path = tmp_path / "x.xls"
    path.write_text(
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"'
        ' xmlns:x="urn:schemas-microsoft-com:office:excel"'
        ' xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        '<Worksheet ss:Name="Old"><Table>'
        + row("", "".join(cell("", "String", text) for text in HEADERS))
        + row("", "".join(cell("", "String", text) for text in PEOPLE[0]))
        + "</Table><x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions>"
        '</Worksheet><Worksheet ss:Name="May"><Table>'
        + row(' ss:Index="3"', "".join(cell("", "String", t) for t in SINCE))
        + row("", cell("", "String", "Ann") + cell("", "String", "a@example.org")
              + cell("", "DateTime", "2026-03-04T00:00:00.000") + cell("", "Number", "5"))
        + row(' ss:Index="6"', cell("", "String", "Bo")
              + cell(' ss:Index="4" ss:MergeDown="1"', "Boolean", "1"))
        + row("", cell("", "String", "Cy"))
        + row("", cell("", "String", "Di")
              + cell(' ss:Index="4" ss:MergeDown="3"', "Number", "123456789012345000"))
        + "</Table></Worksheet></Workbook>"
    )  # fmt: skip
    [table] = tables_of(path)

    assert table.detected.sheet == "May"
    assert table.frame.collect().rows() == [
        (4, "Ann", "a@example.org", "2026-03-04", "5", None),
        (6, "Bo", None, None, "true", None),
        (7, "Cy", None, None, "true", None),
        (8, "Di", None, None, "1.23456789012345E+17", None),
    ]


def test_a_lone_object_is_a_row_where_it_names_more_fields_than_its_lists(tmp_path: Path) -> None:
    person = {**OBJECTS[0], "jobs": [{"employer": "x", "years": 3}]}
    (tmp_path / "x.json").write_text(json.dumps(person))
    [table] = tables_of(tmp_path / "x.json")

    assert table.headers == (*HEADERS, "jobs")
    assert table.frame.collect().height == 1


def test_lists_that_are_not_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"people": OBJECTS, "links": [{"rel": "next"}]}))
    [table] = tables_of(tmp_path / "x.json")

    assert table.notes == ("lists that are not read: links",)


def test_an_empty_table_in_another_process_is_told_as_one_here(tmp_path: Path) -> None:
    """Its headers say whether it is an export without rows."""
    (tmp_path / "x.xls").write_bytes(b"<table><tr><td>Name</td><td>E-Mail</td></tr></table>\n")

    with pytest.raises(NoRowsError) as caught:
        tables_of(tmp_path / "x.xls")

    assert caught.value.headers == ("Name", "E-Mail")


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("people.csv.gz", True), ("PEOPLE.XLSX.ZIP", True), ("people.json.zst", True),
        ("people.zip", True), ("people.gz", True), ("people.json", True),
        ("people.txt.gz", False), ("backup.tar.gz", False), ("cv.pdf.gz", False),
        ("people.results.csv.gz", False), (".people.csv.gz", False), ("people.rar", False),
    ],
)  # fmt: skip
def test_compressed_exports_are_taken_by_their_inner_suffix(name: str, is_taken: bool) -> None:
    assert is_input_name(name, is_marked=False) is is_taken


def test_a_zip_beside_tables_is_no_input_of_a_folder(tmp_path: Path) -> None:
    """It may hold résumés; alone it is the input."""
    for name in ("people.csv.gz", "resumes.zip"):
        (tmp_path / name).write_bytes(b"x")
    beside = [file.path.name for file in input_files([str(tmp_path)])]
    (tmp_path / "people.csv.gz").unlink()

    assert beside == ["people.csv.gz"]
    assert [file.path.name for file in input_files([str(tmp_path)])] == ["resumes.zip"]


PAGE = "<html>{}<table><tr><td>Name</td><td>E-Mail</td></tr>{}</table></html>".format
WHO = "<tr><td>Łukasz Żółć</td><td>l@example.org</td></tr>"


@pytest.mark.parametrize(
    ("head", "codec", "said"),
    [
        pytest.param("", "utf-8", None, id="utf-8"),
        pytest.param('<meta charset="iso-8859-1">', "utf-8", None, id="utf-8-that-says-otherwise"),
        pytest.param('<meta charset="iso-8859-2">', "iso-8859-2", None, id="as-it-says"),
        pytest.param("", "utf-16", None, id="utf-16"),
        pytest.param('<meta charset="utf-8">', "cp1250", "cp1250", id="as-a-person-says"),
    ],
)
def test_a_page_is_read_in_its_own_encoding(
    head: str, codec: str, said: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.xls"
    path.write_bytes(PAGE(head, WHO).encode(codec))
    [table] = tables_of(path, encoding=said)

    assert table.frame.collect()["cell:0"].to_list() == ["Łukasz Żółć"]
    assert table.doubts == ()


def test_a_page_whose_encoding_is_a_guess_leaves_the_doubt_of_a_csv(tmp_path: Path) -> None:
    """Across the process that reads it: where nobody is asked, nothing of it is sent."""
    path = tmp_path / "x.xls"
    path.write_bytes(PAGE("", WHO.replace("Łukasz Żółć", "Zìê")).encode("cp1252"))
    [table] = tables_of(path)

    assert [(doubt.kind, doubt.holds) for doubt in table.doubts] == [("encoding", True)]
