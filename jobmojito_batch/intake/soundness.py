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
from pathlib import Path
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.dialect import BOM, Dialect, csv_records
from jobmojito_batch.intake.encodings import BLOCK_BYTES, NotPlainError

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
    gap = dialect.delimiter.encode() * (spare_columns + 1)
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_stray_quotes, has_long_gaps, quotes, tail = False, False, 0, b""
    for block in _blocks(path):
        if b"\x00" in block:
            raise NotPlainError
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
    if quotes % 2 and not has_stray_quotes:
        raise _open_quote(path, source, dialect)
    return Soundness(has_stray_quotes=has_stray_quotes, has_long_gaps=has_long_gaps)


def strict_records(
    path: Path, source: str, dialect: Dialect, codec: str = "utf-8-sig"
) -> Iterator[tuple[int, list[str]]]:
    """
    The records of *path* with their numbers from 1, by a parser that is slow and exact.

    Takes quotes inside a cell that is not quoted as they are; raises InputError for text after a
    closing quote and for one that is never closed.
    """
    row = 0
    with path.open(encoding=codec, errors="surrogateescape", newline=dialect.line_end) as file:
        lines = file if dialect.line_end == "\n" else (line.replace("\r", "\n") for line in file)
        # A lone CR is a cell's own, but the csv module would end the row there.
        clean = (line.replace("\r\n", "\n").replace("\r", " ") for line in lines)
        try:
            for row, record in enumerate(
                csv_records(clean, dialect.delimiter, strict=True), start=1
            ):
                yield row, record
        except csv.Error as exc:
            raise InputError(
                f'{source}: row {row + 1} has a quote (") that is not closed, or text after a '
                "closing quote; save the file again as CSV from a spreadsheet program"
            ) from exc


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


def _open_quote(path: Path, source: str, dialect: Dialect) -> InputError:
    try:
        for _ in strict_records(path, source, dialect):
            pass
    except InputError as exc:
        return exc
    return InputError(f'{source}: a quote (") is not closed; save the file again as CSV')
