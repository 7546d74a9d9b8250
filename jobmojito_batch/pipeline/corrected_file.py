"""The file of an input that a person has corrected."""

from pathlib import Path

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, OVERFLOW, OVERFLOW_SEPARATOR, ROW
from jobmojito_batch.pipeline.corrections import Cells, with_cells
from jobmojito_batch.pipeline.plan_stage import SLICE_ROWS
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.publish import write_table


def write_corrected(target: Path, planned: Planned, cells: Cells, left_out: pl.Series) -> None:
    """The input in its own layout, with what was corrected. Raises what `write_table` does."""
    layout = planned.inputs.layouts[0]
    frame = pl.scan_parquet(planned.spool.prepared)
    separators = pl.col(OVERFLOW).str.count_matches(OVERFLOW_SEPARATOR, literal=True)
    most = frame.select(separators.max()).collect().item()
    beyond = 0 if most is None else int(most) + 1
    own = len(layout.headers)
    spilt = pl.col(OVERFLOW).str.split(OVERFLOW_SEPARATOR)
    laid = with_cells(frame, cells).with_columns(
        spilt.list.get(number, null_on_oob=True).alias(f"{CELL_PREFIX}{own + number}")
        for number in range(beyond)
    )
    frames = (
        laid.slice(start, SLICE_ROWS).filter(~pl.col(ROW).is_in(left_out.implode())).collect()
        for start in range(0, planned.rows, SLICE_ROWS)
    )
    headers = [*layout.headers, *[""] * beyond]
    write_table(target, frames, headers=headers, delimiter=layout.delimiter)
