"""
A table's cells → canonical columns, faults and keys, as one lazy query that streams.

Countries and languages are looked up by joins: `replace` and `replace_strict` would read the whole
input into memory (docs/decisions, polars 2.1).
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
    FIRST_NAME,
    LAST_NAME,
    OPENING_KEY,
    OVERFLOW,
    POSITION_KEY,
    RESUME_FILE,
    SOURCE,
)
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.normalise import email, languages, places
from jobmojito_batch.normalise.dates import DateOrder
from jobmojito_batch.normalise.fields import (
    CHOICES,
    COUNTRIES,
    EMAIL,
    EXTERNAL,
    LANGUAGE,
    LINKEDIN,
    MEMBERS,
    MULTILINE,
    RESUME,
    RESUME_PROBLEM,
    VALUED,
)
from jobmojito_batch.normalise.headers import FIELDS, NAME, near_matches
from jobmojito_batch.normalise.ids import IDS, an_id
from jobmojito_batch.normalise.resumes import is_file_name
from jobmojito_batch.normalise.rules import (
    EXTERNAL_ID,
    JUDGED,
    POSITION_ID,
    canonical,
    explain,
    faults,
)
from jobmojito_batch.normalise.text import casefolded, said, tidy, visible
from jobmojito_batch.normalise.values import parsed
from jobmojito_batch.records import HeaderMap, Table

_NAMES: Final = frozenset({NAME, FIRST_NAME, LAST_NAME})
_LOOKED_UP: Final = (*COUNTRIES, LANGUAGE)
_NOTHING: Final = pl.lit(None, dtype=pl.String)
_NO_ORDERS: Final[Mapping[str, DateOrder]] = MappingProxyType({})

_PROFILE: Final = (
    r"(?i)^(?:https?://)?(?:[a-z]{2,3}\.|mobile\.)?linkedin\.com/in/([^/?#\s]+)(?:[/?#]\S*)?$"
)

EVERY_ROW: Final = "!"
"""Behind a field that is filled: the value goes into every row, whatever its cell says."""

ReadResumes = Callable[[pl.LazyFrame], pl.LazyFrame]
"""
From a frame with clean candidate_resume, candidate_resume_file, candidate_email and
candidate_external_id to one with candidate_resume filled and RESUME_PROBLEM added.
"""


def normalise(
    table: Table,
    mapping: HeaderMap,
    *,
    fills: Mapping[str, str],
    max_resume_characters: int,
    min_resume_characters: int = 0,
    date_orders: Mapping[str, DateOrder] = _NO_ORDERS,
    resumes: ReadResumes | None = None,
    undoes_entities: bool = True,
) -> pl.LazyFrame:
    """
    The table with its source, a canonical column per member, FAULTS, POSITION_KEY, OPENING_KEY.

    *fills* (member → value) stand in where the input lacks a member or leaves it blank; one that
    is no valid value raises SettingsError before any row is read. *date_orders* are those of the
    columns of dates, by member. *resumes* puts the text of résumé files into candidate_resume and
    says in RESUME_PROBLEM, which stays in the frame, where it could not.
    """
    fills = _canonical_fills(fills, max_resume_characters)
    cells = {field: pl.col(f"{CELL_PREFIX}{column}") for field, column in mapping.fields.items()}
    frame = _cleaned(
        table.frame.with_columns(pl.lit(table.source).alias(SOURCE)),
        cells,
        undoes_entities=undoes_entities,
    )
    if RESUME_FILE not in cells:
        frame = frame.with_columns(_NOTHING.alias(RESUME_FILE))
    frame = frame.with_columns(an_id(pl.col(field)) for field in IDS if field in cells)
    if RESUME in cells:
        frame = frame.with_columns(*_named_files(has_column=RESUME_FILE in cells))
    texts = _filled(_with_full_name(cells), fills)
    frame = frame.with_columns(text.alias(field) for field, text in texts.items())
    frame = frame.drop([field for field in (FIRST_NAME, LAST_NAME) if field in cells])
    is_filled = resumes is not None
    if resumes is not None:
        frame = _with_resumes(frame, texts, resumes)
    judged = _judged(
        frame,
        {*texts, RESUME} if is_filled else texts,
        max_resume_characters,
        date_orders,
        min_resume_characters,
    )
    return judged if is_filled else judged.drop(RESUME_PROBLEM)


def raw_values(row: Mapping[str, str | None], mapping: HeaderMap) -> dict[str, str | None]:
    """The original cells of a row by field, which `explain` quotes from."""
    return {field: row[f"{CELL_PREFIX}{column}"] for field, column in mapping.fields.items()}


def _cleaned(
    frame: pl.LazyFrame, cells: Mapping[str, pl.Expr], *, undoes_entities: bool = True
) -> pl.LazyFrame:
    """A column of clean text for each field, step by step (see text.py)."""
    ordered = [field for field in FIELDS if field in cells]
    return (
        frame.with_columns(
            visible(cells[field], undoes_entities=undoes_entities).alias(field) for field in ordered
        )
        .with_columns(tidy(pl.col(field), multiline=field in MULTILINE) for field in ordered)
        .with_columns(
            said(
                pl.col(field),
                none_is_a_value="none" in CHOICES.get(field, ()),
                is_name=field in _NAMES,
            )
            for field in ordered
        )
    )


def _named_files(*, has_column: bool) -> tuple[pl.Expr, pl.Expr]:
    """A file name in the cell of the résumé is looked for as candidate_resume_file is."""
    text = pl.col(RESUME)
    is_name = is_file_name(text)
    given = pl.col(RESUME_FILE) if has_column else _NOTHING
    return (
        pl.when(is_name).then(None).otherwise(text).alias(RESUME),
        pl.coalesce(given, pl.when(is_name).then(text)).alias(RESUME_FILE),
    )


def _with_full_name(cells: Collection[str]) -> dict[str, pl.Expr]:
    """The members that the input has; first and last name joined where there is no full one."""
    texts = {field: pl.col(field) for field in MEMBERS if field in cells}
    parts = [pl.col(field) for field in (FIRST_NAME, LAST_NAME) if field in cells]
    if parts and NAME not in cells:
        joined = pl.concat_str(parts, separator=" ", ignore_nulls=True)
        texts[NAME] = pl.when(joined != "").then(joined)
    return texts


def _filled(texts: Mapping[str, pl.Expr], fills: Mapping[str, str]) -> dict[str, pl.Expr]:
    """The members that the input or a fill gives, in the contract's order."""
    filled = {}
    for field in MEMBERS:
        if f"{field}{EVERY_ROW}" in fills:
            filled[field] = pl.lit(fills[f"{field}{EVERY_ROW}"])
        elif field in texts and field in fills:
            filled[field] = texts[field].fill_null(pl.lit(fills[field]))
        elif field in texts:
            filled[field] = texts[field]
        elif field in fills:
            filled[field] = pl.lit(fills[field])
    return filled


