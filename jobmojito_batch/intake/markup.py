"""
Tables in markup that spreadsheet programs open: HTML, and the XML of Excel 2003 (SpreadsheetML).

Each becomes the workbook that such a program would make of it, cell by cell, so that sheet, header,
hidden rows and errors are found in one way only. A row of a table is a row of a sheet.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.encodings import UndecodableError, as_plain
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.intake.shown_numbers import as_kept
from jobmojito_batch.intake.workbooks import read_workbook
from jobmojito_batch.records import InputDoubt, Table

MOST_CELLS: Final = 10_000_000
"""More take all the memory that a reader has."""
_SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_EXCEL: Final = "{urn:schemas-microsoft-com:office:excel}"
_BLOCKS: Final = frozenset({"br", "p", "div", "li", "ul", "ol"})
_NOT_TEXT: Final = frozenset({"script", "style"})
_BREAK: Final = "\0"
_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\]")
_LONGEST_NAME: Final = 31
_MOST_SPAN: Final = 65_534
_MOST_DIGITS: Final = 9
_CHARSET: Final = re.compile(rb"""<meta\b[^>]*\bcharset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_DECLARED_WITHIN: Final = 8192

Node = Any
"""An element of lxml."""


class _TooManyCellsError(Exception):
    """The cells of a table would not fit into the memory."""


@dataclass(slots=True)
class _Sheet:
    """Cells as text, by row and column from 0."""

    name: str
    is_visible: bool = True
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    filled: set[int] = field(default_factory=set)
    """Rows with content of their own: one that only a cell from above reaches is no candidate."""
    left: int = MOST_CELLS

    def put(self, row: int, column: int, text: str, *, down: int = 1, across: int = 1) -> None:
        """A value holds for all rows of its cell, and stands in the first of its columns."""
        self.left -= down * across
        if self.left < 0:
            raise _TooManyCellsError
        if text.strip():
            self.filled.add(row)
        for below in range(down):
            cells = self.rows.setdefault(row + below, {})
            cells |= dict.fromkeys(range(column, column + across), "")
            cells[column] = text


def read_markup(
    path: Path,
    source: str,
    scratch: Path,
    *,
    is_html: bool,
    codec: str | None = None,
    **options: Any,  # noqa: ANN401 - what read_workbook takes
) -> Table:
    """
    The table of *path* that looks like candidates, as `read_workbook` has it with its *options*.

    *codec*: the encoding of a page that a person has named.

    Raises what that raises, and InputError where there is no table.
    """
    page = _decoded(path, source, scratch, codec) if is_html else _Page()
    try:
        sheets = _html_sheets(page.text) if is_html else list(_xml_sheets(path))
    except _TooManyCellsError:
        raise InputError(f"{source}: has more cells than any list; export it as CSV") from None
    if not any(sheet.rows for sheet in sheets):
        kind = "HTML" if is_html else "XML"
        raise InputError(f"{source}: is {kind} without a table in it; export it as CSV or .xlsx")
    copy = scratch_file(scratch, ".xlsx")
    _write(sheets, copy)
    table = read_workbook(path=copy, source=source, scratch=scratch, **options)
    detected = replace(table.detected, kind="HTML table" if is_html else "Excel 2003 XML")
    return replace(
        table,
        detected=detected,
        notes=(*page.notes, *table.notes),
        doubts=(*page.doubts, *table.doubts),
    )


# HTML


class _Page(NamedTuple):
    """The text of a page, and what is said of its encoding."""

    text: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[InputDoubt, ...] = ()


def _decoded(path: Path, source: str, scratch: Path, said: str | None) -> _Page:
    """As a person says; else UTF-8 where it is that, as it says itself, or by its letters."""
    data = path.read_bytes()
    declared = _CHARSET.search(data[:_DECLARED_WITHIN])
    own = ["utf-8-sig", *([declared[1].decode()] if declared else [])]
    for codec in [said] if said else own:
        try:
            return _Page(data.decode(codec))
        except (UnicodeDecodeError, LookupError):
            continue
    try:
        plain = as_plain(path, source, scratch, said)
    except UndecodableError as exc:
        raise InputError(
            f"{source}: holds a byte that is not {exc.encoding}; export it again as CSV UTF-8"
        ) from exc
    text = plain.path.read_text(encoding="utf-8", errors="replace")
    return _Page(text, plain.notes, plain.doubts)


def _html_sheets(text: str) -> list[_Sheet]:
    """The innermost tables: those that hold tables are layout."""
    import lxml.html  # noqa: PLC0415 - in the reading process alone

    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    root = lxml.html.parse(BytesIO(text.encode("utf-8", "replace")), parser=parser).getroot()
    tables = [] if root is None else list(root.iter("table"))
    innermost = [table for table in tables if next(table.iterdescendants("table"), None) is None]
    return [_html_sheet(table, f"Table {at}") for at, table in enumerate(innermost, start=1)]


def _html_sheet(table: Node, name: str) -> _Sheet:
    sheet = _Sheet(name)
    rows = list(table.iter("tr"))
    left = Counter(row.getparent() for row in rows)
    for number, row in enumerate(rows):
        in_group = left[row.getparent()]
        left[row.getparent()] -= 1
        if _is_hidden(row):
            sheet.hidden.add(number)
        column = 0
        for cell in row.iterchildren("td", "th"):
            while column in sheet.rows.get(number, {}):  # a cell of a row above reaches down
                column += 1
            # A row group ends what reaches down in it; 0 means all of its rows.
            down = min(_span(cell, "rowspan", none=in_group), in_group)
            across = _span(cell, "colspan", none=1)
            sheet.put(number, column, _shown(cell), down=down, across=across)
            column += across
    return sheet


