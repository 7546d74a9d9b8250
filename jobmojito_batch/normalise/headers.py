"""Which column is which field, from nothing but the headers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple
from unicodedata import normalize

from jobmojito_batch.columns import (
    ERROR_COLUMNS,
    FIRST_NAME,
    FOLLOWUP_COLUMNS,
    LAST_NAME,
    LETTER_COLUMNS,
    RESULT_COLUMNS,
    RESUME_FILE,
    SHOWN_FIELDS,
    are_results,
)
from jobmojito_batch.contract import POSITION_CORE, REQUIRED_ALWAYS
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.normalise.aliases import ALIASES, ANOTHER_JOB, BARE_NAMES, NEVER_A_CANDIDATE
from jobmojito_batch.normalise.cell_errors import error_in, error_sentence
from jobmojito_batch.normalise.fields import MEMBERS, OBJECTS, RESUME
from jobmojito_batch.normalise.text import compact, folded, keys_of, shortened
from jobmojito_batch.records import HeaderMap, InputDoubt

FIELDS: Final = (*MEMBERS, RESUME_FILE, FIRST_NAME, LAST_NAME)
"""What a column can be."""

NAME: Final = "candidate_name"
_WHO: Final = frozenset({NAME, FIRST_NAME, LAST_NAME, "candidate_email"})
"""Who is invited: of somebody else in the candidate's place a person is told."""
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
_PEOPLE: Final = ("candidat", "applicant", "person", "bewerber", "kandidat", "kandydat", "uch")
_OF_SOMEBODY: Final = re.compile("|".join(_PEOPLE))
_COUNTRY: Final = "candidate_country_code"
_OF_JOBS: Final = {
    NAME: "position_name",
    "candidate_external_id": "position_external_id",
    _COUNTRY: "position_country_code",
}
"""What a bare name, id and country are in a table of jobs."""
_LAST_RANK: Final = 100
"""Behind every header that says that it is of a job."""
# Two letters swapped or three that differ are a slip; more are another word.
_LEAST_LETTERS: Final = 5
_LEAST_ALIKE: Final = 0.8
_LETTERS_APART: Final = 3
_LEAST_PART: Final = 0.4
"""Of a header that another one makes up: `Kontakt-E-Mail`, and not every sentence with `email`."""


# Words in brackets that say whose a column is (by how they begin), or that it is something else.
_SIDES: Final = {
    "candidate": ("candidate", "applicant", "person", "bewerber", "kandidat", "uchadzac", "home"),
    "position": _OF_A_POSITION,
}
_ANOTHER: Final = frozenset(
    {
        "company", "employer", "firm", "client", "school", "university", "reference", "parent",
        "native", "spoken", "url", "link", "date", "status", "score", "count", "consent", "opt",
        "verified",
    }
)  # fmt: skip


class Claim(NamedTuple):
    """A column that says it is a field; the lower one is the better claim."""

    is_short: bool
    """Whether it does so only without what stands in brackets: any other claim is better."""
    rank: int
    column: int


@dataclass(slots=True)
class _Decision:
    """What has been decided so far about the columns of one input."""

    headers: Sequence[str]
    fields: dict[str, int] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    short: frozenset[int] = frozenset()
    """Columns whose key leaves out what stands in brackets."""
    fate: str = "; it is carried into the results"
    """What becomes of a column that loses its field."""

    def title(self, column: int) -> str:
        return _title(self.headers, column)

    def lose(self, column: int, name: str, note: str) -> None:
        """The column does not get the field it claims; a résumé does not get into the results."""
        if name == RESUME:
            self.dropped.add(column)
            self.notes.append(f"{note}; it is left out of the results")
        else:
            self.notes.append(f"{note}{self.fate}")


