"""Text files each of whose lines was quoted as one cell: exported, and exported again."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from jobmojito_batch.intake.dialect import BOM, DELIMITERS, SAMPLE_BYTES, csv_records
from jobmojito_batch.intake.frames import has_text
from jobmojito_batch.intake.header_rows import SEARCHED_ROWS, header_place
from jobmojito_batch.intake.scratch import scratch_file

NOTE: Final = "each line was quoted as one cell; the quotes round the lines are taken off"
_LEAST_FIELDS: Final = 2
_NO_DELIMITER: Final = "\x1f"


def unwrapped(path: Path, overrides: Mapping[str, str], scratch: Path) -> Path | None:
    """
    A copy of *path* in *scratch* without the quotes round its lines; mode 600.

    None where a line is not so, or there is no header inside.
    """
    if not _begins_wrapped(path, overrides):
        return None
    copy = scratch_file(scratch, ".unwrapped.csv")
    with (
        path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        for line in _unquoted(file):
            if line is None:
                return None
            out.write(f"{line}\n")
    return copy


def _begins_wrapped(path: Path, overrides: Mapping[str, str]) -> bool:
    """Whether the first lines are so; next to nothing to find out where they are not."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES + 1)
    if not head.removeprefix(BOM).startswith(b'"'):
        return False
    text = head[:SAMPLE_BYTES].removeprefix(BOM).decode("utf-8", "replace")
    unquoted = list(islice(_unquoted(io.StringIO(text, newline="")), SEARCHED_ROWS))
    if len(head) > SAMPLE_BYTES and len(unquoted) < SEARCHED_ROWS:
        unquoted.pop()  # cut by the sample
    lines = [line for line in unquoted if line is not None and has_text(line)]
    if None in unquoted or not lines:
        return False
    return any(_fields(lines, delimiter, overrides) >= _LEAST_FIELDS for delimiter in DELIMITERS)


def _fields(lines: Sequence[str], delimiter: str, overrides: Mapping[str, str]) -> int:
    """How many fields the header names that the lines hold, parted by that delimiter."""
    records = (next(csv_records(io.StringIO(line, newline=""), delimiter), []) for line in lines)
    filled = [record for record in records if any(map(has_text, record))]
    return header_place(filled, overrides).fields if filled else 0


def _unquoted(lines: Iterable[str]) -> Iterator[str | None]:
    """What each line holds as its one quoted cell; None, as the last, for one that is not so."""
    read: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    try:
        for record in csv_records(noted(), _NO_DELIMITER, strict=True):
            is_blank = not any(map(has_text, record))
            if not is_blank and not read[0].startswith('"'):
                yield None
                return
            yield "" if is_blank else record[0]
            read.clear()
    except csv.Error:
        yield None
