"""What a sheet says of its rows and cells beside their values."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import sheet_xml, xlsx_chunks
from jobmojito_batch.intake.workbooks import read_workbook
from jobmojito_batch.records import Table
from tests.helpers import tables_of

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEADER = "Email|Candidate Name|Job Title"
FIELD = Path(__file__).parents[1] / "exports" / "field"
WAITS = "#NOT_CALCULATED!"


def text_cell(address: str, text: str) -> str:
    return f'<c r="{address}" t="inlineStr"><is><t>{text}</t></is></c>' if text else ""


def a_row(number: int, line: str, more: str = "", attributes: str = "") -> str:
    """A row of texts parted by |, and cells as they are written."""
    cells = [text_cell(f"{'ABCDEFG'[i]}{number}", text) for i, text in enumerate(line.split("|"))]
    return f'<row r="{number}" {attributes}>{"".join(cells)}{more}</row>'


def xlsx(
    folder: Path, rows: str, after: str = "", *, before: str = "", stale: bool = False
) -> Path:
    """A workbook whose sheet is written just so."""
    path = folder / "x.xlsx"
    load = '<calcPr fullCalcOnLoad="1"/>' if stale else ""
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" '
            f'Type="{OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
        )
        package.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}/relationships"><sheets>'
            f'<sheet name="S" sheetId="1" r:id="r1"/></sheets>{load}</workbook>',
        )
        package.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{OFFICE}/relationships/worksheet" Target="worksheets/s.xml"/></Relationships>',
        )
        package.writestr(
            "xl/worksheets/s.xml",
            f'<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>',
        )
    return path


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """The sheet of a workbook in other bytes."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w") as package:
        for name, content in parts.items():
            is_sheet = name.startswith("xl/worksheets/")
            package.writestr(name, change(content) if is_sheet else content)


def ods(folder: Path, rows: str) -> Path:
    path = folder / "x.ods"
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    calc = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("META-INF/manifest.xml", "<manifest/>")
        package.writestr(
            "content.xml",
            f"<office:document-content {spaces} {calc}><office:body><office:spreadsheet>"
            f'<table:table table:name="S">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def ods_row(line: str, more: str = "", attributes: str = "") -> str:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in line.split("|")
    )
    return f"<table:table-row {attributes}>{cells}{more}</table:table-row>"


def rows_of(table: Table) -> dict[int, tuple[str | None, ...]]:
    return {row: tuple(cells[:-1]) for row, *cells in table.frame.collect().rows()}


def merges(*ranges: str) -> str:
    cells = "".join(f'<mergeCell ref="{one}"/>' for one in ranges)
    return f"<mergeCells>{cells}</mergeCells>"


# Hidden rows


@pytest.mark.parametrize("hidden", ['hidden="1"', 'hidden="true"', 'ht="0" customHeight="1"'])
def test_hidden_rows_are_left_out_and_said_with_their_numbers(hidden: str, tmp_path: Path) -> None:
    rows = [
        a_row(1, HEADER),
        a_row(2, "a@example.org|Ann|Cook"),
        a_row(4, "b@example.org|Bob|Cook", "", hidden),
        a_row(5, "", "", hidden),
        a_row(6, "c@example.org|Cid|Cook"),
    ]
    path = xlsx(tmp_path, "".join(rows))

    [table] = tables_of(path)

    assert list(rows_of(table)) == [2, 6]
    [doubt] = table.doubts
    assert (doubt.rows, doubt.holds) == ((4,), False)
    assert doubt.sentence.startswith("1 row is hidden")
    assert "--hidden-rows" in doubt.option
    [whole] = tables_of(path, hidden_rows=True)
    assert (list(rows_of(whole)), whole.doubts) == ([2, 4, 6], ())


def test_rows_hidden_in_a_sheet_of_utf_16_are_seen(tmp_path: Path) -> None:
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann|Cook", "", 'hidden="1"'))
    rewrite(path, lambda xml: xml.decode().encode("utf-16"))

    assert sheet_xml.marks_of(path, "S").hidden.to_list() == [2]


def test_rows_that_are_all_hidden_are_no_empty_export(tmp_path: Path) -> None:
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann|Cook", "", 'hidden="1"'))

    with pytest.raises(InputError, match="all rows below the header are hidden"):
        tables_of(path)


def test_a_header_that_is_hidden_is_still_the_header(tmp_path: Path) -> None:
    path = xlsx(tmp_path, a_row(1, HEADER, "", 'hidden="1"') + a_row(2, "a@example.org|Ann|Cook"))

    [table] = tables_of(path)

    assert table.headers == tuple(HEADER.split("|"))
    assert list(rows_of(table)) == [2]


