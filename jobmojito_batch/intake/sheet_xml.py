"""The marks of a sheet in XLSX and ODS, from its XML where a quick look says that it has any."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import polars as pl
from lxml import etree

from jobmojito_batch.intake.sheet_marks import Collector, SheetMarks
from jobmojito_batch.normalise import NOT_CALCULATED, error_in

BROKEN: Final = (
    KeyError, LookupError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError,
    zlib.error, zipfile.BadZipFile, etree.XMLSyntaxError,
)  # fmt: skip
READ_BY_CALAMINE: Final = frozenset(
    {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
)
"""It refuses a whole sheet for a cell with another error."""
_BLOCK_BYTES: Final = 1 << 20
_OVERLAP: Final = 64
_SIGNS: Final = (
    r"""hidden=|mergeCell|t="e"|t='e'|<f>|<f |<f/|:f>|:f |\sht="0|"""
    """visibility=|rows-spanned=|formula=|"error\""""  # ODS
)
"""Without one of these a sheet has no marks."""
_TRUE: Final = frozenset({"1", "true"})
_MERGE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})")
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_CALCULATED_ON_LOAD: Final = re.compile(rb'fullCalcOnLoad=["\'](?:1|true)["\']')
_UNKNOWN_ERROR: Final = "#ERROR!"
_ERROR_CELL: Final = re.compile(
    rb"""(<(?:\w+:)?c\b[^>]*\bt=["']e["'][^>]*>(?:<(?:\w+:)?f\b[^>]*>[^<]*(?:</(?:\w+:)?f>)?)?"""
    rb"""<(?:\w+:)?v>)[^<]*(<)"""
)


def marks_of(source: bytes | Path, sheet: str) -> SheetMarks:
    """
    The marks of *sheet* in an XLSX or ODS; none for what is neither.

    Where the XML is broken they are not known, and `unreadable` says so.
    """
    try:
        with zipfile.ZipFile(
            io.BytesIO(source) if isinstance(source, bytes) else source
        ) as package:
            return _collected(package, sheet).marks()
    except zipfile.BadZipFile:
        return SheetMarks()
    except BROKEN as exc:
        return SheetMarks(unreadable=type(exc).__name__)


