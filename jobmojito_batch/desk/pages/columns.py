"""Columns: which header is which field, and how the file is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import polars as pl
from starlette.responses import Response

from jobmojito_batch.desk.uploads import Upload, write_json
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError
from jobmojito_batch.normalise import FIELDS
from jobmojito_batch.pipeline import samples_of
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


class Column(NamedTuple):
    """A header with what stands below it, and what it is taken for."""

    header: str
    samples: tuple[str, ...]
    role: str
    """A field, CARRIED or IGNORED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen of a file as it is read now."""

    columns: Sequence[Column] = field(default=(), repr=False)
    missing: Sequence[str] = ()
    """Fields that are needed and have no column, and those that one value is given for."""
    read_as: str = ""
    notes: Sequence[str] = field(default=(), repr=False)
    fault: str = ""
    """Why it cannot be checked as it is read now."""

    @property
    def headers(self) -> list[str]:
        """Those of the file."""
        return [column.header for column in self.columns]


def show(visit: Visit) -> Response:
    """The page."""
    note = visit.upload.note
    return visit.page(
        "columns.html",
        seen=seen_of(visit.upload),
        why=partial(_why, note.mapping),
        note=note,
        meanings=_MEANINGS,
        of_a_person=_OF_A_PERSON,
    )


def take(visit: Visit) -> Response:
    """What the person says: kept, remembered, and the file read anew where that changes it."""
    upload, note, files = visit.upload, visit.upload.note, visit.files
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
        headers = upload.checked().layout.headers
    except BatchError:  # the page says what is wrong
        return visit.go(f"{visit.home}/columns")
    if mapping:
        write_json(visit.desk.uploads.mapping_file(headers), mapping)
    return visit.go(f"{visit.home}/{'columns' if visit.said('then') == 'again' else 'rows'}")


def forget(visit: Visit) -> Response:
    """The mapping of files with these headers is remembered no more."""
    headers = seen_of(visit.upload).headers
    visit.desk.uploads.mapping_file(headers).unlink(missing_ok=True)
    visit.upload.say(mapping={}, is_remembered=False)
    return visit.go(f"{visit.home}/columns", said="forgotten")


def _mapping(visit: Visit, before: dict[str, str]) -> dict[str, str]:
    """What was chosen otherwise than the program takes it, and what was said before and stays."""
    mapping = {}
    for number, (header, _, role) in enumerate(seen_of(visit.upload).columns):
        chosen = visit.said(f"column:{number}") or role
        if chosen != role and chosen in {*FIELDS, CARRIED, IGNORED}:
            mapping[header] = chosen if chosen in FIELDS else ""
        elif header in before:
            mapping[header] = before[header]
    return mapping


def seen_of(upload: Upload) -> Seen:
    """The columns of a file; where it cannot be checked, as far as it can be read."""
    note = upload.note
    try:
        checked = upload.checked()
    except BatchError as exc:
        return _seen_unchecked(upload, note.mapping, str(exc))
    planned, headers = checked.planned, checked.layout.headers
    view = planned.inputs.views[0]
    head = pl.scan_parquet(planned.spool.prepared).head(_SAMPLED_ROWS).collect()
    roles = [role for _, role in view.columns]
    return Seen(
        columns=list(map(Column, headers, samples_of(head, headers), roles)),
        missing=[*(doubt.lacks for doubt in planned.doubts if doubt.lacks), *note.values],
        read_as=_read_as(view.detected),
        notes=view.notes,
    )


def _seen_unchecked(upload: Upload, mapping: dict[str, str], fault: str) -> Seen:
    try:
        look = upload.look()
    except BatchError as exc:  # not even headers can be read
        return Seen(fault=str(exc))
    roles = (mapping.get(header) or CARRIED for header in look.headers)
    return Seen(columns=list(map(Column, look.headers, look.samples, roles)), fault=fault)


def _why(said: dict[str, str], header: str, role: str) -> str:
    if header in said:
        return "you said so"
    if role == CARRIED:
        return "no field of this name is known: it goes into the results as it is"
    if role == IGNORED:
        return "neither sent nor shown in the results"
    return "the field's own name" if header.strip() == role else "this header is known for it"


def _read_as(detected: Detected) -> str:
    sheet = detected.sheet and f"sheet “{detected.sheet}”"
    row = detected.header_row and f"header in row {detected.header_row}"
    return ", ".join(part for part in (detected.kind, detected.encoding, sheet, row) if part)
