"""How much some cells look like a header, and what became of each column."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Final

from jobmojito_batch.normalise.headers import field_of, header_keys
from jobmojito_batch.records import HeaderMap

_NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})
_MOST_CHARACTERS: Final = 80


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
    there = set(header_keys(headers))
    return {
        header: field
        for (header, field), key in zip(
            overrides.items(), header_keys(list(overrides)), strict=True
        )
        if key in there
    }


def column_roles(headers: Sequence[str], mapping: HeaderMap) -> list[tuple[str, str]]:
    """Each header as written, and its field, `carried` or `ignored`."""
    fields = {column: field for field, column in mapping.fields.items()}
    carried = set(mapping.carried)
    return [
        (header, fields.get(column, "carried" if column in carried else "ignored"))
        for column, header in enumerate(headers)
    ]
