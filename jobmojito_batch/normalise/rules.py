"""
What a row must fulfil before it is sent, rule by rule, and how a broken rule reads.

A rule is named `code:field`. The rules are judged on two columns per member: the clean text under
the member's own name, and under `canonical(member)` what that text was read as.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from jobmojito_batch.columns import FIRST_NAME, LAST_NAME, OVERFLOW, RESUME_FILE, ErrorCode
from jobmojito_batch.contract import POSITION_CORE, REQUIRED_ALWAYS
from jobmojito_batch.normalise import countries, email
from jobmojito_batch.normalise.cell_errors import error_in, error_sentence, holds_error, is_error
from jobmojito_batch.normalise.dates import readings_of
from jobmojito_batch.normalise.fields import (
    BOOLEANS,
    CHOICES,
    COUNTRIES,
    DATE,
    EMAIL,
    LANGUAGE,
    MEMBERS,
    NUMBERS,
    OBJECTS,
    PEOPLE_PROBLEM,
    RESUME,
    RESUME_PROBLEM,
    TAGS,
    VALUED,
)
from jobmojito_batch.normalise.names import (
    LETTERS_LOST,
    has_lost_letters,
    is_no_name,
    name_sentence,
)
from jobmojito_batch.normalise.resumes import is_no_resume
from jobmojito_batch.normalise.text import shortened, true_where
from jobmojito_batch.records import Fault

POSITION_ID: Final = "position_def_set_id"
EXTERNAL_ID: Final = "position_external_id"

NAME: Final = "candidate_name"

_OF_LETTERS: Final = frozenset({NAME, EMAIL, "position_name", "position_location"})
_FREE_TEXT: Final = tuple(
    field for field in MEMBERS if field not in {*VALUED, *COUNTRIES, LANGUAGE, RESUME}
)
_CELLS_OF: Final = {NAME: (NAME, FIRST_NAME, LAST_NAME), RESUME: (RESUME, RESUME_FILE)}
"""Members that come from other columns than their own."""

JUDGED: Final = (*REQUIRED_ALWAYS, *POSITION_CORE, POSITION_ID, EXTERNAL_ID)
"""Members that the rules and keys ask for even where the input does not have them."""


def canonical(field: str) -> str:
    """The column with what the clean text of a member was read as."""
    return f"_canonical:{field}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way in which a row can be wrong."""

    code: ErrorCode
    field: str
    """The request member at fault; empty where the row as a whole is."""
    broken: pl.Expr
    """True where the row breaks the rule. Null is false: see `faults`."""
    says: str
    """What is wrong and what to do; `{seen}` stands for what was seen."""

    @property
    def name(self) -> str:
        """`code:field`, as FAULTS has it."""
        return f"{self.code}:{self.field or 'row'}"


_NO_POSITION_ID: Final = pl.col(POSITION_ID).is_null()


def _unread(field: str) -> pl.Expr:
    """There is text, and it was not read as anything."""
    return pl.col(field).is_not_null() & pl.col(canonical(field)).is_null()


def _missing() -> Iterator[Rule]:
    has_file = pl.col(RESUME_FILE).is_not_null() | pl.col(RESUME_PROBLEM).is_not_null()
    for field in REQUIRED_ALWAYS:
        empty = pl.col(field).is_null()
        yield Rule(
            code=ErrorCode.MISSING_FIELD,
            field=field,
            broken=empty & ~has_file if field == RESUME else empty,
            says=_how_to_fill(field),
        )
    for field in POSITION_CORE:
        yield Rule(
            code=ErrorCode.MISSING_FIELD,
            field=field,
            broken=pl.col(field).is_null() & _NO_POSITION_ID,
            says=f"{_how_to_fill(field)}; a {POSITION_ID} does instead",
        )


