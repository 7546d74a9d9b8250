"""
What a person corrected by hand: an overlay (row, column, value) beside the input, step by step.

The input itself stays as it came. The file has a JSON object a line, one for each step, so a step
is added by appending and undone by leaving its line out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Self

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, ROW
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish import write_fault, written_whole
from jobmojito_batch.records import Table

MOST_STEPS: Final = 20_000


class Change(NamedTuple):
    """A cell that was given another text; both are None where a cell is blank."""

    row: int
    column: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one press of a button changed."""

    changes: tuple[Change, ...] = field(default=(), repr=False)
    left_out: tuple[int, ...] = ()
    """Rows that are not to be sent."""

    @property
    def rows(self) -> list[int]:
        """The rows that it is about."""
        return sorted({*self.left_out, *(change.row for change in self.changes)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """The steps so far, the latest last."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Those in *file*; none where there is no such file. Raises SettingsError."""
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"{file}: the corrections cannot be read ({exc})") from None
        try:
            return cls(steps=tuple(_step(json.loads(line)) for line in lines))
        except (ValueError, TypeError, KeyError):
            raise SettingsError(f"{file}: holds no corrections; remove it") from None

    def write(self, file: Path) -> None:
        """Keep them in *file*, whole or not at all. Raises what `written_whole` raises."""
        if len(self.steps) > MOST_STEPS:
            raise SettingsError("that is more steps than are kept; hand in the corrected file")
        try:
            with written_whole(file) as path:
                lines = (json.dumps(asdict(step), ensure_ascii=False) for step in self.steps)
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as exc:
            raise write_fault(file, exc) from exc

    def with_step(self, step: Step) -> Self:
        """These and one more."""
        return replace(self, steps=(*self.steps, step))

    def undone(self) -> Self:
        """These without the latest."""
        return replace(self, steps=self.steps[:-1])

    @property
    def left_out(self) -> list[int]:
        """The rows that are not to be sent."""
        return sorted({row for step in self.steps for row in step.left_out})

    @property
    def cells(self) -> dict[tuple[int, int], str | None]:
        """What each changed cell says now, by row and column."""
        return {
            (change.row, change.column): change.after
            for step in self.steps
            for change in step.changes
        }


def _step(entry: dict[str, list[list[object]]]) -> Step:
    return Step(
        changes=tuple(_change(*change) for change in entry["changes"]),
        left_out=tuple(int(str(row)) for row in entry["left_out"]),
    )


def _change(row: object, column: object, before: object, after: object) -> Change:
    texts = [None if text is None else str(text) for text in (before, after)]
    return Change(int(str(row)), int(str(column)), *texts)


def corrected(table: Table, corrections: Corrections) -> Table:
    """The table with the corrections laid over its cells, and without the rows left out."""
    left_out = corrections.left_out
    frame = with_cells(table.frame, corrections.cells)
    notes = table.notes
    if left_out:
        frame = frame.filter(~pl.col(ROW).is_in(left_out))
        is_single = len(left_out) == 1
        notes = (*notes, f"{len(left_out)} row{' was' if is_single else 's were'} left out by hand")
    return replace(table, frame=frame, notes=notes)


Cells = dict[tuple[int, int], str | None]
"""What cells say now, by row and column."""


def with_cells(frame: pl.LazyFrame, cells: Cells) -> pl.LazyFrame:
    """Rows by ROW with other texts in some cells; the order stays."""
    present = frame.collect_schema().names()
    columns = sorted({column for _, column in cells if f"{CELL_PREFIX}{column}" in present})
    for column in columns:
        name = f"{CELL_PREFIX}{column}"
        fixed = f"fixed:{column}"
        # "" says what null would: that the cell is blank; and null is what a row without one has.
        mine = {row: text or "" for (row, at), text in cells.items() if at == column}
        overlay = pl.LazyFrame(
            {ROW: list(mine), fixed: list(mine.values())},
            schema={ROW: pl.UInt32, fixed: pl.String},
        )
        frame = (
            frame.join(overlay, on=ROW, how="left", maintain_order="left")
            .with_columns(pl.coalesce(fixed, name).alias(name))
            .drop(fixed)
        )
    return frame


def replaced(
    rows: Iterable[tuple[int, str | None]], column: int, seen: str | None, text: str
) -> Step:
    """The step that writes *text* into each cell of *column* that says *seen*."""
    wanted = (seen or "").strip()
    return Step(
        changes=tuple(
            Change(row, column, cell, text)
            for row, cell in rows
            if (cell or "").strip() == wanted and cell != text
        )
    )


def several(changes: Sequence[Change]) -> Step | None:
    """The step of the changes that change anything; None where none does."""
    real = tuple(change for change in changes if (change.before or "") != (change.after or ""))
    return Step(changes=real) if real else None
