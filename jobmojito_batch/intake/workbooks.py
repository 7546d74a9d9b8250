"""XLSX, XLS, XLSB and ODS through calamine: one sheet, every cell as a person sees it."""

from collections.abc import Iterator
from pathlib import Path

import fastexcel
import polars as pl

from jobmojito_batch.columns import ROW
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.frames import cell_names, has_text, no_rows, shaped
from jobmojito_batch.records import Table

_OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
_VISIBLE = "visible"

# A date cell comes with a midnight nobody wrote, a time cell with the calendar's first day.
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"
_TIME_ONLY = r"^1899-12-3[01] (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$"


def read_workbook(path: Path, source: str, sheet: str | None = None) -> Table:
    """
    One sheet of *path*: the one called *sheet*, else the first with data, hidden ones last.

    Rows are the sheet's own numbers. Columns without header and data are left out. Raises
    SettingsError where there is no such sheet, InputError where nothing can be read.
    """
    workbook = _opened(path, source)
    try:
        cells = _chosen(workbook, source, sheet)
    except fastexcel.FastExcelError as exc:
        raise InputError(f"{source}: a sheet cannot be read; save the workbook again") from exc
    return _as_table(cells, source)


def _opened(path: Path, source: str) -> fastexcel.ExcelReader:
    content = path.read_bytes()  # not by name: calamine would believe the suffix
    try:
        return fastexcel.read_excel(content)
    except fastexcel.FastExcelError as exc:
        protected = content.startswith(_OLE_MAGIC) or "password" in str(exc).lower()
        raise InputError(
            f"{source}: protected by a password, or broken; save it without a password"
            if protected
            else f"{source}: not a readable workbook; open it and save it again as .xlsx"
        ) from exc


def _chosen(workbook: fastexcel.ExcelReader, source: str, sheet: str | None) -> pl.DataFrame:
    if sheet is not None:
        return _cells(workbook, _sheet_called(workbook, source, sheet))
    hidden: pl.DataFrame | None = None
    for is_visible, cells in _sheets_with_data(workbook):
        if is_visible:
            return cells
        hidden = cells if hidden is None else hidden
    if hidden is None:
        raise InputError(f"{source}: no sheet holds any data; add a header and candidates")
    return hidden


def _sheet_called(workbook: fastexcel.ExcelReader, source: str, wanted: str) -> str:
    names = workbook.sheet_names
    alike = [name for name in names if name.strip().casefold() == wanted.strip().casefold()]
    if wanted in names:
        return wanted
    if len(alike) == 1:
        return alike[0]
    raise SettingsError(f"{source}: no sheet {wanted!r}; there are {', '.join(names)}")


def _sheets_with_data(workbook: fastexcel.ExcelReader) -> Iterator[tuple[bool, pl.DataFrame]]:
    """The sheets that hold text, in the workbook's order, and whether each can be seen."""
    for name in workbook.sheet_names:
        sheet = _loaded(workbook, name)
        cells = sheet.to_polars() if sheet.width else pl.DataFrame()
        if _filled(cells):
            yield sheet.visible == _VISIBLE, cells


def _cells(workbook: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    sheet = _loaded(workbook, name)
    return sheet.to_polars() if sheet.width else pl.DataFrame()


def _loaded(workbook: fastexcel.ExcelReader, name: str) -> fastexcel.ExcelSheet:
    # skip_rows=0 keeps blank rows at the top, without which the numbers would not be the sheet's.
    return workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")


def _filled(cells: pl.DataFrame) -> list[str]:
    """The columns of *cells* that hold any text."""
    has_any = cells.select(pl.all().cast(pl.String).str.contains(r"\S").any())
    return [name for name in cells.columns if has_any[name][0]]


def _as_table(cells: pl.DataFrame, source: str) -> Table:
    filled = _filled(cells)
    if not filled:
        raise InputError(f"{source}: the sheet is empty; add a header and candidates")
    named = cells.select(
        pl.col(column).cast(pl.String).alias(name)
        for column, name in zip(filled, cell_names(len(filled)), strict=True)
    ).with_row_index(ROW, offset=1)
    is_text = pl.any_horizontal(pl.exclude(ROW).str.contains(r"\S"))
    header_number, *header = named.filter(is_text).row(0)
    headers = tuple(text if has_text(text) else "" for text in header)
    below = named.lazy().filter(pl.col(ROW) > header_number)
    frame = shaped(below.with_columns(_as_seen(pl.exclude(ROW))), len(headers))
    if named.filter(is_text).height == 1:
        raise no_rows(source, headers)
    return Table(source=source, headers=headers, frame=frame)


def _as_seen(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace(_MIDNIGHT, "${1}").str.replace(_TIME_ONLY, "${1}")
