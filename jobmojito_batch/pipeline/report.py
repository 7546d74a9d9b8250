"""The ledger's rows as the frames of the results and errors files (spec section 6)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    ERROR_COLUMNS,
    NEEDS_REPAIR,
    ORDINAL,
    RESULT_COLUMNS,
    Outcome,
)
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.layout import Layout, carried_columns, error_columns

SHOWS_ENROLMENT: Final = tuple(
    outcome.value
    for outcome in (
        Outcome.INVITED,
        Outcome.REVIEW,
        Outcome.REJECTED,
        Outcome.ALREADY_APPLIED,
        Outcome.ALREADY_DONE,
    )
)
SHOWS_LINK: Final = (Outcome.INVITED.value, Outcome.ALREADY_APPLIED.value)
"""A link beside review or rejected would be mailed by somebody who did not look."""

Originals = Callable[[pl.DataFrame], pl.DataFrame]
"""From ordinals (`ordinal`) to the original cells (`cell:` columns), for the errors file."""


def results_columns(layouts: Sequence[Layout]) -> list[str]:
    """The columns of the results file."""
    return [*RESULT_COLUMNS, *carried_columns(layouts)[0]]


def result_frames(ledger: Ledger, run_id: str, layouts: Sequence[Layout]) -> Iterator[pl.DataFrame]:
    """The results of a run in input order, in bounded frames (see publish.write_results)."""
    names, maps = carried_columns(layouts)
    for rows in ledger.result_frames(run_id):
        frame = rows.with_columns(_shown(run_id)).with_columns(_carried(layouts, names, maps))
        yield frame.select(*RESULT_COLUMNS, *names)


def _shown(run_id: str) -> list[pl.Expr]:
    outcome = pl.col("outcome")
    shows = outcome.is_in(SHOWS_ENROLMENT)
    is_old = outcome == Outcome.ALREADY_DONE.value
    has_link = outcome.is_in(SHOWS_LINK) | (is_old & pl.col("invitation_outcome").is_in(SHOWS_LINK))

    def of_invitation(name: str) -> pl.Expr:
        return pl.when(shows).then(pl.col(name)).alias(name)

    return [
        pl.lit(run_id).alias("run_id"),
        pl.when(has_link).then("interview_url").alias("interview_url"),
        of_invitation("status"),
        of_invitation("reason"),
        of_invitation("interview_def_set_id"),
        of_invitation("profile_interview_id"),
        pl.coalesce(
            pl.when(shows).then("position_def_set_id"),
            "row_position_def_set_id",
            "known_position_def_set_id",
        ).alias("position_def_set_id"),
        *(
            pl.when(is_old).then(f"invitation_{name}").otherwise(name).alias(name)
            for name in ("http_status", "settled_at")
        ),
        pl.when(is_old | outcome.eq(Outcome.UNKNOWN.value) & pl.col("sent_at").is_null())
        .then("invitation_sent_at")
        .otherwise("sent_at")
        .alias("sent_at"),
    ]


def _carried(
    layouts: Sequence[Layout], names: Sequence[str], maps: Sequence[dict[int, str]]
) -> list[pl.Expr]:
    """The unclaimed input cells, each row's by the layout of its source."""
    choices: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for layout, mine in zip(layouts, maps, strict=True):
        for number, name in mine.items():
            choices[name].append((layout.source, number))
    return [_cell(choices[name]).alias(name) for name in names]


def _cell(choices: Sequence[tuple[str, int]]) -> pl.Expr:
    value = pl.lit(None, pl.String)
    for source, number in choices:
        cell = pl.col("cells").str.json_path_match(f"$['{number}']")
        value = pl.when(pl.col("source") == source).then(cell).otherwise(value)
    return value


def error_frames(
    ledger: Ledger, run_id: str, layouts: Sequence[Layout], originals: Originals | None
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """
    The headers of the errors file, and its rows in the input's own layout.

    Without *originals* the cells come from the ledger, which keeps no résumé: those stay blank.
    """
    headers, maps = error_columns(layouts)

    def frames() -> Iterator[pl.DataFrame]:
        for bad in ledger.result_frames(run_id, only=NEEDS_REPAIR):
            yield _laid_out(bad, layouts, maps, len(headers), originals)

    return headers, frames()


def _laid_out(
    bad: pl.DataFrame,
    layouts: Sequence[Layout],
    maps: Sequence[dict[int, int]],
    width: int,
    originals: Originals | None,
) -> pl.DataFrame:
    if originals is not None:
        bad = bad.hstack(originals(bad.select("ordinal")))
    places: list[pl.Expr] = []
    for place in range(width):
        value = pl.lit(None, pl.String)
        for layout, mine in zip(layouts, maps, strict=True):
            number = next((one for one, at in mine.items() if at == place), None)
            if number is None:
                continue
            name = f"{CELL_PREFIX}{number}"
            cell = (
                pl.col(name)
                if originals is not None
                else pl.col("cells").str.json_path_match(f"$['{number}']")
            )
            value = pl.when(pl.col("source") == layout.source).then(cell).otherwise(value)
        places.append(value.alias(f"out:{place}"))
    return bad.select(*places, *ERROR_COLUMNS).rename(
        {f"out:{place}": f"{CELL_PREFIX}{place}" for place in range(width)}
    )


def originals_in(prepared: Path) -> Originals:
    """The original cells from the prepared rows of a run that is still here."""
    frame = pl.scan_parquet(prepared)
    cells = [name for name in frame.collect_schema().names() if name.startswith(CELL_PREFIX)]

    def originals(ordinals: pl.DataFrame) -> pl.DataFrame:
        wanted = ordinals.with_columns(pl.col("ordinal").cast(pl.UInt32))
        # An ordinal is a row number, so the rest of the file need not be looked at.
        first, last = wanted["ordinal"][0], wanted["ordinal"][-1]
        found = (
            frame.select(ORDINAL, *cells)
            .slice(first, last - first + 1)
            .join(wanted.lazy(), left_on=ORDINAL, right_on="ordinal", how="semi")
            .collect(engine="streaming")
        )
        return wanted.join(
            found, left_on="ordinal", right_on=ORDINAL, how="left", maintain_order="left"
        ).select(cells)

    return originals
