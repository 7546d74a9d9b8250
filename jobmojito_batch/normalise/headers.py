"""Which column is which field, from nothing but the headers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from jobmojito_batch.columns import ERROR_COLUMNS, FIRST_NAME, LAST_NAME, RESUME_FILE
from jobmojito_batch.contract import POSITION_CORE, REQUIRED_ALWAYS
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.normalise.aliases import ALIASES, ANOTHER_JOB, BARE_NAMES, NEVER_A_CANDIDATE
from jobmojito_batch.normalise.fields import MEMBERS, RESUME
from jobmojito_batch.normalise.text import compact, keys_of, shortened
from jobmojito_batch.records import HeaderMap, InputDoubt

FIELDS: Final = (*MEMBERS, RESUME_FILE, FIRST_NAME, LAST_NAME)
"""What a column can be."""

NAME: Final = "candidate_name"
_NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})

# The old names of the API, which its 2025 example uses side by side with the new ones.
_OLD_NAMES: Final = {
    "location": "position_location",
    "description": "position_description",
    "description_long": "position_description_long",
}
_MOST_HEADERS_SHOWN: Final = 20
_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
_APPLICATION_RANKS: Final = 3
"""The first ranks of candidate_external_id are ids of applications (aliases.py)."""
_DESCRIPTION: Final = "position_description"
_BARE_DESCRIPTIONS: Final = frozenset(
    {
        "description",
        "beschreibung",
        "descripcion",
        "descrizione",
        "descricao",
        "opis",
        "popis",
        "omschrijving",
    }
)
_OF_A_POSITION: Final = (
    "job",
    "position",
    "requisition",
    "vacancy",
    "posting",
    "stelle",
    "poste",
    "puesto",
    "pozic",
    "pozyc",
    "stanowisk",
    "vacature",
)
# Two letters swapped or three that differ are a slip; more are another word.
_LEAST_LETTERS: Final = 5
_LEAST_ALIKE: Final = 0.8
_LETTERS_APART: Final = 3


class Claim(NamedTuple):
    """A column that says it is a field; the lower rank is the better claim."""

    rank: int
    column: int


@dataclass(slots=True)
class _Decision:
    """What has been decided so far about the columns of one input."""

    headers: Sequence[str]
    fields: dict[str, int] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def title(self, column: int) -> str:
        return _title(self.headers, column)

    def lose(self, column: int, name: str, note: str) -> None:
        """The column does not get the field it claims; a résumé does not get into the results."""
        if name == RESUME:
            self.dropped.add(column)
            self.notes.append(f"{note}; it is left out of the results")
        else:
            self.notes.append(f"{note}; it is carried into the results")


def map_headers(
    headers: Sequence[str], *, overrides: Mapping[str, str] = _NO_OVERRIDES
) -> HeaderMap:
    """
    Decide which column is which field; *overrides* (header → field, "" ignores) beat the aliases.

    Raises SettingsError where an override makes no sense, InputError where two columns have an
    equal claim to one field or none has a claim to any.
    """
    keys = header_keys(headers)
    made = _Decision(headers)
    _apply_overrides(made, keys, overrides)
    taken = {*made.fields.values(), *made.dropped}
    doubts, unclear = _unclear_descriptions(made, keys, taken)
    own = set(keys_of(ERROR_COLUMNS, compact))
    made.dropped |= {i for i, key in enumerate(keys) if key in own and i not in taken}
    other = _of_another_job(made, keys)
    free = [i for i in range(len(headers)) if i not in taken | made.dropped | other | unclear]
    _settle(made, _claims(made, keys, free))
    if not made.fields:
        raise InputError(_nothing_recognised(headers))
    claimed = {*made.fields.values(), *made.dropped}
    carried = tuple(i for i in range(len(headers)) if i not in claimed)
    made.notes += _near_misses(made, keys, carried)
    return HeaderMap(
        fields=made.fields,
        carried=carried,
        dropped=tuple(sorted(made.dropped)),
        notes=tuple(made.notes),
        doubts=() if RESUME in made.fields else doubts,
    )


def _unclear_descriptions(
    made: _Decision, keys: Sequence[str], taken: Collection[int]
) -> tuple[tuple[InputDoubt, ...], set[int]]:
    """
    A bare `description` in an export that has no header of a position's own.

    There it may as well be of the person, and what is private would go into everybody's interview:
    it is nobody's then. Where there is no résumé either, it may be that, and is asked about.
    """
    unclear = {i for i, key in enumerate(keys) if key in _BARE_DESCRIPTIONS and i not in taken}
    if any(word in key for key in keys for word in _OF_A_POSITION):
        return (), set()
    doubts = tuple(
        InputDoubt(
            kind="description",
            source="",
            sentence=f"{made.title(i)} may be of the person, as its résumé, or of the position; it "
            "is sent as neither",
            option=f'say --map "{made.headers[i]}={RESUME}", '
            f'--map "{made.headers[i]}={_DESCRIPTION}" or --map "{made.headers[i]}=" (neither)',
        )
        for i in sorted(unclear)
    )
    return doubts, unclear


def header_keys(headers: Sequence[str]) -> list[str]:
    """
    The `compact` keys of headers; what stands in brackets counts only where it makes a known one.

    `E-mail (required)`, `Job Location [city]` and `Résumé:` are the fields that they would be
    without; `Email (recruiter)` stays what it says.
    """
    whole = keys_of(headers, compact)
    bare = keys_of([_BRACKETS.sub(" ", header) for header in headers], compact)
    known = _known_headers()
    return [
        short if short and key not in known and not _is_never_a_candidate(key) else key
        for key, short in zip(whole, bare, strict=True)
    ]


def near_matches(word: str, known: Iterable[str]) -> str:
    """`; did you mean x or y?` for a message, or nothing."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _apply_overrides(made: _Decision, keys: Sequence[str], overrides: Mapping[str, str]) -> None:
    for header, name in overrides.items():
        column = _column_of(header, made.headers, keys)
        if not name:
            made.dropped.add(column)
            continue
        if name not in FIELDS:
            raise SettingsError(
                f'--map "{header}={name}": {name} is no field{near_matches(name, FIELDS)}'
            )
        if name in made.fields:
            other = made.title(made.fields[name])
            raise SettingsError(
                f"--map gives {name} to two columns, {other} and '{header}'; keep one of them"
            )
        made.fields[name] = column


