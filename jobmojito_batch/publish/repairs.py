"""The errors file: rows to correct, in the input's own layout, with what is wrong beside them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ERROR_COLUMNS
from jobmojito_batch.publish.cells import BOM, csv_line, harmless
from jobmojito_batch.publish.whole import write_fault, written_whole


def write_errors(
    target: Path, frames: Iterable[pl.DataFrame], *, headers: Sequence[str], delimiter: str
) -> int:
    """
    Write the rows of *frames* to *target*, whole, as CSV for correction; how many there were.

    Frames have `cell:i` for each of *headers* and the three ERROR_COLUMNS. *headers* are written
    as they are, blank and double ones too. Without rows there is no file, and an older one goes:
    it would tell of rows that are fine by now. Raises what `written_whole` raises.
    """
    filled = (frame for frame in frames if frame.height)
    first = next(filled, None)
    if first is None:
        _remove(target)
        return 0
    with written_whole(target) as path:
        return _write(path, chain([first], filled), headers, delimiter)


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


def _remove(target: Path) -> None:
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()
    except OSError as exc:
        raise write_fault(target, exc) from exc
