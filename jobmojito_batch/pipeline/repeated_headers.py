"""
Headers among the rows: exports that were joined, each with its own.

Such a row is invalid, as a header is no address, so only invalid rows are looked at; only where
there is one are the rows written again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FAULTS, ORDINAL, OVERFLOW, ROW, SOURCE
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import LAST_ROWS, footer_rows, no_rows
from jobmojito_batch.normalise import Again, header_again
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.pipeline.work_dir import write_again

EMAIL: Final = "candidate_email"
EXAMPLES: Final = 5
MOST_REPORTS: Final = 1_000
"""Joined exports whose ends are looked at; each look costs a part of the prepared file."""
_KIND: Final = "_kind"


def without_repeated_headers(
    prepared: Path, layouts: Sequence[Layout]
) -> tuple[tuple[str, ...], ...]:
    """
    Take the repeated headers out of the prepared rows; gives what is said of each input.

    Raises InputError where one is in another order: what stands below it has other columns.
    """
    is_faulty = pl.scan_parquet(prepared).select(pl.col(FAULTS).is_not_null().any())
    if not is_faulty.collect(engine="streaming").item():  # a header is a row without an address
        return ((),) * len(layouts)
    repeated = [_repeated(prepared, layout) for layout in layouts]
    between = [
        _between(prepared, layout, rows) for layout, rows in zip(layouts, repeated, strict=True)
    ]
    ordinals = pl.concat([rows[ORDINAL] for rows in (*repeated, *between)])
    if not ordinals.is_empty():
        _take_out(prepared, ordinals)
        for layout, rows in zip(layouts, repeated, strict=True):
            _refuse_no_rows(prepared, layout, rows)
    return tuple(map(_notes, repeated, between))


def _repeated(prepared: Path, layout: Layout) -> pl.DataFrame:
    """Ordinal and row of the headers among the rows of an input."""
    cells = [f"{CELL_PREFIX}{number}" for number in range(len(layout.headers))]
    is_bad = (pl.col(SOURCE) == layout.source) & pl.col(FAULTS).is_not_null()
    if EMAIL in layout.fields:
        address = pl.col(cells[layout.fields[EMAIL]]).fill_null("")
        is_bad &= ~address.str.contains("@", literal=True)
    kind = header_again(cells, layout.headers)
    headers = (
        pl.scan_parquet(prepared)
        .filter(is_bad)
        .with_columns(
            pl.when((kind == Again.SAME) & pl.col(OVERFLOW).is_not_null())
            .then(pl.lit(Again.OTHER))
            .otherwise(kind)
            .alias(_KIND)
        )
        .filter(pl.col(_KIND).is_not_null())
        .select(ORDINAL, ROW, _KIND)
        .collect(engine="streaming")
        .sort(ORDINAL)
    )
    others = headers.filter(pl.col(_KIND) == Again.OTHER)
    if not others.is_empty():
        raise _other_header(layout, others[ROW][0])
    return headers


def _between(prepared: Path, layout: Layout, headers: pl.DataFrame) -> pl.DataFrame:
    """Ordinal and row of what ends a joined export and begins the next, above its header."""
    between = headers.clear()
    start, above = 0, 0
    for ordinal, row, _ in headers.head(MOST_REPORTS).rows():
        first = max(start, ordinal - LAST_ROWS)
        cells = [f"{CELL_PREFIX}{number}" for number in range(len(layout.headers))]
        rows = (
            pl.scan_parquet(prepared)
            .slice(first, ordinal - first)
            .filter(pl.col(SOURCE) == layout.source)
            .select(ORDINAL, ROW, *cells)
            .collect(engine="streaming")
        )
        if not rows.is_empty():
            before = above if above and first == start else rows[ROW][0] - 1
            last = [(each[1], each[2:]) for each in rows.rows()]
            numbers = footer_rows(last, above=before, width=len(cells))
            taken = rows.filter(pl.col(ROW).is_in(numbers)).select(ORDINAL, ROW)
            between.extend(taken.with_columns(pl.lit(str(Again.SAME)).alias(_KIND)))
        start, above = ordinal + 1, row
    return between


def _other_header(layout: Layout, row: int) -> InputError:
    return InputError(
        f"{layout.source}: row {row} is a header again, with other columns or in another order "
        "than the first: what stands below it would be read under the wrong headers. Put the rows "
        "from there on into a file of their own, and hand in both"
    )


def _take_out(prepared: Path, ordinals: pl.Series) -> None:
    left = pl.scan_parquet(prepared).filter(~pl.col(ORDINAL).is_in(ordinals.implode()))
    write_again(prepared, left.drop(ORDINAL).with_row_index(ORDINAL))


def _refuse_no_rows(prepared: Path, layout: Layout, rows: pl.DataFrame) -> None:
    left = pl.scan_parquet(prepared).filter(pl.col(SOURCE) == layout.source).select(ROW).head(1)
    if not rows.is_empty() and left.collect(engine="streaming").is_empty():
        raise no_rows(layout.source, layout.headers)


def _notes(headers: pl.DataFrame, between: pl.DataFrame) -> tuple[str, ...]:
    of_reports = "the end of a joined report, or the title of the next"
    parts = ((headers, "the header again"), (between, of_reports))
    return tuple(_note(rows[ROW].to_list(), what) for rows, what in parts if not rows.is_empty())


def _note(rows: Sequence[int], what: str) -> str:
    if len(rows) == 1:
        return f"row {rows[0]} is left out: it is {what}"
    more = ", …" if len(rows) > EXAMPLES else ""
    first = ", ".join(map(str, rows[:EXAMPLES]))
    return f"{len(rows)} rows are left out: they are {what} (rows {first}{more})"
