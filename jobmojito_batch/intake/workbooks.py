"""XLSX, XLS, XLSB and ODS through calamine: one sheet, every cell as a person sees it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from jobmojito_batch.columns import ALL_ROWS_SHEET, ROW, are_results
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.footers import LAST_ROWS, footer_of
from jobmojito_batch.intake.frames import cell_names, refuse_no_rows, shaped
from jobmojito_batch.intake.header_rows import (
    SEARCHED_ROWS,
    HeaderPlace,
    header_place,
    preamble_note,
    refuse_other_header,
)
from jobmojito_batch.intake.sheet_grids import Grid, Load, in_windows, whole
from jobmojito_batch.intake.sheet_marks import (
    SheetMarks,
    hidden_among,
    marked,
    without_hidden,
)
from jobmojito_batch.intake.workbook_bounds import refuse_what_cannot_be_held
from jobmojito_batch.intake.xlsx_chunks import UNREADABLE, is_large
from jobmojito_batch.records import Detected, InputDoubt, Table

_FEW = 2
"""Fields that a header names at least."""
EXAMPLES = 5
"""Rows that a doubt names."""

# A date cell comes with a midnight nobody wrote, a time cell with the calendar's first day.
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"
_TIME_ONLY = r"^1899-12-3[01] (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """A sheet that holds text."""

    name: str
    is_visible: bool
    rows: pl.LazyFrame
    """`row` and `cell:i` below the header, without rows and columns that are blank or left out."""
    columns: list[int]
    """Where each `cell:i` stands, from 0."""
    hidden: list[int]
    """The rows below the header that a person does not see, and that are left out for it."""
    marks: SheetMarks
    top: list[tuple[Any, ...]]
    """Its first rows, from before the header."""
    header: int
    """Which of its rows is the header, from 0."""
    fields: int
    """How many fields the header names."""
    has_rows: bool
    """Whether anything stands below the header."""


def read_workbook(
    path: Path,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    sheet: str | None = None,
    *,
    takes_hidden: bool = False,
    header_row: int | None = None,
) -> Table:
    """
    One sheet of *path*: the one called *sheet*, else the one that looks like candidates.

    Rows are the sheet's own numbers. Columns without header and data are left out. The rows of a
    large XLSX lie in *scratch*, which has to stay until the frame is collected, those of others in
    memory. Rows that the sheet hides are left out unless *takes_hidden*. Raises SettingsError where
    there is no such sheet, two look like candidates, or only a hidden one does; InputError where
    nothing can be read.
    """
    refuse_what_cannot_be_held(path, source)
    choice = _Choice(source, overrides, sheet, takes_hidden=takes_hidden, header_row=header_row)
    if is_large(path):
        # What cannot be cut is read as a whole, which has the last word on what is wrong with it.
        with suppress(*UNREADABLE, InputError), in_windows(path, source, scratch) as (names, load):
            return _as_table(*choice.of(names, load), source)
    names, load = whole(path, source)
    return _as_table(*choice.of(names, load), source)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which sheet of a workbook is read, and how."""

    source: str
    overrides: Mapping[str, str]
    asked: str | None
    """The name of the sheet, where a person has given it."""
    takes_hidden: bool = field(kw_only=True)
    header_row: int | None = field(default=None, kw_only=True)
    """The row of the header, where a person has said it."""

    def of(self, names: Sequence[str], load: Load) -> tuple[_Sheet, list[str]]:
        """The sheet, and what the plan says of the choice. Raises InputError, SettingsError."""
        sheet, notes = self._chosen(names, load)
        refuse_other_header(self.source, sheet.top[sheet.header][0], self.header_row)
        return sheet, notes

    def _chosen(self, names: Sequence[str], load: Load) -> tuple[_Sheet, list[str]]:
        try:
            if self.asked is None:
                return self._of_our_results(names, load) or self._best(names, load)
            name = _sheet_called(names, self.source, self.asked)
            sheet = self._sheet(load(name), name)
        except fastexcel.FastExcelError as exc:
            raise InputError(
                f"{self.source}: a sheet cannot be read; save the workbook again"
            ) from exc
        if sheet is None:
            raise InputError(f"{self.source}: the sheet is empty; add a header and candidates")
        return sheet, []

    def _of_our_results(self, names: Sequence[str], load: Load) -> tuple[_Sheet, list[str]] | None:
        """The sheet of all rows of a results workbook that comes back."""
        if ALL_ROWS_SHEET not in names:
            return None
        sheet = self._sheet(load(ALL_ROWS_SHEET), ALL_ROWS_SHEET)
        if sheet is None or not are_results(text or "" for text in sheet.top[sheet.header][1:]):
            return None
        return sheet, [f"these are results of this program: sheet '{ALL_ROWS_SHEET}' is read"]

    def _best(self, names: Sequence[str], load: Load) -> tuple[_Sheet, list[str]]:
        sheets = [self._sheet(load(name), name) for name in names]
        filled = [sheet for sheet in sheets if sheet is not None]
        if not filled:
            raise InputError(f"{self.source}: no sheet holds any data; add a header and candidates")
        seen = [sheet for sheet in filled if sheet.is_visible]
        best = max(seen or filled, key=_likeness)
        self._refuse_hidden(best, filled)
        alike = [sheet.name for sheet in seen if sheet.fields == best.fields and sheet.has_rows]
        if best.fields > 1 and len(alike) > 1:
            raise SettingsError(
                f"{self.source}: {len(alike)} sheets look like candidates ({', '.join(alike)}); "
                "say which with --sheet NAME, or keep them in files of their own"
            )
        others = [sheet.name for sheet in filled if sheet is not best]
        notes = [f"sheet '{best.name}' is read; not: {', '.join(others)}"] if others else []
        return best, notes

    def _refuse_hidden(self, best: _Sheet, filled: Sequence[_Sheet]) -> None:
        """A sheet that nobody sees is sent from only where somebody names it."""
        likely = max(filled, key=_likeness)
        if best.is_visible and (best.fields > 1 or likely.is_visible or likely.fields < _FEW):
            return
        raise SettingsError(
            f"{self.source}: only the sheet '{likely.name}' looks like candidates, and it is "
            f"hidden; show it and save the workbook, or say --sheet '{likely.name}' to take it"
        )

    def _sheet(self, grid: Grid, name: str) -> _Sheet | None:
        """The sheet of that name; None where it holds no text."""
        cells = marked(grid.cells, grid.marks)
        has_text_in = cells.select(pl.exclude(ROW).str.contains(r"\S").any())
        has_any = has_text_in.collect(engine="streaming")
        columns = sorted(int(column) for column in has_any.columns if has_any[column][0])
        if not columns:
            return None
        rows = _with_content(cells, columns)
        top, place = self._header(rows, grid.marks)
        # A header may be merged with the row below it, which then is no candidate.
        header_row = top[place.at][0]
        cells = marked(grid.cells, grid.marks.merged_below(header_row))
        below = _with_content(cells, columns).filter(pl.col(ROW) > header_row)
        hidden = [] if self.takes_hidden else hidden_among(below, grid.marks)
        below = without_hidden(below, grid.marks) if hidden else below
        return _Sheet(
            name=name,
            is_visible=grid.is_visible,
            rows=below,
            columns=columns,
            hidden=hidden,
            marks=grid.marks,
            top=top,
            header=place.at,
            fields=place.fields,
            has_rows=below.head(1).collect(engine="streaming").height > 0,
        )

    def _header(
        self, rows: pl.LazyFrame, marks: SheetMarks
    ) -> tuple[list[tuple[Any, ...]], HeaderPlace]:
        """The first rows and the header among them: one that a person sees, where there is one."""
        is_said = self.header_row is not None
        seen = rows if self.takes_hidden or is_said else without_hidden(rows, marks)
        header = self._header_among(seen)
        if not marks.hidden.is_empty() and (header is None or header[1].fields < _FEW):
            header = self._header_among(rows)
        assert header is not None  # noqa: S101 - the sheet holds text
        return header if is_said else self._whole_header(*header, marks)

    def _whole_header(
        self, top: list[tuple[Any, ...]], place: HeaderPlace, marks: SheetMarks
    ) -> tuple[list[tuple[Any, ...]], HeaderPlace]:
        """Group titles (`Candidate`) over a row of headers: the row that the tall ones end in."""
        end = marks.end_of_merged(top[place.at][0])
        for at, row in enumerate(top):
            fields = header_place([row[1:]], self.overrides).fields if row[0] == end else 0
            if fields > place.fields:
                return top, HeaderPlace(at, fields)
        return top, place

    def _header_among(self, rows: pl.LazyFrame) -> tuple[list[tuple[Any, ...]], HeaderPlace] | None:
        top = rows.head(SEARCHED_ROWS).collect(engine="streaming").rows()
        if not top:
            return None
        numbers, cells = [row[0] for row in top], [row[1:] for row in top]
        place = header_place(cells, self.overrides, numbers=numbers, said=self.header_row)
        return top, place


