"""XLSX, XLS, XLSB and ODS through calamine: one sheet, every cell as a person sees it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.digits import with_leading_zeros
from jobmojito_batch.intake.frames import cell_names, has_text, refuse_no_rows, shaped
from jobmojito_batch.intake.header_rows import (
    SEARCHED_ROWS,
    TOTAL_NOTE,
    header_place,
    is_total,
    preamble_note,
)
from jobmojito_batch.intake.windows import (
    UNREADABLE,
    SharedStrings,
    Window,
    is_large,
    windows,
    without_rows,
)
from jobmojito_batch.intake.workbook_bounds import refuse_what_cannot_be_held
from jobmojito_batch.records import Detected, Table

_OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
_VISIBLE = "visible"
_SHOWN = "shown"

# A date cell comes with a midnight nobody wrote, a time cell with the calendar's first day.
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"
_TIME_ONLY = r"^1899-12-3[01] (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """A sheet as it is."""

    is_visible: bool
    cells: pl.LazyFrame
    """`row`, and the columns from the first with content, by their number from 0, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """A sheet that holds text."""

    name: str
    is_visible: bool
    rows: pl.LazyFrame
    """`row` and `cell:i`, without blank rows and columns."""
    columns: list[int]
    """Where each `cell:i` stands, from 0, the first column of the sheet with content."""
    top: list[tuple[Any, ...]]
    """The first of its rows."""
    header: int
    """Which of its rows is the header, from 0."""
    fields: int
    """How many fields the header names."""
    has_rows: bool
    """Whether anything stands below the header."""


_Load = Callable[[str], _Grid]
"""From the name of a sheet."""


def read_workbook(
    path: Path,
    source: str,
    overrides: Mapping[str, str],
    scratch: Path,
    sheet: str | None = None,
) -> Table:
    """
    One sheet of *path*: the one called *sheet*, else the one that looks like candidates.

    Rows are the sheet's own numbers. Columns without header and data are left out. The rows of a
    large XLSX lie in *scratch*, which has to stay until the frame is collected, those of others in
    memory. Raises SettingsError where there is no such sheet, or two look like candidates;
    InputError where nothing can be read.
    """
    refuse_what_cannot_be_held(path, source)
    if is_large(path):
        # What cannot be cut is read as a whole, which has the last word on what is wrong with it.
        with suppress(*UNREADABLE, InputError):
            return _read_in_windows(path, source, overrides, scratch, sheet)
    content = path.read_bytes()  # not by name: calamine would believe the suffix
    workbook = _opened(content, source)
    chosen, notes = _chosen(
        workbook.sheet_names, partial(_loaded, workbook), source, overrides, sheet
    )
    shown = with_leading_zeros(content, chosen.name)
    by_cell = {
        cell: shown[column]
        for cell, column in zip(cell_names(len(chosen.columns)), chosen.columns, strict=True)
        if column in shown
    }
    return _as_table(replace(chosen, rows=_with_shown(chosen.rows, by_cell)), source, notes)


def _read_in_windows(
    path: Path, source: str, overrides: Mapping[str, str], scratch: Path, sheet: str | None
) -> Table:
    """The same of a workbook whose sheets are cut into small workbooks. Raises UNREADABLE."""
    with closing(
        SharedStrings(path, scratch / f"{len(list(scratch.iterdir()))}.strings")
    ) as strings:

        def load(name: str) -> _Grid:
            return _loaded_in_windows(windows(path, name, strings), name, source, scratch)

        # The sheets' names come from a workbook that holds next to nothing else.
        names = _opened(without_rows(path), source).sheet_names
        chosen, notes = _chosen(names, load, source, overrides, sheet)
        return _as_table(chosen, source, notes)


def _opened(content: bytes, source: str) -> fastexcel.ExcelReader:
    try:
        return fastexcel.read_excel(content)
    except fastexcel.FastExcelError as exc:
        protected = content.startswith(_OLE_MAGIC) or "password" in str(exc).lower()
        raise InputError(
            f"{source}: protected by a password, or broken; save it without a password"
            if protected
            else f"{source}: not a readable workbook; open it and save it again as .xlsx"
        ) from exc


def _loaded(workbook: fastexcel.ExcelReader, name: str) -> _Grid:
    # skip_rows=0 keeps blank rows at the top, without which the numbers would not be the sheet's.
    loaded = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    cells = loaded.to_polars() if loaded.width else pl.DataFrame()
    numbered = cells.select(
        pl.col(column).cast(pl.String).alias(str(number))
        for number, column in enumerate(cells.columns)
    )
    return _Grid(
        is_visible=loaded.visible == _VISIBLE,
        cells=numbered.with_row_index(ROW, offset=1).lazy(),
    )


def _loaded_in_windows(parts: Iterable[Window], name: str, source: str, scratch: Path) -> _Grid:
    """The same of a sheet in windows, whose rows go to the disk one window at a time."""
    is_visible = True
    scans = []
    for part in parts:
        grid = _loaded(_opened(part.workbook, source), name)
        shown = with_leading_zeros(part.workbook, name)
        rows = _with_shown(grid.cells, {str(number): texts for number, texts in shown.items()})
        path = scratch / f"{len(list(scratch.iterdir()))}.sheet"
        path.touch(mode=0o600)
        # Row 1 of a window is its mark, row 2 its first row.
        rows.filter(pl.col(ROW) > 1).with_columns(
            (pl.col(ROW) + (part.first_row - 2)).cast(pl.UInt32)
        ).sink_parquet(path, compression="lz4")
        is_visible = grid.is_visible
        scans.append(pl.scan_parquet(path))
    return _Grid(is_visible=is_visible, cells=pl.concat(scans, how="diagonal"))


