"""
Numbers that a workbook shows with leading zeros: the id 7 under the format 00000 is 00007.

calamine gives the number and not its format. Only where a workbook has such a format is the sheet
read a second time, as XML; other workbooks cost a look at their styles.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from xml.etree.ElementTree import Element, ParseError, iterparse, parse

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINKS: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
ZEROS: Final = re.compile(r"0{2,}")
_WHOLE: Final = re.compile(r"\d+(?:\.0)?")
_REFERENCE: Final = re.compile(r"([A-Z]+)(\d+)")
BROKEN: Final = (KeyError, ParseError, ValueError, zipfile.BadZipFile, OSError)


def with_leading_zeros(content: bytes, sheet: str) -> dict[int, dict[int, str]]:
    """
    The cells of *sheet* that show leading zeros: column (0: the first with content) → row → text.

    Empty for a workbook that is not XLSX, has no such format, or is written in another way than
    usual: the numbers then stay as calamine gives them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            widths = _widths(package)
            return _padded(package, sheet_part(package, sheet), widths) if widths else {}
    except BROKEN:
        return {}


def _widths(package: zipfile.ZipFile) -> dict[str, int]:
    """Style number → digits shown, for the formats that are nothing but zeros."""
    with package.open("xl/styles.xml") as file:
        root = parse(file).getroot()  # noqa: S314 - expat bounds the expansion of entities
    formats = {
        number_format.get("numFmtId", ""): len(code)
        for number_format in root.iter(f"{_MAIN}numFmt")
        if ZEROS.fullmatch(code := number_format.get("formatCode", ""))
    }
    styles = root.find(f"{_MAIN}cellXfs")
    return {
        str(number): formats[kind]
        for number, style in enumerate(styles if styles is not None else [])
        if (kind := style.get("numFmtId", "")) in formats
    }


def sheet_part(package: zipfile.ZipFile, sheet: str) -> str:
    """The part of an XLSX that holds a sheet. Raises what BROKEN has."""
    with package.open("xl/workbook.xml") as file:
        sheets = parse(file).getroot().iter(f"{_MAIN}sheet")  # noqa: S314
        ours = (element.get(_LINKS) for element in sheets if element.get("name") == sheet)
        link = next(ours, None)
    with package.open("xl/_rels/workbook.xml.rels") as file:
        relations = parse(file).getroot()  # noqa: S314
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    target = targets[link]
    return target[1:] if target.startswith("/") else str(PurePosixPath("xl") / target)


def _padded(
    package: zipfile.ZipFile, path: str, widths: dict[str, int]
) -> dict[int, dict[int, str]]:
    padded: dict[int, dict[int, str]] = {}
    first = None
    with package.open(path) as file:
        for cell, column, row in _cells(iterparse(file, events=("end",))):  # noqa: S314
            if _has_content(cell):
                first = column if first is None else min(first, column)
            width = widths.get(cell.get("s", ""), 0)
            text = cell.findtext(f"{_MAIN}v", "")
            if width and cell.get("t", "n") == "n" and _WHOLE.fullmatch(text):
                padded.setdefault(column, {})[row] = text.removesuffix(".0").zfill(width)
    return {column - (first or 0): rows for column, rows in padded.items()}


def _has_content(cell: Element) -> bool:
    """Whether calamine counts the cell: not where it is a formula that was never calculated."""
    value = cell.findtext(f"{_MAIN}v")
    is_text = value is not None and cell.get("t") == "str"
    return bool(value) or is_text or cell.find(f"{_MAIN}is") is not None


def _cells(events: Iterator[tuple[str, Element]]) -> Iterator[tuple[Element, int, int]]:
    """The cells that hold something, with column and row from 1."""
    for _, element in events:
        if element.tag == f"{_MAIN}c" and len(element):
            reference = _REFERENCE.fullmatch(element.get("r", ""))
            if reference is not None:
                yield element, _column_number(reference[1]), int(reference[2])
        elif element.tag == f"{_MAIN}row":
            element.clear()  # one row in memory at a time


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
