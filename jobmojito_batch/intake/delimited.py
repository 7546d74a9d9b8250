"""CSV and its kin: scanned lazily, so that a file larger than memory can be read."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl
from polars.io.plugins import register_io_source

from jobmojito_batch.columns import OVERFLOW, ROW
from jobmojito_batch.intake.dialect import SAMPLE_BYTES, Dialect, csv_records, dialect_of
from jobmojito_batch.intake.encodings import (
    UTF_8,
    NotPlainError,
    Plain,
    UndecodableError,
    as_plain,
    is_utf_16,
    refuse_binary,
)
from jobmojito_batch.intake.frames import cell_names, has_text, no_rows, refuse_no_rows, shaped
from jobmojito_batch.intake.header_rows import TOTAL_NOTE, is_total
from jobmojito_batch.intake.soundness import check_text, strict_records, undecodable
from jobmojito_batch.records import Detected, Table

CHUNK_ROWS: Final = 20_000

# Polars parses chunks of a size of its own choosing, several at a time: a million rows of 1 kB then
# take 700 MiB, and with these 450 (docs/decisions/0014). A person's own choice stands.
os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", "4000000")
LEAST_SPARE_COLUMNS: Final = 8
_TAIL_BYTES: Final = 8 * 1024


def read_delimited(
    path: Path,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    *,
    is_ragged: bool = False,
) -> Table:
    """
    *path* as a lazy all-text table; its bytes are checked here, its rows read on collect.

    Rows count records, blank ones too. What is not UTF-8 is read from a copy in *scratch*, which
    has to stay until the frame is collected. *is_ragged* reads rows of any width, slowly: say it
    where collecting raised RaggedRowsError. Raises InputError, here or in `input_faults`, for what
    is not text, has no rows or open quotes.
    """
    head = _head(path)
    if is_utf_16(head):
        return _read(_copied(path, source, overrides, scratch), source, overrides, is_ragged)
    refuse_binary(head, source)
    try:
        return _read(Plain(path=path, encoding=UTF_8), source, overrides, is_ragged)
    except NotPlainError:
        copy = _copied(path, source, overrides, scratch)
        return _read(copy, source, overrides, is_ragged)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SAMPLE_BYTES + 1)


def _copied(path: Path, source: str, overrides: Mapping[str, str], scratch: Path) -> Plain:
    try:
        return as_plain(path, source, scratch)
    except UndecodableError as exc:
        text = _head(path)[:SAMPLE_BYTES].decode(exc.codec, "replace")
        dialect = dialect_of(text.encode(), source, overrides, is_whole=True)
        raise undecodable(path, source, dialect, codec=exc.codec, encoding=exc.encoding) from exc


def _read(plain: Plain, source: str, overrides: Mapping[str, str], is_ragged: bool) -> Table:
    path = plain.path
    head = _head(path)
    is_whole = len(head) <= SAMPLE_BYTES
    dialect = dialect_of(head[:SAMPLE_BYTES], source, overrides, is_whole=is_whole)
    width = len(dialect.headers)
    # As many spare columns as headers: within a row no gap is longer than that.
    spare = max(width, LEAST_SPARE_COLUMNS)
    soundness = check_text(path, source, dialect, spare)
    if is_whole and not dialect.has_rows:
        raise no_rows(source, dialect.headers)
    if is_ragged or soundness.has_stray_quotes or soundness.has_long_gaps:
        frame = _exact_scan(path, source, dialect)
    else:
        frame = _fast_scan(path, dialect, spare)
    notes = [*plain.notes, *dialect.notes]
    last = _last_record(path, dialect)
    ends_in_total = is_total(last)
    if ends_in_total:
        frame = frame.filter(~_equals(last, width))
        notes.append(TOTAL_NOTE)
    if not dialect.has_rows or ends_in_total:
        refuse_no_rows(source, frame, dialect.headers)
    return Table(
        source=source,
        headers=dialect.headers,
        frame=frame,
        delimiter=dialect.delimiter,
        detected=Detected(
            kind="CSV",
            encoding=plain.encoding,
            delimiter=dialect.delimiter,
            header_row=dialect.header_row,
        ),
        notes=tuple(notes),
    )


def _last_record(path: Path, dialect: Dialect) -> list[str]:
    """The last record that is not blank, where it has no line break in it; else nothing."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read().decode("utf-8", "replace")
    lines = [line for line in tail.split(dialect.line_end) if line.strip(" \t\r\n;,|")]
    if len(lines) < 2:  # noqa: PLR2004 - the first may be cut, or be the header
        return []
    only = lines[-1].replace("\r", " ").replace("\n", " ")  # a cell's own, whichever it is
    return next(csv_records([only], dialect.delimiter), [])


def _equals(record: list[str], width: int) -> pl.Expr:
    cells = [*record[:width], *[""] * (width - len(record))]
    return pl.all_horizontal(
        pl.col(name).fill_null("") == text
        for name, text in zip(cell_names(width), cells, strict=True)
    )


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
