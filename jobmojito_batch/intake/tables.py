"""The inputs of a run as tables of text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.intake.corrected import with_overflow
from jobmojito_batch.intake.encodings import KNOWN, codec_called
from jobmojito_batch.intake.one_file import Reading
from jobmojito_batch.intake.paths import input_files, source_names
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
    reading = Reading(scratch, sheet, codec, overrides, is_ragged, hidden_rows, header_row)
    return [
        with_overflow(reading.table(file, source))
        for file, source in zip(files, source_names(files), strict=True)
    ]


def _codec(encoding: str) -> str:
    codec = codec_called(encoding)
    if codec is None:
        raise SettingsError(
            f"--encoding {encoding}: no encoding of that name; {', '.join(KNOWN)} and what Python "
            "knows can be said"
        )
    return codec
