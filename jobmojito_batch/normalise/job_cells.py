"""A table of jobs: its cells as those of an input, and what is wrong with them."""

from collections.abc import Mapping

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FAULTS, OVERFLOW, RESUME_FILE, ROW
from jobmojito_batch.normalise.clean_cells import clean_cells
from jobmojito_batch.normalise.dates import DateOrder
from jobmojito_batch.normalise.fields import DATE
from jobmojito_batch.normalise.headers import FIELDS
from jobmojito_batch.normalise.ids import IDS, an_id
from jobmojito_batch.normalise.jobs import Jobs, each_once
from jobmojito_batch.normalise.judged import NO_ORDERS, NOTHING, judged
from jobmojito_batch.normalise.rules import explain
from jobmojito_batch.normalise.values import parsed
from jobmojito_batch.records import HeaderMap, Table


def jobs_of(
    table: Table, mapping: HeaderMap, *, date_orders: Mapping[str, DateOrder] = NO_ORDERS
) -> Jobs:
    """The jobs of a table that was mapped by `map_job_headers`. Raises SettingsError."""
    cells = {field: pl.col(f"{CELL_PREFIX}{column}") for field, column in mapping.fields.items()}
    frame = clean_cells(table.frame, cells).with_columns(
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
        pl.lit(None, pl.String).alias(OVERFLOW), NOTHING.alias(RESUME_FILE)
    )
    read = judged(row, jobs.fields, max_resume_characters).collect()
    said: dict[int, str] = {}
    for job, raw in zip(read.to_dicts(), jobs.frame.to_dicts(), strict=True):
        for fault in explain(
            job[FAULTS] or "", job, raw=raw, max_resume_characters=max_resume_characters
        ):
            # What the table lacks the rows may have.
            if raw.get(fault.field) is not None:
                said.setdefault(job[ROW], fault.message)
    return said