def _how_to_fill(field: str) -> str:
    if field in {"candidate_country_code", *POSITION_CORE}:
        return f"nothing there; fill the cell, or give one value for all with --set {field}=VALUE"
    if field == RESUME:
        return (
            "nothing there, and no file; fill the cell, or give a file (candidate_resume_file, "
            "--resumes FOLDER)"
        )
    return "nothing there; fill the cell"


def _resume_unreadable(min_resume_characters: int) -> Rule:
    said = pl.col(RESUME_FILE).is_not_null() | pl.col(RESUME_PROBLEM).is_not_null()
    return Rule(
        code=ErrorCode.RESUME_UNREADABLE,
        field=RESUME,
        broken=(pl.col(RESUME).is_null() & said)
        | is_no_resume(pl.col(RESUME), min_resume_characters),
        says="{seen}",
    )


def _damaged() -> Iterator[Rule]:
    """
    Letters that were lost before the file came here, errors of a spreadsheet, and in the place of
    a name what nobody is called, are no text.

    Members that are read as something else than text have a rule that says so.
    """
    for field in _FREE_TEXT:
        text = pl.col(field)
        # An address may have a question mark in it.
        lost = (
            text.str.contains("\ufffd", literal=True) if field == EMAIL else has_lost_letters(text)
        )
        if field in POSITION_CORE:
            lost &= _NO_POSITION_ID
        error = _holds_error(field) if field != EMAIL else pl.lit(value=False)
        nobody = is_no_name(text) if field == NAME else pl.lit(value=False)
        yield Rule(
            code=ErrorCode.INVALID_VALUE,
            field=field,
            broken=lost | error | nobody if field in _OF_LETTERS else error,
            says="{seen}" if field == NAME else LETTERS_LOST,
        )


def _holds_error(field: str) -> pl.Expr:
    """Whether a spreadsheet gave an error in place of a member that is sent."""
    if field == NAME:
        return holds_error(pl.col(field))
    if field in POSITION_CORE:
        return is_error(pl.col(field)) & _NO_POSITION_ID
    return is_error(pl.col(field))


def _email() -> Iterator[Rule]:
    unread = pl.when(_unread(EMAIL)).then(pl.col(EMAIL))
    several = true_where(unread, pl.Expr.is_not_null, email.holds_several)
    yield Rule(
        code=ErrorCode.SEVERAL_EMAILS,
        field=EMAIL,
        broken=_unread(EMAIL) & several,
        says="more than one address in the cell; keep the one to invite",
    )
    yield Rule(
        code=ErrorCode.INVALID_EMAIL,
        field=EMAIL,
        broken=_unread(EMAIL) & ~several,
        says="{seen}",
    )


def _places_and_languages() -> Iterator[Rule]:
    # With a position id the position's own country and language are not sent.
    for field in COUNTRIES:
        is_sent = _NO_POSITION_ID if field in POSITION_CORE else pl.lit(value=True)
        yield Rule(
            code=ErrorCode.UNKNOWN_COUNTRY,
            field=field,
            broken=_unread(field) & is_sent,
            says=("{seen} is no country we know; write the two-letter code or the English name"),
        )
    yield Rule(
        code=ErrorCode.UNKNOWN_LANGUAGE,
        field=LANGUAGE,
        broken=_unread(LANGUAGE) & _NO_POSITION_ID,
        says=(
            "{seen} is no language of the platform; write one of its codes, such as en, de or sk"
        ),
    )


def _values() -> Iterator[Rule]:
    for field in VALUED:
        yield Rule(
            code=ErrorCode.INVALID_VALUE,
            field=field,
            broken=_unread(field) | is_error(pl.col(field)) if field == TAGS else _unread(field),
            says=f"{{seen}} is not {_wanted(field)}",
        )


