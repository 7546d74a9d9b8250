"""
Many rows of the ledger as frames, column by column, and frames as rows of it.

A Row object a row, its times parsed one by one, values looked at one by one: each took longer than
what the database does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, DateTime, Select, String, Table, func, type_coerce

_SQLITE_TIME: Final = "%Y-%m-%d %H:%M:%S%.f"
"""How SQLAlchemy keeps a DateTime in a database that has none."""
Schema = Mapping[str, pl.DataType]
"""Names in the order of a query's columns: text, whole numbers and times."""


def frame_of(connection: Connection, query: Select[Any], schema: Schema) -> pl.DataFrame:
    """All rows of a query."""
    times_are_text = connection.dialect.name == "sqlite"
    asked = _with_times_as_text(query) if times_are_text else query
    # As the driver gives them: a Row each would take longer than reading them. A query that is
    # not streamed has its rows in the cursor, all of them.
    cursor: Any = connection.execute(asked).cursor
    return _in_columns(cursor.fetchall(), schema)


def wide_frame_of(
    connection: Connection, query: Select[Any], schema: Schema, *, apart: str
) -> pl.DataFrame:
    """
    The same of a query with many columns: SQLite's driver takes its time over every value.

    So it hands over a row as one value, a JSON array that polars takes to pieces. The column
    *apart* stays outside of it: what is JSON itself, and would be quoted once more.
    """
    if connection.dialect.name != "sqlite":
        return frame_of(connection, query, schema)
    columns = {str(column.key): column for column in _with_times_as_text(query).selected_columns}
    inside = [name for name in columns if name != apart]
    together = func.json_array(*(columns[name] for name in inside))
    asked = query.with_only_columns(together, columns[apart])
    cursor: Any = connection.execute(asked).cursor
    rows = cursor.fetchall()
    packed, beside = zip(*rows, strict=True) if rows else ((), ())
    pieces = pl.Series(packed, dtype=pl.String).str.json_decode(pl.List(pl.String))
    parted = pieces.list.to_struct(fields=inside).struct.unnest()
    return parted.with_columns(pl.Series(apart, beside, pl.String)).select(
        _as_type(name, dtype) for name, dtype in schema.items()
    )


def _as_type(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name)
    if dtype == pl.Datetime:
        return text.str.to_datetime(_SQLITE_TIME, time_unit="us")
    return text if dtype == pl.String else text.cast(dtype)


def frames_of(
    connection: Connection, query: Select[Any], schema: Schema, *, rows: int
) -> Iterator[pl.DataFrame]:
    """The same in frames of at most *rows* rows, none of which is empty."""
    is_sqlite = connection.dialect.name == "sqlite"
    asked = _with_times_as_text(query) if is_sqlite else query
    # SQLite hands out one row after the other by itself; a server would send all of them at once.
    options = {} if is_sqlite else {"yield_per": rows}
    for partition in connection.execute(asked, execution_options=options).partitions(rows):
        yield _in_columns(partition, schema)


def _with_times_as_text(query: Select[Any]) -> Select[Any]:
    columns = [
        type_coerce(column, String).label(column.key)
        if isinstance(column.type, DateTime)
        else column
        for column in query.selected_columns
    ]
    return query.with_only_columns(*columns)


def _in_columns(rows: Sequence[Sequence[Any]], schema: Schema) -> pl.DataFrame:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pl.DataFrame(
        [
            _column(name, values, dtype)
            for (name, dtype), values in zip(schema.items(), columns, strict=True)
        ]
    )


def _column(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    is_text = dtype == pl.Datetime and isinstance(next(filter(None, values), None), str)
    if not is_text:
        return pl.Series(name, values, dtype)
    return pl.Series(name, values, pl.String).str.to_datetime(_SQLITE_TIME, time_unit="us")


def insert_frame(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """
    Add the rows of *frame*: text and whole numbers, in columns called as those of *table*.

    Defaults of the table are the database's own, not those of Column. U+0000 becomes a mark, as in
    schema.String.
    """
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(map(quote, frame.columns))
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * frame.width)
    fit = frame.with_columns(pl.col(pl.String).str.replace_all("\0", "\ufffd", literal=True))
    connection.exec_driver_sql(
        f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
        fit.rows(),
    )
