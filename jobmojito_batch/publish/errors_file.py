"""The errors file: rows to correct, in the input's own layout, with what is wrong beside them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    ERROR_COLUMNS,
    FAULTY,
    ROW,
    WORKBOOK_ERROR_COLUMNS,
)
from jobmojito_batch.publish.atomic_write import write_fault, written_whole
from jobmojito_batch.publish.cells import BOM, csv_line, harmless
from jobmojito_batch.publish.workbook import Column, write_sheet

_WIDTHS: Final = {"error_message": 60, "candidate_name": 26, "candidate_email": 32, ROW: 8}
_USUAL_WIDTH: Final = 20


def write_errors(
    target: Path, frames: Iterable[pl.DataFrame], *, headers: Sequence[str], delimiter: str
) -> int:
    """
    Write the rows of *frames* to *target*, whole, for correction; how many there were.

    As a workbook where its name ends in .xlsx, else as CSV.

    Frames have `cell:i` for each of *headers*, WORKBOOK_ERROR_COLUMNS and FAULTY. *headers* are
    written as they are, blank and double ones too. In a workbook what is wrong is coloured.
    Without rows there is no file, and an older one goes: it would tell of rows that are fine by
    now. Raises what `written_whole` raises.
    """
    filled = (frame for frame in frames if frame.height)
    first = next(filled, None)
    if first is None:
        remove_errors(target)
        return 0
    with written_whole(target) as path:
        if target.suffix.lower() == ".xlsx":
            return _write_workbook(path, chain([first], filled), headers)
        return _write(path, chain([first], filled), headers, delimiter)


def _write_workbook(path: Path, frames: Iterator[pl.DataFrame], headers: Sequence[str]) -> int:
    cells = [f"{CELL_PREFIX}{number}" for number in range(len(headers))]
    columns = [
        Column(header=name, width=_WIDTHS.get(name, _USUAL_WIDTH))
        for name in (*headers, *WORKBOOK_ERROR_COLUMNS)
    ]
    marked = (frame.select(*cells, *WORKBOOK_ERROR_COLUMNS, FAULTY) for frame in frames)
    return write_sheet(path, marked, columns, name="To correct")


def _write(
    path: Path, frames: Iterator[pl.DataFrame], headers: Sequence[str], delimiter: str
) -> int:
    cells = [f"{CELL_PREFIX}{number}" for number in range(len(headers))]
    rows = 0
    with path.open("wb") as file:
        file.write(BOM + csv_line([*headers, *ERROR_COLUMNS], delimiter))
        for frame in frames:
            texts = frame.select(pl.col(*cells, *ERROR_COLUMNS).cast(pl.String))
            texts.with_columns(harmless(pl.all())).write_csv(
                file, include_header=False, separator=delimiter
            )
            rows += frame.height
    return rows


def remove_errors(target: Path) -> None:
    """Remove an errors file that is there. Raises what `written_whole` raises."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()
    except OSError as exc:
        raise write_fault(target, exc) from exc