def _column_of(header: str, headers: Sequence[str], keys: Sequence[str]) -> int:
    """The column under a header as written, or else under one that folds to the same."""
    wanted = header_keys([header])[0]
    exact = [i for i, text in enumerate(headers) if text.strip() == header.strip()]
    found = exact or [i for i, key in enumerate(keys) if key and key == wanted]
    if not found:
        hint = near_matches(header, headers)
        raise SettingsError(f'--map "{header}=…": the input has no such header{hint}')
    if len(found) > 1:
        columns = " and ".join(str(i + 1) for i in found)
        raise SettingsError(
            f'--map "{header}=…": columns {columns} have this header; rename one in the file'
        )
    return found[0]


def _of_another_job(made: _Decision, keys: Sequence[str]) -> set[int]:
    """Columns that look like the position and tell of the job that a person has already."""
    found: set[int] = set()
    for together, columns in ANOTHER_JOB:
        if set(keys_of(together, compact)) <= set(keys):
            own = set(keys_of(columns, compact))
            found |= {i for i, key in enumerate(keys) if key in own}
    found -= {*made.fields.values(), *made.dropped}
    made.notes += [
        f"{made.title(i)} tells of the job that the person has, in this kind of export, not of the "
        "position; if it does, say so with --map"
        for i in sorted(found)
        if field_of(keys[i]) is not None
    ]
    return found


def _claims(made: _Decision, keys: Sequence[str], free: Iterable[int]) -> dict[str, list[Claim]]:
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    bare: list[Claim] = []
    for column in free:
        known = _known_headers().get(keys[column])
        if known is None or (known.rank and _is_never_a_candidate(keys[column])):
            continue
        claim = Claim(known.rank, column)
        if keys[column] in _bare_names():
            bare.append(claim)
        else:
            claims[known.field].append(claim)
    name = _meaning_of_bare_name({*claims, *made.fields})
    claims[name] += bare
    if bare and name != NAME:
        title = made.title(bare[0].column)
        made.notes.append(f"{title} is read as {name}, for what stands beside it")
    return claims


def _meaning_of_bare_name(present: Collection[str]) -> str:
    if FIRST_NAME in present and LAST_NAME not in present:
        return LAST_NAME
    if LAST_NAME in present and FIRST_NAME not in present:
        return FIRST_NAME
    return NAME


def _settle(made: _Decision, claims: Mapping[str, Sequence[Claim]]) -> None:
    """Give each field to its best claim; the full name first, since it rules out its parts."""
    parts_are_chosen = NAME not in made.fields and bool({FIRST_NAME, LAST_NAME} & {*made.fields})
    names = sorted(claims, key=lambda name: name != NAME)
    for name in names:
        ranked = sorted(claims[name])
        if not ranked:
            continue
        if name == NAME and parts_are_chosen:
            _lose_all(made, ranked, name, "first and last name")
        elif name in {FIRST_NAME, LAST_NAME} and NAME in made.fields:
            _lose_all(made, ranked, NAME, made.title(made.fields[NAME]))
        elif name in made.fields:
            _lose_all(made, ranked, name, made.title(made.fields[name]))
        else:
            _give_to_best(made, ranked, name)


def _give_to_best(made: _Decision, ranked: Sequence[Claim], name: str) -> None:
    best, *others = ranked
    if others and others[0].rank == best.rank:
        raise InputError(_equal_claims(made, best.column, others[0].column, name))
    made.fields[name] = best.column
    _lose_all(made, others, name, made.title(best.column))


