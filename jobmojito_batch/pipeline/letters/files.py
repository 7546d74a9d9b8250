"""What became of each row's letter: as the results, with three columns after the link."""

from collections.abc import Iterator, Mapping

import polars as pl

from jobmojito_batch.columns import LETTER_COLUMNS
from jobmojito_batch.letters.posting import Posted
from jobmojito_batch.pipeline.report import columns_beside, laid_out_beside
from jobmojito_batch.pipeline.selected import IS_FIRST, Selected
from jobmojito_batch.publish import write_results


def write_letters(selected: Selected, posted: Mapping[int, Posted]) -> None:
    """Write the file of *posted* letters, by invitation. Raises what `write_results` raises."""
    columns = columns_beside(selected.layouts, LETTER_COLUMNS)
    letters = _as_frame(posted)

    def frames() -> Iterator[pl.DataFrame]:
        for rows in selected.frames():
            first = rows.select(pl.when(IS_FIRST).then("invitation_id").alias("invitation_id"))
            beside = first.join(letters, on="invitation_id", how="left", maintain_order="left")
            shown = laid_out_beside(rows, selected.layouts, LETTER_COLUMNS)
            yield shown.hstack(beside.select(*LETTER_COLUMNS)).select(columns)

    write_results(selected.target, frames(), columns)


def _as_frame(posted: Mapping[int, Posted]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (of, posting.outcome.value, posting.message, posting.at)
            for of, posting in posted.items()
        ],
        schema={
            "invitation_id": pl.Int64,
            "letter_outcome": pl.String,
            "letter_message": pl.String,
            "letter_at": pl.Datetime("us"),
        },
        orient="row",
    ).with_columns(pl.col("letter_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
