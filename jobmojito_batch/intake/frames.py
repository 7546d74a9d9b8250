"""The shape that all formats share: `row`, `cell:0` … `cell:N`, `overflow`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    EXPLANATION_MARKS,
    OVERFLOW,
    OVERFLOW_SEPARATOR,
    ROW,
)
from jobmojito_batch.intake.errors import NoRowsError
from jobmojito_batch.normalise.fields import OBJECTS

GROUP_ROWS: Final = 10_000
"""Rows of a row group of the prepared file: few groups, or its footer grows with the rows."""

NO_OVERFLOW = pl.lit(None, dtype=pl.String).alias(OVERFLOW)


def sink_rows(frame: pl.LazyFrame, target: Path) -> None:
    """Write rows to *target* as they come, as Parquet that one person may read (mode 600)."""
    target.touch(mode=0o600)
    frame.sink_parquet(target, row_group_size=GROUP_ROWS, compression="lz4", engine="streaming")


def cell_names(width: int) -> list[str]:
    """The column names of *width* cells."""
    return [f"{CELL_PREFIX}{number}" for number in range(width)]


def is_object_member(header: str) -> bool:
    """Whether what is nested under *header* is a value of its own: a JSON member of the request."""
    return header.strip().lower() in OBJECTS


def has_text(text: str | None) -> bool:
    """True where a cell holds more than blanks."""
    return text is not None and bool(text.strip())


def overflow_of(cells: Sequence[str | None]) -> str | None:
    """The overflow of a row from its *cells* beyond the last header."""
    if not any(map(has_text, cells)):
        return None
    return OVERFLOW_SEPARATOR.join(text or "" for text in cells).rstrip(OVERFLOW_SEPARATOR)


def overflow_in(columns: Sequence[str]) -> pl.Expr:
    """The same from the *columns* that hold those cells."""
    texts = [pl.col(column).fill_null("") for column in columns]
    rest = pl.concat_str(texts, separator=OVERFLOW_SEPARATOR)
    has_any = pl.any_horizontal(pl.col(columns).str.contains(r"\S"))
    return pl.when(has_any).then(rest.str.strip_chars_end(OVERFLOW_SEPARATOR))


def shaped(frame: pl.LazyFrame, width: int, overflow: pl.Expr = NO_OVERFLOW) -> pl.LazyFrame:
    """
    *frame* as a Table has it: the others keep their numbers where blank rows are gone.

    So are the explaining rows of our own template.
    """
    with_overflow = frame.select(
        pl.col(ROW).cast(pl.UInt32), *cell_names(width), overflow.alias(OVERFLOW)
    )
    texts = [*cell_names(width), OVERFLOW]
    first = pl.col(cell_names(1)).fill_null("")
    explains = pl.any_horizontal(first.str.starts_with(mark) for mark in EXPLANATION_MARKS)
    return with_overflow.filter(pl.any_horizontal(pl.col(texts).str.contains(r"\S")) & ~explains)


def refuse_no_rows(source: str, frame: pl.LazyFrame, headers: Sequence[str]) -> None:
    """Raise InputError where no row of *frame* holds any text."""
    if frame.select(ROW).head(1).collect(engine="streaming").is_empty():
        raise no_rows(source, headers)


def no_rows(source: str, headers: Sequence[str]) -> NoRowsError:
    """An input that ends after its header (*headers*)."""
    return NoRowsError(
        f"{source}: no rows below the header ({len(headers)} columns); add at least one candidate",
        headers,
    )
