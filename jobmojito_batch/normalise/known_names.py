"""
The names of countries, languages and months by their keys, as they were looked up in CLDR.

To look them up takes a second, longer than all else that a small input needs; so they lie in a
file, which `python -m tests.names` writes. A test holds it to what `built` of the three rooms
gives.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

FILE: Final = files("jobmojito_batch.normalise") / "known_names.json"
"""What is named → the keys of its names, parted by blanks, which no key has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """Key → what it names."""

    countries: dict[str, tuple[str, ...]]
    """Each with all the codes that it may mean."""
    languages: dict[str, str]
    months: dict[str, int]


@cache
def known_names() -> KnownNames:
    """All of them, read once."""
    written: dict[str, dict[str, str]] = json.loads(FILE.read_text("utf-8"))
    return KnownNames(
        countries={key: tuple(codes.split()) for key, codes in _by_key(written["countries"])},
        languages=dict(_by_key(written["languages"])),
        months={key: int(number) for key, number in _by_key(written["months"])},
    )


def _by_key(named: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, what) for what, keys in named.items() for key in keys.split())
