"""
A needed field that no column gives, said once for the input, and the column that looks like it.

Without it each row would say that its cell is blank, and none says why. Of a name one half may be
all that a column gives.
"""

import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FIRST_NAME, LAST_NAME, RESUME_FILE
from jobmojito_batch.contract import POSITION_CORE, REQUIRED_ALWAYS
from jobmojito_batch.normalise.fields import EMAIL, RESUME
from jobmojito_batch.normalise.headers import (
    NAME,
    aliases_of,
    field_of,
    is_never_a_candidate,
)
from jobmojito_batch.normalise.rules import POSITION_ID
from jobmojito_batch.normalise.text import compact, keys_of, shortened
from jobmojito_batch.records import HeaderMap, InputDoubt, Table

SAMPLE_ROWS: Final = 50
MOST_SHOWN: Final = 12
_LEAST_ALIKE: Final = 0.75
_OF_SOMEBODY: Final = re.compile(r"(?:candidate|applicant|person|bewerber|kandidat|uch)")
_OF_A_JOB: Final = re.compile(r"(?:job|position|vacancy|requisition|stelle|poste)")
_OWNER: Final = re.compile(
    r"^(?:candidates?|applicants?|application|person|bewerber|kandidat(?:en)?|job|position|vacancy|"
    r"requisition)"
)
"""Whose a column is says nothing of what it is: `Candidate ID` is like no `Candidate country`."""
_LEAST_LETTERS: Final = 4
"""Shorter words are in too many others to tell anything."""
_LIKE_AN_ADDRESS: Final = r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"
_HALVES: Final = {FIRST_NAME: LAST_NAME, LAST_NAME: FIRST_NAME}
_SHORT_HALF: Final = "first"
"""A header of its own may be half a name; within another it is any word: `Date first seen`."""
_OF_A_PERSON: Final = frozenset({NAME, EMAIL, RESUME})
"""Fields that are never the same for all rows."""


def missing_fields(present: Collection[str]) -> tuple[str, ...]:
    """
    The needed fields among none of the *present* ones, which columns or `--set` give.

    Where there is a column of position ids the four of a position are a row's own affair.
    """
    have = set(present)
    if {FIRST_NAME, LAST_NAME} & have:
        have.add(NAME)
    if RESUME_FILE in have:
        have.add(RESUME)
    needed = REQUIRED_ALWAYS if POSITION_ID in have else (*REQUIRED_ALWAYS, *POSITION_CORE)
    return tuple(field for field in needed if field not in have)


def missing_columns(
    table: Table, mapping: HeaderMap, given: Collection[str]
) -> tuple[InputDoubt, ...]:
    """
    One doubt for each needed field that neither a column nor *given* has.

    They hold where nobody is asked: no row of the input can be sent, however good its cells are.
    """
    fields = missing_fields({*mapping.fields, *given})
    if not fields:
        return ()
    sample = table.frame.head(SAMPLE_ROWS).collect()
    unclaimed = [i for i in mapping.carried if table.headers[i].strip()]
    shown = [f"'{shortened(table.headers[i])}'" for i in unclaimed[:MOST_SHOWN]]
    more = f" and {len(unclaimed) - MOST_SHOWN} more" if len(unclaimed) > MOST_SHOWN else ""
    beside = f"; nobody claims {', '.join(shown)}{more}" if shown else ""
    return tuple(
        InputDoubt(
            kind="missing column",
            source=table.source,
            sentence=f"no column gives {field}, so none of its rows can be sent{beside}",
            option=_how_to_say(field, table.headers, unclaimed, sample),
            lacks=field,
        )
        for field in fields
    )


