"""The sheets of a workbook through calamine, each as it is: its cells as text, and its marks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import fastexcel
import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.intake.sheet_biff import is_xls, marks_of_xls
from jobmojito_batch.intake.sheet_marks import SheetMarks
from jobmojito_batch.intake.sheet_xml import marks_of, with_known_errors
from jobmojito_batch.intake.shown_numbers import with_shown_numbers
from jobmojito_batch.intake.xlsx_chunks import SharedStrings, Window, windows, without_rows

_OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
_VISIBLE = "visible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A sheet as it is."""

    is_visible: bool
    cells: pl.LazyFrame
    """`row`, and the columns by their number from 0, as text, without what the marks say."""
    marks: SheetMarks = field(default_factory=SheetMarks)


Load = Callable[[str], Grid]
"""From the name of a sheet."""


def whole(path: Path, source: str) -> tuple[Sequence[str], Load]:
    """The names of the sheets, and what loads one of them into memory. Raises InputError."""
    content = path.read_bytes()  # not by name: calamine would believe the suffix
    workbook = _opened(content, source)
    return workbook.sheet_names, partial(_loaded_as_a_whole, workbook, content, source)


@contextmanager
def in_windows(path: Path, source: str, scratch: Path) -> Iterator[tuple[Sequence[str], Load]]:
    """
    The same of a large XLSX, whose sheets are cut into small workbooks; rows lie in *scratch*.

    Raises UNREADABLE for what cannot be cut.
    """
    with closing(SharedStrings(path, scratch_file(scratch, ".strings"))) as strings:

        def load(name: str) -> Grid:
            grid = _loaded_in_windows(windows(path, name, strings), name, source, scratch)
            return replace(grid, marks=marks_of(path, name))

        # The sheets' names come from a workbook that holds next to nothing else.
        yield _opened(without_rows(path), source).sheet_names, load


def _opened(content: bytes, source: str) -> fastexcel.ExcelReader:
    try:
        return fastexcel.read_excel(content)
    except fastexcel.FastExcelError as exc:
        protected = content.startswith(_OLE_MAGIC) or "password" in str(exc).lower()
        raise InputError(
            f"{source}: protected by a password, or broken; save it without a password"
            if protected
            else f"{source}: not a readable workbook; open it and save it again as .xlsx"
        ) from exc


def _loaded(workbook: fastexcel.ExcelReader, content: bytes, name: str, top_row: int = 1) -> Grid:
    """A sheet whose first row that is not blank is *top_row*, or any row where that is 1."""
    # 0 keeps blank rows at the top, without which the numbers would not be the sheet's.
    skipped = 0 if top_row == 1 else None
    loaded = workbook.load_sheet(name, header_row=None, skip_rows=skipped, dtypes="string")
    cells = loaded.to_polars() if loaded.width else pl.DataFrame()
    numbered = cells.select(
        pl.col(column).cast(pl.String).alias(str(number))
        for number, column in enumerate(cells.columns)
    ).with_row_index(ROW, offset=top_row)
    return Grid(
        is_visible=loaded.visible == _VISIBLE,
        cells=with_shown_numbers(numbered, workbook, content, name, skipped).lazy(),
    )


def _loaded_as_a_whole(
    workbook: fastexcel.ExcelReader, content: bytes, source: str, name: str
) -> Grid:
    """A sheet with its columns where they stand, and its marks."""
    marks = marks_of_xls(content, name) if is_xls(content) else marks_of(content, name)
    if marks.has_new_errors:
        workbook = _opened(with_known_errors(content, name), source)
    grid = _loaded(workbook, content, name)
    present = [column for column in grid.cells.collect_schema().names() if column != ROW]
    placed = {column: str(int(column) + marks.first_column) for column in present}
    return replace(grid, cells=grid.cells.rename(placed), marks=marks)


def _loaded_in_windows(parts: Iterable[Window], name: str, source: str, scratch: Path) -> Grid:
    """The same of a sheet in windows, whose rows go to the disk one window at a time."""
    is_visible = True
    scans = []
    for part in parts:
        grid = _loaded(_opened(part.workbook, source), part.workbook, name, part.top_row)
        path = scratch_file(scratch, ".sheet")
        own = pl.col(ROW).is_between(part.first_row, part.last_row)  # one beside them is a mark
        grid.cells.filter(own).sink_parquet(path, compression="lz4")
        is_visible = grid.is_visible
        scans.append(pl.scan_parquet(path))
    return Grid(is_visible=is_visible, cells=pl.concat(scans, how="diagonal"))
