"""Our own errors file that comes back: it has the layout of the input that it was made of."""

from dataclasses import replace

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    ERROR_COLUMNS,
    OVERFLOW,
    ROW,
    WORKBOOK_ERROR_COLUMNS,
)
from jobmojito_batch.intake.frames import cell_names, overflow_in
from jobmojito_batch.records import Table


def with_overflow(table: Table) -> Table:
    """
    *table* without the columns that the errors file put between its own and the error columns,
    nor, of a workbook, the number of the row.

    The first have no header. What a row still has in them is too much, as it was in the input: who
    corrects the row leaves them empty.
    """
    first, last, end = _ours(table.headers)
    if first == last and end == len(table.headers):
        return table
    beyond = [f"{CELL_PREFIX}{number}" for number in range(first, last)]
    kept = [*range(first), *range(last, end)]
    cells = [
        pl.col(f"{CELL_PREFIX}{number}").alias(name)
        for number, name in zip(kept, cell_names(len(kept)), strict=True)
    ]
    return replace(
        table,
        headers=tuple(table.headers[number] for number in kept),
        frame=table.frame.select(ROW, *cells, overflow_in([*beyond, OVERFLOW]).alias(OVERFLOW)),
    )


def _ours(headers: tuple[str, ...]) -> tuple[int, int, int]:
    """From which to which column overflow stands, and where the error columns end."""
    end = len(headers)
    if headers[-len(WORKBOOK_ERROR_COLUMNS) :] == WORKBOOK_ERROR_COLUMNS:
        end -= 1  # the number of the row in the input
    if headers[end - len(ERROR_COLUMNS) : end] != ERROR_COLUMNS:
        return 0, 0, len(headers)
    first = last = end - len(ERROR_COLUMNS)
    while first and not headers[first - 1]:
        first -= 1
    return first, last, end
