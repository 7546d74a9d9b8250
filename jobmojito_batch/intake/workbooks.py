"""XLSX, XLS, XLSB and ODS through calamine: one sheet, every cell as a person sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import fastexcel
import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.digits import with_leading_zeros
from jobmojito_batch.intake.frames import cell_names, has_text, no_rows, shaped
from jobmojito_batch.intake.header_rows import (
    SEARCHED_ROWS,
    TOTAL_NOTE,
    header_place,
    is_total,
    preamble_note,
)
from jobmojito_batch.records import Detected, Table

_OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
_VISIBLE = "visible"
_SHOWN = "shown"

# A date cell comes with a midnight nobody wrote, a time cell with the calendar's first day.
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"
_TIME_ONLY = r"^1899-12-3[01] (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """A sheet that holds text."""

    name: str
    is_visible: bool
    rows: pl.DataFrame
    """`row` and `cell:i`, without blank rows and columns."""
    columns: list[int]
    """Where each `cell:i` stands, from 0, the first column of the sheet with content."""
    top: list[int]
    """The numbers of the first of its rows."""
    header: int
    """Which of its rows is the header, from 0."""
    fields: int
    """How many fields the header names."""

    @property
    def has_rows(self) -> bool:
        """Whether anything stands below the header."""
        return self.rows.height > self.header + 1


def read_workbook(
    path: Path, source: str, overrides: Mapping[str, str], sheet: str | None = None
) -> Table:
    """
    One sheet of *path*: the one called *sheet*, else the one that looks like candidates.

    Rows are the sheet's own numbers. Columns without header and data are left out. Raises
    SettingsError where there is no such sheet, or two look like candidates; InputError where
    nothing can be read.
    """
    content = path.read_bytes()  # not by name: calamine would believe the suffix
    workbook = _opened(content, source)
    try:
        chosen, notes = _chosen(workbook, source, overrides, sheet)
    except fastexcel.FastExcelError as exc:
        raise InputError(f"{source}: a sheet cannot be read; save the workbook again") from exc
    shown = with_leading_zeros(content, chosen.name)
    return _as_table(replace(chosen, rows=_with_shown(chosen, shown)), source, notes)


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


def _chosen(
    workbook: fastexcel.ExcelReader, source: str, overrides: Mapping[str, str], sheet: str | None
) -> tuple[_Sheet, list[str]]:
    if sheet is not None:
        found = _sheet(workbook, _sheet_called(workbook, source, sheet), overrides)
        if found is None:
            raise InputError(f"{source}: the sheet is empty; add a header and candidates")
        return found, []
    filled = [
        found
        for name in workbook.sheet_names
        if (found := _sheet(workbook, name, overrides)) is not None
    ]
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


def _sheet_called(workbook: fastexcel.ExcelReader, source: str, wanted: str) -> str:
    names = workbook.sheet_names
    alike = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    if wanted in names:
        return wanted
    if len(alike) == 1:
        return alike[0]
    raise SettingsError(f"{source}: no sheet {wanted!r}; there are {', '.join(names)}")


def _sheet(
    workbook: fastexcel.ExcelReader, name: str, overrides: Mapping[str, str]
) -> _Sheet | None:
    """The sheet of that name; None where it holds no text."""
    # skip_rows=0 keeps blank rows at the top, without which the numbers would not be the sheet's.
    loaded = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    cells = loaded.to_polars() if loaded.width else pl.DataFrame()
    has_any = cells.select(pl.all().cast(pl.String).str.contains(r"\S").any())
    columns = [column for column in cells.columns if has_any[column][0]]
    if not columns:
        return None
    named = (
        cells.select(
            pl.col(column).cast(pl.String).alias(cell)
            for column, cell in zip(columns, cell_names(len(columns)), strict=True)
        )
        .with_row_index(ROW, offset=1)
        .filter(pl.any_horizontal(pl.exclude(ROW).str.contains(r"\S")))
    )
    top = named.head(SEARCHED_ROWS).rows()
    place = header_place([row[1:] for row in top], overrides)
    return _Sheet(
        name=name,
        is_visible=loaded.visible == _VISIBLE,
        rows=named,
        columns=[cells.columns.index(column) for column in columns],
        top=[row[0] for row in top],
        header=place.at,
        fields=place.fields,
    )


def _with_shown(sheet: _Sheet, shown: Mapping[int, Mapping[int, str]]) -> pl.DataFrame:
    """The rows with the texts of *shown* (column → row → text) in place of their numbers."""
    rows = sheet.rows
    for cell, column in zip(cell_names(len(sheet.columns)), sheet.columns, strict=True):
        if texts := shown.get(column):
            patch = pl.DataFrame(
                {ROW: list(texts), _SHOWN: list(texts.values())},
                schema={ROW: rows.schema[ROW], _SHOWN: pl.String},
            )
            rows = (
                rows.join(patch, on=ROW, how="left", maintain_order="left")
                .with_columns(pl.coalesce(_SHOWN, cell).alias(cell))
                .drop(_SHOWN)
            )
    return rows


def _as_table(sheet: _Sheet, source: str, notes: list[str]) -> Table:
    header_row = sheet.top[sheet.header]
    [header] = sheet.rows[sheet.header].drop(ROW).rows()
    headers = tuple(text if has_text(text) else "" for text in header)
    below = sheet.rows[sheet.header + 1 :]
    if sheet.header:
        notes = [*notes, preamble_note(sheet.top[0], header_row)]
    if below.height and is_total(below.drop(ROW).row(-1)):
        below = below.head(-1)
        notes = [*notes, TOTAL_NOTE]
    if not below.height:
        raise no_rows(source, headers)
    return Table(
        source=source,
        headers=headers,
        frame=shaped(below.lazy().with_columns(_as_seen(pl.exclude(ROW))), len(headers)),
        detected=Detected(kind="workbook", sheet=sheet.name, header_row=header_row),
        notes=tuple(notes),
    )


def _as_seen(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace(_MIDNIGHT, "${1}").str.replace(_TIME_ONLY, "${1}")
