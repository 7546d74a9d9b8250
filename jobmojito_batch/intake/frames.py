"""The shape that all formats share: `row`, `cell:0` … `cell:N`, `overflow`."""

from collections.abc import Sequence

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, EXPLANATION_MARKS, OVERFLOW, ROW
from jobmojito_batch.intake.faults import NoRowsError
from jobmojito_batch.normalise.fields import OBJECTS

NO_OVERFLOW = pl.lit(None, dtype=pl.String).alias(OVERFLOW)


def cell_names(width: int) -> list[str]:
    """The column names of *width* cells."""
    return [f"{CELL_PREFIX}{number}" for number in range(width)]


def is_object_member(header: str) -> bool:
    """Whether what is nested under *header* is a value of its own: a JSON member of the request."""
    return header.strip().lower() in OBJECTS


def has_text(text: str | None) -> bool:
    """True where a cell holds more than blanks."""
    return text is not None and bool(text.strip())


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
