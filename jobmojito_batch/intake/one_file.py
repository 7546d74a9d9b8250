"""Which reader a file needs: its content says so; and in which process it is read."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.delimited import read_delimited
from jobmojito_batch.intake.encodings import as_plain
from jobmojito_batch.intake.errors import input_faults
from jobmojito_batch.intake.isolated import read_apart
from jobmojito_batch.intake.kinds import Kind
from jobmojito_batch.intake.ndjson import read_lines
from jobmojito_batch.intake.paths import InputFile
from jobmojito_batch.intake.remote import local_copy, name_of, unreachable
from jobmojito_batch.intake.unpacking import unpacked
from jobmojito_batch.records import Table


class Reading(NamedTuple):
    """How the files of one call are read."""

    scratch: Path
    sheet: str | None
    codec: str | None
    overrides: Mapping[str, str]
    is_ragged: bool
    hidden_rows: bool
    header_row: int | None

    def table(self, file: InputFile, source: str) -> Table:
        """The rows of a file, which messages call *source*. Raises InputError, SettingsError."""
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
                return self._parquet(path, source)
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

    def _parquet(self, where: Path | str, source: str) -> Table:
        from jobmojito_batch.intake.parquet import read_parquet

        return read_parquet(where, source, self.scratch)

    def _as_utf_8(self, path: Path, source: str) -> Path:
        return path if self.codec is None else as_plain(path, source, self.scratch, self.codec).path

    def _remote(self, uri: str, source: str) -> Table:
        if name_of(uri).lower().endswith(".parquet"):
            try:
                return self._parquet(uri, source)
            except (pl.exceptions.PolarsError, OSError) as exc:
                raise unreachable(uri, source, exc) from None
        return self._local(local_copy(uri, source, self.scratch), source)
