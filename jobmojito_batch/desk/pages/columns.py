"""Columns: which header is which field, and how the file is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
from starlette.responses import Response

from jobmojito_batch.desk.open_uploads import OpenUpload
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError
from jobmojito_batch.normalise import FIELDS, missing_fields
from jobmojito_batch.pipeline import CheckedInput, Look, samples_of
from jobmojito_batch.publish import meaning_of
from jobmojito_batch.records import Detected

CARRIED: Final = "carried"
IGNORED: Final = "ignored"
_PARTS: Final = {
    "candidate_resume_file": "Name of a file with the résumé.",
    "candidate_first_name": "First name.",
    "candidate_last_name": "Last name.",
}
_MEANINGS: Final = {name: _PARTS.get(name) or meaning_of(name) for name in FIELDS}
_OF_A_PERSON: Final = frozenset({"candidate_name", "candidate_email", "candidate_resume"})
"""Fields that one value cannot be given for."""
_SAMPLED_ROWS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen of a file as it is read now."""

    look: Look
    roles: Sequence[str] = ()
    """What each header is taken for: a field, CARRIED or IGNORED."""
    missing: Sequence[str] = ()
    """Fields that are needed and have no column, and those that one value is given for."""
    read_as: str = ""
    notes: Sequence[str] = field(default=(), repr=False)
    fault: str = ""
    """Why it cannot be checked as it is read now."""


def show(visit: Visit) -> Response:
    """The page."""
    note = visit.open.upload.note
    seen = _seen(visit.open)
    whys = [
        _why(*column, note.mapping) for column in zip(seen.look.headers, seen.roles, strict=True)
    ]
    return visit.page(
        "columns.html",
        seen=seen,
        columns=list(zip(seen.look.headers, seen.look.samples, seen.roles, whys, strict=True)),
        note=note,
        meanings=_MEANINGS,
        of_a_person=_OF_A_PERSON,
    )


def take(visit: Visit) -> Response:
    """What the person says: kept, remembered, and the file read anew where that changes it."""
    opened = visit.open
    upload, note, files = opened.upload, opened.upload.note, visit.files
    mapping = _mapping(visit, note.mapping)
    changes = {
        "mapping": mapping,
        "values": {name: text for name in FIELDS if (text := visit.said(f"value:{name}"))},
        "sheet": visit.said("sheet") or None,
        "encoding": visit.said("encoding") or None,
        "hidden_rows": visit.said("hidden_rows") == "yes",
        "header_row": visit.number("header_row") or None,
    }
    if any(getattr(note, name) != value for name, value in changes.items()):
        upload.say(**changes, is_remembered=note.is_remembered and mapping == note.mapping)
    if files.resumes or files.jobs:
        upload.add(files)
    try:
        headers = opened.checked().layout.headers
    except BatchError:  # the page says what is wrong
        return visit.go(f"{visit.home}/columns")
    if mapping:
        visit.desk.uploads.remember(headers, mapping)
    return visit.go(f"{visit.home}/{'columns' if visit.said('then') == 'again' else 'rows'}")


def forget(visit: Visit) -> Response:
    """The mapping of files with these headers is remembered no more."""
    visit.desk.uploads.forget_mapping(visit.open.headers)
    visit.open.upload.say(mapping={}, is_remembered=False)
    return visit.go(f"{visit.home}/columns", said="forgotten")


def _mapping(visit: Visit, before: dict[str, str]) -> dict[str, str]:
    """What was chosen otherwise than the program takes it, and what was said before and stays."""
    mapping = {}
    seen = _seen(visit.open)
    for number, (header, role) in enumerate(zip(seen.look.headers, seen.roles, strict=True)):
        chosen = visit.said(f"column:{number}") or role
        if chosen != role and chosen in {*FIELDS, CARRIED, IGNORED}:
            mapping[header] = chosen if chosen in FIELDS else ""
        elif header in before:
            mapping[header] = before[header]
    return mapping


def _seen(opened: OpenUpload) -> Seen:
    note = opened.upload.note
    try:
        checked = opened.checked()
    except BatchError as exc:
        return _seen_unchecked(opened, note.mapping, str(exc))
    view, headers = checked.planned.inputs.views[0], checked.layout.headers
    head = pl.scan_parquet(checked.planned.spool.prepared).head(_SAMPLED_ROWS).collect()
    roles = [role for _, role in view.columns]
    missing = missing_fields({*roles, *_given(checked), *note.values} - {CARRIED, IGNORED})
    return Seen(
        look=Look(headers=headers, samples=samples_of(head, headers)),
        roles=roles,
        missing=[*missing, *note.values],
        read_as=_read_as(view.detected),
        notes=view.notes,
    )


def _seen_unchecked(opened: OpenUpload, mapping: dict[str, str], fault: str) -> Seen:
    """Headers and samples alone, to choose from; nothing where not even they can be read."""
    try:
        look = opened.look()
    except BatchError as exc:
        return Seen(look=Look(headers=(), samples=()), fault=str(exc))
    roles = [mapping.get(header) or CARRIED for header in look.headers]
    return Seen(look=look, roles=roles, fault=fault)


def _why(header: str, role: str, said: dict[str, str]) -> str:
    if header in said:
        return "you said so"
    if role == CARRIED:
        return "no field of this name is known: it goes into the results as it is"
    if role == IGNORED:
        return "neither sent nor shown in the results"
    return "the field's own name" if header.strip() == role else "this header is known for it"


def _given(checked: CheckedInput) -> set[str]:
    """Fields that rows have from the files beside theirs."""
    jobs = checked.planned.inputs.jobs
    of_jobs = {role for _, role in jobs.columns} if jobs is not None else set()
    return of_jobs | ({"candidate_resume"} if checked.planned.parameters.resumes else set())


def _read_as(found: Detected) -> str:
    sheet = found.sheet and f"sheet “{found.sheet}”"
    row = found.header_row and f"header in row {found.header_row}"
    return ", ".join(part for part in (found.kind, found.encoding, sheet, row) if part)
