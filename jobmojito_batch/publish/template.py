"""An empty spreadsheet to fill: every column, what it means, what it takes, two examples."""

import csv
import io
import types
import typing
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jobmojito_batch.columns import EXPLANATION_MARKS, RESUME_FILE
from jobmojito_batch.contract import LANGUAGE_CODES, POSITION_CORE, REQUIRED_ALWAYS, CreateRequest
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish.atomic_write import written_whole
from jobmojito_batch.publish.cells import BOM

EXAMPLES: Final = (
    {
        "candidate_name": "Anna Example",
        "candidate_email": "anna@example.com",
        "candidate_country_code": "SK",
        "candidate_resume": "Registered nurse, six years in intensive care. Slovak, English.",
        "candidate_external_id": "A-0017",
        "position_name": "Nurse",
        "position_location": "Bratislava",
        "position_country_code": "SK",
        "mojito_language_code": "sk",
        "seniority_level": "intermediate",
        "tags": "night shift, intensive care",
    },
    {
        "candidate_name": "Ben Example",
        "candidate_email": "ben@example.com",
        "candidate_country_code": "Germany",
        "candidate_resume": "Line cook for four years, then sous-chef in two hotels. French.",
        "candidate_external_id": "A-0018",
        "position_name": "Chef",
        "position_location": "Berlin",
        "position_country_code": "DE",
        "mojito_language_code": "German",
        "interview_available_till": "2030-12-31",
        "interview_attempts": "2",
    },
)
_RESUME_FILE_MEANING: Final = (
    "Instead of the text: name of a .txt, .md, .pdf, .docx, .odt, .rtf or .html file beside this "
    "one."
)
_ROOM: Final = 1000
"""Rows below the header that get the text format and the lists of choices."""


def write_template(target: Path) -> None:
    """
    Write the template to *target*, .xlsx or .csv by its suffix, whole.

    `check` reads it as it is: two rows, both fine. In a CSV the explanations are rows whose first
    cell starts with one of EXPLANATION_MARKS, which reading leaves out. Raises SettingsError for
    another suffix and where the file is there already: somebody may have filled it.
    """
    suffix = target.suffix.lower()
    if suffix not in {".xlsx", ".csv"}:
        raise SettingsError(f"{target}: a template is .xlsx or .csv; choose one of them")
    if target.exists():
        raise SettingsError(f"{target}: is there already; choose another name, or remove it first")
    with written_whole(target) as path:
        if suffix == ".csv":
            path.write_bytes(BOM + _csv_text().encode())
        else:
            _write_workbook(path)


def needed(name: str) -> str:
    """When a row must have the field."""
    if name in REQUIRED_ALWAYS:
        return "always"
    return "without id" if name in POSITION_CORE else ""


def allowed(name: str, *, lists_codes: bool = False) -> str:
    """What the field takes, in a few words."""
    if name == RESUME_FILE:
        return "file name"
    return _allowed(CreateRequest.model_fields[name], lists_codes=lists_codes)


def _allowed(field: FieldInfo, *, lists_codes: bool) -> str:
    kinds = [option for option in typing.get_args(field.annotation) if option is not types.NoneType]
    kind: Any = kinds[0] if kinds else field.annotation
    if str(kind).startswith("typing.Literal"):
        choices = typing.get_args(kind)
        is_long = choices == LANGUAGE_CODES and not lists_codes
        return f"one of {len(choices)} codes" if is_long else ", ".join(choices)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"JSON object: {', '.join(kind.model_fields)}"
    name = {str: "text", bool: "yes or no", int: "whole number", float: "number"}.get(
        kind, "JSON object" if typing.get_origin(kind) is dict else "list"
    )
    bounds = [
        f"{getattr(rule, key):g}"
        for rule in field.metadata
        for key in ("ge", "le")
        if hasattr(rule, key)
    ]
    return f"{name} {' to '.join(bounds)}".strip()


def _columns() -> list[str]:
    columns = list(CreateRequest.model_fields)
    columns.insert(columns.index("candidate_resume") + 1, RESUME_FILE)
    return columns


def meaning_of(name: str) -> str:
    """What a column is, in a sentence."""
    if name == RESUME_FILE:
        return _RESUME_FILE_MEANING
    return CreateRequest.model_fields[name].description or ""


def _csv_text() -> str:
    columns = _columns()
    meanings = [meaning_of(name) for name in columns]
    values = [allowed(name, lists_codes=True) for name in columns]
    for row, mark in zip((meanings, values), EXPLANATION_MARKS, strict=True):
        row[0] = f"{mark} {row[0]}"
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([columns, meanings, values])
    writer.writerows([example.get(name, "") for name in columns] for example in EXAMPLES)
    return text.getvalue()


def _write_workbook(path: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - most who load this module want no workbook

    workbook = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    try:
        _write_candidates(workbook, _columns())
        _write_explanations(workbook, _columns())
    finally:
        workbook.close()


def _write_candidates(workbook: Any, columns: list[str]) -> None:  # noqa: ANN401 - no types
    sheet = workbook.add_worksheet("Candidates")
    # Text format, so that no program makes a date of 3-4, or a number of 0017.
    text = workbook.add_format({"num_format": "@", "valign": "top"})
    usual = workbook.add_format({"bold": True, "bottom": 1})
    must = workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#FFF2CC"})
    for number, name in enumerate(columns):
        sheet.set_column(number, number, max(16, len(name) + 2), text)
        sheet.write_string(0, number, name, must if needed(name) else usual)
        sheet.write_comment(0, number, f"{meaning_of(name)}\n{allowed(name)}".strip())
        choices = _choices(name)
        if choices:
            rule = {"validate": "list", "source": choices, "error_type": "warning"}
            sheet.data_validation(1, number, _ROOM, number, rule)
    for row, example in enumerate(EXAMPLES, start=1):
        for name, value in example.items():
            sheet.write_string(row, columns.index(name), value, text)
    sheet.freeze_panes(1, 2)


def _choices(name: str) -> list[str]:
    """The words of a field with a few; the list of a sheet takes 255 characters."""
    if name == RESUME_FILE:
        return []
    words = allowed(name, lists_codes=True)
    if words == "yes or no":
        return ["yes", "no"]
    kind = str(CreateRequest.model_fields[name].annotation)
    return words.split(", ") if "Literal" in kind else []


def _write_explanations(workbook: Any, columns: list[str]) -> None:  # noqa: ANN401 - no types
    sheet = workbook.add_worksheet("Columns")
    bold = workbook.add_format({"bold": True, "bottom": 1})
    wrap = workbook.add_format({"text_wrap": True, "valign": "top"})
    for number, (title, width) in enumerate(
        (("Column", 34), ("Needed", 12), ("What it means", 70), ("What it takes", 60))
    ):
        sheet.set_column(number, number, width)
        sheet.write_string(0, number, title, bold)
    for row, name in enumerate(columns, start=1):
        cells = (name, needed(name), meaning_of(name), allowed(name, lists_codes=True))
        for number, cell in enumerate(cells):
            sheet.write_string(row, number, cell, wrap)
    sheet.freeze_panes(1, 0)
