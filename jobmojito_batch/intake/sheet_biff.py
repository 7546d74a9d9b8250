"""Marks and formats of a sheet in XLS (Excel 97 to 2003), by xlrd: calamine gives its values."""

import struct
from collections.abc import Mapping
from typing import Any, Final

import xlrd

from jobmojito_batch.intake.leading_zeros import ZEROS
from jobmojito_batch.intake.sheet_marks import Collector, SheetMarks

_OLE_MAGIC: Final = bytes.fromhex("D0CF11E0A1B11AE1")
_UNKNOWN_ERROR: Final = "#ERROR!"
# What xlrd raises for damaged files, which calamine may read all the same.
_BROKEN: Final = (
    xlrd.XLRDError, struct.error, AssertionError, LookupError, ValueError, TypeError,
    AttributeError, OverflowError, MemoryError,
)  # fmt: skip


def is_xls(content: bytes) -> bool:
    """Whether it is one of Microsoft's old compound files."""
    return content.startswith(_OLE_MAGIC)


def marks_of_xls(content: bytes, sheet: str) -> SheetMarks:
    """The marks of *sheet*; a formula without a value does not show here."""
    try:
        with _opened(content) as book:
            return _collected(book.sheet_by_name(sheet)).marks()
    except _BROKEN as exc:
        return SheetMarks(unreadable=type(exc).__name__)


def zeros_of_xls(content: bytes, sheet: str) -> dict[int, dict[int, str]]:
    """The cells of *sheet* that show leading zeros, as `with_leading_zeros` has them of an XLSX."""
    try:
        with _opened(content) as book:
            codes = [book.format_map[style.format_key].format_str for style in book.xf_list]
            widths = {at: len(code) for at, code in enumerate(codes) if ZEROS.fullmatch(code)}
            return _padded(book.sheet_by_name(sheet), widths) if widths else {}
    except _BROKEN:
        return {}


def _padded(sheet: Any, widths: Mapping[int, int]) -> dict[int, dict[int, str]]:  # noqa: ANN401
    padded: dict[int, dict[int, str]] = {}
    first = None
    for row in range(sheet.nrows):
        for column, kind in enumerate(sheet.row_types(row)):
            if kind in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK}:
                continue
            first = column if first is None else min(first, column)
            width = widths.get(sheet.cell_xf_index(row, column), 0)
            number = sheet.cell_value(row, column) if kind == xlrd.XL_CELL_NUMBER else -1.0
            if width and number >= 0 and number.is_integer():
                padded.setdefault(column, {})[row + 1] = str(int(number)).zfill(width)
    return {column - (first or 0): rows for column, rows in padded.items()}


def _opened(content: bytes) -> Any:  # noqa: ANN401
    """The workbook; a sheet of it is read when it is asked for."""
    return xlrd.open_workbook(
        file_contents=content, formatting_info=True, on_demand=True, ragged_rows=True,
        ignore_workbook_corruption=True, logfile=_Silence(),
    )  # fmt: skip


class _Silence:
    """Where xlrd's remarks go, which may quote cells."""

    def write(self, _: str) -> None:
        """Nothing."""


def _collected(sheet: Any) -> Collector:  # noqa: ANN401 - xlrd has no types
    collector = Collector()
    for row, info in sorted(sheet.rowinfo_map.items()):
        if info.hidden:
            collector.hide(row + 1)
    for column, info in sheet.colinfo_map.items():
        if info.hidden:
            collector.hide_columns(column, column)
    for first, end, column, _ in sheet.merged_cells:
        collector.merge(column, first + 1, end)
    for row in range(sheet.nrows):
        _take_row(collector, sheet.row_types(row), sheet, row)
    return collector


def _take_row(collector: Collector, types: Any, sheet: Any, row: int) -> None:  # noqa: ANN401
    for column, kind in enumerate(types):
        if kind not in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK}:
            collector.begins(column)
            break
    if xlrd.XL_CELL_ERROR in types:
        for column, kind in enumerate(types):
            if kind == xlrd.XL_CELL_ERROR:
                code = sheet.cell_value(row, column)
                collector.say(column, row + 1, xlrd.error_text_from_code.get(code, _UNKNOWN_ERROR))
