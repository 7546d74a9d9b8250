"""A table in the layout that it came in: what a person corrected, to be kept or handed on."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX
from jobmojito_batch.publish.atomic_write import written_whole
from jobmojito_batch.publish.cells import BOM, csv_line, harmless
from jobmojito_batch.publish.workbook import Column, write_sheet

_WIDTH: Final = 20


def write_table(
    target: Path, frames: Iterable[pl.DataFrame], *, headers: Sequence[str], delimiter: str
) -> None:
    """
    Write the `cell:i` of *frames* below *headers*, as a workbook where *target* ends in .xlsx.

    Formulas are harmless. Raises what `written_whole` raises.
    """
    names = [f"{CELL_PREFIX}{number}" for number in range(len(headers))]
    cells = (frame.select(names) for frame in frames)
    with written_whole(target) as path:
        if target.suffix.lower() == ".xlsx":
            columns = [Column(header=header, width=_WIDTH) for header in headers]
            write_sheet(path, cells, columns, name="Candidates")
            return
        with path.open("wb") as file:
            file.write(BOM + csv_line(headers, delimiter))
            for frame in cells:
                frame.with_columns(harmless(pl.all())).write_csv(
                    file, include_header=False, separator=delimiter
                )