def _likeness(sheet: _Sheet) -> tuple[int, bool]:
    """How much a sheet looks like candidates."""
    return sheet.fields, sheet.has_rows


def _with_content(cells: pl.LazyFrame, columns: Sequence[int]) -> pl.LazyFrame:
    """ROW and `cell:i` of these columns, without blank rows."""
    named = zip(columns, cell_names(len(columns)), strict=True)
    rows = cells.select(ROW, *(pl.col(str(column)).alias(cell) for column, cell in named))
    return rows.filter(pl.any_horizontal(pl.exclude(ROW).str.contains(r"\S")))


def _sheet_called(names: Sequence[str], source: str, wanted: str) -> str:
    alike = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    if wanted in names:
        return wanted
    if len(alike) == 1:
        return alike[0]
    raise SettingsError(f"{source}: no sheet {wanted!r}; there are {', '.join(names)}")


def _as_table(sheet: _Sheet, notes: list[str], source: str) -> Table:
    header_row, *header = sheet.top[sheet.header]
    headers = tuple(text or "" for text in header)
    below = sheet.rows
    if sheet.header:
        notes = [*notes, preamble_note(sheet.top[0][0], header_row)]
    last = [(row[0], row[1:]) for row in below.tail(LAST_ROWS).collect(engine="streaming").rows()]
    footer = footer_of(last, above=header_row, width=len(headers))
    if footer is not None:
        below = below.filter(~pl.col(ROW).is_in(footer.rows))
        notes = [*notes, footer.note]
    if sheet.hidden and not sheet.has_rows:
        raise InputError(
            f"{source}: all rows below the header are hidden ({len(sheet.hidden):,}); show those "
            "that are meant, or take them with --hidden-rows"
        )
    refuse_no_rows(source, below, headers)
    return Table(
        source=source,
        headers=headers,
        frame=shaped(below.with_columns(_as_seen(pl.exclude(ROW))), len(headers)),
        detected=Detected(kind="workbook", sheet=sheet.name, header_row=header_row),
        notes=(*notes, *_hidden_columns(sheet, headers)),
        doubts=tuple(_doubts(sheet, source)),
    )


def _hidden_columns(sheet: _Sheet, headers: Sequence[str]) -> Iterator[str]:
    pairs = zip(sheet.columns, headers, strict=True)
    hidden = [header for column, header in pairs if header and column in sheet.marks.hidden_columns]
    if hidden and not are_results(headers):  # ours folds some
        yield f"columns that the sheet hides are read like the others: {', '.join(hidden)}"


def _doubts(sheet: _Sheet, source: str) -> Iterator[InputDoubt]:
    if sheet.hidden:
        count = len(sheet.hidden)
        yield InputDoubt(
            kind="hidden rows",
            source=source,
            sentence=f"{count:,} row{'s are' if count > 1 else ' is'} hidden in the sheet, by a "
            "filter or by hand, and left out",
            option="--hidden-rows takes them",
            rows=tuple(sheet.hidden[:EXAMPLES]),
            holds=False,
        )
    if sheet.marks.unreadable is not None:
        yield InputDoubt(
            kind="sheet",
            source=source,
            sentence="the sheet is written in a way that does not show which rows are hidden and "
            "which cells are merged or hold errors",
            option="open it in a spreadsheet program and save it again",
        )


def _as_seen(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace(_MIDNIGHT, "${1}").str.replace(_TIME_ONLY, "${1}")
