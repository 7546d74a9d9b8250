"""Rows that were selected after sending, and whom they are about."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import Outcome
from jobmojito_batch.parameters import FollowUpParameters, LettersParameters
from jobmojito_batch.pipeline.source_layout import Layout

IS_FIRST: Final = "is_first"
"""Whether a row is the first of its invitation: it shows what became of it, and gets the letter."""
Asked = FollowUpParameters | LettersParameters


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows, whom they are about, and where what became of them is written."""

    wanted: set[int]
    """Ids of invitations."""
    target: Path
    layouts: Sequence[Layout]
    frames: Callable[[], Iterable[pl.DataFrame]] = field(repr=False)
    """The rows in order: RESULT_SCHEMA, `run_id`, IS_FIRST."""
    rows: int = 0
    close: Callable[[], None] = lambda: None


def first_ones() -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Marks, over frame after frame, the first row of each invitation."""
    seen: set[int] = set()

    def mark(frame: pl.DataFrame) -> pl.DataFrame:
        marks = []
        is_out = frame["outcome"] == Outcome.DUPLICATE.value
        for of, out in zip(frame["invitation_id"], is_out, strict=True):
            marks.append(of is not None and not out and of not in seen)
            if marks[-1]:
                seen.add(of)
        return frame.with_columns(pl.Series(IS_FIRST, marks, pl.Boolean))

    return mark
