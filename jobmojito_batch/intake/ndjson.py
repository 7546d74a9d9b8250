"""NDJSON: one object a line, whose keys are the headers in order of first appearance."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake.dialect import MOST_BYTES
from jobmojito_batch.intake.frames import cell_names, is_object_member, refuse_no_rows, shaped
from jobmojito_batch.records import Detected, Table

CHUNK_ROWS = 20_000
"""Lines that are Python objects at one time; a finished chunk is packed text."""


class _Written(float):
    """A number with a fraction or an exponent, and how it was written."""

    text: str


def read_lines(path: Path, source: str) -> Table:
    """
    *path* as an all-text table held in memory; rows are line numbers, blank lines counted.

    Numbers stay as written, nested values become JSON text. InputError names the line that is
    not a JSON object.
    """
    with path.open("rb") as file:
        return table_of(_objects(file, source), source, kind="NDJSON")


def table_of(objects: Iterator[tuple[int, dict[str, Any]]], source: str, *, kind: str) -> Table:
    """JSON objects with their row numbers as an all-text table. Raises InputError for none."""
    columns: dict[str, int] = {}
    chunks: list[pl.DataFrame] = []
    while numbered := list(islice(objects, CHUNK_ROWS)):
        chunks.append(_chunk(numbered, columns))
    if not columns:
        raise InputError(f"{source}: no JSON object with a key in it; nothing to read")
    headers = tuple(columns)
    frame = shaped(pl.concat(chunks, how="diagonal").lazy(), len(headers))
    refuse_no_rows(source, frame, headers)
    return Table(source=source, headers=headers, frame=frame, detected=Detected(kind=kind))


def _objects(file: IO[bytes], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(iter(partial(file.readline, MOST_BYTES + 1), b""), start=1):
        if len(line) > MOST_BYTES:
            raise InputError(
                f"{source}: line {number} is longer than {MOST_BYTES >> 20} MiB, which no "
                "candidate is; look for a file or picture in it"
            )
        if not line.removeprefix(b"\xef\xbb\xbf").strip():
            continue
        try:
            value = parsed(line.decode("utf-8-sig"))
        except UnicodeDecodeError as exc:
            raise InputError(f"{source}: line {number} is not UTF-8; save it as UTF-8") from exc
        except (ValueError, RecursionError) as exc:
            raise InputError(
                f"{source}: line {number} is not a JSON object; one object a line is wanted"
            ) from exc
        if not isinstance(value, dict):
            raise InputError(
                f"{source}: line {number} is JSON but not an object; one object a line is wanted"
            )
        try:
            yield number, flat(value)
        except RecursionError as exc:
            raise InputError(f"{source}: line {number} is nested too deeply") from exc


def parsed(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON document whose numbers know how they were written. Raises ValueError."""
    return json.loads(text, parse_float=_written, parse_constant=_missing)


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as columns: `{"candidate": {"name": …}}` is `candidate.name`."""
    columns: dict[str, Any] = {}
    for key, inner in value.items():
        name = prefix + key
        parts = _parts(name, inner, value, prefix)
        if parts and not parts.keys() & columns.keys():
            columns |= parts
        else:
            columns[name] = inner
    return columns


def _parts(name: str, inner: Any, value: dict[str, Any], prefix: str) -> dict[str, Any]:  # noqa: ANN401
    """The columns of a member that is an object; none where another member is one of them."""
    if not isinstance(inner, dict) or is_object_member(name):
        return {}
    columns = flat(inner, f"{name}.")
    named = [*columns, *(f"{name}.{key}" for key in inner)]
    return {} if any(column[len(prefix) :] in value for column in named) else columns


def _chunk(numbered: list[tuple[int, dict[str, Any]]], columns: dict[str, int]) -> pl.DataFrame:
    """The lines as text columns; keys not seen before are added to *columns*."""
    for _, value in numbered:
        for key in value:
            columns.setdefault(key, len(columns))
    texts = {
        name: [_text(value.get(key)) for _, value in numbered]
        for key, name in zip(columns, cell_names(len(columns)), strict=True)
    }
    schema = {ROW: pl.UInt32, **dict.fromkeys(texts, pl.String)}
    return pl.DataFrame({ROW: [number for number, _ in numbered], **texts}, schema=schema)


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    match value:
        case None:
            return None
        case str():
            text = value
        case bool():
            text = "true" if value else "false"
        case _Written():
            text = value.text
        case int():
            text = str(value)
        case []:
            return None
        case [str() | bool() | int() | float() as only]:
            return _text(only)  # exports have lists of e-mails with one in each
        case _:
            text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair is legal in JSON and nowhere else.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _written(text: str) -> _Written:
    number = _Written(text)
    number.text = text
    return number


def _missing(_: str) -> None:
    """NaN and Infinity are how some writers say that there is no number."""
