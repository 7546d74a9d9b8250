"""
A large XLSX as many small ones, each with some rows of one sheet, so that memory stays bounded.

calamine holds a sheet and all shared strings: 10 GB at a million rows of 1 kB. It still reads
every cell here; all that is done to the XML is to cut it between rows, and to give each piece the
shared strings that it uses, numbered anew.
"""

import io
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from mmap import ACCESS_READ, mmap
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
_ROW: Final = re.compile(rb'<row\b[^>]*?\br="(\d+)"')
_SHARED: Final = b't="s"'
_SHARED_CELL: Final = re.compile(rb'(<c\b[^>]*\bt="s"[^>]*><v>)(\d+)(?=</v>)')
_BLANK_CELL: Final = re.compile(rb'<c\b[^>]*\bt="s"[^>]*(?:/>|></c>)')
_ERROR: Final = b't="e"'
_ERROR_CELL: Final = re.compile(rb'<c\b[^>]*\bt="e"[^>]*?(?:/>|>.*?</c>)', re.DOTALL)
_STRING: Final = re.compile(rb"<si\b[^>]*?(?:/>|>(.*?)</si>)", re.DOTALL)
_STRINGS_OF: Final = (
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%b</sst>'
)
# A row before or after the others keeps the first column and the first row what they are.
_MARK: Final = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>x</t></is></c></row>'


UNREADABLE: Final = (*BROKEN, zlib.error, EOFError, NotImplementedError)
"""Raised by windows of a damaged or unusual workbook, which is then read as a whole."""


class UnusualError(ValueError):
    """The XML is not written in the way that all writers we know of write it."""


class Window(NamedTuple):
    """Some rows of a sheet."""

    first_row: int
    """The number of the first and of the last; one row beside them is a mark."""
    last_row: int
    workbook: bytes

    @property
    def top_row(self) -> int:
        """The number of the first row that is in the workbook: the mark, unless there is none."""
        return max(1, self.first_row - 1)


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
        return _packed(_kept(package), "xl/worksheets/none.xml", b"", _STRINGS_OF % b"")


def windows(path: Path, sheet: str, strings: "SharedStrings") -> Iterator[Window]:
    """The sheet called *sheet*, at least one window. Raises UnusualError."""
    with zipfile.ZipFile(path) as package:
        kept = _kept(package)
        try:
            part = sheet_part(package, sheet)
        except BROKEN as exc:
            raise UnusualError from exc
        first = last = 1
        pending: list[bytes] = []
        with package.open(part) as file:
            for block in _blocks(file, b"</row>"):
                rows = block.partition(b"</sheetData>")[0]
                numbered = _numbered(rows)
                at = numbered[0][1] if numbered else len(rows)
                for number, start in numbered:
                    if (pending or start > at) and number - first >= WINDOW_ROWS:
                        yield _window(first, last, kept, part, [*pending, rows[at:start]], strings)
                        pending, at = [], start
                    first = first if pending or start > at else number
                    last = number
                pending.append(rows[at:])
        yield _window(first, last, kept, part, pending, strings)


class SharedStrings:
    """The shared strings of a workbook, in a file of their own; a context manager."""

    def __init__(self, path: Path, copy: Path) -> None:
        self._copy = copy
        self._starts = array("Q", [0])
        with copy.open("wb") as file, zipfile.ZipFile(path) as package:
            if _STRINGS in package.namelist():
                with package.open(_STRINGS) as part:
                    for block in _blocks(part, b"</si>"):
                        texts = list(_texts(block))
                        file.write(b"".join(texts))
                        ends = accumulate(map(len, texts), initial=self._starts[-1])
                        self._starts.extend(islice(ends, 1, None))
        self._file = copy.open("rb")
        # A file of no bytes cannot be mapped.
        self._bytes = mmap(self._file.fileno(), 0, access=ACCESS_READ) if self._starts[-1] else b""

    def __getitem__(self, number: int) -> bytes:
        if number + 1 >= len(self._starts):
            raise UnusualError
        return self._bytes[self._starts[number] : self._starts[number + 1]]

    def close(self) -> None:
        """Remove the file."""
        if isinstance(self._bytes, mmap):
            self._bytes.close()
        self._file.close()
        self._copy.unlink()


def _texts(block: bytes) -> Iterator[bytes]:
    """The contents of the shared strings in a block that ends in one's end."""
    for piece in block.split(b"</si>")[:-1]:
        before, begins, text = piece.partition(b"<si>")
        if begins and not before:  # as good as all of them, and ten times as fast as the pattern
            yield text
        else:
            yield from _STRING.findall(piece + b"</si>")


def _kept(package: zipfile.ZipFile) -> dict[str, bytes]:
    present = set(package.namelist())
    return {name: package.read(name) for name in _KEPT if name in present}


def _numbered(rows: bytes) -> list[tuple[int, int]]:
    """The numbers of rows, and where each begins. Raises UnusualError."""
    numbered = [(int(match[1]), match.start()) for match in _ROW.finditer(rows)]
    if len(numbered) != rows.count(b"<row"):
        raise UnusualError
    return numbered


def _blocks(file: IO[bytes], end: bytes) -> Iterator[bytes]:
    """The file in pieces that end in *end*, but for the last."""
    left = b""
    while block := file.read(BLOCK_BYTES):
        whole, separator, left = (left + block).rpartition(end)
        if separator:
            yield whole + separator
    yield left


def _window(
    first: int,
    last: int,
    kept: dict[str, bytes],
    part: str,
    rows: Sequence[bytes],
    strings: SharedStrings,
) -> Window:
    cells = b"".join(rows)
    if _ERROR in cells:  # an error is no value, and stops the reader
        cells = _ERROR_CELL.sub(b"", cells)
    cells, used = _with_own_strings(cells)
    texts = b"".join(b"<si>%b</si>" % strings[number] for number in used)
    mark = first - 1 or last + 1
    marked = _MARK % (mark, mark)
    whole = cells + marked if mark > last else marked + cells
    return Window(first, last, _packed(kept, part, whole, _STRINGS_OF % texts))


def _with_own_strings(cells: bytes) -> tuple[bytes, list[int]]:
    """Cells whose shared strings are numbered from 0, and what they were. Raises UnusualError."""
    places: dict[int, int] = {}

    def renumbered(cell: re.Match[bytes]) -> bytes:
        return b"%b%d" % (cell[1], places.setdefault(int(cell[2]), len(places)))

    shared = cells.count(_SHARED)
    cells, count = _SHARED_CELL.subn(renumbered, cells)
    if count != shared and count + len(_BLANK_CELL.findall(cells)) != shared:
        raise UnusualError
    return (cells if count == shared else _BLANK_CELL.sub(b"", cells)), list(places)


def _packed(kept: dict[str, bytes], part: str, rows: bytes, strings: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        for name, content in kept.items():
            package.writestr(name, content)
        package.writestr(_STRINGS, strings)
        package.writestr(
            part,
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b"<sheetData>%b</sheetData></worksheet>" % rows,
        )
    return target.getvalue()
