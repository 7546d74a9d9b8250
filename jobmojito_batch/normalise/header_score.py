"""How much some cells look like a header, and what became of each column."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from jobmojito_batch.columns import ERROR_COLUMNS
from jobmojito_batch.normalise.headers import field_of, header_keys, known_header_keys
from jobmojito_batch.normalise.text import compact, keys_of
from jobmojito_batch.records import HeaderMap

_NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})
_MOST_CHARACTERS: Final = 80
_LEAST_NAMED: Final = 3


class Again(StrEnum):
    """A header in the middle of the rows, as joined exports have it."""

    SAME = "same"
    OTHER = "other"
    """In another order, or of another export: the rows below it stand under other headers."""


def recognised(cells: Sequence[str | None], *, overrides: Mapping[str, str] = _NO_OVERRIDES) -> int:
    """How many distinct fields the cells, taken as headers, would name; 0 beside an address."""
    texts = [text for text in cells if text and len(text) <= _MOST_CHARACTERS]
    if not texts or any("@" in text for text in texts):
        return 0
    said = _keys(tuple(overrides))
    named: set[str] = set()
    for key in header_keys(texts):
        field = f"--map {key}" if key in said else field_of(key)
        if key and field is not None:
            named.add(field)
    return len(named)


@cache
def _keys(headers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(header_keys(headers))


def overrides_for(headers: Sequence[str], overrides: Mapping[str, str]) -> dict[str, str]:
    """Those of *overrides* whose header is among *headers*."""
    present = set(header_keys(headers))
    return {
        header: field
        for (header, field), key in zip(
            overrides.items(), header_keys(list(overrides)), strict=True
        )
        if key in present
    }


class Changed(NamedTuple):
    """How the headers of a file differ from those that are known."""

    new: tuple[str, ...]
    gone: tuple[str, ...]


def changed_headers(
    headers: Sequence[str], known: Sequence[Sequence[str]], told: Iterable[str] = ()
) -> Changed | None:
    """
    What differs from the nearest of the *known* sets of headers; None where one of them fits.

    Order, case, blanks and our own error columns are no difference; *told* are headers that
    somebody said something of, which are not new.
    """
    present = _by_key(headers)
    expected = _by_key(told)
    changes = []
    for earlier in map(_by_key, known):
        new = tuple(present[key] for key in present if key not in earlier and key not in expected)
        gone = tuple(earlier[key] for key in earlier if key not in present)
        changes.append(Changed(new, gone))
    nearest = min(changes, key=lambda changed: len(changed.new) + len(changed.gone), default=None)
    return nearest if nearest is not None and (nearest.new or nearest.gone) else None


def _by_key(headers: Iterable[str]) -> dict[str, str]:
    """Headers by their keys, in order; none of those that stand for nothing or are ours."""
    texts = list(headers)
    own = set(header_keys(ERROR_COLUMNS))
    keys = zip(header_keys(texts), texts, strict=True)
    return {key: text for key, text in keys if key and key not in own}


def column_roles(headers: Sequence[str], mapping: HeaderMap) -> list[tuple[str, str]]:
    """Each header as written, and its field, `carried` or `ignored`."""
    fields = {column: field for field, column in mapping.fields.items()}
    carried = set(mapping.carried)
    return [
        (header, fields.get(column, "carried" if column in carried else "ignored"))
        for column, header in enumerate(headers)
    ]


def header_again(cells: Sequence[str], headers: Sequence[str]) -> pl.Expr:
    """
    What a row (its columns are *cells*) is to the *headers* above it: Again, or null.

    Folded as headers are, so case, accents and a byte order mark do not matter. A header has no
    address in it, and at least half of what it fills are words that we know for one.
    """
    own = keys_of(headers, compact)
    known = pl.Series(sorted({*own, *header_keys(headers), *known_header_keys()} - {""}))
    texts = [pl.col(cell).fill_null("") for cell in cells]
    short = [pl.when(text.str.len_chars() <= _MOST_CHARACTERS).then(text) for text in texts]
    keys = [compact(text) for text in short]
    named = pl.sum_horizontal(key.is_in(known.implode()) for key in keys)
    filled = pl.sum_horizontal(text.str.contains(r"\S") for text in texts)
    is_header = (named >= min(_LEAST_NAMED, len(cells))) & (named * 2 >= filled)
    has_address = pl.any_horizontal(text.str.contains("@", literal=True) for text in texts)
    in_place = pl.all_horizontal(
        (key == mine) | (key == "") for key, mine in zip(keys, own, strict=True)
    )
    kind = (
        pl.when(in_place.fill_null(value=False))
        .then(pl.lit(Again.SAME))
        .otherwise(pl.lit(Again.OTHER))
    )
    return pl.when(is_header & ~has_address).then(kind)
