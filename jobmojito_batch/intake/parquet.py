"""
Parquet: typed columns as the text a person would have written.

A row group is the least that polars reads, and some exporters write a file as one. So a large file
is first copied into small row groups by arrow-rs, which reads pages; then slices are read, one
after the other (docs/decisions/0014).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
from arro3.core import DataType, Field
from arro3.io import read_parquet as read_batches
from arro3.io import write_parquet as write_batches
from polars.io.plugins import register_io_source

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.frames import cell_names, is_object_member, refuse_no_rows, shaped
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.records import Detected, Table

# A column of the file may be called `row`, so its number travels under a name no file has.
_NUMBER = "\x00row"

# Control characters that no text holds.
_CONTROL: Final = r"[\x00-\x08\x0e-\x1f]"

_IN_LIST: Final = "[]"
LONGEST_ID: Final = 64
"""Bytes; more are a picture or a file, of which no text is made."""
_ROUNDED_FROM: Final = 10**15
"""Longer whole numbers in floats have passed through a spreadsheet or a data frame: no digits."""
SLICE_ROWS: Final = 5_000
MOST_BYTES_AS_IT_IS: Final = 32 * 1024 * 1024
"""A file of this size has no row group that could be too large for the memory."""


def read_parquet(path: Path | str, source: str, scratch: Path) -> Table:
    """
    *path* as a lazy all-text table; rows count from 1. InputError where it is broken.

    A large file is copied into *scratch*, which has to stay until the frame is collected. One from
    afar is read as it comes.
    """
    widths = _widths(path) if isinstance(path, Path) else _Widths()
    try:
        scan = _scan(path)
        schema = dict(scan.collect_schema())
        if isinstance(path, Path):
            scan = _sliced(_small_groups(path, scratch))
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{source}: not a readable Parquet file; export it again") from exc
    del schema[_NUMBER]
    # By place: to pl.col a header such as `*` or `^x$` would be a pattern. 0 is the number.
    columns = [
        leaf
        for place, (header, dtype) in enumerate(schema.items(), start=1)
        for leaf in _leaves(header, pl.nth(place), dtype, widths)
    ]
    if not columns:
        raise InputError(f"{source}: a Parquet file without columns; export it again")
    headers = tuple(header for header, _ in columns)
    texts = [
        text.alias(name) for (_, text), name in zip(columns, cell_names(len(columns)), strict=True)
    ]
    frame = shaped(scan.select(pl.col(_NUMBER).alias(ROW), *texts), len(headers))
    refuse_no_rows(source, frame, headers)
    return Table(source=source, headers=headers, frame=frame, detected=Detected(kind="Parquet"))


def _scan(path: Path | str) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, row_index_name=_NUMBER, row_index_offset=1)


def _small_groups(path: Path, scratch: Path) -> Path:
    """*path*, or a copy in row groups of SLICE_ROWS; itself too where only polars can read it."""
    if path.stat().st_size <= MOST_BYTES_AS_IT_IS:
        return path
    copy = scratch_file(scratch, ".parquet")
    try:
        write_batches(
            read_batches(path), copy, compression="lz4_raw", max_row_group_size=SLICE_ROWS
        )
    except BaseException as exc:
        # What arrow-rs does not read, in an error or a panic, polars may: it has the last word.
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        copy.unlink()
        return path
    return copy


def _sliced(path: Path) -> pl.LazyFrame:
    """The same rows as a scan, SLICE_ROWS in memory at a time."""
    scan = _scan(path)

    def slices(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        height: int = scan.select(pl.len()).collect().item()
        left = height if limit is None else limit
        for start in range(0, height, SLICE_ROWS):
            some = scan.slice(start, SLICE_ROWS)
            some = some if predicate is None else some.filter(predicate)
            frame = (some if columns is None else some.select(columns)).collect().head(left)
            yield frame
            left -= frame.height
            if left <= 0:
                return

    return register_io_source(slices, schema=scan.collect_schema())


class _Widths(NamedTuple):
    """What polars forgets of columns of bytes; nested ones by their path."""

    uuids: frozenset[str] = frozenset()
    """Those that the file calls UUIDs."""
    fixed: frozenset[str] = frozenset()
    """Those whose cells are all of one length, as ids and hashes are."""


def _widths(path: Path) -> _Widths:
    try:
        schema = read_batches(path).schema
        fields = dict(_fields([schema.field(at) for at in range(len(schema))], ""))
    except BaseException as exc:
        # As above: what arrow-rs does not read is left to polars.
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        return _Widths()
    return _Widths(
        frozenset(name for name, field in fields.items() if _is_uuid(field)),
        frozenset(
            name for name, field in fields.items() if DataType.is_fixed_size_binary(field.type)
        ),
    )


def _is_uuid(field: Field) -> bool:
    return (field.metadata or {}).get(b"ARROW:extension:name") == b"arrow.uuid"


def _fields(fields: Iterable[Field], prefix: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        name = f"{prefix}{field.name}"
        yield name, field
        if DataType.is_struct(field.type):
            yield from _fields(field.type.fields, f"{name}.")
        if DataType.is_list(field.type) and field.type.value_field is not None:
            yield f"{name}{_IN_LIST}", field.type.value_field


def _leaves(
    header: str, column: pl.Expr, dtype: pl.DataType, widths: _Widths
) -> Iterator[tuple[str, pl.Expr]]:
    """The columns of one that may be a struct: field `name` of `candidate` is `candidate.name`."""
    if dtype == pl.Binary:
        yield header, _bytes_text(column, header, widths)
        return
    if dtype == pl.List(pl.Binary):
        texts = column.list.eval(_bytes_text(pl.element(), f"{header}{_IN_LIST}", widths))
        yield header, _nested_text(texts, pl.List(pl.String))
        return
    if not isinstance(dtype, pl.Struct) or is_object_member(header):
        yield header, as_text(column, dtype)
        return
    for inner in dtype.fields:
        name = f"{header}.{inner.name}"
        part = column.struct.field(inner.name)
        yield from _leaves(name, part, inner.dtype, widths)  # type: ignore[arg-type]


def as_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """
    *column* as String: `5` for 5.0, ISO dates, `true`, JSON for what is nested.

    NaN becomes null: that is how a data frame without nulls writes a missing number.
    """
    if dtype.is_float():
        return _float_text(column)
    if dtype.is_decimal():
        return column.cast(pl.String).str.replace(r"\.0+$", "")
    if dtype.is_nested():
        return _nested_text(column, dtype)
    if dtype == pl.Datetime:
        iso = column.dt.to_string("iso:strict").str.replace(r"\.0+(\+|-|$)", "${1}")
        return iso.str.strip_suffix("T00:00:00")
    if dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.cast(pl.String)


def _uuid_text(column: pl.Expr) -> pl.Expr:
    """`123e4567-e89b-12d3-a456-426614174000`, as the standard writes it."""
    digits = column.bin.encode("hex")
    starts, lengths = (0, 8, 12, 16, 20), (8, 4, 4, 4, 12)
    parts = [digits.str.slice(at, size) for at, size in zip(starts, lengths, strict=True)]
    return pl.concat_str(parts, separator="-")


def _bytes_text(column: pl.Expr, name: str, widths: _Widths) -> pl.Expr:
    """
    Bytes that are UTF-8 are that text: many writers do not say which of their columns are text.

    Others are an id's digits where all cells are of one length or a byte is no letter in any
    encoding. The rest is text whose encoding is lost: its U+FFFD makes a row invalid.
    """
    if name in widths.uuids:
        return _uuid_text(column)

    def texts(cells: pl.Series) -> pl.Series:
        try:
            decoded = cells.cast(pl.String)
        except pl.exceptions.ComputeError:
            decoded = None
        if decoded is not None and not decoded.str.contains(_CONTROL).any():
            return decoded
        cell_texts = [
            None if cell is None else _of_bytes(cell, is_id=name in widths.fixed) for cell in cells
        ]
        return pl.Series(cells.name, cell_texts, dtype=pl.String)

    return column.map_batches(texts, return_dtype=pl.String, is_elementwise=True)


def _of_bytes(cell: bytes, *, is_id: bool) -> str:
    text = cell.decode("utf-8", "replace")
    has_control = re.search(_CONTROL, text) is not None
    if not has_control and ("\ufffd" not in text or not is_id):
        return text
    return cell.hex() if len(cell) <= LONGEST_ID else f"\ufffd ({len(cell)} bytes)"


def _json(column: pl.Expr) -> pl.Expr:
    # The codec takes structs only, so the value is wrapped and the wrapping cut off again.
    wrapped = pl.struct(x=column).struct.json_encode()
    json = wrapped.str.strip_prefix('{"x":').str.strip_suffix("}")
    return pl.when(column.is_not_null()).then(json)


def _nested_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """JSON; but a list of one value is that value: exports have lists with one e-mail in each."""
    if not isinstance(dtype, pl.List) or dtype.inner.is_nested():
        return _json(column)
    inner: pl.DataType = dtype.inner  # type: ignore[assignment]
    only = as_text(column.list.first(), inner)
    return (
        pl.when(column.list.len() == 1).then(only).when(column.list.len() > 1).then(_json(column))
    )


def _float_text(column: pl.Expr) -> pl.Expr:
    number = column.fill_nan(None)
    # Beyond 2^53 every float is whole; beyond 1e38 no integer type holds it.
    whole = number.is_finite() & (number == number.round()) & (number.abs() < 1e38)  # noqa: PLR2004
    short = number.cast(pl.String)
    return (
        pl.when(whole & (number.abs() < _ROUNDED_FROM))
        .then(number.cast(pl.Int128, strict=False).cast(pl.String))
        .when(whole)
        .then(short.str.replace(r"^(-?\d)(\d+)\.0$", "${1}.${2}e+15").str.replace(r"\.?0*e", "E"))
        .otherwise(short)
    )
