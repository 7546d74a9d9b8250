"""
Large inputs, the same for the same arguments: about 1.2 kB a row, with quotes and line breaks.

`python benchmarks/inputs.py FILE ROWS` writes one: .csv, .parquet (in one row group), .xlsx (with
shared strings, as Excel writes it).
"""

import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

SLICE_ROWS: Final = 50_000
POSITIONS: Final = 50
MOST_SHEET_ROWS: Final = 1_048_575
PHRASE: Final = "years of nursing and night shifts"
PHRASES: Final = 19

HEADERS: Final = (
    "Application ID", "Candidate Name", "Email Address", "Phone", "Country", "Job Title",
    "Job Location", "Job Country", "Interview Language", "Resume", "Stage", "Applied On",
)  # fmt: skip


def email_of(number: pl.Expr) -> pl.Expr:
    """The address of a row, as normalising leaves it."""
    return pl.format("p{}@example.com", number)


def _resume(number: pl.Expr) -> pl.Expr:
    """About 1 kB that no compression makes small: each phrase with digits of its own."""
    wide = number.cast(pl.UInt64)
    digits = [
        (wide * 6_364_136_223_846_793_005 + (turn * 1_442_695_040_888_963_407) % 2**63) % 10**19
        for turn in range(1, PHRASES + 1)
    ]
    phrases = "; ".join([f"{{}} {PHRASE}"] * PHRASES)
    return pl.format(f'Profile {{}}, "senior",\n{phrases}', number, *digits)


def slices(rows: int) -> Iterator[pl.DataFrame]:
    """The rows under their headers, SLICE_ROWS at a time."""
    number = pl.col("n")
    texts = (
        pl.format("A{}", number),
        pl.format("Ann Lee {}", number),
        pl.format("P{}@Example.com", number),
        pl.format("+421 900 {}", number),
        pl.lit("Slovakia"),
        pl.format("Job {}", number % POSITIONS),
        pl.lit("Wien"),
        pl.lit("Austria"),
        pl.lit("English"),
        _resume(number),
        pl.lit("new"),
        pl.lit("2026-11-24"),
    )
    named = [text.alias(header) for text, header in zip(texts, HEADERS, strict=True)]
    for start in range(0, rows, SLICE_ROWS):
        end = min(start + SLICE_ROWS, rows)
        yield pl.select(pl.int_range(start, end, dtype=pl.Int64).alias("n")).select(named)


def write_csv(path: Path, rows: int) -> None:
    """A plain CSV."""
    with path.open("wb") as file:
        for number, frame in enumerate(slices(rows)):
            frame.write_csv(file, include_header=number == 0)


def write_parquet(path: Path, rows: int) -> None:
    """One row group, however many rows: what some exporters write."""
    pl.concat(frame.lazy() for frame in slices(rows)).collect().write_parquet(
        path, row_group_size=rows
    )


def write_xlsx(path: Path, rows: int) -> None:
    """One sheet whose texts are shared strings, each written once, as Excel does it."""
    width = len(HEADERS)
    strings = f'<sst xmlns="{_MAIN}">'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, text in _PARTS.items():
            package.writestr(name, text)
        with package.open("xl/sharedStrings.xml", "w", force_zip64=True) as file:
            file.write(f"{_XML}{strings}{''.join(map(_shared, HEADERS))}".encode())
            for frame in slices(rows):
                texts = frame.with_columns(pl.all().map_batches(_escaped, return_dtype=pl.String))
                file.write("".join(_shared(text) for row in texts.rows() for text in row).encode())
            file.write(b"</sst>")
        with package.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as file:
            file.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for row in range(rows + 1):
                cells = "".join(
                    f'<c r="{chr(ord("A") + column)}{row + 1}" t="s">'
                    f"<v>{row * width + column}</v></c>"
                    for column in range(width)
                )
                file.write(f'<row r="{row + 1}">{cells}</row>'.encode())
            file.write(b"</sheetData></worksheet>")


def _escaped(texts: pl.Series) -> pl.Series:
    return texts.str.replace_many(["&", "<"], ["&amp;", "&lt;"])


def _shared(text: str) -> str:
    return f'<si><t xml:space="preserve">{text}</t></si>'


_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_PARTS: Final = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Candidates" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId3" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>"
    ),
    "xl/styles.xml": (
        f'{_XML}<styleSheet xmlns="{_MAIN}"><cellXfs count="1"><xf numFmtId="0"/></cellXfs>'
        "</styleSheet>"
    ),
}

WRITERS: Final[dict[str, Callable[[Path, int], None]]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".xlsx": write_xlsx,
}


def write_input(path: Path, rows: int) -> None:
    """An input of that many rows in the format of its suffix."""
    WRITERS[path.suffix](path, rows)


if __name__ == "__main__":
    write_input(Path(sys.argv[1]), int(sys.argv[2]))