def map_headers(
    headers: Sequence[str], *, overrides: Mapping[str, str] = _NO_OVERRIDES
) -> HeaderMap:
    """
    Decide which column is which field; *overrides* (header → field, "" ignores) beat the aliases.

    Raises SettingsError where an override makes no sense, InputError where two columns have an
    equal claim to one field or none has a claim to any.
    """
    read = _keys_of_headers(tuple(headers))
    keys = [key.text for key in read]
    decision = _Decision(headers, short=frozenset(i for i, key in enumerate(read) if key.is_short))
    _apply_overrides(decision, keys, overrides)
    taken = {*decision.fields.values(), *decision.dropped}
    doubts, unclear = _unclear_descriptions(decision, keys, taken)
    own = set(keys_of(ERROR_COLUMNS, compact))
    decision.dropped |= {i for i, key in enumerate(keys) if key in own and i not in taken}
    decision.dropped |= set(_of_our_results(headers)) - taken
    other = _of_another_job(decision, keys)
    free = [i for i in range(len(headers)) if i not in taken | decision.dropped | other | unclear]
    _settle(decision, _claims(decision, keys, free))
    if not decision.fields:
        raise InputError(_nothing_recognised(headers))
    claimed = {*decision.fields.values(), *decision.dropped}
    carried = tuple(i for i in range(len(headers)) if i not in claimed)
    return HeaderMap(
        fields=decision.fields,
        carried=carried,
        dropped=tuple(sorted(decision.dropped)),
        offers=tuple(_offers(keys, carried, _open_fields(decision.fields))),
        notes=() if are_results(headers) else tuple(decision.notes),
        doubts=(
            *(() if RESUME in decision.fields else doubts),
            *_headers_in_error(headers, carried),
        ),
    )


def map_job_headers(
    headers: Sequence[str], *, overrides: Mapping[str, str] = _NO_OVERRIDES
) -> HeaderMap:
    """
    The same for a table of jobs, where a bare `Name`, `ID` or `Country` is the job's.

    No column of it is a candidate's field; what is not claimed is left alone.
    """
    read = _keys_of_headers(tuple(headers))
    keys = [key.text for key in read]
    decision = _Decision(headers, fate="")
    _apply_overrides(decision, keys, overrides)
    taken = {*decision.fields.values(), *decision.dropped}
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    for column, key in enumerate(keys):
        if column not in taken and (known := _of_the_job(key)) is not None:
            claims[known.field].append(Claim(read[column].is_short, known.rank, column))
    _settle(decision, claims)
    claimed = {*decision.fields.values(), *decision.dropped}
    carried = tuple(i for i in range(len(headers)) if i not in claimed)
    return HeaderMap(
        fields=decision.fields,
        carried=carried,
        dropped=tuple(sorted(decision.dropped)),
        notes=tuple(decision.notes),
    )


def _of_the_job(key: str) -> "_Known | None":
    """The field of a job that a header claims in a table of jobs."""
    known = _known_headers().get(key)
    if known is not None and known.rank and is_never_a_candidate(key):
        return None
    if known is None or not is_of_candidate(known.field):
        return known or _known_headers().get(f"job{key}")
    is_bare = key in _bare_names() | {"id"} if known.field != _COUNTRY else known.rank > 1
    if not is_bare or known.field not in _OF_JOBS or _OF_SOMEBODY.search(key):
        return None
    return _Known(_OF_JOBS[known.field], known.rank + _LAST_RANK)


def says_of_a_job(header: str) -> bool:
    """Whether a header of a table of jobs is known without being told."""
    return _of_the_job(header_keys([header])[0]) is not None


def is_of_candidate(field: str) -> bool:
    """Whether a field is of the person, which no table of jobs fills."""
    return field.startswith("candidate_")


def _of_our_results(headers: Sequence[str]) -> Iterator[int]:
    """
    The columns that our results added to an input, where it is such a file that comes back.

    Not those that show a field of the row: they are what a person reads and corrects. A file of
    `followup` or `letters` has its own right after the link.
    """
    if not are_results(headers):
        return
    ours = set(RESULT_COLUMNS) - set(SHOWN_FIELDS)
    titles = [header.strip() for header in headers]
    yield from (titles.index(title) for title in ours)
    after = titles.index("interview_url") + 1
    for beside in (FOLLOWUP_COLUMNS, LETTER_COLUMNS):
        if tuple(titles[after : after + len(beside)]) == beside:
            yield from range(after, after + len(beside))


