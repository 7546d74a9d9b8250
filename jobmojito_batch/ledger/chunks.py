"""Long lists of values, cut for IN (…)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

LOOKUP_CHUNK: Final = 500
"""Values in one IN list; SQLite takes 32,766, shorter lists stay in the statement cache."""


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values, LOOKUP_CHUNK at a time."""
    for start in range(0, len(values), LOOKUP_CHUNK):
        yield values[start : start + LOOKUP_CHUNK]
