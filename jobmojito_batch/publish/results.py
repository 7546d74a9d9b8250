"""The results file: one row per input row, in the format its suffix names."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish.atomic_write import write_fault, written_whole
from jobmojito_batch.publish.cells import BOM, UTC_TIME, csv_line, utc_text, with_harmless_text
from jobmojito_batch.publish.results_workbook import (
    TO_SEND_SCHEMA,
    About,
    write_results_workbook,
)
from jobmojito_batch.publish.streamed_parquet import write_parquet
from jobmojito_batch.publish.workbook import MOST_ROWS

SUFFIXES: Final = (".csv", ".xlsx", ".parquet", ".jsonl")
Writer = Callable[[Path, Iterator[pl.DataFrame], Mapping[str, pl.DataType]], None]

_TYPES: Final[Mapping[str, pl.DataType]] = {
    "row": pl.Int64(),
    "attempts": pl.Int64(),
    "http_status": pl.Int64(),
    "sent_at": UTC_TIME,
    "settled_at": UTC_TIME,
    "stage_since": UTC_TIME,
    "link_made_at": UTC_TIME,
    "checked_at": UTC_TIME,
    "charged_at": UTC_TIME,
}
"""Every other column is text."""


def check_target(target: Path, *, rows: int | None = None) -> None:
    """
    Raise SettingsError where results could not be written to *target*; asked before sending.

    *rows* is how many there will be, where that is known: a sheet has an end.
    """
    check_suffix(target)
    if target.is_dir():
        raise write_fault(target, IsADirectoryError())
    if not target.parent.is_dir():
        raise write_fault(target, FileNotFoundError())
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise write_fault(target, PermissionError())
    if target.suffix.lower() == ".xlsx" and rows is not None and rows > MOST_ROWS:
        raise SettingsError(
            f"{target}: {rows:,} rows, but a sheet takes {MOST_ROWS:,}; use .csv or .parquet"
        )


def check_suffix(target: Path) -> None:
    """Raise SettingsError where the name says no kind of file that results can be."""
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(
            f"{target}: results cannot be {suffix or 'without suffix'}; "
            f"end the name in {', '.join(SUFFIXES)}"
        )


def write_results(
    target: Path,
    frames: Iterable[pl.DataFrame],
    columns: Sequence[str],
    *,
    about: About | None = None,
) -> None:
    """
    Write *frames*, one after the other, to *target*, whole, in the format of its suffix.

    Each frame has at least *columns*; `row`, `attempts` and `http_status` become integers, times
    UTC times, the rest text. A workbook has more sheets where *about* tells of the run: that, and
    one of those who have a link, whose columns the frames have then (TO_SEND_SCHEMA). One frame is
    in memory at a time, and frames are taken in the caller's thread. No frames give a file with a
    header alone. Raises SettingsError and BatchError as `written_whole` does, and where a sheet
    has too few rows.
    """
    check_target(target)
    schema = {name: _TYPES.get(name, pl.String()) for name in columns}
    suffix = target.suffix.lower()
    read = schema | TO_SEND_SCHEMA if suffix == ".xlsx" and about is not None else schema
    typed = (_typed(frame, read) for frame in frames)
    with written_whole(target) as path:
        if suffix == ".xlsx":
            write_results_workbook(path, map(_with_text_times, typed), columns, about)
        else:
            _WRITERS[suffix](path, typed, schema)


def _typed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    # By get_column: to pl.col a header such as `*` or `^x$` would be a pattern.
    return pl.DataFrame([frame.get_column(name).cast(dtype) for name, dtype in schema.items()])


def _write_csv(
    path: Path, frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType]
) -> None:
    """UTF-8 with BOM, LF, times as text, formulas harmless."""
    with path.open("wb") as file:
        file.write(BOM + csv_line(list(schema)))
        for frame in frames:
            with_harmless_text(_with_text_times(frame)).write_csv(file, include_header=False)


def _write_jsonl(
    path: Path, frames: Iterator[pl.DataFrame], _schema: Mapping[str, pl.DataType]
) -> None:
    """One object a row with all columns, nulls too; an empty file where there are no rows."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for frame in frames:
            for row in _with_text_times(frame).iter_rows(named=True):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _with_text_times(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(utc_text(pl.col(UTC_TIME)))


_WRITERS: Final[Mapping[str, Writer]] = {
    ".csv": _write_csv,
    ".parquet": write_parquet,
    ".jsonl": _write_jsonl,
}