def _unclear_descriptions(
    decision: _Decision, keys: Sequence[str], taken: Collection[int]
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
            sentence=f"{decision.title(i)} may be of the person, as its résumé, or of the "
            "position; it is sent as neither",
            option=f'say --map "{decision.headers[i]}={RESUME}", '
            f'--map "{decision.headers[i]}={_DESCRIPTION}" or --map "{decision.headers[i]}=" '
            "(neither)",
        )
        for i in sorted(unclear)
    )
    return doubts, unclear


def _headers_in_error(headers: Sequence[str], carried: Sequence[int]) -> Iterator[InputDoubt]:
    """A column whose header a spreadsheet could not work out may be any field."""
    for header in dict.fromkeys(headers[i] for i in carried):
        if (error := error_in(header)) is not None:
            yield InputDoubt(
                kind="header",
                source="",
                sentence=f"a header holds no name: {error_sentence(error)}; its column is carried, "
                "whatever it is",
                option=f'name the column, or say --map "{header}=FIELD" (no FIELD: ignore it)',
                holds=False,
            )


def header_keys(headers: Sequence[str]) -> list[str]:
    """
    The `compact` keys of headers; what stands in brackets counts only where it makes a known one,
    or says that it is of somebody or something else.

    `E-mail (required)`, `Job Location [city]` and `Résumé:` are the fields that they would be
    without; `Email (recruiter)` stays what it says, and `#NAME?` is no name.
    """
    return [key.text for key in _keys_of_headers(tuple(headers))]


class _Key(NamedTuple):
    text: str
    is_short: bool = False
    """Whether something in brackets was left out to have it."""


@lru_cache(maxsize=64)  # one row of headers is asked about by each who looks at it
def _keys_of_headers(headers: tuple[str, ...]) -> tuple[_Key, ...]:
    read = [_Key(text) for text in keys_of(headers, compact)]
    bracketed = {}
    for at, header in enumerate(headers):
        plain = normalize("NFKC", header)
        if inside := " ".join(_BRACKETS.findall(plain)):
            bracketed[at] = (_BRACKETS.sub(" ", plain), inside)
    if bracketed:  # few exports have one
        outside, inside_texts = map(list, zip(*bracketed.values(), strict=True))
        turned = [f"{inside} {text}" for text, inside in bracketed.values()]
        keys = (keys_of(outside, compact), keys_of(turned, compact), keys_of(inside_texts, folded))
        for at, (without, first, words) in zip(bracketed, zip(*keys, strict=True), strict=True):
            read[at] = _key(read[at].text, without, first, words)
    errors = map(error_in, headers)
    return tuple(
        key if error is None else _Key(error) for key, error in zip(read, errors, strict=True)
    )


def _key(whole: str, outside: str, turned: str, inside: str) -> _Key:
    """`Email (work)` is a work email; `Location (candidate)` is no location of a position."""
    known = _known_headers()
    if whole in known or not inside or outside not in known or is_never_a_candidate(whole):
        return _Key(whole)
    if turned in known:
        return _Key(turned)
    is_other = _is_of_another(known[outside].field, inside.split(" "))
    return _Key(whole) if is_other else _Key(outside, is_short=True)


def _is_of_another(name: str, words: Sequence[str]) -> bool:
    """Whether the *words* in brackets say that a column is of somebody or something else."""
    owners = [owner for side, ours in _SIDES.items() if not name.startswith(side) for owner in ours]
    return any(word in _ANOTHER or word.startswith(tuple(owners)) for word in words)


def first_name_column(headers: Sequence[str]) -> int | None:
    """The column of first names, used for the field or not; None where there is none."""
    keys = header_keys(headers)
    return next((i for i, key in enumerate(keys) if field_of(key) == FIRST_NAME), None)


