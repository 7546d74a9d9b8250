"""
Numbers of a sheet as the sheet shows them, where that is not what calamine gives.

With the leading zeros of their format; and longer ones than a spreadsheet keeps as what they are,
numbers that were rounded: 1.23456789012345E+17, and not digits that nobody wrote.
"""

import re
from decimal import Decimal
from typing import Final

import fastexcel
import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.intake.leading_zeros import with_leading_zeros
from jobmojito_batch.intake.sheet_biff import is_xls, zeros_of_xls

_SHOWN: Final = "shown"
_LONG: Final = r"^[+-]?\d{16,}(?:\.\d+)?$"
"""A spreadsheet keeps 15 digits of a number; of a text it keeps all."""
_DIGITS_KEPT: Final = 15


def with_shown_numbers(
    cells: pl.DataFrame,
    workbook: fastexcel.ExcelReader,
    content: bytes,
    name: str,
    skipped: int | None,
) -> pl.DataFrame:
    """
    The *cells* of a sheet (ROW, and columns by their number) with its numbers as it shows them.

    *content* is the workbook, *skipped* the rows that were left out when it was loaded.
    """
    zeros = zeros_of_xls if is_xls(content) else with_leading_zeros
    shown = {str(column): texts for column, texts in zeros(content, name).items()}
    long = _long_numbers(cells, workbook, name, skipped)
    for column in [*shown, *(column for column in long if column not in shown)]:
        if column in cells.columns:
            texts = shown.get(column, {}) | long.get(column, {})
            patch = pl.DataFrame(
                {ROW: list(texts), _SHOWN: list(texts.values())},
                schema={ROW: pl.UInt32, _SHOWN: pl.String},
            )
            cells = (
                cells.join(patch, on=ROW, how="left", maintain_order="left")
                .with_columns(pl.coalesce(_SHOWN, column).alias(column))
                .drop(_SHOWN)
            )
    return cells


def as_kept(number: str) -> str:
    """A number as a spreadsheet keeps it: `1.23456789012345E+17` for one of more digits."""
    if re.search(_LONG, number) is None:
        return number
    return f"{Decimal(repr(float(number))).normalize():E}"


def _long_numbers(
    cells: pl.DataFrame, workbook: fastexcel.ExcelReader, name: str, skipped: int | None
) -> dict[str, dict[int, str]]:
    """Column → row → text, of the cells that hold a number of more digits than are kept."""
    is_long = pl.exclude(ROW).str.len_bytes().gt(_DIGITS_KEPT) & pl.exclude(ROW).str.contains(_LONG)
    long = cells.select(is_long)
    columns = [column for column in long.columns if long[column].any()]
    if not columns:
        return {}
    # As truth values: those of numbers are known, those of texts are null.
    loaded = workbook.load_sheet(name, header_row=None, skip_rows=skipped, dtypes="boolean")
    truth = loaded.to_polars()
    return {
        column: {row: as_kept(text) for row, text in numbers.iter_rows()}
        for column in columns
        if not (
            numbers := cells.select(ROW, column).filter(
                long[column].fill_null(value=False) & truth.to_series(int(column)).is_not_null()
            )
        ).is_empty()
    }
