"""XLSX row by row: typed text that no spreadsheet program runs, links that a person can click."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from jobmojito_batch.errors import BatchError, SettingsError

MOST_ROWS: Final = 1_048_575
"""Rows of a sheet below its header."""
MOST_CELL_UNITS: Final = 32_767
"""What a cell takes, in UTF-16 units."""
MOST_LINKS: Final = 65_530
MOST_LINK_CHARACTERS: Final = 2_079
CUT_MARK: Final = " […cut: a cell ends here; .csv and .parquet have all of it]"

_LINK_COLUMN: Final = "interview_url"
_LINK: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_WIDTHS: Final = {
    "source": 24,
    "row": 8,
    _LINK_COLUMN: 48,
    "reason": 40,
    "error_message": 60,
    "candidate_name": 26,
    "candidate_email": 32,
    "position_name": 30,
    "profile_interview_id": 38,
    "attempts": 10,
    "http_status": 12,
    "sent_at": 26,
    "settled_at": 26,
    "run_id": 38,
}
_USUAL_WIDTH: Final = 20


def write_workbook(path: Path, frames: Iterator[pl.DataFrame], columns: Sequence[str]) -> None:
    """
    Write *frames* of text and integer columns to one sheet of *path*, one row in memory at a time.

    Text is text whatever it starts with. `interview_url` becomes a hyperlink while a sheet takes
    more of them. Text longer than a cell takes is cut and ends in CUT_MARK, in this format alone.
    SettingsError where there are more rows than a sheet takes.
    """
    # The rows wait in a file of the library's own, which it leaves behind where the body fails.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        workbook = xlsxwriter.Workbook(str(path), options)
        sheet = workbook.add_worksheet("Results")
        try:
            _dress(workbook, sheet, columns)
            last_row = _fill(sheet, frames, columns)
            sheet.autofilter(0, 0, last_row, max(len(columns) - 1, 0))
            workbook.close()
        except XlsxWriterException as exc:
            cause = exc.__context__
            raise (
                cause
                if isinstance(cause, OSError)
                else BatchError(
                    f"{path.name}: the workbook cannot be finished; write the results as .csv"
                )
            ) from exc
        finally:
            sheet.row_data_fh.close()


def _dress(workbook: Any, sheet: Any, columns: Sequence[str]) -> None:  # noqa: ANN401 - untyped
    bold = workbook.add_format({"bold": True})
    for number, name in enumerate(columns):
        sheet.set_column(number, number, _WIDTHS.get(name, _USUAL_WIDTH))
        sheet.write_string(0, number, fitting(name), bold)
    sheet.freeze_panes(1, 0)


def _fill(sheet: Any, frames: Iterator[pl.DataFrame], columns: Sequence[str]) -> int:  # noqa: ANN401
    """Write all rows; the number of the last, where the header is 0."""
    link_column = columns.index(_LINK_COLUMN) if _LINK_COLUMN in columns else -1
    links = 0
    row = 0
    for frame in frames:
        for cells in frame.iter_rows():
            row += 1
            _refuse_overlong(row)
            for number, value in enumerate(cells):
                if value is None or value == "":
                    continue
                if not isinstance(value, str):
                    sheet.write_number(row, number, value)
                elif number == link_column and links < MOST_LINKS and _is_link(value):
                    sheet.write_url(row, number, value, string=value)
                    links += 1
                else:
                    sheet.write_string(row, number, fitting(value))
    return row


def _refuse_overlong(row: int) -> None:
    if row > MOST_ROWS:
        raise SettingsError(
            f"more than {MOST_ROWS:,} rows do not fit into a sheet; use .csv or .parquet"
        )


def _is_link(text: str) -> bool:
    return len(text) <= MOST_LINK_CHARACTERS and _LINK.fullmatch(text) is not None


def fitting(text: str) -> str:
    """*text* where a cell takes it, else its beginning and CUT_MARK."""
    # A character is one or two units, so most texts need no closer look.
    if len(text) <= MOST_CELL_UNITS // 2 or _units(text) <= MOST_CELL_UNITS:
        return text
    room = 2 * (MOST_CELL_UNITS - _units(CUT_MARK))
    return text.encode("utf-16-le")[:room].decode("utf-16-le", "ignore") + CUT_MARK


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