def _is_hidden(row: Node) -> bool:
    style = (row.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or row.get("hidden") is not None


def _span(cell: Node, name: str, *, none: int) -> int:
    """How many rows or columns a cell says that it takes; *none* where it says 0."""
    text = (cell.get(name) or "").strip()
    return min(int(text[:_MOST_DIGITS]), _MOST_SPAN) or none if text.isdecimal() else 1


def _shown(cell: Node) -> str:
    """The text as a browser shows it: blanks collapsed, blocks on lines of their own."""
    import lxml.etree  # noqa: PLC0415

    pieces: list[str] = []
    for event, node in lxml.etree.iterwalk(cell, events=("start", "end", "comment", "pi")):
        is_inner = node is not cell
        pieces.append(_BREAK if is_inner and node.tag in _BLOCKS else "")
        if event == "start":
            pieces.append(node.text or "" if node.tag not in _NOT_TEXT else "")
        elif is_inner:
            pieces.append(node.tail or "")
    lines = (" ".join(line.split()) for line in "".join(pieces).split(_BREAK))
    return "\n".join(line for line in lines if line)


# Excel 2003


def _xml_sheets(path: Path) -> Iterator[_Sheet]:
    """The worksheets; broken XML as far as it can be read, as its program does."""
    import lxml.etree  # noqa: PLC0415

    sheet = _Sheet("")
    row = 0
    tags = (f"{_SS}Worksheet", f"{_SS}Row", f"{_EXCEL}Visible")
    events = lxml.etree.iterparse(
        str(path),
        events=("start", "end"),
        tag=tags,
        recover=True,
        resolve_entities=False,
        no_network=True,
        huge_tree=True,
    )
    for event, node in events:
        if event == "start" and node.tag == tags[0]:
            sheet, row = _Sheet(node.get(f"{_SS}Name") or ""), 0
        elif event == "end" and node.tag == tags[0]:
            yield sheet
        elif event == "end" and node.tag == tags[1]:
            row = _place(node, row)
            _put_row(sheet, row, node)
            row += 1 + _number(node, "Span")
            node.clear()
        elif event == "end":
            sheet.is_visible = not (node.text or "").startswith("SheetHidden")


def _put_row(sheet: _Sheet, row: int, node: Node) -> None:
    if node.get(f"{_SS}Hidden") == "1":
        sheet.hidden.add(row)
    column = 0
    for cell in node.iterchildren(f"{_SS}Cell"):
        while column in sheet.rows.get(row, {}) and cell.get(f"{_SS}Index") is None:
            column += 1
        column = _place(cell, column)
        down, across = 1 + _number(cell, "MergeDown"), 1 + _number(cell, "MergeAcross")
        sheet.put(row, column, _data(cell), down=down, across=across)
        column += across


def _place(node: Node, otherwise: int) -> int:
    """Where a row or cell says that it stands, from 0; else behind the one before."""
    said = _number(node, "Index")
    return said - 1 if said else otherwise


def _number(node: Node, name: str) -> int:
    text = node.get(f"{_SS}{name}") or ""
    return min(int(text[:_MOST_DIGITS]), _MOST_SPAN * 16) if text.isdecimal() else 0


def _data(cell: Node) -> str:
    data = cell.find(f"{_SS}Data")
    if data is None:
        return ""
    text = "".join(data.itertext())
    match data.get(f"{_SS}Type"):
        case "DateTime":
            return text.replace("T", " ").removesuffix(".000")
        case "Boolean":
            return "true" if text.strip() == "1" else "false"
        case "Number":
            return as_kept(text)
    return text


# The workbook


def _write(sheets: list[_Sheet], copy: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - in the reading process alone

    book = xlsxwriter.Workbook(copy, {"constant_memory": True, "tmpdir": str(copy.parent)})
    names: set[str] = set()
    for number, sheet in enumerate(sheets, start=1):
        worksheet = book.add_worksheet(_name(sheet.name, number, names))
        worksheet.xls_strmax = 2**31  # a résumé may be longer than Excel lets a cell be
        worksheet.xls_rowmax = 2**31
        _fill(worksheet, sheet)
    shown = [tab for tab, sheet in zip(book.worksheets(), sheets, strict=True) if sheet.is_visible]
    if shown:
        shown[0].activate()
        shown[0].set_first_sheet()
        for worksheet in book.worksheets():
            if worksheet not in shown:
                worksheet.hide()
    book.close()


def _name(name: str, number: int, taken: set[str]) -> str:
    """The sheet's own name where a workbook takes it."""
    plain = _NOT_IN_NAMES.sub(" ", name)[:_LONGEST_NAME].strip("' ")
    chosen = plain if plain and plain.casefold() not in taken else f"Sheet {number}"
    taken.add(chosen.casefold())
    return chosen


def _fill(worksheet: Any, sheet: _Sheet) -> None:  # noqa: ANN401 - a worksheet
    for row, cells in sorted(sheet.rows.items()):
        if row not in sheet.filled:
            continue
        if row in sheet.hidden:
            worksheet.set_row(row, None, None, {"hidden": True})
        for column, text in sorted(cells.items()):
            if text in _ERRORS:
                worksheet.write_formula(row, column, "=NA()", None, text)
            elif text:
                worksheet.write_string(row, column, text)