def near_matches(word: str, known: Iterable[str]) -> str:
    """`; did you mean x or y?` for a message, or nothing."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _apply_overrides(
    decision: _Decision, keys: Sequence[str], overrides: Mapping[str, str]
) -> None:
    for header, name in overrides.items():
        column = _column_of(header, decision.headers, keys)
        if not name:
            decision.dropped.add(column)
            continue
        if name not in FIELDS:
            raise SettingsError(
                f'--map "{header}={name}": {name} is no field{near_matches(name, FIELDS)}'
            )
        if name in decision.fields:
            other = decision.title(decision.fields[name])
            raise SettingsError(
                f"--map gives {name} to two columns, {other} and '{header}'; keep one of them"
            )
        decision.fields[name] = column
        if name in _WHO and is_never_a_candidate(keys[column]):
            decision.notes.append(
                f"{decision.title(column)} is {name} since --map says so; by its header it is "
                "somebody else's"
            )


def _column_of(header: str, headers: Sequence[str], keys: Sequence[str]) -> int:
    """The column under a header as written, or else under one that folds to the same."""
    exact = [i for i, text in enumerate(headers) if text.strip() == header.strip()]
    [whole] = keys_of([header], compact)
    folded = [i for i, key in enumerate(keys_of(headers, compact)) if key and key == whole]
    [wanted] = header_keys([header])
    matching = exact or folded or [i for i, key in enumerate(keys) if key and key == wanted]
    if not matching:
        hint = near_matches(header, headers)
        raise SettingsError(f'--map "{header}=…": the input has no such header{hint}')
    if len(matching) > 1:
        columns = " and ".join(str(i + 1) for i in matching)
        raise SettingsError(
            f'--map "{header}=…": columns {columns} have this header; rename one in the file'
        )
    return matching[0]


def _of_another_job(decision: _Decision, keys: Sequence[str]) -> set[int]:
    """Columns that look like the position and tell of the job that a person has already."""
    misleading: set[int] = set()
    for together, columns in ANOTHER_JOB:
        if set(keys_of(together, compact)) <= set(keys):
            own = set(keys_of(columns, compact))
            misleading |= {i for i, key in enumerate(keys) if key in own}
    misleading -= {*decision.fields.values(), *decision.dropped}
    decision.notes += [
        f"{decision.title(i)} tells of the job that the person has, in this kind of export, not of "
        "the position; if it does, say so with --map"
        for i in sorted(misleading)
        if field_of(keys[i]) is not None
    ]
    return misleading


def _claims(
    decision: _Decision, keys: Sequence[str], free: Iterable[int]
) -> dict[str, list[Claim]]:
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    bare: list[Claim] = []
    for column in free:
        known = _known_headers().get(keys[column])
        if known is None or (known.rank and is_never_a_candidate(keys[column])):
            continue
        claim = Claim(column in decision.short, known.rank, column)
        if keys[column] in _bare_names():
            bare.append(claim)
        else:
            claims[known.field].append(claim)
    name = _meaning_of_bare_name({*claims, *decision.fields})
    claims[name] += bare
    if bare and name != NAME:
        title = decision.title(bare[0].column)
        decision.notes.append(f"{title} is read as {name}, for what stands beside it")
    return claims


def _meaning_of_bare_name(present: Collection[str]) -> str:
    if FIRST_NAME in present and LAST_NAME not in present:
        return LAST_NAME
    if LAST_NAME in present and FIRST_NAME not in present:
        return FIRST_NAME
    return NAME


def _settle(decision: _Decision, claims: Mapping[str, Sequence[Claim]]) -> None:
    """Give each field to its best claim; the full name first, since it rules out its parts."""
    parts_are_chosen = NAME not in decision.fields and bool(
        {FIRST_NAME, LAST_NAME} & {*decision.fields}
    )
    names = sorted(claims, key=lambda name: name != NAME)
    for name in names:
        ranked = sorted(claims[name])
        if not ranked:
            continue
        if name == NAME and parts_are_chosen:
            _lose_all(decision, ranked, name, "first and last name")
        elif name in {FIRST_NAME, LAST_NAME} and NAME in decision.fields:
            _lose_all(decision, ranked, NAME, decision.title(decision.fields[NAME]))
        elif name in decision.fields:
            _lose_all(decision, ranked, name, decision.title(decision.fields[name]))
        else:
            _give_to_best(decision, ranked, name)


def _give_to_best(decision: _Decision, ranked: Sequence[Claim], name: str) -> None:
    best, *others = ranked
    if others and others[0][:-1] == best[:-1]:
        raise InputError(_equal_claims(decision, best.column, others[0].column, name))
    decision.fields[name] = best.column
    _lose_all(decision, others, name, decision.title(best.column))


def _equal_claims(decision: _Decision, column: int, other: int, name: str) -> str:
    both = f"{decision.title(column)} and {decision.title(other)} both look like {name}"
    header = shortened(decision.headers[other])
    if decision.headers[column].strip() == decision.headers[other].strip():
        return f"{both}; rename or remove one of them in the file"
    return (
        f'{both}; say which one to ignore with --map "{header}=", '
        f'or which one it is with --map "{header}={name}"'
    )


def _lose_all(decision: _Decision, claims: Iterable[Claim], name: str, winner: str) -> None:
    for claim in claims:
        decision.lose(
            claim.column, name, f"{decision.title(claim.column)} is not used, {name} is {winner}"
        )


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


def known_header_keys() -> Collection[str]:
    """The `compact` keys of all headers that are some field."""
    return _known_headers().keys()


def aliases_of(field: str) -> list[str]:
    """The `compact` keys of the headers that are that field."""
    return [key for key, known in _known_headers().items() if known.field == field]


def field_of(key: str) -> str | None:
    """The field that a header with this `compact` key claims; None where it claims none."""
    known = _known_headers().get(key)
    if known is None or (known.rank and is_never_a_candidate(key)):
        return None
    return known.field


@cache
def _bare_names() -> frozenset[str]:
    return frozenset(keys_of(BARE_NAMES, compact))


@cache
def _never_words() -> tuple[str, ...]:
    return tuple(keys_of(NEVER_A_CANDIDATE, compact))


def is_never_a_candidate(key: str) -> bool:
    """Whether a header with this `compact` key says that it is of somebody or something else."""
    return any(word in key for word in _never_words())


def _offers(
    keys: Sequence[str], carried: Iterable[int], open_fields: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Columns that nobody claims, and the field that each looks like and that nobody has."""
    known = {key: name for key, (name, _) in _known_headers().items() if name in open_fields}
    for column in carried:
        key = keys[column]
        if len(key) < _LEAST_LETTERS or key in _known_headers() or is_never_a_candidate(key):
            continue
        field = _by_slip(key, known) or _by_word(key, known) or _by_own_name(key, open_fields)
        if field is not None:
            yield column, field


