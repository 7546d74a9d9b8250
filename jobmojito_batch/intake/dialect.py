"""How a delimited file is written, found out from its first records."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.frames import has_text

SAMPLE_BYTES: Final = 256 * 1024
CELL_CHARACTERS: Final = 2**31 - 1
BOM: Final = b"\xef\xbb\xbf"

# Where two delimiters explain a file equally well the earlier wins: commas also stand in names.
_DELIMITERS: Final = "\t;|,"
_RECORDS_TO_COMPARE: Final = 50
_QUOTED: Final = re.compile(r'"[^"]*"?')
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LONE_CR: Final = re.compile(r"\r(?!\n)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a reader has to know of a delimited file before it reads it."""

    delimiter: str
    line_end: str
    """Line feed, which stands for CR LF too, or the carriage return of old Macintosh programs."""
    headers: tuple[str, ...]
    header_row: int
    """From 1: the first record that is not blank."""
    has_rows: bool
    """True where the sample holds a row below the header; False proves nothing for a long file."""


def dialect_of(head: bytes, source: str, *, is_whole: bool) -> Dialect:
    """
    The dialect of a file that starts with *head*; *is_whole* where that is all of it.

    InputError where there is no header in it.
    """
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    line_end = _line_end(text)
    if line_end == "\n":
        text = _LONE_CR.sub(" ", text)  # a cell's own; the csv module would end the row there
    delimiter = max(_DELIMITERS, key=lambda each: _fitness(_records(text, each, is_whole=is_whole)))
    records = enumerate(_records(text, delimiter, is_whole=is_whole), start=1)
    filled = ((row, cells) for row, cells in records if any(map(has_text, cells)))
    header_row, headers = next(filled, (0, []))
    if not headers:
        raise _without_header(source, is_whole=is_whole)
    return Dialect(
        # A single column has no delimiter, and every program takes a comma for granted.
        delimiter=delimiter if len(headers) > 1 else ",",
        line_end=line_end,
        headers=tuple(headers),
        header_row=header_row,
        has_rows=next(filled, None) is not None,
    )


def csv_records(
    lines: Iterable[str], delimiter: str, *, strict: bool = False
) -> Iterator[list[str]]:
    """The records of *lines*, with room for a résumé in a cell."""
    csv.field_size_limit(CELL_CHARACTERS)  # the module's own limit is 131,072
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _without_header(source: str, *, is_whole: bool) -> InputError:
    if is_whole:
        return InputError(f"{source}: nothing but blanks; a header and rows are wanted")
    return InputError(
        f"{source}: the header does not end within {SAMPLE_BYTES // 1024} KiB; "
        'look for a quote (") that is not closed'
    )


def _line_end(text: str) -> str:
    first = _LINE_END.search(_QUOTED.sub("", text))
    return "\r" if first is not None and first[0] == "\r" else "\n"


def _records(text: str, delimiter: str, *, is_whole: bool) -> Iterator[list[str]]:
    """The records of *text*; not the last one where the sample may have cut it."""
    previous: list[str] | None = None
    for record in csv_records(io.StringIO(text, newline=""), delimiter):
        if previous is not None:
            yield previous
        previous = record
    if previous is not None and is_whole:
        yield previous


def _fitness(records: Iterator[list[str]]) -> tuple[float, int]:
    """How many records are as wide as the header, and how wide that is: more is better."""
    widths: list[int] = []
    for record in records:
        if any(map(has_text, record)):
            widths.append(len(record))
        if len(widths) == _RECORDS_TO_COMPARE:
            break
    if not widths or widths[0] == 1:
        return (0.0, 0)
    return (widths.count(widths[0]) / len(widths), widths[0])
