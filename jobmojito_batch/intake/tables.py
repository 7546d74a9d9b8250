"""Which reader an input needs: its content says so; and in which process it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.corrected import with_overflow
from jobmojito_batch.intake.delimited import read_delimited
from jobmojito_batch.intake.encodings import KNOWN, as_plain, codec_called
from jobmojito_batch.intake.errors import input_faults
from jobmojito_batch.intake.isolated import read_apart
from jobmojito_batch.intake.kinds import Kind
from jobmojito_batch.intake.ndjson import read_lines
from jobmojito_batch.intake.parquet import read_parquet
from jobmojito_batch.intake.paths import InputFile, input_files, source_names
from jobmojito_batch.intake.remote import local_copy, name_of, unreachable
from jobmojito_batch.intake.unpacking import unpacked
from jobmojito_batch.records import Table

_NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})


def read_inputs(
    inputs: Sequence[str],
    *,
    scratch: Path,
    sheet: str | None = None,
    encoding: str | None = None,
    overrides: Mapping[str, str] = _NO_OVERRIDES,
    is_ragged: bool = False,
    hidden_rows: bool = False,
    header_row: int | None = None,
) -> list[Table]:
    """
    One table for each file that *inputs* (files, globs, folders, URIs) stand for, in that order.

    CSV and Parquet are scanned when the frame is collected, wrap that in `input_faults`; where it
    raises RaggedRowsError, read again with *is_ragged*. NDJSON is in memory. Copies, and the rows
    of workbooks, HTML, XML and JSON documents, go into *scratch*, which has to stay until then.
    *sheet* is the sheet of every workbook, *encoding* what every text file is written in and
    *header_row* where the header of each stands; *overrides* (header → field) help to find it;
    rows that a sheet hides are taken with *hidden_rows*. Raises InputError, in one line, for what
    cannot be read or holds no rows; SettingsError for a sheet that is unknown or has to be named,
    for an encoding that is none, and for a header row without text.
    """
    files = input_files(inputs)
    codec = None if encoding is None else _codec(encoding)
    reading = _Reading(scratch, sheet, codec, overrides, is_ragged, hidden_rows, header_row)
    return [
        with_overflow(reading.table(file, source))
        for file, source in zip(files, source_names(files), strict=True)
    ]


class _Reading(NamedTuple):
    """How the files of one call are read."""

    scratch: Path
    sheet: str | None
    codec: str | None
    overrides: Mapping[str, str]
    is_ragged: bool
    hidden_rows: bool
    header_row: int | None

    def table(self, file: InputFile, source: str) -> Table:
        with input_faults(source):
            if file.uri is None:
                table = self._local(file.path, source)
                return replace(table, folder=str(file.path.absolute().parent))
            return self._remote(file.uri, source)

    def _local(self, path: Path, source: str) -> Table:
        if path.stat().st_size == 0:
            raise InputError(f"{source}: the file is empty; export it again")
        content, kind, notes = unpacked(path, source, self.scratch)
        table = self._read(content, kind, source)
        return replace(table, notes=(*notes, *table.notes))

    def _read(self, path: Path, kind: Kind, source: str) -> Table:
        match kind:
            case Kind.WORKBOOK:
                return self._apart("workbook", path, source, **self._sheets)
            case Kind.HTML | Kind.SPREADSHEET_XML:
                options = {"is_html": kind is Kind.HTML, "codec": self.codec, **self._sheets}
                return self._apart("markup", path, source, **options)
            case Kind.JSON:
                return self._apart("json", self._as_utf_8(path, source), source)
            case Kind.PARQUET:
                return read_parquet(path, source, self.scratch)
            case Kind.LINES:
                return read_lines(self._as_utf_8(path, source), source)
        return read_delimited(
            path,
            source,
            self.overrides,
            self.scratch,
            encoding=self.codec,
            is_ragged=self.is_ragged,
            header_row=self.header_row,
        )

    @property
    def _sheets(self) -> dict[str, object]:
        """What is asked of a format with sheets."""
        return {
            "sheet": self.sheet,
            "takes_hidden": self.hidden_rows,
            "header_row": self.header_row,
        }

    def _apart(self, reader: str, path: Path, source: str, **options: object) -> Table:
        """In a process of its own: what is no text may be anything."""
        overrides = dict(self.overrides)
        return read_apart(reader, path, source, self.scratch, overrides=overrides, **options)

    def _as_utf_8(self, path: Path, source: str) -> Path:
        return path if self.codec is None else as_plain(path, source, self.scratch, self.codec).path

    def _remote(self, uri: str, source: str) -> Table:
        if name_of(uri).lower().endswith(".parquet"):
            try:
                return read_parquet(uri, source, self.scratch)
            except (pl.exceptions.PolarsError, OSError) as exc:
                raise unreachable(uri, source, exc) from None
        return self._local(local_copy(uri, source, self.scratch), source)


def _codec(encoding: str) -> str:
    codec = codec_called(encoding)
    if codec is None:
        raise SettingsError(
            f"--encoding {encoding}: no encoding of that name; {', '.join(KNOWN)} and what Python "
            "knows can be said"
        )
    return codec
