"""
A table's cells → canonical columns, faults and keys, as one lazy query that streams.

Every step works row by row: all cores take part, and a few thousand rows are held. `replace` and
`replace_strict` would read the whole input into memory (docs/decisions, polars 2.1), and a join in
order is one core's.
"""

from collections.abc import Callable, Collection, Mapping

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FIRST_NAME,
    LAST_NAME,
    RESUME_FILE,
    SOURCE,
)
from jobmojito_batch.normalise.clean_cells import clean_cells
from jobmojito_batch.normalise.dates import DateOrder
from jobmojito_batch.normalise.double_encoding import undone
from jobmojito_batch.normalise.fields import (
    EMAIL,
    EXTERNAL,
    MEMBERS,
    RESUME,
    RESUME_IS_CUT,
    RESUME_PROBLEM,
)
from jobmojito_batch.normalise.fills import EVERY_ROW, canonical_fills, filled
from jobmojito_batch.normalise.headers import NAME
from jobmojito_batch.normalise.ids import IDS, an_id
from jobmojito_batch.normalise.jobs import JOB_KEYS, Jobs, filled_by, with_jobs
from jobmojito_batch.normalise.judged import NO_ORDERS, NOTHING, judged
from jobmojito_batch.normalise.resumes import is_cut, is_file_name, without_tags
from jobmojito_batch.records import HeaderMap, Table

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
    date_orders: Mapping[str, DateOrder] = NO_ORDERS,
    resumes: ReadResumes | None = None,
    undoes_entities: bool = True,
    is_twice_encoded: bool = True,
    jobs: Jobs | None = None,
) -> pl.LazyFrame:
    """
    The table with its source, a canonical column per member, FAULTS, POSITION_KEY, OPENING_KEY.

    Beside them stands RESUME_IS_CUT.

    *fills* (member → value) stand in where the input lacks a member or leaves it blank; one that
    is no valid value raises SettingsError before any row is read. *date_orders* are those of the
    columns of dates, by member. *resumes* puts the text of résumé files into candidate_resume and
    says in RESUME_PROBLEM, which stays in the frame, where it could not. *undoes_entities* and
    *is_twice_encoded* are false where no cell holds any of it. What a row leaves blank
    *jobs* fill before *fills* do; which job it is stands in JOB_ROW and JOB_PROBLEM.
    """
    fills = canonical_fills(fills, max_resume_characters)
    cells = {field: pl.col(f"{CELL_PREFIX}{column}") for field, column in mapping.fields.items()}
    if is_twice_encoded:
        cells = {field: undone(cell) for field, cell in cells.items()}
    resume = pl.col(f"{CELL_PREFIX}{mapping.fields[RESUME]}") if RESUME in cells else NOTHING
    frame = clean_cells(
        table.frame.with_columns(
            pl.lit(table.source).alias(SOURCE), is_cut(resume).alias(RESUME_IS_CUT)
        ),
        cells,
        undoes_entities=undoes_entities,
    )
    if RESUME_FILE not in cells:
        frame = frame.with_columns(NOTHING.alias(RESUME_FILE))
    frame = frame.with_columns(an_id(pl.col(field)) for field in IDS if field in cells)
    if RESUME in cells:
        frame = frame.with_columns(without_tags(pl.col(RESUME)))
        frame = frame.with_columns(*_named_files(has_column=RESUME_FILE in cells))
    texts = _with_full_name(cells)
    if jobs is not None:
        frame = with_jobs(frame, jobs, _given_keys(texts, fills))
        texts = _with_what_jobs_say(texts, jobs)
    texts = filled(texts, fills)
    frame = frame.with_columns(text.alias(field) for field, text in texts.items())
    if jobs is not None:
        frame = frame.drop(map(filled_by, jobs.fields))
    frame = frame.drop([field for field in (FIRST_NAME, LAST_NAME) if field in cells])
    is_filled = resumes is not None
    if resumes is not None:
        frame = _with_resumes(frame, texts, resumes)
    rows = judged(
        frame,
        {*texts, RESUME} if is_filled else texts,
        max_resume_characters,
        date_orders,
        min_resume_characters,
    )
    return rows if is_filled else rows.drop(RESUME_PROBLEM)


def _named_files(*, has_column: bool) -> tuple[pl.Expr, pl.Expr]:
    """A file name in the cell of the résumé is looked for as candidate_resume_file is."""
    text = pl.col(RESUME)
    is_name = is_file_name(text)
    given = pl.col(RESUME_FILE) if has_column else NOTHING
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
        key: pl.when(has_own).then(own.get(key, NOTHING)).otherwise(lent.get(key, NOTHING))
        for key in JOB_KEYS
        if key in own or key in lent
    }


def _with_what_jobs_say(texts: Mapping[str, pl.Expr], jobs: Jobs) -> dict[str, pl.Expr]:
    """A row's own text, and that of its job where it has none."""
    theirs = {field: pl.col(filled_by(field)) for field in jobs.fields}
    both = {field: pl.coalesce(texts[field], theirs[field]) for field in theirs if field in texts}
    return {**texts, **theirs, **both}


def _with_resumes(
    frame: pl.LazyFrame, present: Collection[str], resumes: ReadResumes
) -> pl.LazyFrame:
    """The clean frame with the résumés of files; what a file may be called after is lent to it."""
    lent = [field for field in (RESUME, EMAIL, EXTERNAL, NAME) if field not in present]
    with_texts = resumes(frame.with_columns(NOTHING.alias(field) for field in lent))
    return with_texts.drop([field for field in lent if field != RESUME])
