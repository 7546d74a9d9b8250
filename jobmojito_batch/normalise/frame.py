"""
A table's cells → canonical columns, faults and keys, as one lazy query that streams.

Every step works row by row: all cores take part, and a few thousand rows are held. `replace` and
`replace_strict` would read the whole input into memory (docs/decisions, polars 2.1), and a join in
order is one core's.
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
    ROW,
    SOURCE,
)
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.normalise import countries, email, languages
from jobmojito_batch.normalise.dates import DateOrder
from jobmojito_batch.normalise.double_encoding import undone
from jobmojito_batch.normalise.fields import (
    CHOICES,
    COUNTRIES,
    DATE,
    EMAIL,
    EXTERNAL,
    LANGUAGE,
    LINKEDIN,
    MEMBERS,
    MERCHANT,
    MULTILINE,
    RESUME,
    RESUME_PROBLEM,
    VALUED,
)
from jobmojito_batch.normalise.headers import FIELDS, NAME, near_matches
from jobmojito_batch.normalise.ids import IDS, an_id
from jobmojito_batch.normalise.jobs import JOB_KEYS, Jobs, each_once, filled_by, with_jobs
from jobmojito_batch.normalise.resumes import is_file_name, without_tags
from jobmojito_batch.normalise.rules import (
    EXTERNAL_ID,
    JUDGED,
    POSITION_ID,
    canonical,
    explain,
    faults,
)
from jobmojito_batch.normalise.text import casefolded, cleaned, said
from jobmojito_batch.normalise.values import parsed
from jobmojito_batch.records import HeaderMap, Table

_NAMES: Final = frozenset({NAME, FIRST_NAME, LAST_NAME})
_LOOKED_UP: Final = (*COUNTRIES, LANGUAGE)
_NOTHING: Final = pl.lit(None, dtype=pl.String)
_NO_ORDERS: Final[Mapping[str, DateOrder]] = MappingProxyType({})

_UUID: Final = "(?i)^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_PROFILE: Final = (
    r"(?i)^(?:https?://)?(?:[a-z]{2,3}\.|mobile\.)?linkedin\.com/in/([^/?#\s]+)(?:[/?#]\S*)?$"
)

EVERY_ROW: Final = "!"
"""Behind a field that is filled: the value goes into every row, whatever its cell says."""

ReadResumes = Callable[[pl.LazyFrame], pl.LazyFrame]
"""
From a frame with clean candidate_resume, candidate_resume_file, candidate_email, candidate_name
and candidate_external_id to one with candidate_resume filled and RESUME_PROBLEM added.
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
    is_twice_encoded: bool = True,
    jobs: Jobs | None = None,
) -> pl.LazyFrame:
    """
    The table with its source, a canonical column per member, FAULTS, POSITION_KEY, OPENING_KEY.

    *fills* (member → value) stand in where the input lacks a member or leaves it blank; one that
    is no valid value raises SettingsError before any row is read. *date_orders* are those of the
    columns of dates, by member. *resumes* puts the text of résumé files into candidate_resume and
    says in RESUME_PROBLEM, which stays in the frame, where it could not. *undoes_entities* and
    *is_twice_encoded* are false where no cell holds any of it. What a row leaves blank
    *jobs* fill before *fills* do; which job it is stands in JOB_ROW and JOB_PROBLEM.
    """
    fills = _canonical_fills(fills, max_resume_characters)
    cells = {field: pl.col(f"{CELL_PREFIX}{column}") for field, column in mapping.fields.items()}
    if is_twice_encoded:
        cells = {field: undone(cell) for field, cell in cells.items()}
    frame = _cleaned(
        table.frame.with_columns(pl.lit(table.source).alias(SOURCE)),
        cells,
        undoes_entities=undoes_entities,
    )
    if RESUME_FILE not in cells:
        frame = frame.with_columns(_NOTHING.alias(RESUME_FILE))
    frame = frame.with_columns(an_id(pl.col(field)) for field in IDS if field in cells)
    if RESUME in cells:
        frame = frame.with_columns(without_tags(pl.col(RESUME)))
        frame = frame.with_columns(*_named_files(has_column=RESUME_FILE in cells))
    texts = _with_full_name(cells)
    if jobs is not None:
        frame = with_jobs(frame, jobs, _given_keys(texts, fills))
        texts = _with_what_jobs_say(texts, jobs)
    texts = _filled(texts, fills)
    frame = frame.with_columns(text.alias(field) for field, text in texts.items())
    if jobs is not None:
        frame = frame.drop(map(filled_by, jobs.fields))
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