def _with_resumes(
    frame: pl.LazyFrame, present: Collection[str], resumes: ReadResumes
) -> pl.LazyFrame:
    """The clean frame with the résumés of files; what a file may be called after is lent to it."""
    lent = [field for field in (RESUME, EMAIL, EXTERNAL) if field not in present]
    filled = resumes(frame.with_columns(_NOTHING.alias(field) for field in lent))
    return filled.drop([field for field in lent if field != RESUME])


def _judged(
    frame: pl.LazyFrame,
    present: Collection[str],
    max_resume_characters: int,
    date_orders: Mapping[str, DateOrder] = _NO_ORDERS,
    min_resume_characters: int = 0,
) -> pl.LazyFrame:
    """Clean text columns → canonical ones, with faults and keys beside them."""
    absent = [field for field in JUDGED if field not in present]
    frame = frame.with_columns(_NOTHING.alias(field) for field in absent)
    if RESUME_PROBLEM not in frame.collect_schema().names():
        frame = frame.with_columns(_NOTHING.alias(RESUME_PROBLEM))
    looked_up = [field for field in _LOOKED_UP if field in present]
    for field in looked_up:
        frame = _with_looked_up(frame, field)
    read = [field for field in present if field in {EMAIL, *VALUED}]
    replaced = [*looked_up, *read]
    if LINKEDIN in present:
        frame = frame.with_columns(_linkedin(pl.col(LINKEDIN)))
    return (
        frame.with_columns(_read(field, date_orders).alias(canonical(field)) for field in read)
        .with_columns(
            faults(present, max_resume_characters, min_resume_characters).alias(FAULTS), *_keys()
        )
        .with_columns(
            pl.when(pl.col(FAULTS) != "").then(pl.col(FAULTS)),
            *(pl.col(canonical(field)).alias(field) for field in replaced),
        )
        .drop(*(canonical(field) for field in replaced), *absent, RESUME_FILE)
    )


def _with_looked_up(frame: pl.LazyFrame, field: str) -> pl.LazyFrame:
    """The code of a country or language beside its text; null where no name fits."""
    room = languages if field == LANGUAGE else places
    key = f"_key:{field}"
    table = room.lookup().rename({"key": key, "code": canonical(field)})
    return (
        frame.with_columns(room.key(pl.col(field)).alias(key))
        .join(table.lazy(), on=key, how="left", maintain_order="left")
        .drop(key)
    )


def _read(field: str, date_orders: Mapping[str, DateOrder]) -> pl.Expr:
    text = pl.col(field)
    if field == EMAIL:
        return email.address(text)
    return parsed(field, text, date_order=date_orders.get(field, DateOrder.UNDECIDED))


def _linkedin(text: pl.Expr) -> pl.Expr:
    """The address of a profile in one form; what is none stays, the contract asks for nothing."""
    return text.str.replace(_PROFILE, "https://www.linkedin.com/in/${1}")


def _keys() -> tuple[pl.Expr, pl.Expr]:
    """What makes two rows one position, and two positions one opening (spec section 2)."""
    opening = casefolded(pl.col("position_name"))
    position = pl.coalesce(
        pl.concat_str(pl.lit("id:"), pl.col(POSITION_ID).str.to_lowercase()),
        pl.concat_str(pl.lit("ext:"), pl.col(EXTERNAL_ID)),
        pl.concat_str(pl.lit("name:"), opening),
    )
    return position.alias(POSITION_KEY), opening.alias(OPENING_KEY)


def _canonical_fills(fills: Mapping[str, str], max_resume_characters: int) -> dict[str, str]:
    """The fills as canonical text, by the rules of a row that has nothing else."""
    asked = fills
    fills = {field.removesuffix(EVERY_ROW): value for field, value in asked.items()}
    for field in fills:
        if field not in MEMBERS:
            hint = near_matches(field, MEMBERS)
            raise SettingsError(f"--set {field}=…: there is no such field{hint}")
    row = pl.LazyFrame({OVERFLOW: [None]}, schema={OVERFLOW: pl.String})
    cells = {field: pl.lit(value) for field, value in fills.items()}
    frame = _cleaned(row, cells).with_columns(_NOTHING.alias(RESUME_FILE))
    [read] = _judged(frame, fills, max_resume_characters).collect().to_dicts()
    for fault in explain(
        read[FAULTS] or "", read, raw=fills, max_resume_characters=max_resume_characters
    ):
        # What the one row lacks may be in the input.
        if fault.field in fills:
            raise SettingsError(f"--set {fault.message}")
    return {name: read[name.removesuffix(EVERY_ROW)] for name in asked}