def with_known_errors(content: bytes, sheet: str) -> bytes:
    """The XLSX with an error that calamine knows in all cells of *sheet* that hold one."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as package, zipfile.ZipFile(target, "w") as copy:
        part = _part(package, sheet)
        for name in package.namelist():
            kept = package.read(name)
            copy.writestr(name, _ERROR_CELL.sub(rb"\1#VALUE!\2", kept) if name == part else kept)
    return target.getvalue()


def _collected(package: zipfile.ZipFile, sheet: str) -> Collector:
    names = set(package.namelist())
    collector = Collector()
    if "xl/workbook.xml" in names:
        part = _part(package, sheet)
        if _has_signs(package, part):
            is_stale = _CALCULATED_ON_LOAD.search(package.read("xl/workbook.xml")) is not None
            with package.open(part) as file:
                _Xlsx(collector, is_stale=is_stale).read(file)
    elif "content.xml" in names and _has_signs(package, "content.xml"):
        with package.open("content.xml") as file:
            _Ods(collector, sheet).read(file)
    return collector


def _has_signs(package: zipfile.ZipFile, part: str) -> bool:
    """A look at the bytes; by polars, which looks for all signs at once."""
    with package.open(part) as file:
        tail = b""
        while block := file.read(_BLOCK_BYTES):
            text, end, tail = (tail + block).rpartition(b">")
            try:
                seen = pl.Series([text + end], dtype=pl.Binary).cast(pl.String)
            except pl.exceptions.ComputeError:
                return True  # it is not UTF-8: nothing can be told of it at a glance
            if seen.str.contains(_SIGNS)[0]:
                return True
            tail = tail if end else tail[-_OVERLAP:]
    return False


def _part(package: zipfile.ZipFile, sheet: str) -> str:
    """The part of an XLSX that holds a sheet, in either dialect of the standard."""
    book = etree.fromstring(package.read("xl/workbook.xml"), _parser())
    link = next(
        (
            value
            for element in book.iter("{*}sheet")
            if element.get("name") == sheet
            for name, value in element.attrib.items()
            if name.endswith("}id")
        ),
        None,
    )
    links = etree.fromstring(package.read("xl/_rels/workbook.xml.rels"), _parser())
    target = {relation.get("Id"): relation.get("Target", "") for relation in links}[link]
    return target[1:] if target.startswith("/") else str(PurePosixPath("xl") / target)


def _parser() -> Any:  # noqa: ANN401 - lxml has no types
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _elements(file: IO[bytes], *tags: str) -> Iterator[tuple[str, Any]]:
    """Elements of these names as they end, one row in memory at a time."""
    events = etree.iterparse(
        file, events=("end",), tag=[f"{{*}}{tag}" for tag in tags], resolve_entities=False,
        no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    for _, element in events:
        yield etree.QName(element).localname, element
        parent = element.getparent()
        element.clear()
        while parent is not None and element.getprevious() is not None:
            del parent[0]


class _Xlsx:
    """SpreadsheetML, ECMA-376 part 1, 18.3.1."""

    def __init__(self, collector: Collector, *, is_stale: bool) -> None:
        self._found = collector
        self._is_stale = is_stale
        """Whether the writer asks for the formulas to be worked out when the file is opened."""
        self._row = 0
        self._full: Any = etree.XPath(
            'string(*[local-name()="c"][*[local-name()="is"] or *[local-name()="v"][text()] or '
            '((@t="str" or @t="d") and *[local-name()="v"])][1]/@r)'
        )
        self._odd: Any = etree.XPath('*[local-name()="c"][@t="e" or *[local-name()="f"]]')

    def read(self, file: IO[bytes]) -> None:
        for name, element in _elements(file, "row", "mergeCell", "col"):
            if name == "row":
                self._take_row(element)
            elif name == "mergeCell":
                self._take_merge(element.get("ref", ""))
            elif element.get("hidden") in _TRUE:
                first, last = int(element.get("min", "0")), int(element.get("max", "0"))
                self._found.hide_columns(first - 1, last - 1)

    def _take_row(self, row: Any) -> None:  # noqa: ANN401
        self._row = int(row.get("r", self._row + 1))
        if row.get("hidden") in _TRUE or row.get("ht") == "0":
            self._found.hide(self._row)
        first = _REFERENCE.fullmatch(self._full(row))
        self._found.begins(_column_number(first[1]) if first else self._unnumbered(row))
        for cell in self._odd(row):
            text = self._said(cell)
            if text is not None:
                self._found.say(_column_of(cell), self._row, text)

    def _unnumbered(self, row: Any) -> int:  # noqa: ANN401
        """Where the first cell stands, in a sheet that leaves the addresses out."""
        return 0 if len(row) and row[0].get("r") is None else 1 << 20

    def _said(self, cell: Any) -> str | None:  # noqa: ANN401
        kind = cell.get("t", "n")
        value = cell.find("{*}v")
        text = (value.text or "").strip() if value is not None else ""
        if kind == "e" and value is not None and value.text:
            self._found.has_new_errors |= value.text not in READ_BY_CALAMINE
            return error_in(text) or _UNKNOWN_ERROR
        if cell.find("{*}f") is None:
            return None
        # An empty text is a result; libraries that do not calculate leave the value out, or give
        # zero: XlsxWriter asks for it to be worked out, POI writes it in a way of its own.
        is_blank = not text and (kind != "str" or value is None) and cell.find("{*}is") is None
        is_zero = kind == "n" and (text == "0.0" or (text == "0" and self._is_stale))
        return NOT_CALCULATED if is_blank or is_zero else None

    def _take_merge(self, reference: str) -> None:
        match = _MERGE.fullmatch(reference)
        if match is not None:
            self._found.merge(_column_number(match[1]), int(match[2]), int(match[4]))


def _column_of(cell: Any) -> int:  # noqa: ANN401
    """From 0; a cell without an address stands beside the one before it."""
    beside = 0
    while cell is not None:
        reference = _REFERENCE.fullmatch(cell.get("r", ""))
        if reference is not None:
            return _column_number(reference[1]) + beside
        cell = cell.getprevious()
        beside += 1
    return beside - 1


def _column_number(letters: str) -> int:
    """From 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class _Ods:
    """OpenDocument 1.3, part 3, 9.1: rows and cells that are alike are written once."""

    def __init__(self, collector: Collector, sheet: str) -> None:
        self._found = collector
        self._sheet = sheet
        self._row = 0
        self._is_ours = False

    def read(self, file: IO[bytes]) -> None:
        """One table after the other; only ours is looked at."""
        events = etree.iterparse(
            file, events=("start", "end"), tag=["{*}table", "{*}table-row"],
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        )  # fmt: skip
        for event, element in events:
            name = etree.QName(element).localname
            if name == "table" and event == "start":
                self._is_ours = _of(element, "name") == self._sheet
            elif event == "end" and name == "table-row":
                if self._is_ours:
                    self._take_row(element)
                element.clear()
                parent = element.getparent()
                while element.getprevious() is not None:
                    del parent[0]

    def _take_row(self, row: Any) -> None:  # noqa: ANN401
        first = self._row + 1
        repeated = _number_of(row, "number-rows-repeated")
        self._row += repeated
        column, is_blank = 0, True
        for cell in row:
            width = _number_of(cell, "number-columns-repeated")
            if _of(cell, "value-type") is not None or _of(cell, "formula") is not None:
                is_blank = False
                self._take_cell(cell, column, first, across=width, down=repeated)
            column += width
        if _of(row, "visibility") in {"collapse", "filter"} and not is_blank:
            self._found.hide(first, repeated)

    def _take_cell(self, cell: Any, column: int, row: int, *, across: int, down: int) -> None:  # noqa: ANN401
        """A cell, which stands for those beside and below that are written as one with it."""
        text = " ".join(
            "".join(paragraph.itertext()) for paragraph in cell.iterchildren("{*}p")
        ).strip()
        if cell.get(_OFFICE_TYPE) is not None or text:
            self._found.begins(column)
        is_formula = _of(cell, "formula") is not None
        if _has_error_type(cell) or (is_formula and error_in(text)):
            error = error_in(text) or _UNKNOWN_ERROR
            self._found.say(column, row, error, across=across, down=down)
        elif is_formula and cell.get(_OFFICE_TYPE) is None:
            self._found.say(column, row, NOT_CALCULATED, across=across, down=down)
        self._found.merge(column, row, row + _number_of(cell, "number-rows-spanned") - 1)


_OFFICE_TYPE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}value-type"


def _has_error_type(cell: Any) -> bool:  # noqa: ANN401
    return any(
        name.endswith("}value-type") and value == "error" for name, value in cell.attrib.items()
    )


def _of(element: Any, name: str) -> str | None:  # noqa: ANN401
    """An attribute whatever its prefix stands for."""
    return next(
        (str(value) for key, value in element.attrib.items() if key.endswith(f"}}{name}")), None
    )


def _number_of(element: Any, name: str) -> int:  # noqa: ANN401
    text = _of(element, name)
    return int(text) if text is not None and text.isdigit() else 1
