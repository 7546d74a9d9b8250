"""
A table of jobs beside the candidates (`--positions`): what it fills, and whose job is which.

A row's job is the one of the table with its position_def_set_id, else with its
position_external_id, else with its name, as names are one. Where two of them name two jobs, or a
job of another name, nothing is filled: rows that contradict each other are never silently one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.normalise.text import casefolded, shortened

JOB_KEYS: Final = ("position_def_set_id", "position_external_id", "position_name")
"""What a job is found by, the best first."""
JOB_ROW: Final = "job_row"
"""The row of the table that a candidate's job is; null where there is none."""
JOB_PROBLEM: Final = "job_problem"
"""SEVERAL_JOBS or OTHER_JOB, where the table has the job and it is not clear which."""
SEVERAL_JOBS: Final = "several"
"""The name or id is that of several jobs."""
OTHER_JOB: Final = "other"
"""The job that was found has another id or name than the row gives."""
_NOTHING: Final = pl.lit(None, dtype=pl.String)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The rows of a table of jobs, each job once."""

    frame: pl.DataFrame
    """ROW, and clean text for each of *fields*."""
    fields: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """By which of JOB_KEYS its jobs are found."""
        return tuple(field for field in JOB_KEYS if field in self.fields)


def each_once(frame: pl.DataFrame, fields: tuple[str, ...]) -> Jobs:
    """
    The jobs of ROW and *fields*, without rows that name none; one that is there twice counts once.

    Raises SettingsError where it is there with different values.
    """
    keys = [field for field in JOB_KEYS if field in fields]
    key = pl.coalesce(
        pl.concat_str(pl.lit(f"{field}:"), job_key(field, pl.col(field))) for field in keys
    )
    named = frame.with_columns(key.alias("key")).filter(pl.col("key").is_not_null())
    alike = [job_key(field, pl.col(field)).alias(field) for field in fields]
    twice = (
        named.select(ROW, "key", *alike)
        .group_by("key", maintain_order=True)
        .agg(pl.col(ROW), *(pl.col(field).n_unique() for field in fields))
        .filter(pl.any_horizontal(pl.col(field) > 1 for field in fields))
    )
    if not twice.is_empty():
        raise SettingsError(_said_twice(twice.row(0, named=True), fields))
    once = named.unique("key", keep="first", maintain_order=True).drop("key")
    return Jobs(frame=once, fields=fields)


def _said_twice(job: Mapping[str, Any], fields: Sequence[str]) -> str:
    name = shortened(job["key"].partition(":")[2])
    differing = [field for field in fields if job[field] > 1]
    return (
        f"rows {', '.join(map(str, job[ROW]))} are one job, '{name}', with different "
        f"{' and '.join(differing)}; keep one of them, or give each an id of its own"
    )


def job_key(field: str, text: pl.Expr) -> pl.Expr:
    """The form in which two texts of that field are one job, as in the position key."""
    if field == "position_name":
        return casefolded(text)
    return text.str.to_lowercase() if field == "position_def_set_id" else text


def filled_by(field: str) -> str:
    """The column with what the table has for a field of the row's job."""
    return f"_job:{field}"


def with_jobs(frame: pl.LazyFrame, jobs: Jobs, given: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """
    The frame with JOB_ROW, JOB_PROBLEM, and what the table has for each row's job beside it.

    *given* is what the rows have of JOB_KEYS.
    """
    shared = [field for field in jobs.keys if field in given]
    frame = frame.with_columns(job_key(field, given[field]).alias(_key(field)) for field in shared)
    for field in shared:
        frame = frame.join(
            _rows_by(jobs, field).lazy(), on=_key(field), how="left", maintain_order="left"
        )
    job_row = pl.coalesce(_NO_ROW, *(pl.col(_found(field)) for field in shared))
    frame = frame.with_columns(job_row.alias(JOB_ROW)).join(
        _values(jobs).lazy(), on=JOB_ROW, how="left", maintain_order="left"
    )
    by = pl.coalesce(
        _NO_ROW,
        *(
            pl.when(pl.col(_found(field)).is_not_null()).then(pl.lit(place))
            for place, field in enumerate(shared)
        ),
    )
    problem = (
        pl.when(pl.col(JOB_ROW) == _SEVERAL)
        .then(pl.lit(SEVERAL_JOBS))
        .when(_any(_differs(field) & (by > place) for place, field in enumerate(shared)))
        .then(pl.lit(_MISSING))
        .when(_any(_differs(field) & (by < place) for place, field in enumerate(shared)))
        .then(pl.lit(OTHER_JOB))
    )
    is_clear = pl.col(JOB_PROBLEM).is_null()
    return (
        frame.with_columns(problem.alias(JOB_PROBLEM))
        .with_columns(
            pl.when(is_clear).then(pl.col(name)).alias(name)
            for name in (JOB_ROW, *map(filled_by, jobs.fields))
        )
        .with_columns(pl.when(pl.col(JOB_PROBLEM) != _MISSING).then(pl.col(JOB_PROBLEM)))
        .drop(*map(_key, shared), *map(_found, shared))
    )


_SEVERAL: Final = 0
"""Stands for the row of a job of which there are several; a row that a person sees is never 0."""
_MISSING: Final = "missing"
"""The table has a job of that name under another id than the row's: it has not the row's."""
_NO_ROW: Final = pl.lit(None, dtype=pl.UInt32)


def _key(field: str) -> str:
    return f"_job_key:{field}"


def _found(field: str) -> str:
    return f"_job_row:{field}"


def _rows_by(jobs: Jobs, field: str) -> pl.DataFrame:
    """Key → row of the table, _SEVERAL where jobs share the key."""
    row = (
        pl.when(pl.len() > 1).then(pl.lit(_SEVERAL, dtype=pl.UInt32)).otherwise(pl.col(ROW).first())
    )
    return (
        jobs.frame.select(ROW, job_key(field, pl.col(field)).alias(_key(field)))
        .drop_nulls()
        .group_by(_key(field))
        .agg(row.alias(_found(field)))
    )


def _values(jobs: Jobs) -> pl.DataFrame:
    return jobs.frame.select(
        pl.col(ROW).alias(JOB_ROW),
        *(pl.col(field).alias(filled_by(field)) for field in jobs.fields),
    )


def _any(conditions: Iterable[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal([pl.lit(value=False), *conditions])


def _differs(field: str) -> pl.Expr:
    """Whether the job that was found says another name or id than the row."""
    theirs = job_key(field, pl.col(filled_by(field)))
    return (theirs != pl.col(_key(field))).fill_null(value=False)