def test_hidden_rows_of_a_large_sheet_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet that is cut into windows keeps its marks."""
    monkeypatch.setattr(xlsx_chunks, "MOST_BYTES_AS_IT_IS", 0)
    monkeypatch.setattr(xlsx_chunks, "WINDOW_ROWS", 2)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    error = '<c r="C5" t="e"><f>X</f><v>#SPILL!</v></c>'
    rows = [
        a_row(1, HEADER),
        a_row(2, "a@example.org|Ann|Cook"),
        a_row(3, "b@example.org|Bob|"),
        a_row(4, "c@example.org|Cid|Cook", "", 'hidden="1"'),
        a_row(5, "d@example.org|Dan", error),
        a_row(6, "", '<c r="A6"><f>X</f></c>'),
    ]
    path = xlsx(tmp_path, "".join(rows), merges("C2:C3"))

    # In this process, where a sheet of six rows is a large one.
    table = read_workbook(path, "x.xlsx", {}, scratch)

    assert rows_of(table) == {
        2: ("a@example.org", "Ann", "Cook"),
        3: ("b@example.org", "Bob", "Cook"),
        5: ("d@example.org", "Dan", "#SPILL!"),
        6: (WAITS, None, None),
    }


def test_hidden_rows_of_an_html_table_are_left_out(tmp_path: Path) -> None:
    lines = [HEADER, "a@example.org|Ann|Cook", "b@example.org|Bob|Cook"]
    rows = [f"<td>{'</td><td>'.join(line.split('|'))}</td></tr>" for line in lines]
    path = tmp_path / "x.xls"
    path.write_text(f"<table><tr>{rows[0]}<tr style='display:none'>{rows[1]}<tr>{rows[2]}</table>")

    assert list(rows_of(tables_of(path)[0])) == [3]
    assert list(rows_of(tables_of(path, hidden_rows=True)[0])) == [2, 3]


def test_hidden_columns_are_read_and_said(tmp_path: Path) -> None:
    before = '<cols><col min="2" max="2" hidden="1"/></cols>'
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann|Cook"), before=before)

    [table] = tables_of(path)

    assert rows_of(table) == {2: ("a@example.org", "Ann", "Cook")}
    assert table.notes == ("columns that the sheet hides are read like the others: Candidate Name",)


def test_a_sheet_whose_marks_cannot_be_read_is_held(tmp_path: Path) -> None:
    """The native reader is content with XML that is none."""
    odd = a_row(2, "a@example.org|Ann|Cook", "", 'hidden="&unknown;"')

    [table] = tables_of(xlsx(tmp_path, a_row(1, HEADER) + odd))

    assert list(rows_of(table)) == [2]
    assert [doubt.holds for doubt in table.doubts] == [True]


# Merged cells


def test_a_merged_cell_holds_for_all_its_rows(tmp_path: Path) -> None:
    rows = [
        a_row(2, "a@example.org|Ann|Cook"),
        a_row(3, "b@example.org|Bob"),
        a_row(4, "c@example.org|Cid"),
        a_row(5, "d@example.org|Dan"),
    ]
    path = xlsx(tmp_path, a_row(1, HEADER) + "".join(rows), merges("C2:C4"))

    assert [cells[2] for cells in rows_of(tables_of(path)[0]).values()] == ["Cook"] * 3 + [None]


def test_a_merge_that_begins_in_a_hidden_row_holds_for_those_seen(tmp_path: Path) -> None:
    rows = [a_row(2, "a@example.org|Ann|Cook", "", 'hidden="1"'), a_row(3, "b@example.org|Bob")]
    path = xlsx(tmp_path, a_row(1, HEADER) + "".join(rows), merges("C2:C3"))

    assert rows_of(tables_of(path)[0]) == {3: ("b@example.org", "Bob", "Cook")}


def test_a_merge_over_blank_rows_makes_no_candidates(tmp_path: Path) -> None:
    people = [(2, "a@example.org|Ann|Cook"), (3, "b@example.org|Bob"), (9, "c@example.org|Cid")]
    rows = a_row(1, HEADER) + "".join(a_row(number, line) for number, line in people)
    path = xlsx(tmp_path, rows, merges("C2:C1048576", "C2:C1048576", "C1:C1", "C5"))

    found = rows_of(tables_of(path)[0])

    assert [(row, cells[2]) for row, cells in found.items()] == [
        (2, "Cook"),
        (3, "Cook"),
        (9, "Cook"),
    ]


def test_a_header_that_is_merged_downwards_holds_for_no_row_below_it(tmp_path: Path) -> None:
    rows = a_row(1, HEADER) + a_row(2, "|(both)") + a_row(3, "a@example.org|Ann|Cook")
    path = xlsx(tmp_path, rows, merges("A1:A2", "C1:C2"))

    assert rows_of(tables_of(path)[0])[2] == (None, "(both)", None)


def test_a_title_and_a_header_that_are_merged_stay_what_they_are(tmp_path: Path) -> None:
    """The title across the columns is no header; the header over two rows is no candidate."""
    rows = a_row(1, "Candidates of May") + a_row(3, HEADER) + a_row(5, "a@example.org|Ann|Cook")
    path = xlsx(tmp_path, rows, merges("A1:C2", "A3:A4", "B3:B4", "C3:C4"))

    [table] = tables_of(path)

    assert table.headers == tuple(HEADER.split("|"))
    assert rows_of(table) == {5: ("a@example.org", "Ann", "Cook")}


def test_a_header_of_two_rows_is_whole_where_its_cells_are_merged(tmp_path: Path) -> None:
    rows = a_row(1, "Email|Candidate||Job Title") + a_row(2, "|First Name|Last Name|")
    path = xlsx(
        tmp_path, rows + a_row(3, "a@example.org|Ann|Lee|Cook"), merges("A1:A2", "B1:C1", "D1:D2")
    )

    [table] = tables_of(path)

    assert table.headers == ("Email", "First Name", "Last Name", "Job Title")
    assert list(rows_of(table)) == [3]


# Errors and formulas


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param('<c r="C2" t="e"><f>X</f><v>#N/A</v></c>', "#N/A", id="not-available"),
        pytest.param('<c r="C2" t="e"><f>X</f><v>#SPILL!</v></c>', "#SPILL!", id="a-new-error"),
        pytest.param('<c r="C2" t="e"><v>#n/a</v></c>', "#ERROR!", id="an-unknown-error"),
        pytest.param('<c r="C2"><f>A2&amp;B2</f><v/></c>', WAITS, id="no-value"),
        pytest.param('<c r="C2"><f>A2&amp;B2</f></c>', WAITS, id="no-value-at-all"),
        pytest.param('<c r="C2" t="str"><f>A2</f></c>', WAITS, id="no-text"),
        pytest.param('<c r="C2"><f>A2</f><v>0.0</v></c>', WAITS, id="the-zero-of-poi"),
        pytest.param('<c r="C2" t="str"><f>A2</f><v></v></c>', "", id="an-empty-text"),
        pytest.param('<c r="C2" t="str"><f>A2</f><v>Cook</v></c>', "Cook", id="a-result"),
        pytest.param('<c r="C2"><f>A2</f><v>0</v></c>', "0", id="a-zero"),
    ],
)
def test_a_cell_says_why_it_has_no_value(cell: str, expected: str, tmp_path: Path) -> None:
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann", cell))

    assert rows_of(tables_of(path)[0]) == {2: ("a@example.org", "Ann", expected)}


def test_a_zero_that_is_to_be_worked_out_is_none(tmp_path: Path) -> None:
    """XlsxWriter gives 0 for a formula, and asks the program that opens the file to calculate."""
    cell = '<c r="C2"><f>A2&amp;B2</f><v>0</v></c>'
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann", cell), stale=True)

    assert rows_of(tables_of(path)[0]) == {2: ("a@example.org", "Ann", WAITS)}


def test_rows_and_columns_of_nothing_but_formulas_are_not_lost(tmp_path: Path) -> None:
    """The native reader gives neither the first column nor the last row."""
    waits = [f'<c r="A{row}"><f>X</f><v/></c>' for row in (1, 2, 3)]
    rows = [f'<row r="{n}">{cell}{text}</row>' for n, cell, text in zip(
        (1, 2, 3), waits,
        (text_cell("B1", "Email") + text_cell("C1", "Candidate Name"),
         text_cell("B2", "a@example.org") + text_cell("C2", "Ann"), '<c r="B3"><f>X</f></c>'),
        strict=True)]  # fmt: skip
    [table] = tables_of(xlsx(tmp_path, "".join(rows)))

    assert table.headers == (WAITS, "Email", "Candidate Name")
    assert rows_of(table) == {2: (WAITS, "a@example.org", "Ann"), 3: (WAITS, WAITS, None)}


def test_a_lookup_filled_down_a_blank_sheet_makes_no_candidates(tmp_path: Path) -> None:
    error = '<c r="C{0}" t="e"><f>VLOOKUP(A{0},L!A:B,2,0)</f><v>#N/A</v></c>'
    rows = [a_row(2, "a@example.org|Ann|Cook"), *(a_row(n, "", error.format(n)) for n in (3, 4))]
    path = xlsx(tmp_path, a_row(1, HEADER) + "".join(rows))

    assert list(rows_of(tables_of(path)[0])) == [2]


def test_no_entity_of_a_sheet_is_resolved(tmp_path: Path) -> None:
    """Neither from a file of this machine nor a thousandfold."""
    (tmp_path / "secret").write_text("secret")
    cell = '<c r="C2" t="e"><v>&e;</v></c>'
    path = xlsx(tmp_path, a_row(1, HEADER) + a_row(2, "a@example.org|Ann", cell))
    entity = f'<!DOCTYPE worksheet [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'.encode()
    rewrite(path, lambda xml: entity + xml)

    assert not sheet_xml.marks_of(path, "S").texts


# ODS and XLS


def test_an_old_xls_says_what_it_can(tmp_path: Path) -> None:
    """Its list begins in B2; a formula without a value is a blank cell there."""
    path = tmp_path / "x.xls"
    path.write_bytes((FIELD / "old-excel-marks.xls").read_bytes())

    [table] = tables_of(path)

    assert rows_of(table) == {
        3: ("a@example.org", "Ann", "Cook"),
        4: ("b@example.org", "Bob", "Cook"),
        6: ("d@example.org", "Dan", "#N/A"),
    }
    assert table.doubts[0].rows == (5,)


def test_an_ods_says_the_same(tmp_path: Path) -> None:
    merged = ('<table:table-cell table:number-rows-spanned="2" office:value-type="string">'
              "<text:p>Cook</text:p></table:table-cell>")  # fmt: skip
    error = ('<table:table-cell table:formula="of:=X" office:value-type="string" '
             'office:string-value="" calcext:value-type="error"><text:p>#REF!</text:p>'
             "</table:table-cell>")  # fmt: skip
    old = ('<table:table-cell table:formula="of:=X" office:value-type="float" office:value="0">'
           "<text:p>Err:508</text:p></table:table-cell>")  # fmt: skip
    waits = '<table:table-cell table:formula="of:=X"/>'
    rows = [
        ods_row(HEADER),
        ods_row("a@example.org|Ann", merged),
        ods_row("b@example.org|Bob", "<table:covered-table-cell/>"),
        ods_row("c@example.org|Cid|Cook", "", 'table:visibility="collapse"'),
        ods_row(
            "d@example.org|Dan|Cook", "", 'table:visibility="filter" table:number-rows-repeated="2"'
        ),
        ods_row("e@example.org|Eve", error),
        ods_row("f@example.org|Fay", old),
        ods_row("g@example.org|Gus", waits),
    ]

    [table] = tables_of(ods(tmp_path, "".join(rows)))

    assert rows_of(table) == {
        2: ("a@example.org", "Ann", "Cook"),
        3: ("b@example.org", "Bob", "Cook"),
        7: ("e@example.org", "Eve", "#REF!"),
        8: ("f@example.org", "Fay", "Err:508"),
        9: ("g@example.org", "Gus", WAITS),
    }
    assert table.doubts[0].rows == (4, 5, 6)


def test_errors_that_an_ods_writes_once_for_several_cells_are_in_all_of_them(
    tmp_path: Path,
) -> None:
    twice = 'table:number-columns-repeated="2"'
    error = (f'<table:table-cell {twice} table:formula="of:=X" office:value-type="string" '
             'office:string-value="" calcext:value-type="error"><text:p>#REF!</text:p>'
             "</table:table-cell>")  # fmt: skip
    waits = f'<table:table-cell {twice} table:formula="of:=X"/>'
    many = 'table:number-rows-repeated="1048000"'
    blank = f"<table:table-row {many}><table:table-cell/></table:table-row>"
    rows = [
        ods_row(f"{HEADER}|Note"),
        ods_row("a@example.org|Ann", error),
        ods_row("b@example.org|Bob", waits),
        ods_row("c@example.org|Cid", error, 'table:number-rows-repeated="2"'),
        blank,
    ]

    [table] = tables_of(ods(tmp_path, "".join(rows)))

    assert rows_of(table) == {
        2: ("a@example.org", "Ann", "#REF!", "#REF!"),
        3: ("b@example.org", "Bob", WAITS, WAITS),
        4: ("c@example.org", "Cid", "#REF!", "#REF!"),
        5: ("c@example.org", "Cid", "#REF!", "#REF!"),
    }


def test_errors_over_more_cells_than_any_list_has_are_doubted(tmp_path: Path) -> None:
    """A few bytes must not cost the memory, and no error may be lost without a word."""
    error = ('<table:table-cell table:number-columns-repeated="900" office:value-type="string" '
             'calcext:value-type="error"><text:p>#REF!</text:p></table:table-cell>')  # fmt: skip
    rows = [
        ods_row(HEADER),
        ods_row("a@example.org|Ann|Cook"),
        ods_row("", error, 'table:number-rows-repeated="1000000"'),
    ]

    marks = sheet_xml.marks_of(ods(tmp_path, "".join(rows)), "S")

    assert marks.unreadable == "TooManyMarksError"
