"""JSON that is one document: a list of objects, or an object with one such list somewhere in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.ndjson import flat, parsed, read_lines, table_of
from jobmojito_batch.normalise import recognised
from jobmojito_batch.records import Table

_DEEPEST: Final = 4
_SEEN: Final = 20
"""Objects of a list whose keys are looked at."""
_KIND: Final = "JSON"

Value = Any
"""Any JSON value."""


def read_json(path: Path, source: str, scratch: Path, overrides: Mapping[str, str]) -> Table:
    """
    *path* as an all-text table held in memory; rows count the objects of its list from 1.

    A list of lists has its headers in the first of them. Raises InputError where there is no list,
    or several that look alike.
    """
    del scratch  # nothing of it lies on the disk
    try:
        document = parsed(_text(path, source))
    except json.JSONDecodeError as exc:
        if exc.msg.startswith("Extra data"):
            return read_lines(path, source)  # several documents: a line each, or line N is wrong
        raise InputError(
            f"{source}: is not whole JSON (line {exc.lineno}: {exc.msg}); export it again"
        ) from exc
    except ValueError as exc:  # an integer of more than 4,300 digits
        raise InputError(
            f"{source}: is not whole JSON (a number has thousands of digits); export it again"
        ) from exc
    except RecursionError as exc:
        raise InputError(f"{source}: is nested too deeply; export it flat, or as CSV") from exc
    rows, left_out = _rows(document, source, overrides)
    table = table_of(_numbered(rows, source), source, kind=_KIND)
    notes = [f"lists that are not read: {', '.join(left_out)}"] if left_out else []
    return replace(table, notes=(*table.notes, *notes))


def _text(path: Path, source: str) -> str:
    data = path.read_bytes()
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as exc:
        raise InputError(f"{source}: is JSON but not UTF-8; save it as UTF-8") from exc


def _rows(
    document: Value, source: str, overrides: Mapping[str, str]
) -> tuple[Sequence[Value], list[str]]:
    """The list that holds the rows, and the names of others; a lone object may be a row itself."""
    if isinstance(document, list):
        return document, []
    if not isinstance(document, dict):
        raise InputError(f"{source}: is JSON, but neither a list nor an object; export it again")
    lists = dict(_lists(document))
    named = {name: _fields(rows, overrides) for name, rows in lists.items()}
    best = max(named.values(), default=0)
    if not lists or _fields([document], overrides) > best:
        return [document], []
    alike = [name for name, fields in named.items() if fields == best]
    if len(alike) > 1:
        raise InputError(
            f"{source}: holds {len(alike)} lists that may be candidates ({', '.join(alike)}); "
            "export one"
        )
    return lists[alike[0]], [name for name in lists if name != alike[0]]


def _lists(
    value: Mapping[str, Value], prefix: str = "", depth: int = 1
) -> Iterator[tuple[str, list[Value]]]:
    """The lists of objects or of lists in an object and in the objects in it, by their path."""
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if (
            isinstance(inner, list)
            and inner
            and all(isinstance(item, dict | list) for item in inner)
        ):
            yield name, inner
        elif isinstance(inner, dict) and depth < _DEEPEST:
            yield from _lists(inner, f"{name}.", depth + 1)


def _fields(rows: Sequence[Value], overrides: Mapping[str, str]) -> int:
    """How many fields the keys of the first objects name."""
    if rows and isinstance(rows[0], list):
        return recognised([str(cell) for cell in rows[0]], overrides=overrides)
    keys = dict.fromkeys(key for row in rows[:_SEEN] if isinstance(row, dict) for key in flat(row))
    return recognised(list(keys), overrides=overrides)


def _numbered(rows: Sequence[Value], source: str) -> Iterator[tuple[int, dict[str, Value]]]:
    if rows and isinstance(rows[0], list):
        yield from _from_lists(rows, source)
        return
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InputError(
                f"{source}: item {number} of the list is not an object; export it again"
            )
        yield number, flat(row)


def _from_lists(rows: Sequence[Value], source: str) -> Iterator[tuple[int, dict[str, Value]]]:
    headers = [str(cell) for cell in rows[0]]
    if len(set(headers)) < len(headers):
        raise InputError(f"{source}: two columns have one header; rename one and export it again")
    for number, row in enumerate(rows[1:], start=2):
        if not isinstance(row, list) or len(row) > len(headers):
            raise InputError(
                f"{source}: item {number} of the list does not fit its first, which has "
                f"{len(headers)} headers; export it again"
            )
        yield number, dict(zip(headers, row, strict=False))