def half_names(table: Table, mapping: HeaderMap, given: Collection[str]) -> tuple[InputDoubt, ...]:
    """
    That people would be called by one half of their name, where only one half has a column.

    It holds where a column that nobody claims looks like the other half.
    """
    have = {*mapping.fields, *given}
    halves = have & set(_HALVES)
    if NAME in have or len(halves) != 1:
        return ()
    [half] = halves
    other = _HALVES[half]
    like = next((i for i in mapping.carried if _says_half(table.headers[i], other)), None)
    title = (
        f"'{shortened(table.headers[mapping.fields[half]])}'" if half in mapping.fields else half
    )
    seen = f"; '{shortened(table.headers[like])}' looks like the other" if like is not None else ""
    header = table.headers[like] if like is not None else "HEADER"
    ignored = f', or --map "{header}=" if it is none' if like is not None else ""
    return (
        InputDoubt(
            kind="half a name",
            source=table.source,
            sentence=f"of the names only {title} has a column, so people are called by half of "
            f"theirs{seen}",
            option=f'--map "{header}={other}"{ignored}',
            holds=like is not None,
        ),
    )


def _says_half(header: str, half: str) -> bool:
    """Whether one of the headers of that *half* is a part of this one, or this one of it."""
    [key] = keys_of([header], compact)
    if is_never_a_candidate(key) or field_of(key) is not None:
        return False
    known = [_OWNER.sub("", alias) for alias in aliases_of(half)]
    return any(
        (len(alias) > len(_SHORT_HALF) and alias in key)
        or (len(key) >= len(_SHORT_HALF) and alias.startswith(key))
        for alias in known
    )


def _how_to_say(
    field: str, headers: Sequence[str], unclaimed: Sequence[int], sample: pl.DataFrame
) -> str:
    """The option to copy, with the column that looks like the field; never somebody else's."""
    keys = keys_of([headers[i] for i in unclaimed], compact)
    others = [i for i, key in zip(unclaimed, keys, strict=True) if is_never_a_candidate(key)]
    like = column_like(field, headers, [i for i in unclaimed if i not in others], sample)
    if (
        like is None
        and field == EMAIL
        and (of_another := _of_addresses(others, sample)) is not None
    ):
        return (
            f"export it with the candidates' own addresses: those of "
            f"'{shortened(headers[of_another])}' are somebody else's, by its header; or "
            f'--map "HEADER={field}"'
        )
    column = f'--map "{headers[like] if like is not None else "HEADER"}={field}"'
    hint = f"'{shortened(headers[like])}' looks like it: " if like is not None else ""
    value = "" if field in _OF_A_PERSON else f", or --set {field}=VALUE for all rows"
    return f"{hint}{column}{value}"


def column_like(
    field: str, headers: Sequence[str], unclaimed: Sequence[int], sample: pl.DataFrame
) -> int | None:
    """The column of *unclaimed* that looks most like the field: by its cells, or by its header."""
    if field == EMAIL and (by_cells := _of_addresses(unclaimed, sample)) is not None:
        return by_cells
    other = _OF_A_JOB if field.startswith("candidate") else _OF_SOMEBODY
    known = [_OWNER.sub("", alias) for alias in aliases_of(field)]
    scores = [(0.0, 0)]
    for i, key in zip(unclaimed, keys_of([headers[i] for i in unclaimed], compact), strict=True):
        is_another = field_of(key) not in {None, field}
        if not other.match(key) and not is_another:
            bare = _OWNER.sub("", key)
            scores.append((max(_alikeness(alias, bare) for alias in known), -i))
    best, at = max(scores)
    return -at if best >= _LEAST_ALIKE else None


def _of_addresses(unclaimed: Sequence[int], sample: pl.DataFrame) -> int | None:
    """The first column most of whose cells are an e-mail address."""
    for i in unclaimed:
        cells = sample[f"{CELL_PREFIX}{i}"].drop_nulls()
        if len(cells) and cells.str.contains(_LIKE_AN_ADDRESS).sum() * 2 > len(cells):
            return i
    return None


def _alikeness(known: str, key: str) -> float:
    """From 0 to 1; one word within the other counts as alike."""
    if not key or not known:
        return 0.0
    shorter, longer = sorted((known, key), key=len)
    if len(shorter) >= _LEAST_LETTERS and shorter in longer:
        return max(_LEAST_ALIKE, len(shorter) / len(longer))
    return SequenceMatcher(None, known, key).ratio()
