"""Rows: what is wrong with which cell, corrected here."""

from pathlib import Path
from typing import Final

from starlette.responses import Response

from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.desk.wording import KINDS
from jobmojito_batch.errors import BatchError
from jobmojito_batch.file_names import stem_of
from jobmojito_batch.normalise import RESUME
from jobmojito_batch.pipeline import Change, Step, replaced, several
from jobmojito_batch.pipeline.output_paths import suffix_for

AT_ONCE: Final = 50
MOST_COMMON: Final = 8
_FAULTY: Final = "invalid"
_ALWAYS_SHOWN: Final = frozenset({_FAULTY, "to_send"})


def show(visit: Visit) -> Response:
    """The page."""
    upload = visit.upload
    checked = upload.checked()
    counts, headers, fields = checked.counts, checked.layout.headers, checked.layout.fields
    kind, start = _place(visit)
    total = counts.get(kind, 0)
    start = start if start < total else max(0, (total - 1) // AT_ONCE * AT_ONCE)
    common = checked.common_faults(MOST_COMMON) if kind == _FAULTY and total else []
    resume = fields.get(RESUME)
    return visit.page(
        "rows.html",
        counts={
            name: counts.get(name, 0) for name in KINDS if name in _ALWAYS_SHOWN or name in counts
        },
        kind=kind,
        rows=checked.rows(kind, start, AT_ONCE),
        start=start,
        total=total,
        at_once=AT_ONCE,
        columns=[(at, headers[at]) for at in sorted(fields.values()) if at != resume],
        common=[(column, headers[column], text, count) for column, text, count in common],
        steps=len(upload.corrections.steps),
        resume=resume,
    )


def correct(visit: Visit) -> Response:
    """Cells of the form that say something else than before."""
    upload = visit.upload
    said = {
        cell: _as_written(text)
        for name, text in visit.form.items()
        if isinstance(text, str) and (cell := _cell(name)) is not None
    }
    before = upload.checked().text_of(said)
    step = several(
        [
            Change(*cell, before[cell], text)
            for cell, text in said.items()
            if cell in before and text != _as_written(before[cell])
        ]
    )
    if step is not None:
        upload.take(step)
    return _changed(visit, "corrected" if step is not None else "nothing")


def leave_out(visit: Visit) -> Response:
    """A row is not to be sent."""
    upload, row = visit.upload, visit.number("row")
    if row not in upload.corrections.left_out and upload.checked().has([row]):
        upload.take(Step(left_out=(row,)))
    return _changed(visit, "left_out")


def replace(visit: Visit) -> Response:
    """One text in place of another, in a whole column."""
    upload, column = visit.upload, visit.number("column", otherwise=-1)
    checked = upload.checked()
    if not 0 <= column < len(checked.layout.headers):
        raise BatchError("there is no such column; choose one of the list")
    step = replaced(checked.column(column), column, visit.said("seen"), visit.said("text"))
    if step.changes:
        upload.take(step)
    return _changed(visit, "corrected" if step.changes else "nothing")


def undo(visit: Visit) -> Response:
    """The latest step is taken back."""
    return _changed(visit, "undone" if visit.upload.undo() else "nothing")


def download(visit: Visit) -> Response:
    """The corrected file, in the layout that it came in."""
    upload, file = visit.upload, visit.upload.note.file

    def write(folder: Path) -> Path:
        target = folder / f"{stem_of(file)}.corrected{suffix_for([file])}"
        with upload.lock:
            upload.checked().write_corrected(target)
        return target

    return visit.download(write)


def _changed(visit: Visit, said: str) -> Response:
    """The page anew: in place where htmx asks, by a redirect else, so that no reload repeats it."""
    if visit.is_partial:
        return show(visit)
    kind, start = _place(visit)
    return visit.go(f"{visit.home}/rows", show=kind, start=start, said=said)


def _place(visit: Visit) -> tuple[str, int]:
    """Which rows are looked at."""
    kind = visit.said("show")
    return kind if kind in KINDS else _FAULTY, visit.number("start")


def _cell(name: str) -> tuple[int, int] | None:
    """Row and column of a field of the form."""
    match name.split(":"):
        case ["cell", row, column] if row.isdecimal() and column.isdecimal():
            return int(row[:10]), int(column[:5])
    return None


def _as_written(text: str | None) -> str:
    """A text of a form as a file has it: forms end their lines with CR LF."""
    return (text or "").replace("\r\n", "\n")
