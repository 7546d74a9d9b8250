"""The rows to correct of a plan, as a file, before anything is sent: `check --errors`."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from jobmojito_batch.columns import ERROR_COLUMNS, ORDINAL, ROW, SOURCE
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.kept_files import keep_changed, remember_written
from jobmojito_batch.pipeline.plan_stage import SLICE_ROWS
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.register import fault_of
from jobmojito_batch.pipeline.report import Originals, laid_out
from jobmojito_batch.plan import KIND, Kind
from jobmojito_batch.publish import write_errors


class Faulty(NamedTuple):
    """What became of the file of rows to correct."""

    rows: int
    kept: tuple[str, ...]
    """An older one that somebody changed, under its new name."""


def write_faulty(planned: Planned) -> Faulty:
    """
    Write the invalid rows to the errors file, as `invite` would.

    Raises what `write_errors` raises.
    """
    target, layouts = planned.targets.errors, planned.inputs.layouts
    headers, frames = laid_out(_faulty(planned), layouts, Originals(planned.spool.prepared))
    with Ledger.existing(planned.settings.ledger_url) as ledger:
        kept = keep_changed(ledger, [target])
        rows = write_errors(target, frames, headers=headers, delimiter=layouts[0].delimiter)
        remember_written(ledger, [target], kept)
    return Faulty(rows=rows, kept=tuple(str(file.path) for file in kept))


def _faulty(planned: Planned) -> Iterator[pl.DataFrame]:
    """The invalid rows in input order, a slice at a time, and what is wrong with them."""
    frame = pl.scan_parquet(planned.spool.prepared)
    kinds = planned.plan.rows.select(KIND)
    is_bad = pl.col(KIND) == Kind.INVALID.value
    layouts = {layout.source: layout for layout in planned.inputs.layouts}
    for start in range(0, planned.rows, SLICE_ROWS):
        rows = frame.slice(start, SLICE_ROWS).collect(engine="streaming")
        bad = rows.hstack(kinds.slice(start, SLICE_ROWS).collect()).filter(is_bad)
        said = [fault_of(planned, layouts[row[SOURCE]], row) for row in bad.iter_rows(named=True)]
        faults = pl.DataFrame(said, schema=dict.fromkeys(ERROR_COLUMNS, pl.String), orient="row")
        if bad.height:
            yield bad.select(pl.col(ORDINAL).alias("ordinal"), SOURCE, ROW).hstack(faults)
