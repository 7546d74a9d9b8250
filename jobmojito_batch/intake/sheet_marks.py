"""
What a sheet says of its rows and cells beside their values, which is all that calamine gives.

Rows hidden by a filter or by hand, cells merged over several rows, cells that hold an error, and
formulas that nobody has worked out: a library writes those, and a spreadsheet program works them
out when it opens the file. `sheet_xml` and `sheet_biff` look for them, this module puts them into
the frame.
"""

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Final

import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.normalise import NOT_CALCULATED

MOST_ROWS: Final = 1 << 20
"""Of a sheet, in every program."""
_MOST_REPEATS: Final = 1 << 21
"""Marks that are written as one with another: a few bytes in a file, and some in memory each."""
_MOST_ACROSS: Final = 1_000
_TEXT: Final = "text"
_FIRST: Final = "first"
_LAST: Final = "last"
_HAS_OWN: Final = "has own"
_MARK: Final = "mark:"
_ROWS_OF_TEXTS: Final = {ROW: pl.UInt32, _TEXT: pl.String}
_ROWS_OF_MERGED: Final = {_FIRST: pl.UInt32, _LAST: pl.UInt32}
_NO_ROWS: Final = pl.Series(ROW, [], dtype=pl.UInt32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetMarks:
    """The marks of one sheet; columns count from 0, rows from 1."""

    first_column: int = 0
    """The first with content, which is column 0 of what calamine gives."""
    hidden: pl.Series = field(default_factory=_NO_ROWS.clone)
    hidden_columns: frozenset[int] = frozenset()
    texts: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    """Column → ROW and what its cell says instead of a value: an error, or NOT_CALCULATED."""
    merged: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    """Column → the first and last row of cells that are merged downwards."""
    has_new_errors: bool = False
    """Whether cells hold errors for which calamine refuses the whole sheet."""
    unreadable: str | None = None
    """What keeps the marks of the sheet from being known."""

    def merged_below(self, row: int) -> "SheetMarks":
        """The same where a cell that is merged across *row* holds for no row below."""
        starts_below = pl.col(_FIRST) > row
        return replace(
            self,
            merged={column: spans.filter(starts_below) for column, spans in self.merged.items()},
        )

    def end_of_merged(self, row: int) -> int | None:
        """The last row of the cells that are merged from *row* downwards."""
        ends = [spans.filter(pl.col(_FIRST) == row)[_LAST].max() for spans in self.merged.values()]
        known = [end for end in ends if isinstance(end, int)]
        return max(known, default=None)

    @property
    def is_plain(self) -> bool:
        """Whether the cells are as calamine gives them."""
        return not self.texts and not self.merged


class TooManyMarksError(ValueError):
    """Errors are repeated over more cells than any list has: they are not all gathered."""


class Collector:
    """Gathers marks in the order of the sheet, in a few bytes each."""

    def __init__(self) -> None:
        self._first_column = 1 << 20
        self._hidden = array("I")
        self._hidden_columns: set[int] = set()
        self._texts: dict[int, tuple[array[int], list[str]]] = defaultdict(lambda: (array("I"), []))
        self._merged: dict[int, tuple[array[int], array[int]]] = defaultdict(
            lambda: (array("I"), array("I"))
        )
        self._known: dict[str, str] = {}
        self._repeats_left = _MOST_REPEATS
        self.has_new_errors = False

    def begins(self, column: int) -> None:
        """A cell with content stands in that column."""
        self._first_column = min(self._first_column, column)

    def hide(self, row: int, repeated: int = 1) -> None:
        """That row, and those that are written as one with it, are hidden."""
        self._hidden.extend(range(row, min(row + repeated, MOST_ROWS + 1)))

    def hide_columns(self, first: int, last: int) -> None:
        """These columns are hidden."""
        self._hidden_columns.update(range(first, min(last, first + (1 << 14)) + 1))

    def say(self, column: int, row: int, text: str, *, across: int = 1, down: int = 1) -> None:
        """
        That cell says *text* instead of a value, and so do those that are written as one with it.

        Raises TooManyMarksError rather than forget one.
        """
        down = min(down, MOST_ROWS + 1 - row)
        self._repeats_left -= across * down - 1
        if across > _MOST_ACROSS or self._repeats_left < 0:
            raise TooManyMarksError
        text = self._known.setdefault(text, text)
        for beside in range(column, column + across):
            rows, texts = self._texts[beside]
            rows.extend(range(row, row + down))
            texts.extend(repeat(text, down))

    def merge(self, column: int, first: int, last: int) -> None:
        """The cells of that column from row *first* to *last* are one."""
        if last > first:
            firsts, lasts = self._merged[column]
            firsts.append(first)
            lasts.append(min(last, MOST_ROWS))

    def marks(self) -> SheetMarks:
        """All of them."""
        return SheetMarks(
            first_column=0 if self._first_column == 1 << 20 else self._first_column,
            hidden=pl.Series(ROW, self._hidden, dtype=pl.UInt32),
            hidden_columns=frozenset(self._hidden_columns),
            has_new_errors=self.has_new_errors,
            texts={
                column: pl.DataFrame({ROW: rows, _TEXT: texts}, schema=_ROWS_OF_TEXTS).unique(
                    ROW, keep="first", maintain_order=True
                )
                for column, (rows, texts) in self._texts.items()
            },
            merged={
                column: _apart(pl.DataFrame({_FIRST: first, _LAST: last}, schema=_ROWS_OF_MERGED))
                for column, (first, last) in self._merged.items()
            },
        )


def _apart(merged: pl.DataFrame) -> pl.DataFrame:
    """Ranges in order that do not overlap, as those of a sound sheet do not."""
    ordered = merged.sort(_FIRST).unique(_FIRST, keep="first", maintain_order=True)
    next_first = pl.col(_FIRST).shift(-1, fill_value=MOST_ROWS + 1)
    return ordered.with_columns(pl.min_horizontal(_LAST, next_first - 1).alias(_LAST))


def marked(cells: pl.LazyFrame, marks: SheetMarks) -> pl.LazyFrame:
    """
    The *cells* of a sheet (ROW, and columns by their number in the sheet) with what its marks say.

    A merged cell holds for all its rows that have content of their own, in its first column; so a
    merge over a blank end of a sheet makes no candidates.
    """
    if marks.is_plain:
        return cells
    cells = _with_all_columns(cells, {*marks.texts, *marks.merged})
    cells = _with_all_rows(cells, marks)
    names = [name for name in cells.collect_schema().names() if name != ROW]
    for column, texts in marks.texts.items():
        mark = texts.lazy().rename({_TEXT: f"{_MARK}{column}"})
        cells = cells.join(mark, on=ROW, how="left", maintain_order="left")
    cells = _with_texts(cells, names, marks)
    return _with_merged(cells, marks).select(ROW, *names)


def without_hidden(rows: pl.LazyFrame, marks: SheetMarks) -> pl.LazyFrame:
    """The rows that a person sees."""
    if marks.hidden.is_empty():
        return rows
    hidden = marks.hidden.unique().to_frame().lazy()
    return rows.join(hidden, on=ROW, how="anti", maintain_order="left")


def hidden_among(rows: pl.LazyFrame, marks: SheetMarks) -> list[int]:
    """The numbers of those of the *rows* that a person does not see."""
    if marks.hidden.is_empty():
        return []
    hidden = marks.hidden.unique().to_frame().lazy()
    unseen = rows.select(ROW).join(hidden, on=ROW, how="semi").collect(engine="streaming")
    return sorted(unseen[ROW])


def _with_all_columns(cells: pl.LazyFrame, marked_columns: set[int]) -> pl.LazyFrame:
    """A column may hold nothing but formulas without a value; calamine does not give it then."""
    present = cells.collect_schema().names()
    absent = [str(column) for column in sorted(marked_columns) if str(column) not in present]
    return cells.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)


