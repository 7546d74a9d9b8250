"""Which reader an input needs: by its suffix, and by its first bytes where that says nothing."""

from collections.abc import Sequence
from pathlib import Path

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.columnar import read_parquet
from jobmojito_batch.intake.delimited import read_delimited
from jobmojito_batch.intake.faults import input_faults
from jobmojito_batch.intake.lines import read_lines
from jobmojito_batch.intake.paths import (
    COLUMNAR,
    DELIMITED,
    LINES,
    SUFFIXES,
    WORKBOOKS,
    input_paths,
    source_names,
)
from jobmojito_batch.intake.workbooks import read_workbook
from jobmojito_batch.records import Table

_SUFFIX_BY_MAGIC = {
    b"PAR1": ".parquet",
    b"PK\x03\x04": ".xlsx",
    bytes.fromhex("D0CF11E0"): ".xls",
    b"{": ".jsonl",
}


def read_inputs(inputs: Sequence[str], *, sheet: str | None = None) -> list[Table]:
    """
    One table for each file that *inputs* (files, globs, folders) stand for, in that order.

    CSV and Parquet are scanned when the frame is collected, wrap that in `input_faults`;
    workbooks and NDJSON are in memory. *sheet* is the sheet of every workbook. Raises InputError,
    in one line, for what cannot be read or holds no rows; SettingsError for an unknown sheet.
    """
    paths = input_paths(inputs)
    return [
        _read(path, source, sheet) for path, source in zip(paths, source_names(paths), strict=True)
    ]


def _read(path: Path, source: str, sheet: str | None) -> Table:
    with input_faults(source):
        if path.stat().st_size == 0:
            raise InputError(f"{source}: the file is empty; export it again")
        suffix = _format_of(path)
        if suffix in WORKBOOKS:
            return read_workbook(path, source, sheet)
        if suffix in COLUMNAR:
            return read_parquet(path, source)
        if suffix in LINES:
            return read_lines(path, source)
        return read_delimited(path, source)


def _format_of(path: Path) -> str:
    """The suffix whose format *path* has; one of SUFFIXES."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    by_content = (known for magic, known in _SUFFIX_BY_MAGIC.items() if head.startswith(magic))
    return next(by_content, min(DELIMITED))