def _by_slip(key: str, known: Mapping[str, str]) -> str | None:
    """The field whose header differs in a letter or two."""
    long = [header for header in known if len(header) >= _LEAST_LETTERS]
    cutoff = max(_LEAST_ALIKE, 1 - _LETTERS_APART / (2 * len(key)))
    close = get_close_matches(key, long, n=1, cutoff=cutoff)
    is_slip = close and abs(len(close[0]) - len(key)) < _LETTERS_APART
    return known[close[0]] if is_slip else None


def _by_word(key: str, known: Mapping[str, str]) -> str | None:
    """The field one of whose headers makes up much of this one; of several the longest."""
    within = [header for header in known if len(header) >= _LEAST_LETTERS and header in key]
    best = max(within, key=len, default="")
    if len(best) < _LEAST_PART * len(key):
        return None
    field = known[best]
    other = _OF_A_POSITION if is_of_candidate(field) else _PEOPLE
    return None if any(word in key.replace(best, "") for word in other) else field


def _by_own_name(key: str, open_fields: Collection[str]) -> str | None:
    """The only field that has this word in its name: `Seniority` is seniority_level."""
    named = [member for member in MEMBERS if key in member.split("_")]
    may_be = len(named) == 1 and named[0] in open_fields and named[0] not in OBJECTS
    return named[0] if may_be else None


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
