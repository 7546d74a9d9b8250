"""Rows of an input that were corrected, prepared anew: as the whole input is, and nothing else."""

from collections.abc import Collection
from functools import cached_property

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FAULTS, ORDINAL, OVERFLOW, RESUME_FILE, ROW
from jobmojito_batch.normalise import (
    DATE,
    RESUME,
    RESUME_PROBLEM,
    DateOrder,
    date_order,
    normalise,
)
from jobmojito_batch.pipeline.contradictions import SEVERAL_PEOPLE
from jobmojito_batch.pipeline.corrections import Cells, with_cells
from jobmojito_batch.pipeline.odd_rows import EMAIL
from jobmojito_batch.pipeline.plan_stage import refused_among
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.records import Fault, HeaderMap, Table


class RowsAnew:
    """Prepares rows of a planned input again."""

    def __init__(self, planned: Planned) -> None:
        self._planned = planned
        self._layout = planned.inputs.layouts[0]

    @cached_property
    def columns(self) -> list[str]:
        """The columns of the prepared frame."""
        return pl.scan_parquet(self._planned.spool.prepared).collect_schema().names()

    @property
    def reads_files(self) -> bool:
        """Whether résumés came from files."""
        return RESUME_PROBLEM in self.columns

    @cached_property
    def _date_orders(self) -> dict[str, DateOrder]:
        if DATE not in self._layout.fields:
            return {}
        cell = f"{CELL_PREFIX}{self._layout.fields[DATE]}"
        return {DATE: date_order(pl.scan_parquet(self._planned.spool.prepared), cell)}

    def at(self, ordinals: pl.Series) -> pl.LazyFrame:
        """The prepared rows with these ordinals; an ordinal is a place in the file."""
        first, last = int(ordinals.min() or 0), int(ordinals.max() or 0)  # type: ignore[arg-type]
        wanted = ordinals.cast(pl.UInt32).alias(ORDINAL).to_frame().lazy()
        frame = pl.scan_parquet(self._planned.spool.prepared).slice(first, last - first + 1)
        return frame.join(wanted, on=ORDINAL, how="semi")

    def rows(self, ordinals: pl.Series, corrected: Cells) -> pl.DataFrame:
        """The rows with these ordinals, in which cells say something else."""
        before = self.at(ordinals).collect().lazy()
        cells = [name for name in self.columns if name.startswith(CELL_PREFIX)]
        frame = with_cells(before.select(ROW, *cells, OVERFLOW), corrected)
        layout, settings = self._layout, self._planned.settings
        table = Table(source=layout.source, headers=layout.headers, frame=frame)
        mapping = HeaderMap(fields=layout.fields, carried=layout.carried, dropped=layout.dropped)
        known = before.select(ROW, RESUME, RESUME_PROBLEM) if self.reads_files else None
        fresh = normalise(
            table,
            mapping,
            fills=self._planned.parameters.values,
            max_resume_characters=settings.max_resume_characters,
            min_resume_characters=settings.min_resume_characters,
            date_orders=self._date_orders,
            resumes=None if known is None else lambda rows: _with_resumes_of(rows, known),
        )
        if EMAIL not in self.columns:
            return fresh.join(before.select(ORDINAL, ROW), on=ROW).collect()
        kept = before.select(ORDINAL, ROW, pl.col(FAULTS).alias("had"), pl.col(EMAIL).alias("was"))
        return fresh.join(kept, on=ROW).with_columns(_still_several()).drop("had", "was").collect()

    def refused(self, fresh: pl.DataFrame) -> dict[int, Fault]:
        """What the request model says against rows that no rule did, by ordinal."""
        members = [name for name in MEMBERS if name in fresh.columns]
        return refused_among([fresh.select(ORDINAL, FAULTS, *members)])

    def may_say_of_files(self, columns: Collection[int]) -> bool:
        """Whether cells of these columns name files, or stand for them."""
        of_files = {self._layout.fields.get(name) for name in (RESUME, RESUME_FILE)}
        return self.reads_files and bool(of_files & set(columns))


def _with_resumes_of(rows: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """The résumés that files gave before: they are not read again for another cell."""
    return rows.drop(RESUME).join(known, on=ROW, how="left", maintain_order="left")


def _still_several() -> pl.Expr:
    """A row that said somebody else's address still does, unless its address is another one."""
    had = pl.col("had").str.contains(SEVERAL_PEOPLE, literal=True) & (
        pl.col("was") == pl.col(EMAIL)
    )
    both = pl.concat_str(FAULTS, pl.lit(SEVERAL_PEOPLE), separator=" ", ignore_nulls=True)
    return pl.when(had.fill_null(value=False)).then(both).otherwise(FAULTS).alias(FAULTS)
