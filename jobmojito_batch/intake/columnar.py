"""Parquet: typed columns as the text a person would have written."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.frames import cell_names, is_object_member, refuse_no_rows, shaped
from jobmojito_batch.records import Detected, Table

# A column of the file may be called `row`, so its number travels under a name no file has.
_NUMBER = "\x00row"


def read_parquet(path: Path | str, source: str) -> Table:
    """*path* as a lazy all-text table; rows count from 1. InputError where it is broken."""
    try:
        scan = pl.scan_parquet(path, glob=False, row_index_name=_NUMBER, row_index_offset=1)
        schema = dict(scan.collect_schema())
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{source}: not a readable Parquet file; export it again") from exc
    del schema[_NUMBER]
    # By place: to pl.col a header such as `*` or `^x$` would be a pattern. 0 is the number.
    columns = [
        leaf
        for place, (header, dtype) in enumerate(schema.items(), start=1)
        for leaf in _leaves(header, pl.nth(place), dtype)
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


def _leaves(header: str, column: pl.Expr, dtype: pl.DataType) -> Iterator[tuple[str, pl.Expr]]:
    """The columns of one that may be a struct: field `name` of `candidate` is `candidate.name`."""
    if not isinstance(dtype, pl.Struct) or is_object_member(header):
        yield header, as_text(column, dtype)
        return
    for inner in dtype.fields:
        name = f"{header}.{inner.name}"
        yield from _leaves(name, column.struct.field(inner.name), inner.dtype)  # type: ignore[arg-type]


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
    return (
        pl.when(whole)
        .then(number.cast(pl.Int128, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String))
    )
