"""What is wrong with the rows and what looks odd, gathered from the prepared rows of a run."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FAULTS, ORDINAL, ROW, SOURCE, ErrorCode
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.normalise import PEOPLE_PROBLEM, RESUME_PROBLEM, explain
from jobmojito_batch.pipeline.odd_rows import EXAMPLES, warnings_of
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.plan import KIND, Kind, Plan
from jobmojito_batch.records import Fault

FIRST_FAULTY: Final = 8
MEMBERS: Final = tuple(CreateRequest.model_fields)
REFUSED_BY_MODEL: Final = f"{ErrorCode.INVALID_VALUE}:request_model"
"""Stands among the faults of a row where the request model and no rule refused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A fault that some rows have, leading or not, and where the first of them are."""

    code: str
    field: str
    count: int
    examples: tuple[tuple[str, int], ...]
    """Source and row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyRow:
    """One of the first rows that cannot be sent, and why."""

    source: str
    row: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a person looks at before they answer."""

    reasons: tuple[Reason, ...]
    """The commonest first."""
    first_faulty: tuple[FaultyRow, ...] = field(repr=False)
    warnings: tuple[str, ...]


def preview_of(
    prepared: Path,
    layouts: tuple[Layout, ...],
    refused: dict[int, Fault],
    *,
    max_resume_characters: int,
    today: date,
    plan: Plan | None = None,
) -> Preview:
    """
    The preview of the prepared rows; *refused* are those that the request model refused.

    With a *plan* only rows that are invalid by it are faulty.
    """
    bad = pl.scan_parquet(prepared).filter(
        pl.col(FAULTS).is_not_null() | pl.col(ORDINAL).is_in(list(refused))
    )
    if plan is not None:
        invalid = plan.rows.filter(pl.col(KIND) == Kind.INVALID.value).select(ORDINAL)
        bad = bad.join(invalid, on=ORDINAL, how="semi", maintain_order="left")
    first = bad.head(FIRST_FAULTY).collect(engine="streaming")
    by_source = {layout.source: layout for layout in layouts}
    return Preview(
        reasons=_reasons(bad, refused),
        first_faulty=tuple(
            FaultyRow(
                source=row[SOURCE],
                row=row[ROW],
                faults=tuple(
                    faults_of(
                        row,
                        by_source[row[SOURCE]],
                        refused,
                        max_resume_characters=max_resume_characters,
                    )
                ),
            )
            for row in first.iter_rows(named=True)
        ),
        warnings=warnings_of(prepared, today=today),
    )


def faults_of(
    row: dict[str, Any], layout: Layout, refused: dict[int, Fault], *, max_resume_characters: int
) -> list[Fault]:
    """All faults of an invalid row, the leading one first."""
    by_model = refused.get(row[ORDINAL])
    if by_model is not None or row[FAULTS] == REFUSED_BY_MODEL:
        assert by_model is not None  # noqa: S101 - both come from one place
        return [by_model]
    raw = {name: row[f"{CELL_PREFIX}{number}"] for name, number in layout.fields.items()}
    return explain(
        row[FAULTS],
        {name: row.get(name) for name in (*MEMBERS, RESUME_PROBLEM, PEOPLE_PROBLEM)},
        raw=raw,
        max_resume_characters=max_resume_characters,
    )


def _reasons(bad: pl.LazyFrame, refused: dict[int, Fault]) -> tuple[Reason, ...]:
    names = pl.col(FAULTS).fill_null(REFUSED_BY_MODEL)
    between_blanks = pl.concat_str(pl.lit(" "), names, pl.lit(" "))
    counted = (
        bad.select(names.str.split(" ").alias("name"), ORDINAL)
        .explode("name")
        .group_by("name")
        .agg(pl.len().alias("count"), pl.col(ORDINAL).min())
        .collect(engine="streaming")
        .sort("count", ORDINAL, descending=[True, False])
    )
    reasons = []
    for name, count, ordinal in counted.iter_rows():
        code, _, member = name.partition(":")
        if name == REFUSED_BY_MODEL and ordinal in refused:
            member = refused[ordinal].field
        has_it = between_blanks.str.contains(f" {name} ", literal=True)
        first = bad.filter(has_it).select(SOURCE, ROW).head(EXAMPLES)
        reasons.append(
            Reason(
                code=code,
                field="" if member == "row" else member,
                count=count,
                examples=tuple(first.collect(engine="streaming").rows()),
            )
        )
    return tuple(reasons)
