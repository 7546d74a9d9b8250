"""Parquet: typed columns as the text a person would have written."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.frames import cell_names, refuse_no_rows, shaped
from jobmojito_batch.records import Table

# A column of the file may be called `row`, so its number travels under a name no file has.
_NUMBER = "\x00row"


def read_parquet(path: Path, source: str) -> Table:
    """*path* as a lazy all-text table; rows count from 1. InputError where it is broken."""
    try:
        scan = pl.scan_parquet(path, glob=False, row_index_name=_NUMBER, row_index_offset=1)
        schema = dict(scan.collect_schema())
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{source}: not a readable Parquet file; export it again") from exc
    del schema[_NUMBER]
    headers = tuple(schema)
    if not headers:
        raise InputError(f"{source}: a Parquet file without columns; export it again")
    frame = shaped(scan.select(pl.col(_NUMBER).alias(ROW), *_texts(schema)), len(headers))
    refuse_no_rows(source, frame, headers)
    return Table(source=source, headers=headers, frame=frame)


def _texts(schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    names = cell_names(len(schema))
    # By place: to pl.col a header such as `*` or `^x$` would be a pattern. 0 is the number.
    return [
        as_text(pl.nth(place), dtype).alias(name)
        for place, (name, dtype) in enumerate(zip(names, schema.values(), strict=True), start=1)
    ]


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
        # The codec takes structs only, so the value is wrapped and the wrapping cut off again.
        wrapped = pl.struct(x=column).struct.json_encode()
        json = wrapped.str.strip_prefix('{"x":').str.strip_suffix("}")
        return pl.when(column.is_not_null()).then(json)
    if dtype == pl.Datetime:
        iso = column.dt.to_string("iso:strict").str.replace(r"\.0+(\+|-|$)", "${1}")
        return iso.str.strip_suffix("T00:00:00")
    if dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.cast(pl.String)


def _float_text(column: pl.Expr) -> pl.Expr:
    number = column.fill_nan(None)
    # Beyond 2^53 every float is whole; beyond 1e38 no integer type holds it.
    whole = number.is_finite() & (number == number.round()) & (number.abs() < 1e38)  # noqa: PLR2004
    return (
        pl.when(whole)
        .then(number.cast(pl.Int128, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String))
    )
