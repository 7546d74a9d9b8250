"""
Workbooks that would take the process along: looked at before the native reader is.

It makes room for every cell between the first and the last of a sheet, and aborts where there is
none: a cell in the last corner of an empty sheet is 17 thousand million. And an archive of two
megabytes may unpack to gigabytes.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final

from jobmojito_batch.errors import InputError

MOST_UNPACKED: Final = 6 << 30
"""Bytes; a sheet of a million rows with a résumé each is a fifth of that."""
SUSPECT_UNPACKED: Final = 256 << 20
MOST_TIMES_PACKED: Final = 200
"""Text packs to a tenth, rows that are all alike to a hundredth; more is made on purpose."""
MOST_CELLS: Final = 120_000_000
"""Of the rectangle from the first to the last cell: a million rows of a hundred columns."""
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,  # a way of packing that Python does not know
    RuntimeError,  # a password
    ValueError,  # names that are no text
)
_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_FAR_COLUMN: Final = re.compile(rb'\br="([A-Z]{2,3})[0-9]+"')
_ROW: Final = re.compile(rb'\br="[A-Z]{0,3}([0-9]{1,7})"')
_CHUNK: Final = 1 << 20
_TAIL: Final = 4096
_FEW_COLUMNS: Final = 26


def refuse_what_cannot_be_held(path: Path, source: str) -> None:
    """
    Raise InputError for an archive that unpacks beyond reason, or a sheet with a far last cell.

    What is no archive, or a broken one, is left to the reader, which says what is wrong with it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path.stat().st_size, source)
            for member in archive.infolist():
                if _SHEET.fullmatch(member.filename):
                    with archive.open(member) as sheet:
                        _check_corner(sheet, source)
    except BROKEN:
        return


def _check_sizes(archive: zipfile.ZipFile, packed: int, source: str) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    is_odd = unpacked > SUSPECT_UNPACKED and unpacked > MOST_TIMES_PACKED * packed
    if unpacked > MOST_UNPACKED or is_odd:
        raise InputError(
            f"{source}: unpacks from {packed / 1e6:.1f} MB to {unpacked / 1e6:,.0f} MB, which no "
            "list of candidates does; open it, copy its rows into a new workbook and save that"
        )


def _check_corner(sheet: IO[bytes], source: str) -> None:
    """Its last column by the far ones, its last row by the end of the file."""
    columns, tail = _FEW_COLUMNS, b""
    far: set[bytes] = set()
    last_row = 0
    while chunk := sheet.read(_CHUNK):
        text = tail + chunk
        far.update(_FAR_COLUMN.findall(text))
        tail = text[-_TAIL:]
        # Rows stand in order, so the last of a chunk is its highest.
        rows = _ROW.findall(text[-4 * _TAIL :])
        last_row = max(last_row, int(rows[-1])) if rows else last_row
    columns = max([columns, *map(_number_of, far)])
    if columns * last_row > MOST_CELLS:
        raise InputError(
            f"{source}: has a cell in row {last_row:,}, and its columns go to number {columns:,}: "
            "far from any list. Delete what stands beside and below your rows, or copy them into a "
            "new workbook, and save it"
        )


def _number_of(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