def _wanted(field: str) -> str:
    if field in NUMBERS:
        return f"{NUMBERS[field]}; write it in digits, without a sign for thousands"
    if field in BOOLEANS:
        return "yes or no; write true or false"
    if field in CHOICES:
        return f"one of the choices; write {', '.join(CHOICES[field])}"
    if field in OBJECTS:
        model = OBJECTS[field]
        members = f", MEMBER being one of {', '.join(model.model_fields)}" if model else ""
        return f'a JSON object; write it as {{"MEMBER": VALUE}}{members}'
    if field == TAGS:
        return "a list of labels; part them with commas, or write a JSON array of texts"
    return "a date; write it as 2026-12-31 or 2026-12-31T18:00:00Z"


def _resume_too_long(max_resume_characters: int) -> Rule:
    return Rule(
        code=ErrorCode.RESUME_TOO_LONG,
        field=RESUME,
        broken=pl.col(RESUME).str.len_chars() > max_resume_characters,
        says=(
            f"{{seen}}, {max_resume_characters:,} are allowed; shorten it, or raise "
            "JOBMOJITO_MAX_RESUME_CHARACTERS"
        ),
    )


def _several_people() -> Rule:
    """What compares rows is found later, and stands in PEOPLE_PROBLEM then."""
    return Rule(
        code=ErrorCode.SEVERAL_PEOPLE,
        field=EMAIL,
        broken=pl.lit(value=False),
        says="{seen}",
    )


def _overflow() -> Rule:
    return Rule(
        code=ErrorCode.INVALID_VALUE,
        field="",
        broken=pl.col(OVERFLOW).str.strip_chars().str.len_bytes() > 0,
        says=(
            "the row has more cells than there are headers; look for a cell that should be in "
            "quotes, or a missing header"
        ),
    )


@lru_cache(maxsize=8)  # asked for once a faulty row, to say what is wrong with it
def rules(max_resume_characters: int, min_resume_characters: int = 0) -> dict[str, Rule]:
    """
    The rules by name, in the order in which a bad row is explained: the first leads.

    All of them look at one row; what compares rows (duplicates) comes later, on those that passed.
    """
    ordered = (
        *_missing(),
        _resume_unreadable(min_resume_characters),
        *_email(),
        *_places_and_languages(),
        *_values(),
        *_damaged(),
        _several_people(),
        _resume_too_long(max_resume_characters),
        _overflow(),
    )
    return {rule.name: rule for rule in ordered}


RULES: Final = tuple(rules(0))
"""The names of all rules, in order."""


_OF_EVERY_ROW: Final = frozenset({ErrorCode.MISSING_FIELD, ErrorCode.RESUME_UNREADABLE})


def faults(
    present: Collection[str],
    max_resume_characters: int,
    min_resume_characters: int = 0,
) -> pl.Expr:
    """The names of the rules that a row breaks, parted by blanks; null where it breaks none."""
    return pl.struct(
        # A comparison with nothing is null, which here means: not broken.
        rule.broken.fill_null(value=False).alias(name)
        for name, rule in rules(max_resume_characters, min_resume_characters).items()
        if rule.field in present or rule.code in _OF_EVERY_ROW or not rule.field
    ).map_batches(_names_of_broken, return_dtype=pl.String, is_elementwise=True)


def _names_of_broken(flags: pl.Series) -> pl.Series:
    """Written for the rows that break a rule, of which most inputs have few."""
    broken = flags.struct.unnest()
    is_bad = broken.select(pl.any_horizontal(pl.all()).alias("bad"))["bad"]
    if not is_bad.any():
        return pl.Series(flags.name, [None], dtype=pl.String).new_from_index(0, len(flags))
    names = broken.filter(is_bad).select(
        pl.concat_str(
            (pl.when(pl.col(name)).then(pl.lit(name)) for name in broken.columns),
            separator=" ",
            ignore_nulls=True,
        ).alias("names")
    )["names"]
    place = pl.when(is_bad).then(is_bad.cum_sum() - 1)
    return names.gather(pl.select(place.alias("place"))["place"]).alias(flags.name)


