"""How likely a word is in a language, by its pairs and triples of letters."""

import json
import math
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

_LEVELS_A_DOUBLING: Final = 2
_ALL_LETTERS: Final = 1_000_000
# Shares of a triple, a pair and a single letter in the likelihood of a letter after two others.
_TRIPLE, _PAIR, _SINGLE = 0.5, 0.45, 0.05
_PAIR_ALONE: Final = 0.95
_ANY_LETTER: Final = 1e-7
_NEVER: Final = math.log(_ANY_LETTER)


class Letters:
    """The letters of one language."""

    def __init__(self, packed: dict[str, dict[str, str]]) -> None:
        self._counts = dict(_counts(packed))

    def likelihood(self, word: str) -> float:
        """The logarithm of how likely a *word* in small letters is; comparable at one length."""
        if not any(letter in self._counts for letter in word):
            return _NEVER * (len(word) + 1)
        marked = f"^{word}$"
        first = self._after("", "^", marked[1])
        return first + sum(map(self._after, marked, marked[1:], marked[2:]))

    def _after(self, before: str, last: str, letter: str) -> float:
        counts = self._counts
        single = counts.get(letter, 0.0) / _ALL_LETTERS
        pair = counts.get(last + letter, 0.0) / (counts.get(last, 0.0) or 1.0)
        context = counts.get(before + last, 0.0) if before else 0.0
        if context and not (before + last + letter).isascii():
            triple = min(counts.get(before + last + letter, 0.0) / context, 1.0)
            return math.log(_TRIPLE * triple + _PAIR * pair + _SINGLE * single + _ANY_LETTER)
        return math.log(_PAIR_ALONE * pair + _SINGLE * single + _ANY_LETTER)


@cache
def languages() -> dict[str, Letters]:
    """Language code → its letters, from letters.json (benchmarks/encodings/make_letters.py)."""
    text = (files(__package__) / "letters.json").read_text("utf-8")
    return {language: Letters(packed) for language, packed in json.loads(text).items()}


def _counts(packed: dict[str, dict[str, str]]) -> Iterator[tuple[str, float]]:
    """Each run of letters (`^` and `$` are the ends of a word) and how often it stands."""
    for size, levels in packed.items():
        step = int(size)
        for level, runs in levels.items():
            count = 2 ** (int(level) / _LEVELS_A_DOUBLING)
            for at in range(0, len(runs), step):
                yield runs[at : at + step], count