def _with_all_rows(cells: pl.LazyFrame, marks: SheetMarks) -> pl.LazyFrame:
    """So may a row."""
    if not marks.texts:
        return cells
    rows = pl.concat([texts.lazy().select(ROW) for texts in marks.texts.values()]).unique()
    absent = rows.join(cells.select(ROW), on=ROW, how="anti").collect(engine="streaming")
    if absent.is_empty():
        return cells
    return pl.concat([cells, absent.lazy()], how="diagonal").sort(ROW)


def _with_texts(cells: pl.LazyFrame, names: list[str], marks: SheetMarks) -> pl.LazyFrame:
    """
    The marks in their cells, and whether the row has content of its own.

    A formula that is filled down a blank sheet gives an error in each row: where fewer than half of
    the columns say that and nothing else, the row stays blank.
    """
    mark_of = {str(column): pl.col(f"{_MARK}{column}") for column in marks.texts}
    has_text = [
        pl.col(name).str.contains(r"\S") & mark_of[name].is_null()
        if name in mark_of
        else pl.col(name).str.contains(r"\S")
        for name in names
    ]
    is_waiting = [mark == NOT_CALCULATED for mark in mark_of.values()]
    said = pl.sum_horizontal(
        pl.lit(0), *(mark.is_not_null().cast(pl.Int32) for mark in mark_of.values())
    )
    is_said = said * 2 >= len(names)
    cells = cells.with_columns(
        (
            pl.any_horizontal(
                condition.fill_null(value=False) for condition in [*has_text, *is_waiting]
            )
            | is_said
        ).alias(_HAS_OWN)
    )
    return cells.with_columns(
        pl.when(_HAS_OWN).then(pl.coalesce(mark, pl.col(name))).alias(name)
        for name, mark in mark_of.items()
    )


def _with_merged(cells: pl.LazyFrame, marks: SheetMarks) -> pl.LazyFrame:
    """The value of each merged cell in all its rows, down to the end of the sheet at most."""
    if not marks.merged:
        return cells
    firsts = pl.concat(
        [spans.lazy().select(pl.col(_FIRST).alias(ROW)) for spans in marks.merged.values()]
    )
    columns = [str(column) for column in marks.merged]
    values, ends = pl.collect_all(
        [
            cells.select(ROW, *columns).join(firsts.unique(), on=ROW, how="semi"),
            cells.select(pl.col(ROW).max()),
        ],
        engine="streaming",
    )
    for column, merged in marks.merged.items():
        covered = _covered(
            values.select(ROW, pl.col(str(column)).alias(_TEXT)), merged, ends.item()
        )
        cells = (
            cells.join(covered.lazy(), on=ROW, how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col(_HAS_OWN) & pl.col(_LAST).is_not_null())
                .then(_TEXT)
                .otherwise(str(column))
                .alias(str(column))
            )
            .drop(_TEXT, _LAST)
        )
    return cells


def _covered(values: pl.DataFrame, merged: pl.DataFrame, end: int) -> pl.DataFrame:
    """The rows below the first of each merged cell, with its value."""
    ranges = merged.select(pl.col(_FIRST).alias(ROW), pl.min_horizontal(_LAST, pl.lit(end)))
    below = pl.int_ranges(pl.col(ROW) + 1, pl.col(_LAST) + 1, dtype=pl.UInt32)
    return values.join(ranges, on=ROW).with_columns(below.alias(ROW)).explode(ROW).drop_nulls(ROW)
