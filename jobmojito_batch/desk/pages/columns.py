"""Columns: which header is which field, and how the file is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
from starlette.responses import Response

from jobmojito_batch.desk.open_uploads import OpenUpload
from jobmojito_batch.desk.uploads import NewFiles
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError
from jobmojito_batch.normalise import FIELDS, missing_fields
from jobmojito_batch.pipeline import CheckedInput, InputView, samples_of
from jobmojito_batch.publish import meaning_of

CARRIED: Final = "carried"
IGNORED: Final = "ignored"
_PARTS: Final = {
    "candidate_resume_file": "Name of a file with the résumé.",
    "candidate_first_name": "First name.",
    "candidate_last_name": "Last name.",
}
_OF_A_PERSON: Final = frozenset({"candidate_name", "candidate_email", "candidate_resume"})
_SAMPLED_ROWS: Final = 200
_ROW_NUMBER: Final = re.compile(r"[1-9][0-9]{0,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A header, and what it was taken for."""

    number: int
    header: str
    samples: tuple[str, ...] = field(repr=False)
    role: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A field that is needed and has no column."""

    name: str
    meaning: str
    takes_value: bool
    """Whether one value may do for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsView:
    """What the page shows of a file."""

    columns: list[Column]
    missing: list[Missing]
    read_as: str = ""
    notes: tuple[str, ...] = ()
    fault: str = ""
    """Why it cannot be checked as it is read now."""


def show(visit: Visit) -> Response:
    """The page."""
    note = visit.open.upload.note
    return visit.page(
        "columns.html",
        view=_view(visit.open),
        note=note,
        fields=[(name, f"{name}: {_meaning(name)}") for name in FIELDS],
        home=visit.home,
    )


def take(visit: Visit) -> Response:
    """What the person says: kept, remembered, and the file read anew where that changes it."""
    opened = visit.open
    upload, note = opened.upload, opened.upload.note
    view = _view(opened)
    mapping = _mapping(visit, view, note.mapping)
    values = {
        name: visit.said(f"value:{name}").strip()
        for name in FIELDS
        if visit.said(f"value:{name}").strip()
    }
    changes = {
        "mapping": mapping,
        "values": values,
        "sheet": visit.said("sheet").strip() or None,
        "encoding": visit.said("encoding").strip() or None,
        "hidden_rows": visit.said("hidden_rows") == "yes",
        "header_row": _row_number(visit.said("header_row")),
    }
    if any(getattr(note, name) != value for name, value in changes.items()):
        upload.say(**changes, is_remembered=note.is_remembered and mapping == note.mapping)
    jobs = visit.files("jobs")
    files = NewFiles(resumes=visit.files("resumes"), jobs=jobs[0] if jobs else None)
    if files.resumes or files.jobs:
        upload.add(files)
    try:
        headers = opened.checked().layout.headers
    except BatchError:
        return visit.go(f"{visit.home}/columns")
    if mapping:
        visit.desk.uploads.remember(headers, mapping)
    again = visit.said("then") == "again"
    return visit.go(f"{visit.home}/columns" if again else f"{visit.home}/rows")


def forget(visit: Visit) -> Response:
    """The mapping of files with these headers is remembered no more."""
    headers = [column.header for column in _view(visit.open).columns]
    visit.desk.uploads.forget_mapping(headers)
    visit.open.upload.say(mapping={}, is_remembered=False)
    return visit.go(f"{visit.home}/columns", said="forgotten")


def _row_number(said: str) -> int | None:
    """A row from 1, as a person writes it; None for anything else."""
    return int(said) if _ROW_NUMBER.fullmatch(said.strip()) else None


def _mapping(visit: Visit, view: ColumnsView, before: dict[str, str]) -> dict[str, str]:
    """What was chosen otherwise than the program takes it, and what was said before and stays."""
    mapping = {}
    for column in view.columns:
        chosen = visit.said(f"column:{column.number}") or column.role
        if chosen != column.role and (chosen in FIELDS or chosen in {CARRIED, IGNORED}):
            mapping[column.header] = chosen if chosen in FIELDS else ""
        elif column.header in before:
            mapping[column.header] = before[column.header]
    return mapping


def _view(opened: OpenUpload) -> ColumnsView:
    note = opened.upload.note
    try:
        checked = opened.checked()
    except BatchError as exc:
        return _unchecked(opened, str(exc), note.mapping)
    view = checked.planned.inputs.views[0]
    head = pl.scan_parquet(checked.planned.spool.prepared).head(_SAMPLED_ROWS).collect()
    samples = samples_of(head, checked.layout.headers)
    roles = [role for _, role in view.columns]
    given = _given(checked, note.values)
    missing = missing_fields({*roles, *given} - {CARRIED, IGNORED})
    return ColumnsView(
        columns=_columns(checked.layout.headers, samples, roles, note.mapping),
        missing=[_missing(name) for name in (*missing, *note.values)],
        read_as=_read_as(view),
        notes=view.notes,
    )


def _unchecked(opened: OpenUpload, fault: str, mapping: dict[str, str]) -> ColumnsView:
    """Headers and samples alone, to choose from; nothing where not even they can be read."""
    try:
        look = opened.look()
    except BatchError as exc:
        return ColumnsView(columns=[], missing=[], fault=str(exc))
    roles = [mapping.get(header) or CARRIED for header in look.headers]
    return ColumnsView(
        columns=_columns(look.headers, look.samples, roles, mapping),
        missing=[],
        fault=fault,
    )


def _columns(
    headers: Sequence[str],
    samples: Sequence[tuple[str, ...]],
    roles: Sequence[str],
    said: dict[str, str],
) -> list[Column]:
    return [
        Column(
            number=number,
            header=header,
            samples=tuple(_short(text) for text in texts),
            role=role,
            why=_why(header, role, said),
        )
        for number, (header, texts, role) in enumerate(zip(headers, samples, roles, strict=True))
    ]


def _why(header: str, role: str, said: dict[str, str]) -> str:
    if header in said:
        return "you said so"
    if role == CARRIED:
        return "no field of this name is known: it goes into the results as it is"
    if role == IGNORED:
        return "neither sent nor shown in the results"
    return "the field's own name" if header.strip() == role else "this header is known for it"


def _given(checked: CheckedInput, values: dict[str, str]) -> set[str]:
    """Fields that rows have from elsewhere than a column."""
    planned = checked.planned
    jobs = planned.inputs.jobs
    of_jobs = {role for _, role in jobs.columns} if jobs is not None else set()
    resumes = {"candidate_resume"} if planned.parameters.resumes is not None else set()
    return {*values, *of_jobs, *resumes}


def _missing(name: str) -> Missing:
    return Missing(name=name, meaning=_meaning(name), takes_value=name not in _OF_A_PERSON)


def _meaning(name: str) -> str:
    return _PARTS[name] if name in _PARTS else meaning_of(name)


def _read_as(view: InputView) -> str:
    found = view.detected
    parts = [found.kind]
    parts += [found.encoding] if found.encoding else []
    parts += [f"sheet “{found.sheet}”"] if found.sheet else []
    parts += [f"header in row {found.header_row}"] if found.header_row else []
    return ", ".join(parts)


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:57]}…"  # noqa: PLR2004
