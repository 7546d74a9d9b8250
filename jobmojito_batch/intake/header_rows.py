"""Where the header of a sheet or text file stands, and which last row is no candidate."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.intake.frames import has_text
from jobmojito_batch.normalise import recognised

SEARCHED_ROWS: Final = 50
"""Rows that are not blank among which the header is looked for."""

Cells = Sequence[str | None]

_LEAST_FIELDS: Final = 2
# A row of group titles (`Candidate`, `Job`) over the header names some fields, but few of them.
_SHARE_OF_BEST: Final = 0.7

TOTAL_WORDS: Final = (
    r"(?:grand |sub)?totals?|total général|sum|sum total|count|summe|gesamt|gesamtsumme|"
    r"insgesamt|anzahl|spolu|celkom|celkem|súčet|součet|počet|razem|suma|łącznie|ogółem|somme|"
    r"totale|somma|soma|totaal|som|aantal"
)
_TOTAL: Final = re.compile(TOTAL_WORDS, re.IGNORECASE)
_AMOUNT: Final = re.compile(r"[\d\s.,:%+-]+")


class HeaderPlace(NamedTuple):
    """Which of the rows looked at is the header, and how many fields it names."""

    at: int
    fields: int


def header_place(
    rows: Sequence[Cells],
    overrides: Mapping[str, str],
    *,
    numbers: Sequence[int] = (),
    said: int | None = None,
) -> HeaderPlace:
    """
    The header among the first *rows*, none of them blank: the first that names most fields.

    Where none names two, it is the first row, unless that has fewer cells: then it is a title. If
    *said* is among the *numbers* of the rows, that one is taken; see `refuse_other_header`.
    """
    if said in numbers:
        at = numbers.index(said)
        return HeaderPlace(at, recognised(rows[at], overrides=overrides))
    named = [recognised(row, overrides=overrides) for row in rows[:SEARCHED_ROWS]]
    best = max(named, default=0)
    if best >= _LEAST_FIELDS:
        enough = max(_LEAST_FIELDS, best * _SHARE_OF_BEST)
        index = next(i for i, fields in enumerate(named) if fields >= enough)
        index = _above_people(rows, named, index)
        return HeaderPlace(index, named[index])
    filled = [sum(map(has_text, row)) for row in rows[:SEARCHED_ROWS]]
    likely = named.index(best) if best else _first_wide(filled)
    index = likely if filled[likely] > filled[0] else 0
    return HeaderPlace(index, named[index])


def refuse_other_header(source: str, row: int, said: int | None) -> None:
    """Raises SettingsError where *row* of the header is not the row that a person has *said*."""
    if said is not None and row != said:
        raise SettingsError(
            f"{source}: --header-row {said}: there is no text in that row, or it is not among the "
            f"first {SEARCHED_ROWS} that have some; without it, row {row} would be the header"
        )


def _above_people(rows: Sequence[Cells], named: Sequence[int], index: int) -> int:
    """
    The header of the rows with addresses that stand above row *index*, else *index*.

    Of two joined exports the second may have the better header; the people of the first are no
    preamble of it.
    """
    for above in range(index):
        people = (text for row in rows[above + 1 : index] for text in row)
        if named[above] >= _LEAST_FIELDS and any("@" in (text or "") for text in people):
            return above
    return index


def _first_wide(filled: Sequence[int]) -> int:
    return next(i for i, count in enumerate(filled) if count * 2 >= max(filled))


def is_total(cells: Cells) -> bool:
    """Whether a last row sums up the others: a word for it, then nothing but numbers."""
    texts = [text.strip() for text in cells if text is not None and has_text(text)]
    if not texts:
        return False
    word, _, rest = texts[0].partition(":")
    amount = rest or re.sub(r"[\d\s.,]+$", "", word)
    first = word.strip() if rest else amount.strip()
    others = [rest, *texts[1:]] if rest else texts[1:]
    return _TOTAL.fullmatch(first) is not None and all(
        _AMOUNT.fullmatch(text) for text in others if has_text(text)
    )


def preamble_note(first: int, header: int) -> str:
    """What the plan says of the rows from *first* that stand above the header."""
    rows = f"row {first} is" if header == first + 1 else f"rows {first} to {header - 1} are"
    return f"{rows} left out: the header is row {header}"
