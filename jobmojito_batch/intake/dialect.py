"""How a delimited file is written, found out from its first records."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.frames import has_text
from jobmojito_batch.intake.header_rows import (
    SEARCHED_ROWS,
    header_place,
    preamble_note,
    refuse_other_header,
)

SAMPLE_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 16 << 20
"""Of a line or a cell; a person's longest résumé is a thousandth of it."""
BOM: Final = b"\xef\xbb\xbf"

# Where two delimiters explain a file equally well the earlier wins: commas also stand in names.
DELIMITERS: Final = "\t;|,"
_QUOTED: Final = re.compile(r'"[^"]*"?')
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LONE_CR: Final = re.compile(r"\r(?!\n)")
# Excel writes and reads this line, and shows it to nobody.
_SAID: Final = re.compile(r"^sep=(.)(?=[\r\n])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a reader has to know of a delimited file before it reads it."""

    delimiter: str
    line_end: str
    """Line feed, which stands for CR LF too, or the carriage return of old Macintosh programs."""
    headers: tuple[str, ...]
    header_row: int
    """From 1, of all records."""
    has_rows: bool
    """True where the sample holds a row below the header; False proves nothing for a long file."""
    notes: tuple[str, ...] = ()


class _Reading(NamedTuple):
    """The records that are not blank, as one delimiter parts them, and the header among them."""

    delimiter: str
    rows: list[int]
    records: list[list[str]]
    header: int
    fields: int

    def fitness(self) -> tuple[bool, bool, float, int]:
        """Whether there is a header, and rows below; how many are as wide, and how wide that is."""
        widths = [len(record) for record in self.records[self.header :]]
        if not widths or widths[0] == 1:
            return (False, False, 0.0, 0)
        share = widths.count(widths[0]) / len(widths)
        # Two fields are no accident, one may be.
        return (self.fields > 1, len(widths) > 1, share, widths[0])


def dialect_of(
    head: bytes,
    source: str,
    overrides: Mapping[str, str],
    *,
    is_whole: bool,
    header_row: int | None = None,
) -> Dialect:
    """
    The dialect of a UTF-8 file that starts with *head*; *is_whole* where that is all of it.

    InputError where there is no header in it, SettingsError where it is not in *header_row*.
    """
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    line_end = _line_end(text)
    if line_end == "\n":
        text = _LONE_CR.sub(" ", text)  # a cell's own; the csv module would end the row there
    said = _SAID.match(text)
    delimiters = said[1] if said else DELIMITERS
    readings = [
        _reading(
            text,
            each,
            overrides,
            is_whole=is_whole,
            skips=said is not None,
            header_row=header_row,
        )
        for each in delimiters
    ]
    best = max(readings, key=_Reading.fitness)
    if not best.records:
        raise _without_header(source, is_whole=is_whole)
    refuse_other_header(source, best.rows[best.header], header_row)
    headers = _without_trailing_blanks(best.records[best.header :])
    above = best.rows[: best.header]
    return Dialect(
        # A single column has no delimiter, and every program takes a comma for granted.
        delimiter=best.delimiter if len(headers) > 1 else ",",
        line_end=line_end,
        headers=headers,
        header_row=best.rows[best.header],
        has_rows=len(best.records) > best.header + 1,
        notes=(preamble_note(above[0], best.rows[best.header]),) if above else (),
    )


def csv_records(
    lines: Iterable[str], delimiter: str, *, strict: bool = False
) -> Iterator[list[str]]:
    """The records of *lines*, with room for a résumé in a cell."""
    csv.field_size_limit(MOST_BYTES)  # the module's own limit is 131,072
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


def _reading(
    text: str,
    delimiter: str,
    overrides: Mapping[str, str],
    *,
    is_whole: bool,
    skips: bool,
    header_row: int | None,
) -> _Reading:
    records = enumerate(_records(text, delimiter, is_whole=is_whole), start=1)
    numbered = islice(
        (
            (row, record)
            for row, record in records
            if any(map(has_text, record)) and not (skips and row == 1)
        ),
        SEARCHED_ROWS,
    )
    rows: list[int] = []
    filled: list[list[str]] = []
    for row, record in numbered:
        rows.append(row)
        filled.append(record)
    place = header_place(filled, overrides, numbers=rows, said=header_row) if filled else None
    return _Reading(delimiter, rows, filled, place.at if place else 0, place.fields if place else 0)


def _records(text: str, delimiter: str, *, is_whole: bool) -> Iterator[list[str]]:
    """The records of *text*; not the last one where the sample may have cut it."""
    previous: list[str] | None = None
    for record in csv_records(io.StringIO(text, newline=""), delimiter):
        if previous is not None:
            yield previous
        previous = record
    if previous is not None and is_whole:
        yield previous


def _without_trailing_blanks(records: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """
    The header without the columns that its trailing delimiters make.

    They are columns where most rows fill one of them; what a few have there is too much, as an
    unquoted comma makes it, whether or not the header ends in delimiters.
    """
    header, *below = records
    width = len(header)
    while width > 1 and not has_text(header[width - 1]):
        width -= 1
    filled = sum(has_text("".join(record[width:])) for record in below)
    if filled * 2 <= len(below):
        return tuple(header[:width])
    last = max(len(header) - len(_blank_end(header, below)), width)
    return tuple(header[:last])


def _blank_end(header: Sequence[str], below: Sequence[Sequence[str]]) -> Sequence[str]:
    """The columns at the end of *header* that no record fills."""
    width = len(header)
    while width > 1 and not any(has_text("".join(each[width - 1 :])) for each in (header, *below)):
        width -= 1
    return header[width:]
