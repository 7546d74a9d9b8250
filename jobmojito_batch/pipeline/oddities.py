"""What few exports hold, and what costs Python where one does: looked for before it is undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ORDINAL
from jobmojito_batch.intake import input_faults, sink_rows
from jobmojito_batch.normalise import holds_entity, may_be_twice, undone
from jobmojito_batch.records import HeaderMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """What an input holds of it."""

    has_entities: bool = False
    twice_encoded: int = 0
    """Cells that were encoded twice and can be undone."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan says of it."""
        if not self.twice_encoded:
            return ()
        were = "cell was" if self.twice_encoded == 1 else "cells were"
        says = f"{self.twice_encoded} {were} encoded twice (such as Ã© for é), which is undone"
        return (says,)


def oddities_of(frame: pl.LazyFrame, source: str, mapping: HeaderMap) -> Oddities:
    """One scan that looks for all of them; a second counts, where any cell looks like it."""
    cells = [pl.col(f"{CELL_PREFIX}{number}") for number in mapping.fields.values()]
    looks = [may_be_twice(cell).any().alias(str(at)) for at, cell in enumerate(cells)]
    has_entities = pl.any_horizontal(map(holds_entity, cells)).any().alias("entities")
    with input_faults(source):
        seen = frame.select(has_entities, *looks).collect(engine="streaming")
        suspects = [cell for at, cell in enumerate(cells) if seen[str(at)][0]]
        counted = frame.select(
            (undone(cell) != cell).sum().alias(str(at)) for at, cell in enumerate(suspects)
        )
        cleaned = counted.collect(engine="streaming") if suspects else None
    return Oddities(
        has_entities=bool(seen["entities"][0]),
        twice_encoded=int(cleaned.sum_horizontal()[0]) if cleaned is not None else 0,
    )


def sunk_at_once(
    frames: Callable[[Sequence[Oddities]], list[pl.LazyFrame]],
    prepared: Path,
    source: str,
    mapping: HeaderMap,
) -> list[Oddities]:
    """
    Rows of one table, looked at where they lie prepared, and prepared again where any is odd.

    Most exports hold none, and to read a large text twice costs a fifth of the whole.
    """
    sink(frames([Oddities()]), prepared, source)
    odd = [oddities_of(pl.scan_parquet(prepared), source, mapping)]
    if odd != [Oddities()]:
        sink(frames(odd), prepared, source)
    return odd


def sink(frames: Sequence[pl.LazyFrame], target: Path, sources: str) -> None:
    """Write the rows of all *frames* with their ORDINAL. Raises InputError."""
    with input_faults(sources):
        sink_rows(pl.concat(frames, how="diagonal").with_row_index(ORDINAL), target)