def _equal_claims(made: _Decision, column: int, other: int, name: str) -> str:
    both = f"{made.title(column)} and {made.title(other)} both look like {name}"
    header = shortened(made.headers[other])
    if made.headers[column].strip() == made.headers[other].strip():
        return f"{both}; rename or remove one of them in the file"
    return (
        f'{both}; say which one to ignore with --map "{header}=", '
        f'or which one it is with --map "{header}={name}"'
    )


def _lose_all(made: _Decision, claims: Iterable[Claim], name: str, winner: str) -> None:
    for claim in claims:
        made.lose(claim.column, name, f"{made.title(claim.column)} is not used, {name} is {winner}")


class _Known(NamedTuple):
    field: str
    rank: int


@cache
def _known_headers() -> Mapping[str, _Known]:
    """Folded header → field and rank."""
    known = {
        key: _Known(name, rank)
        for name, ranks in ALIASES.items()
        for rank, aliases in enumerate(ranks, start=1)
        for key in keys_of(aliases, compact)
    }
    known |= {
        keys_of([old], compact)[0]: _Known(new, len(ALIASES[new]))
        for old, new in _OLD_NAMES.items()
    }
    return known | {
        key: _Known(name, 0) for name, key in zip(FIELDS, keys_of(FIELDS, compact), strict=True)
    }


def is_of_application(header: str) -> bool:
    """Whether an id under this header is an application's, of which one person may have several."""
    known = _known_headers().get(header_keys([header])[0])
    return known is not None and 1 <= known.rank <= _APPLICATION_RANKS


def aliases_of(field: str) -> list[str]:
    """The `compact` keys of the headers that are that field."""
    return [key for key, known in _known_headers().items() if known.field == field]


def field_of(key: str) -> str | None:
    """The field that a header with this `compact` key claims; None where it claims none."""
    known = _known_headers().get(key)
    if known is None or (known.rank and _is_never_a_candidate(key)):
        return None
    return known.field


@cache
def _bare_names() -> frozenset[str]:
    return frozenset(keys_of(BARE_NAMES, compact))


@cache
def _never_words() -> tuple[str, ...]:
    return tuple(keys_of(NEVER_A_CANDIDATE, compact))


def _is_never_a_candidate(key: str) -> bool:
    return any(word in key for word in _never_words())


def _near_misses(made: _Decision, keys: Sequence[str], carried: Iterable[int]) -> list[str]:
    """Notes on columns that nobody claims and that look like a field that nobody has."""
    known = _known_headers()
    open_fields = _open_fields(made.fields)
    open_keys = [
        key
        for key, (name, _) in known.items()
        if name in open_fields and len(key) >= _LEAST_LETTERS
    ]
    notes = []
    for column in carried:
        key = keys[column]
        if len(key) < _LEAST_LETTERS or key in known or _is_never_a_candidate(key):
            continue
        cutoff = max(_LEAST_ALIKE, 1 - _LETTERS_APART / (2 * len(key)))
        close = get_close_matches(key, open_keys, n=1, cutoff=cutoff)
        if close and abs(len(close[0]) - len(key)) < _LETTERS_APART:
            header, name = shortened(made.headers[column]), known[close[0]].field
            notes.append(f'{header}: did you mean {name}? say --map "{header}={name}"')
    return notes


def _open_fields(fields: Collection[str]) -> set[str]:
    """Fields without a column; a full name leaves none open for its parts, and the reverse."""
    closed = set(fields)
    if NAME in closed:
        closed |= {FIRST_NAME, LAST_NAME}
    if {FIRST_NAME, LAST_NAME} <= closed:
        closed.add(NAME)
    return set(FIELDS) - closed


def _title(headers: Sequence[str], column: int) -> str:
    """A column as a message names it; its number too where the header is not enough."""
    header = headers[column]
    quoted = f"'{shortened(header)}'" if header.strip() else "the column without a header"
    return quoted if headers.count(header) == 1 else f"{quoted} (column {column + 1})"


def _nothing_recognised(headers: Sequence[str]) -> str:
    needed = ", ".join((*REQUIRED_ALWAYS, *POSITION_CORE))
    advice = (
        f"needed are {needed}; name them in the first row, or say which column is which with "
        '--map "HEADER=FIELD"'
    )
    if any("@" in header for header in headers):
        # A row of data in the place of the headers: it must not be shown.
        return f"the first row looks like a candidate, not like headers; {advice}"
    named = [shortened(header) for header in headers if header.strip()]
    shown = ", ".join(_printable(header) for header in named[:_MOST_HEADERS_SHOWN])
    more = (
        f" and {len(named) - _MOST_HEADERS_SHOWN} more" if len(named) > _MOST_HEADERS_SHOWN else ""
    )
    return f"no header is one we know; found {shown or 'none'}{more}; {advice}"


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in text)
