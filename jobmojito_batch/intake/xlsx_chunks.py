"""
A large XLSX as many small ones, each with some rows of one sheet, so that memory stays bounded.

calamine holds a sheet and all shared strings: 10 GB at a million rows of 1 kB. It still reads
every cell here; all that is done to the XML is to cut it between rows, to number the rows anew, and
to put each shared string where it is used: both have one content model in the standard (CT_Rst).
"""

import io
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from jobmojito_batch.intake.leading_zeros import BROKEN, sheet_part

MOST_BYTES_AS_IT_IS: Final = 64 * 1024 * 1024
"""Unpacked: a workbook of this size takes some 600 MiB to read at once."""
WINDOW_ROWS: Final = 10_000
BLOCK_BYTES: Final = 1024 * 1024

_STRINGS: Final = "xl/sharedStrings.xml"
_KEPT: Final = (
    "[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
)  # fmt: skip
_ROW: Final = re.compile(rb"<row\b([^>]*?)(?:/>|>(.*?)</row>)", re.DOTALL)
_ROW_NUMBER: Final = re.compile(rb'\br="(\d+)"')
_CELL: Final = re.compile(rb'<c r="([A-Z]+)\d+"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
_VALUE: Final = re.compile(rb"<v>(\d+)</v>")
_STRING: Final = re.compile(rb"<si\b[^>]*?(?:/>|>(.*?)</si>)", re.DOTALL)
_SHARED: Final = b't="s"'
_ERROR: Final = b't="e"'
_NO_STRINGS: Final = (
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="0"/>'
)
# Keeps the first column the first, whatever the rows of a window have.
_MARK: Final = b'<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>'


UNREADABLE: Final = (*BROKEN, zlib.error, EOFError, NotImplementedError)
"""Raised by windows of a damaged or unusual workbook, which is then read as a whole."""


class UnusualError(ValueError):
    """The XML is not written in the way that all writers we know of write it."""


class Window(NamedTuple):
    """Some rows of a sheet."""

    first_row: int
    """Its number in the sheet. In the workbook it is row 2; row 1 is a mark."""
    workbook: bytes


def is_large(path: Path) -> bool:
    """Whether *path* is an XLSX that is better read in windows."""
    try:
        with zipfile.ZipFile(path) as package:
            size = sum(part.file_size for part in package.infolist())
            return size > MOST_BYTES_AS_IT_IS and "xl/workbook.xml" in package.namelist()
    except UNREADABLE:
        return False


def without_rows(path: Path) -> bytes:
    """The workbook without its sheets, which tells their names."""
    with zipfile.ZipFile(path) as package:
        return _packed(_kept(package), "xl/worksheets/none.xml", b"")


def windows(path: Path, sheet: str, strings: "SharedStrings") -> Iterator[Window]:
    """The sheet called *sheet*, at least one window. Raises UnusualError."""
    with zipfile.ZipFile(path) as package:
        kept = _kept(package)
        try:
            part = sheet_part(package, sheet)
        except (*BROKEN, StopIteration) as exc:
            raise UnusualError from exc
        rows = _rows(package, part)
        first, made = 1, bytearray()
        for number, cells in rows:
            if made and number - first >= WINDOW_ROWS:
                yield Window(first, _packed(kept, part, bytes(made)))
                made = bytearray()
            first = first if made else number
            made += _renumbered(cells, number - first + 2, strings)
        yield Window(first, _packed(kept, part, bytes(made)))


class SharedStrings:
    """The shared strings of a workbook, in a file of their own; a context manager."""

    def __init__(self, path: Path, copy: Path) -> None:
        self._copy = copy
        self._starts = array("Q", [0])
        with copy.open("wb") as file, zipfile.ZipFile(path) as package:
            if _STRINGS in package.namelist():
                for found in _matches(package, _STRINGS, _STRING, b"</si>"):
                    file.write(found[1] or b"")
                    self._starts.append(self._starts[-1] + len(found[1] or b""))
        self._file = copy.open("rb", buffering=0)

    def __getitem__(self, number: int) -> bytes:
        if number + 1 >= len(self._starts):
            raise UnusualError
        start = self._starts[number]
        self._file.seek(start)
        return self._file.read(self._starts[number + 1] - start)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        self._copy.unlink()


def _kept(package: zipfile.ZipFile) -> dict[str, bytes]:
    there = set(package.namelist())
    return {name: package.read(name) for name in _KEPT if name in there}


def _rows(package: zipfile.ZipFile, part: str) -> Iterator[tuple[int, bytes]]:
    """The numbers of the rows, and their cells."""
    for found in _matches(package, part, _ROW, b"</row>"):
        number = _ROW_NUMBER.search(found[1])
        if number is None:
            raise UnusualError
        yield int(number[1]), found[2] or b""


def _matches(
    package: zipfile.ZipFile, part: str, pattern: re.Pattern[bytes], end: bytes
) -> Iterator[re.Match[bytes]]:
    """What a pattern finds in a part; *end* is how its matches end."""
    with package.open(part) as file:
        for block in _blocks(file, end):
            yield from pattern.finditer(block)


def _blocks(file: IO[bytes], end: bytes) -> Iterator[bytes]:
    """The file in pieces that end in *end*, but for the last."""
    left = b""
    while block := file.read(BLOCK_BYTES):
        whole, separator, left = (left + block).rpartition(end)
        if separator:
            yield whole + separator
    yield left


def _renumbered(cells: bytes, row: int, strings: SharedStrings) -> bytes:
    made = [b'<row r="%d">' % row]
    found = 0
    for cell in _CELL.finditer(cells):
        found += 1
        column, attributes, body = cell.groups()
        if body is None or _ERROR in attributes:  # an error is no value, and stops the reader
            continue
        if _SHARED in attributes:
            value = _VALUE.search(body)
            if value is None:
                continue
            attributes = attributes.replace(_SHARED, b't="inlineStr"')
            body = b"<is>%b</is>" % strings[int(value[1])]
        made.append(b'<c r="%b%d"%b>%b</c>' % (column, row, attributes, body))
    if found != cells.count(b"<c ") + cells.count(b"<c>"):
        raise UnusualError
    made.append(b"</row>")
    return b"".join(made)


def _packed(kept: dict[str, bytes], part: str, rows: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        for name, content in kept.items():
            package.writestr(name, content)
        package.writestr(_STRINGS, _NO_STRINGS)
        package.writestr(
            part,
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b"<sheetData>%b%b</sheetData></worksheet>" % (_MARK, rows),
        )
    return target.getvalue()
