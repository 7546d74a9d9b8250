"""
The check of a delimited file before it is parsed: one pass in bounded blocks.

It does not depend on what a parser makes of bytes that are not text, and it finds the two things
that the fast parser refuses or cuts although a person would call them readable.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.dialect import BOM, MOST_BYTES, Dialect, csv_records
from jobmojito_batch.intake.encodings import BLOCK_BYTES, NotPlainError

NEAR_BYTES: Final = MOST_BYTES - 2 * BLOCK_BYTES
"""From here a row is measured exactly."""
_FEW_QUOTES: Final = 1_000
_TOO_LONG: Final = "field larger than field limit"  # the csv module's own words
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundness:
    """What one pass over the bytes says."""

    has_stray_quotes: bool
    """Quotes inside a cell that is not quoted (`5" pipe`)."""
    has_long_gaps: bool
    """More delimiters in a row than the fast parser has spare columns."""


def check_text(path: Path, source: str, dialect: Dialect, spare_columns: int) -> Soundness:
    """
    Raise NotPlainError where *path* is not UTF-8 text, InputError where it leaves a quote open.

    *spare_columns* is how many cells beyond the header the fast parser looks at.
    """
    stray = _stray_quote(dialect.delimiter)
    bound = _Bound(dialect.line_end.encode())
    gap = dialect.delimiter.encode() * (spare_columns + 1)
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_stray_quotes, has_long_gaps, quotes, tail = False, False, 0, b""
    for block in _blocks(path):
        if b"\x00" in block:
            raise NotPlainError
        bound.look_at(block, is_quoted=quotes % 2 == 1)
        try:
            decoder.decode(block)
        except UnicodeDecodeError as exc:
            raise NotPlainError from exc
        seen = tail + block
        quotes += block.count(b'"')
        has_stray_quotes = has_stray_quotes or stray.search(seen.replace(b'""', b"")) is not None
        has_long_gaps = has_long_gaps or gap in seen
        tail = seen[-len(gap) :]
    if decoder.getstate()[0]:
        raise NotPlainError
    if bound.is_near or (quotes % 2 and not has_stray_quotes):
        fault = _strict_fault(path, source, dialect)
        if fault is None and quotes % 2 and not has_stray_quotes:
            fault = InputError(f'{source}: a quote (") is not closed; save it again as CSV')
        if fault is not None:
            raise fault
    return Soundness(has_stray_quotes=has_stray_quotes, has_long_gaps=has_long_gaps)


def strict_records(
    path: Path,
    source: str,
    dialect: Dialect,
    codec: str = "utf-8-sig",
    *,
    is_checked: bool = False,
) -> Iterator[tuple[int, list[str]]]:
    """
    The records of *path* with their numbers from 1, by a parser that is slow and exact.

    *is_checked*: no line of it is so long that it would fill the memory, as `check_text` knows.

    Takes quotes inside a cell that is not quoted as they are; raises InputError for text after a
    closing quote and for one that is never closed.
    """
    row = 0
    with path.open(encoding=codec, errors="surrogateescape", newline=dialect.line_end) as file:
        lines: Iterator[str] = file if is_checked else iter(partial(_line, file), "")
        if dialect.line_end != "\n":
            lines = (line.replace("\r", "\n") for line in lines)
        # A lone CR is a cell's own, but the csv module would end the row there.
        clean = (line.replace("\r\n", "\n").replace("\r", " ") for line in lines)
        # Joined files have a byte order mark in the middle too, often before a quoted header.
        clean = (line.removeprefix("\ufeff") for line in clean)
        try:
            for row, record in enumerate(
                csv_records(clean, dialect.delimiter, strict=True), start=1
            ):
                yield row, record
        except csv.Error as exc:
            if _TOO_LONG in str(exc):
                raise _too_long(source, row + 1) from exc
            raise InputError(
                f'{source}: row {row + 1} has a quote (") that is not closed, or text after a '
                "closing quote; save the file again as CSV from a spreadsheet program"
            ) from exc


def _line(file: IO[str]) -> str:
    line = file.readline(MOST_BYTES + 1)
    if len(line) > MOST_BYTES:
        raise csv.Error(_TOO_LONG)
    return line


def _too_long(source: str, row: int) -> InputError:
    return InputError(
        f"{source}: row {row} is longer than {MOST_BYTES >> 20} MiB, which no candidate is; look "
        'for a file or picture in it, or for a quote (") that is not closed'
    )


class _Bound:
    """Whether a row may be longer than MOST_BYTES; hardly more than a look at each block."""

    def __init__(self, line_end: bytes) -> None:
        self._line_end = line_end
        self._length = 0
        self.is_near = False
        """True as well where quotes inside of cells hide the ends of rows."""

    def look_at(self, block: bytes, *, is_quoted: bool) -> None:
        """The next block; *is_quoted* where it begins between two quotes."""
        if self.is_near:
            return
        end = self._first_end(block, is_quoted=is_quoted)
        self.is_near = self._length + (len(block) if end < 0 else end) > NEAR_BYTES
        self._length = self._length + len(block) if end < 0 else len(block) - end

    def _first_end(self, block: bytes, *, is_quoted: bool) -> int:
        """About where a row ends first; -1 where none does."""
        start = seen = 0
        while True:
            quote = block.find(b'"', start)
            if not is_quoted:
                end = block.find(self._line_end, start, len(block) if quote < 0 else quote)
                if end >= 0:
                    return end
            if quote < 0:
                return -1
            start, is_quoted, seen = quote + 1, not is_quoted, seen + 1
            if seen == _FEW_QUOTES:  # a long cell full of quotes, each of them doubled
                block, start = block[start:].replace(b'""', b""), 0


def _stray_quote(delimiter: str) -> re.Pattern[bytes]:
    """
    A quote with text on both sides: never found where quoting is as it should be.

    The quote stands first in the pattern so that the search leaps from quote to quote.
    """
    other = rb'[^\r\n"' + re.escape(delimiter.encode()) + rb"]"
    return re.compile(rb'"(?<=' + other + rb'")(?=' + other + rb")")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        block = file.read(BLOCK_BYTES).removeprefix(BOM)
        while block:
            yield block
            block = file.read(BLOCK_BYTES)


def undecodable(
    path: Path, source: str, dialect: Dialect, *, codec: str, encoding: str
) -> InputError:
    """An error that names the first row of *path* with a byte that is not *encoding*."""
    where = "some row"
    try:
        for row, record in strict_records(path, source, dialect, codec):
            if any(map(_UNDECODABLE.search, record)):
                where = f"row {row}"
                break
    except (InputError, UnicodeError):
        # Its quotes are wrong too, but the encoding has to be mended first; UTF-16 knows no escape.
        pass
    return InputError(
        f"{source}: {where} holds a byte that is not {encoding}; correct it, or save the file "
        "again as CSV UTF-8"
    )


def _strict_fault(path: Path, source: str, dialect: Dialect) -> InputError | None:
    try:
        for row, record in strict_records(path, source, dialect):
            if sum(map(len, record)) > MOST_BYTES:
                return _too_long(source, row)
    except InputError as exc:
        return exc
    return None
