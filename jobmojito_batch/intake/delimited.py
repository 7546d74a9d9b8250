"""CSV and its kin: scanned lazily, so that a file larger than memory can be read."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from jobmojito_batch.intake.errors import input_faults
from jobmojito_batch.intake.footers import LAST_ROWS, Footer, footer_of, footer_rows
from jobmojito_batch.intake.frames import (
    cell_names,
    has_text,
    no_rows,
    overflow_in,
    overflow_of,
    refuse_no_rows,
    shaped,
)
from jobmojito_batch.intake.precheck import check_text, strict_records, undecodable
from jobmojito_batch.intake.wrapped import NOTE, unwrapped
from jobmojito_batch.records import Detected, Table

CHUNK_ROWS: Final = 20_000

# Polars parses chunks of a size of its own choosing, several at a time: a million rows of 1 kB then
# take 700 MiB, and with these 450 (docs/decisions/0014). A person's own choice stands.
os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", "4000000")
LEAST_SPARE_COLUMNS: Final = 8
_TAIL_BYTES: Final = 16 * 1024


def read_delimited(
    path: Path,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    *,
    encoding: str | None = None,
    is_ragged: bool = False,
    header_row: int | None = None,
) -> Table:
    """
    *path* as a lazy all-text table; its bytes are checked here, its rows read on collect.

    Rows count records, blank ones too. What is not UTF-8 is read from a copy in *scratch*, which
    has to stay until the frame is collected. *encoding* is its codec and *header_row* the row of
    its header, if a person has said it. *is_ragged* reads rows of any width, slowly: say it where
    collecting raised RaggedRowsError. Raises InputError, here or in `input_faults`, for what is not
    text, has no rows or open quotes; SettingsError where *header_row* is none.
    """

    def read(plain: Plain) -> Table:
        return _read(plain, source, overrides, scratch, is_ragged, header_row)

    head = _head(path)
    if encoding is not None or is_utf_16(head):
        return read(_copied(path, source, overrides, scratch, encoding))
    refuse_binary(head, source)
    try:
        return read(Plain(path=path, encoding=UTF_8))
    except NotPlainError:
        return read(_copied(path, source, overrides, scratch))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SAMPLE_BYTES + 1)


def _copied(
    path: Path,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    encoding: str | None = None,
) -> Plain:
    try:
        return as_plain(path, source, scratch, encoding)
    except UndecodableError as exc:
        text = _head(path)[:SAMPLE_BYTES].decode(exc.codec, "replace")
        dialect = dialect_of(text.encode(), source, overrides, is_whole=True)
        raise undecodable(path, source, dialect, codec=exc.codec, encoding=exc.encoding) from exc


def _read(
    plain: Plain,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    is_ragged: bool,
    header_row: int | None,
) -> Table:
    inner = unwrapped(plain.path, overrides, scratch)
    if inner is not None:
        plain = replace(plain, path=inner, notes=(*plain.notes, NOTE))
    path = plain.path
    head = _head(path)
    is_whole = len(head) <= SAMPLE_BYTES
    dialect = dialect_of(
        head[:SAMPLE_BYTES], source, overrides, is_whole=is_whole, header_row=header_row
    )
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
    footer = _footer(path, dialect, frame, source)
    if footer is not None:
        frame = frame.filter(~pl.col(ROW).is_in(footer.rows))
        notes.append(footer.note)
    if not dialect.has_rows or footer is not None:
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
        doubts=plain.doubts,
    )


def _footer(path: Path, dialect: Dialect, frame: pl.LazyFrame, source: str) -> Footer | None:
    """
    The footer of a report, where there is one.

    A look at the end of the file says whether there may be; only then a scan says which rows.
    """
    last = _last_records(path, dialect)
    width = len(dialect.headers)
    if not footer_rows(last, above=last[0][0] - 1 if last else 0, width=width):
        return None
    with input_faults(source):
        rows = frame.select(ROW).tail(len(last)).collect(engine="streaming")[ROW].to_list()
    cells = [record for _, record in last[len(last) - len(rows) :]]
    return footer_of(list(zip(rows, cells, strict=True)), above=dialect.header_row, width=width)


def _last_records(path: Path, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """The last records that are not blank and have no line break in them, numbered as lines."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _TAIL_BYTES)
        file.seek(start)
        tail = file.read().decode("utf-8", "replace")
    lines = tail.removeprefix("\ufeff").split(dialect.line_end)
    records: list[tuple[int, list[str]]] = []
    # The first line may be cut.
    for number in range(len(lines) - 1, 0 if start else -1, -1):
        line = lines[number].replace("\r", " ").replace("\n", " ")  # a cell's own, whichever it is
        if line.count('"') % 2 or len(records) == LAST_ROWS:
            break
        record = next(csv_records([line], dialect.delimiter), [])
        if any(map(has_text, record)):
            records.append((number, record))
    return records[::-1]


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
    below = scan.filter(pl.col(ROW) > dialect.header_row)
    return shaped(below, len(cells), overflow_in(spares))


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
    for row, record in strict_records(path, source, dialect, is_checked=True):
        if row > dialect.header_row:
            missing = [None] * (width - len(record))
            yield (row, *record[:width], *missing, overflow_of(record[width:]))
