"""XLSX row by row: typed text that no spreadsheet program runs, links that a person can click."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.errors import BatchError, SettingsError

MOST_ROWS: Final = 1_048_575
"""Rows of a sheet below its header."""
MOST_CELL_UNITS: Final = 32_767
"""What a cell takes, in UTF-16 units."""
MOST_LINKS: Final = 65_530
MOST_LINK_CHARACTERS: Final = 2_079
CUT_MARK: Final = " […cut: a cell ends here; .csv and .parquet have all of it]"

_LINK: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_CREATED: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The same each time, so that the same rows are the same file."""
FAULTY_COLOUR: Final = "#F8CBAD"
"""Of a cell to correct: it has a border too, for who sees no colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a sheet."""

    header: str
    width: int
    """In characters."""
    is_link: bool = False
    is_folded: bool = False
    """Whether it is out of sight until somebody unfolds it, with its neighbours."""
    colours: Mapping[str, str] | None = None
    """The colour of a cell by what it says."""


class SheetOfRows:
    """A sheet that is filled row by row, one row in memory at a time; `finish` it at the end."""

    def __init__(self, workbook: Any, name: str, columns: Sequence[Column]) -> None:  # noqa: ANN401
        self._sheet = workbook.add_worksheet(name)
        self._columns = columns
        self._links = 0
        self.rows = 0
        self._faulty = workbook.add_format({"bg_color": FAULTY_COLOUR, "border": 1})
        # Filled, a cell does not run over into an empty one beside it.
        self._link = workbook.add_format({"hyperlink": True, "align": "fill"})
        self._coloured = {
            number: {
                text: workbook.add_format({"bg_color": colour})
                for text, colour in column.colours.items()
            }
            for number, column in enumerate(columns)
            if column.colours
        }
        self._write_header(workbook)

    def _write_header(self, workbook: Any) -> None:  # noqa: ANN401
        bold = workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#EDEDED"})
        after_folded = False
        for number, column in enumerate(self._columns):
            look = {"level": 1, "hidden": True} if column.is_folded else {}
            look |= {"collapsed": True} if after_folded and not column.is_folded else {}
            self._sheet.set_column(number, number, column.width, None, look)
            self._sheet.write_string(0, number, fitting(column.header), bold)
            after_folded = column.is_folded
        if after_folded:  # the sign to unfold stands above the column behind
            end = len(self._columns)
            self._sheet.set_column(end, end, None, None, {"collapsed": True})
        self._sheet.freeze_panes(1, 0)

    def add(self, frame: pl.DataFrame) -> None:
        """
        Write text and integers. Text is text whatever it starts with; longer than a cell takes it
        is cut and ends in CUT_MARK.

        One column more than the sheet has says which cells are faulty. Raises SettingsError where
        there are more rows than a sheet takes.
        """
        links = [number for number, column in enumerate(self._columns) if column.is_link]
        link_column = links[0] if links else -1
        is_marked = frame.width > len(self._columns)
        sheet, coloured, nothing = self._sheet, self._coloured, dict[str, Any]()
        for cells in frame.iter_rows():
            self.rows += 1
            row = self.rows
            _refuse_overlong(row)
            marks = set(map(int, cells[-1].split())) if is_marked else frozenset()
            for number, value in zip(range(len(self._columns)), cells, strict=False):
                if number in marks:
                    sheet.write_string(row, number, fitting(value or ""), self._faulty)
                elif value is None or value == "":
                    continue
                elif not isinstance(value, str):
                    sheet.write_number(row, number, value)
                elif number == link_column and self._links < MOST_LINKS and _is_link(value):
                    sheet.write_url(row, number, value, self._link, value)
                    self._links += 1
                else:
                    look = coloured.get(number, nothing).get(value)
                    sheet.write_string(row, number, fitting(value), look)

    def finish(self) -> None:
        """Filters over all of it."""
        self._sheet.autofilter(0, 0, self.rows, max(len(self._columns) - 1, 0))


@contextmanager
def open_workbook(path: Path) -> Iterator[Any]:
    """A workbook that is written to *path* when the body ends. Raises BatchError."""
    import xlsxwriter  # noqa: PLC0415 - most runs write none
    from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415

    # The rows wait in files of the library's own, which it leaves behind where the body fails.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        workbook = xlsxwriter.Workbook(str(path), options)
        workbook.set_properties({"created": _CREATED})
        try:
            yield workbook
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
            for sheet in workbook.worksheets():
                sheet.row_data_fh.close()


def write_sheet(
    path: Path, frames: Iterable[pl.DataFrame], columns: Sequence[Column], *, name: str
) -> int:
    """A workbook of one sheet; how many rows it has. Raises what SheetOfRows and the book raise."""
    with open_workbook(path) as workbook:
        sheet = SheetOfRows(workbook, name, columns)
        for frame in frames:
            sheet.add(frame)
        sheet.finish()
    return sheet.rows


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