def _chosen(
    names: Sequence[str],
    load: _Load,
    source: str,
    overrides: Mapping[str, str],
    sheet: str | None,
) -> tuple[_Sheet, list[str]]:
    try:
        return _choice(names, load, source, overrides, sheet)
    except fastexcel.FastExcelError as exc:
        raise InputError(f"{source}: a sheet cannot be read; save the workbook again") from exc


def _choice(
    names: Sequence[str],
    load: _Load,
    source: str,
    overrides: Mapping[str, str],
    sheet: str | None,
) -> tuple[_Sheet, list[str]]:
    if sheet is not None:
        name = _sheet_called(names, source, sheet)
        found = _sheet(load(name), name, overrides)
        if found is None:
            raise InputError(f"{source}: the sheet is empty; add a header and candidates")
        return found, []
    filled = [found for name in names if (found := _sheet(load(name), name, overrides)) is not None]
    if not filled:
        raise InputError(f"{source}: no sheet holds any data; add a header and candidates")
    seen = [one for one in filled if one.is_visible] or filled
    best = max(seen, key=lambda one: (one.fields, one.has_rows))
    alike = [one.name for one in seen if one.fields == best.fields and one.has_rows]
    if best.fields > 1 and len(alike) > 1:
        raise SettingsError(
            f"{source}: {len(alike)} sheets look like candidates ({', '.join(alike)}); say which "
            "with --sheet NAME, or keep them in files of their own"
        )
    others = [one.name for one in filled if one is not best]
    notes = [f"sheet '{best.name}' is read; not: {', '.join(others)}"] if others else []
    return best, notes


def _sheet_called(names: Sequence[str], source: str, wanted: str) -> str:
    alike = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    if wanted in names:
        return wanted
    if len(alike) == 1:
        return alike[0]
    raise SettingsError(f"{source}: no sheet {wanted!r}; there are {', '.join(names)}")


def _sheet(grid: _Grid, name: str, overrides: Mapping[str, str]) -> _Sheet | None:
    """The sheet of that name; None where it holds no text."""
    has_text_in = grid.cells.select(pl.exclude(ROW).str.contains(r"\S").any())
    has_any = has_text_in.collect(engine="streaming")
    filled = [column for column in has_any.columns if has_any[column][0]]
    if not filled:
        return None
    columns = sorted(filled, key=int)
    rows = grid.cells.select(
        ROW,
        *(
            pl.col(column).alias(cell)
            for column, cell in zip(columns, cell_names(len(columns)), strict=True)
        ),
    ).filter(pl.any_horizontal(pl.exclude(ROW).str.contains(r"\S")))
    top = rows.head(SEARCHED_ROWS).collect(engine="streaming").rows()
    place = header_place([row[1:] for row in top], overrides)
    return _Sheet(
        name=name,
        is_visible=grid.is_visible,
        rows=rows,
        columns=[int(column) for column in columns],
        top=top,
        header=place.at,
        fields=place.fields,
        has_rows=len(top) > place.at + 1
        or rows.slice(place.at + 1).head(1).collect(engine="streaming").height > 0,
    )


def _with_shown(rows: pl.LazyFrame, shown: Mapping[str, Mapping[int, str]]) -> pl.LazyFrame:
    """The rows with the texts of *shown* (column → row → text) in place of their numbers."""
    there = rows.collect_schema().names()
    for column, texts in shown.items():
        if column in there:
            patch = pl.LazyFrame(
                {ROW: list(texts), _SHOWN: list(texts.values())},
                schema={ROW: pl.UInt32, _SHOWN: pl.String},
            )
            rows = (
                rows.join(patch, on=ROW, how="left", maintain_order="left")
                .with_columns(pl.coalesce(_SHOWN, column).alias(column))
                .drop(_SHOWN)
            )
    return rows


def _as_table(sheet: _Sheet, source: str, notes: list[str]) -> Table:
    header_row, *header = sheet.top[sheet.header]
    headers = tuple(text if has_text(text) else "" for text in header)
    below = sheet.rows.filter(pl.col(ROW) > header_row)
    if sheet.header:
        notes = [*notes, preamble_note(sheet.top[0][0], header_row)]
    last = below.tail(1).collect(engine="streaming").rows()
    if last and is_total(last[0][1:]):
        below = below.filter(pl.col(ROW) < last[0][0])
        notes = [*notes, TOTAL_NOTE]
    refuse_no_rows(source, below, headers)
    return Table(
        source=source,
        headers=headers,
        frame=shaped(below.with_columns(_as_seen(pl.exclude(ROW))), len(headers)),
        detected=Detected(kind="workbook", sheet=sheet.name, header_row=header_row),
        notes=tuple(notes),
    )


def _as_seen(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace(_MIDNIGHT, "${1}").str.replace(_TIME_ONLY, "${1}")
