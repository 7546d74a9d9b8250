"""CSV and its kin: scanned lazily, so that a file larger than memory can be read."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl
from polars.io.plugins import register_io_source

from jobmojito_batch.columns import OVERFLOW, ROW
from jobmojito_batch.intake.dialect import SAMPLE_BYTES, Dialect, dialect_of
from jobmojito_batch.intake.frames import cell_names, has_text, no_rows, refuse_no_rows, shaped
from jobmojito_batch.intake.soundness import check_text, refuse_binary, strict_records
from jobmojito_batch.records import Table

CHUNK_ROWS: Final = 20_000
LEAST_SPARE_COLUMNS: Final = 8


def read_delimited(path: Path, source: str) -> Table:
    """
    *path* as a lazy all-text table; its bytes are checked here, its rows read on collect.

    The header is the first record that is not blank; rows count records, blank ones too. Raises
    InputError, here or in `input_faults`, for what is not UTF-8 text, has no rows or open quotes.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES + 1)
    refuse_binary(head, source)
    is_whole = len(head) <= SAMPLE_BYTES
    dialect = dialect_of(head[:SAMPLE_BYTES], source, is_whole=is_whole)
    width = len(dialect.headers)
    # As many spare columns as headers: within a row no gap is longer than that.
    spare = max(width, LEAST_SPARE_COLUMNS)
    soundness = check_text(path, source, dialect, spare)
    if is_whole and not dialect.has_rows:
        raise no_rows(source, dialect.headers)
    if soundness.has_stray_quotes or soundness.has_long_gaps:
        frame = _exact_scan(path, source, dialect)
    else:
        frame = _fast_scan(path, dialect, spare)
    if not dialect.has_rows:
        refuse_no_rows(source, frame, dialect.headers)
    return Table(source=source, headers=dialect.headers, frame=frame, delimiter=dialect.delimiter)


def _fast_scan(path: Path, dialect: Dialect, spare: int) -> pl.LazyFrame:
    cells = cell_names(len(dialect.headers))
    spares = [f"spare:{number}" for number in range(spare)]
    scan = pl.scan_csv(
        path,
        has_header=False,
        schema=dict.fromkeys([*cells, *spares], pl.String),
        infer_schema=False,
        separator=dialect.delimiter,
        eol_char=dialect.line_end,
        missing_columns="insert",
        # More cells than all these columns are a fault to report, never to cut.
        extra_columns="raise",
        row_index_name=ROW,
        row_index_offset=1,
        glob=False,
    )
    rest = pl.concat_str(spares, separator=dialect.delimiter, ignore_nulls=True)
    overflow = pl.when(pl.any_horizontal(pl.col(spares).str.contains(r"\S"))).then(rest)
    return shaped(scan.filter(pl.col(ROW) > dialect.header_row), len(cells), overflow)


def _exact_scan(path: Path, source: str, dialect: Dialect) -> pl.LazyFrame:
    """The same frame for what the fast parser refuses or cuts; lazy too, about ten times slower."""
    cells = cell_names(len(dialect.headers))
    schema = {ROW: pl.UInt32, **dict.fromkeys([*cells, OVERFLOW], pl.String)}

    def chunks(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        rows = _exact_rows(path, source, dialect)
        while some := list(islice(rows, CHUNK_ROWS)):
            frame = pl.DataFrame(some, schema=schema, orient="row")
            frame = frame if predicate is None else frame.filter(predicate)
            frame = frame if limit is None else frame.head(limit)
            limit = None if limit is None else limit - frame.height
            yield frame if columns is None else frame.select(columns)
            if limit == 0:
                return

    scan = register_io_source(chunks, schema=schema)
    return shaped(scan, len(cells), pl.col(OVERFLOW))


def _exact_rows(
    path: Path, source: str, dialect: Dialect
) -> Iterator[tuple[int | str | None, ...]]:
    width = len(dialect.headers)
    for row, record in strict_records(path, source, dialect):
        if row > dialect.header_row:
            missing = [None] * (width - len(record))
            rest = [text for text in record[width:] if has_text(text)]
            yield (row, *record[:width], *missing, dialect.delimiter.join(rest) or None)
