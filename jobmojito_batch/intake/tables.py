"""Which reader an input needs: by its suffix, and by its first bytes where that says nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

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
    InputFile,
    input_files,
    source_names,
)
from jobmojito_batch.intake.remote import local_copy, name_of, unreachable
from jobmojito_batch.intake.workbooks import read_workbook
from jobmojito_batch.records import Table

_NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})
_SUFFIX_BY_MAGIC = {
    b"PAR1": ".parquet",
    b"PK\x03\x04": ".xlsx",
    bytes.fromhex("D0CF11E0"): ".xls",
    b"{": ".jsonl",
}


def read_inputs(
    inputs: Sequence[str],
    *,
    scratch: Path,
    sheet: str | None = None,
    overrides: Mapping[str, str] = _NO_OVERRIDES,
    is_ragged: bool = False,
) -> list[Table]:
    """
    One table for each file that *inputs* (files, globs, folders, URIs) stand for, in that order.

    CSV and Parquet are scanned when the frame is collected, wrap that in `input_faults`; where it
    raises RaggedRowsError, read again with *is_ragged*. Workbooks and NDJSON are in memory. Copies
    go into *scratch*, which has to stay until then. *sheet* is the sheet of every workbook,
    *overrides* (header → field) help to find the header. Raises InputError, in one line, for what
    cannot be read or holds no rows; SettingsError for a sheet that is unknown or has to be named.
    """
    files = input_files(inputs)
    reading = _Reading(scratch, sheet, overrides, is_ragged)
    return [
        reading.table(file, source) for file, source in zip(files, source_names(files), strict=True)
    ]


class _Reading(NamedTuple):
    """How the files of one call are read."""

    scratch: Path
    sheet: str | None
    overrides: Mapping[str, str]
    is_ragged: bool

    def table(self, file: InputFile, source: str) -> Table:
        with input_faults(source):
            if file.uri is None:
                table = self._local(file.path, source)
                return replace(table, folder=str(file.path.absolute().parent))
            return self._remote(file.uri, source)

    def _local(self, path: Path, source: str) -> Table:
        if path.stat().st_size == 0:
            raise InputError(f"{source}: the file is empty; export it again")
        suffix = _format_of(path)
        if suffix in WORKBOOKS:
            return read_workbook(path, source, self.overrides, self.scratch, self.sheet)
        if suffix in COLUMNAR:
            return read_parquet(path, source, self.scratch)
        if suffix in LINES:
            return read_lines(path, source)
        return read_delimited(path, source, self.overrides, self.scratch, is_ragged=self.is_ragged)

    def _remote(self, uri: str, source: str) -> Table:
        if name_of(uri).lower().endswith(".parquet"):
            try:
                return read_parquet(uri, source, self.scratch)
            except (pl.exceptions.PolarsError, OSError) as exc:
                raise unreachable(uri, source, exc) from None
        return self._local(local_copy(uri, source, self.scratch), source)


def _format_of(path: Path) -> str:
    """The suffix whose format *path* has; one of SUFFIXES."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    by_content = (known for magic, known in _SUFFIX_BY_MAGIC.items() if head.startswith(magic))
    return next(by_content, min(DELIMITED))