def explain(
    fault_names: str,
    values: Mapping[str, str | None],
    *,
    raw: Mapping[str, str | None],
    max_resume_characters: int,
) -> list[Fault]:
    """
    The faults of one row as a person reads them, from its FAULTS text.

    *values* are the row's canonical values, *raw* its cells, both by request member: of
    what was not understood only the cell is left. Messages quote no e-mail, name or résumé.
    """
    known = rules(max_resume_characters)
    return [_explained(known[name], values, raw) for name in fault_names.split()]


def _explained(
    rule: Rule, values: Mapping[str, str | None], raw: Mapping[str, str | None]
) -> Fault:
    if (error := _error_of(rule, raw)) is not None:
        return Fault(
            code=rule.code, field=rule.field, message=f"{rule.field}: {error_sentence(error)}"
        )
    if rule.code == ErrorCode.SEVERAL_PEOPLE:
        seen = values.get(PEOPLE_PROBLEM) or "another row has this address for somebody else"
    elif rule.code == ErrorCode.RESUME_UNREADABLE and values.get(RESUME):
        seen = (
            "this is no résumé: an address, the source of a file, a note that there is none, or "
            "too short; put its text here, or the name of a file beside the input (--resumes "
            "FOLDER), or lower JOBMOJITO_MIN_RESUME_CHARACTERS"
        )
    elif rule.code == ErrorCode.RESUME_UNREADABLE:
        seen = values.get(RESUME_PROBLEM) or (
            "the cell names a file, and none was looked for; put the text of the résumé into "
            f"{RESUME}, or say where the files are with --resumes FOLDER"
        )
    elif rule.code == ErrorCode.INVALID_EMAIL:
        seen = _no_address(raw.get(EMAIL))
    elif rule.field == NAME:
        seen = name_sentence(values.get(NAME))
    elif rule.code == ErrorCode.RESUME_TOO_LONG:
        seen = f"{len(values.get(RESUME) or ''):,} characters"
    else:
        seen = _quoted(rule.field, raw.get(rule.field))
    said = rule.says.replace("{seen}", seen)
    if rule.code == ErrorCode.UNKNOWN_COUNTRY:
        said = _which_country(raw.get(rule.field), seen) or said
    if rule.field == DATE:
        said = _which_date(raw.get(rule.field), seen) or said
    message = f"{rule.field}: {said}" if rule.field else said
    return Fault(code=rule.code, field=rule.field, message=message)


def _error_of(rule: Rule, raw: Mapping[str, str | None]) -> str | None:
    """The error value in a cell of the member at fault, which is what is wrong with it then."""
    if rule.code == ErrorCode.SEVERAL_PEOPLE:
        return None
    cells = _CELLS_OF.get(rule.field, (rule.field,))
    return next((error for cell in cells if (error := error_in(raw.get(cell)))), None)


def _quoted(field: str, cell: str | None) -> str:
    """A cell that may be shown, in quotes; an address in the wrong column and JSON may not."""
    if not cell or "@" in cell or field in {EMAIL, TAGS, *OBJECTS}:
        return "what the cell says"
    return f"'{shortened(cell)}'"


def _no_address(cell: str | None) -> str:
    if cell and email.is_nobodys(cell):
        return "mail to this address is read by nobody; write the candidate's own"
    return "this is no e-mail address; write it as name@company.example, in letters of one alphabet"


def _which_country(cell: str | None, seen: str) -> str | None:
    codes = countries.choices(cell) if cell else ()
    if not codes:
        return None
    return f"{seen} may be {' or '.join(codes)}; write the two-letter code"


def _which_date(cell: str | None, seen: str) -> str | None:
    readings = readings_of(cell.strip()) if cell else []
    if len(readings) < 2:  # noqa: PLR2004 - not one of those that can be read both ways
        return None
    return (
        f"{seen} may be {' or '.join(readings)}, and no other date of the column tells; write it "
        "as one of these"
    )