def _cleaned(
    frame: pl.LazyFrame, cells: Mapping[str, pl.Expr], *, undoes_entities: bool = True
) -> pl.LazyFrame:
    """A column of clean text for each field (see text.py)."""
    ordered = [field for field in FIELDS if field in cells]
    return frame.with_columns(
        cleaned(cells[field], multiline=field in MULTILINE, undoes_entities=undoes_entities).alias(
            field
        )
        for field in ordered
    ).with_columns(
        said(
            pl.col(field),
            none_is_a_value="none" in CHOICES.get(field, ()),
            is_name=field in _NAMES,
        )
        for field in ordered
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


def _given_keys(texts: Mapping[str, pl.Expr], fills: Mapping[str, str]) -> dict[str, pl.Expr]:
    """What a row's job is found by: its own keys, or where it has none those of the fills."""
    forced = {
        key: pl.lit(fills[f"{key}{EVERY_ROW}"]) for key in JOB_KEYS if key + EVERY_ROW in fills
    }
    own = {key: texts[key] for key in JOB_KEYS if key in texts} | forced
    lent = {key: pl.lit(fills[key]) for key in JOB_KEYS if key in fills}
    has_own = pl.any_horizontal(
        [pl.lit(value=False), *(text.is_not_null() for text in own.values())]
    )
    return {
        key: pl.when(has_own).then(own.get(key, _NOTHING)).otherwise(lent.get(key, _NOTHING))
        for key in JOB_KEYS
        if key in own or key in lent
    }


def _with_what_jobs_say(texts: Mapping[str, pl.Expr], jobs: Jobs) -> dict[str, pl.Expr]:
    """A row's own text, and that of its job where it has none."""
    theirs = {field: pl.col(filled_by(field)) for field in jobs.fields}
    both = {field: pl.coalesce(texts[field], theirs[field]) for field in theirs if field in texts}
    return {**texts, **theirs, **both}


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
    lent = [field for field in (RESUME, EMAIL, EXTERNAL, NAME) if field not in present]
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
    read = [field for field in present if field in {EMAIL, *VALUED}]
    replaced = [*looked_up, *read]
    frame = frame.with_columns(_looked_up(field).alias(canonical(field)) for field in looked_up)
    if LINKEDIN in present:
        frame = frame.with_columns(_linkedin(pl.col(LINKEDIN)))
    if MERCHANT in present:
        frame = frame.with_columns(_one_spelling(pl.col(MERCHANT)))
    return (
        frame.with_columns(_read(field, date_orders).alias(canonical(field)) for field in read)
        .with_columns(
            faults(present, max_resume_characters, min_resume_characters).alias(FAULTS), *_keys()
        )
        .with_columns(pl.col(canonical(field)).alias(field) for field in replaced)
        .drop(*(canonical(field) for field in replaced), *absent, RESUME_FILE)
    )


def _looked_up(field: str) -> pl.Expr:
    """The code of a country or language; null where no name fits."""
    text = pl.col(field)
    return languages.code(text) if field == LANGUAGE else countries.code(text)


def _read(field: str, date_orders: Mapping[str, DateOrder]) -> pl.Expr:
    text = pl.col(field)
    if field == EMAIL:
        return email.address(text)
    return parsed(field, text, date_order=date_orders.get(field, DateOrder.UNDECIDED))


def _linkedin(text: pl.Expr) -> pl.Expr:
    """The address of a profile in one form; what is none stays, the contract asks for nothing."""
    return text.str.replace(_PROFILE, "https://www.linkedin.com/in/${1}")


def _one_spelling(text: pl.Expr) -> pl.Expr:
    """A UUID in lower case: two spellings of a merchant are one account, and one invitation."""
    return pl.when(text.str.contains(_UUID)).then(text.str.to_lowercase()).otherwise(text)


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
    if not fills:
        return {}
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


def jobs_of(
    table: Table, mapping: HeaderMap, *, date_orders: Mapping[str, DateOrder] = _NO_ORDERS
) -> Jobs:
    """The jobs of a table that was mapped by `map_job_headers`. Raises SettingsError."""
    cells = {field: pl.col(f"{CELL_PREFIX}{column}") for field, column in mapping.fields.items()}
    frame = _cleaned(table.frame, cells).with_columns(
        an_id(pl.col(field)) for field in IDS if field in cells
    )
    if DATE in cells:  # the table's own order of day and month
        read = parsed(DATE, pl.col(DATE), date_order=date_orders.get(DATE, DateOrder.UNDECIDED))
        frame = frame.with_columns(pl.coalesce(read, pl.col(DATE)).alias(DATE))
    fields = tuple(field for field in FIELDS if field in cells)
    return each_once(frame.select(ROW, *fields).collect(), fields)


def job_faults(jobs: Jobs, max_resume_characters: int) -> dict[int, str]:
    """What is wrong with the values of a table of jobs, the first fault of each row."""
    row = jobs.frame.lazy().with_columns(
        pl.lit(None, pl.String).alias(OVERFLOW), _NOTHING.alias(RESUME_FILE)
    )
    read = _judged(row, jobs.fields, max_resume_characters).collect()
    said: dict[int, str] = {}
    for judged, raw in zip(read.to_dicts(), jobs.frame.to_dicts(), strict=True):
        for fault in explain(
            judged[FAULTS] or "", judged, raw=raw, max_resume_characters=max_resume_characters
        ):
            # What the table lacks the rows may have.
            if raw.get(fault.field) is not None:
                said.setdefault(judged[ROW], fault.message)
    return said
