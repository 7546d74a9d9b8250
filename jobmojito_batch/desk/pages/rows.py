"""Rows: what is wrong with which cell, corrected here."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from jobmojito_batch.desk.visit import Visit, number
from jobmojito_batch.desk.wording import KINDS
from jobmojito_batch.errors import BatchError
from jobmojito_batch.file_names import stem_of
from jobmojito_batch.normalise import RESUME
from jobmojito_batch.pipeline import (
    Change,
    CheckedInput,
    CheckedRow,
    Step,
    replaced,
    several,
)
from jobmojito_batch.pipeline.output_paths import suffix_for

AT_ONCE: Final = 50
MOST_COMMON: Final = 8
_FAULTY: Final = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsView:
    """What the page shows."""

    counts: list[tuple[str, int]]
    kind: str
    rows: list[CheckedRow]
    start: int
    total: int
    columns: list[tuple[int, str]]
    """Those that Replace in column offers."""
    common: list[tuple[int, str, str, int]] = field(repr=False)
    """Faulty cells that occur often: column, header, text, how often."""
    steps: int
    long_fields: frozenset[int]
    """Columns whose cells may have several lines."""

    @property
    def after(self) -> int | None:
        """Where the next rows begin."""
        return self.start + AT_ONCE if self.start + AT_ONCE < self.total else None

    @property
    def before(self) -> int | None:
        """Where the rows before begin."""
        return max(0, self.start - AT_ONCE) if self.start else None


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit)


def correct(visit: Visit) -> Response:
    """Cells of the form that say something else than before."""
    opened = visit.open
    said = {cell: text for name, text in visit.form.items()
            if isinstance(text, str) and (cell := _cell(name)) is not None}  # fmt: skip
    before = opened.checked().text_of(said)
    step = several(
        [
            Change(row, column, before[row, column], _as_written(text))
            for (row, column), text in said.items()
            if (row, column) in before and _as_written(text) != _as_written(before[row, column])
        ]
    )
    if step is not None:
        opened.take(step)
    return _changed(visit, "corrected" if step is not None else "nothing")


def leave_out(visit: Visit) -> Response:
    """A row is not to be sent."""
    row = number(visit.said("row"))
    opened = visit.open
    if row not in opened.upload.corrections.left_out and opened.checked().has([row]):
        opened.take(Step(left_out=(row,)))
    return _changed(visit, "left_out")


def replace(visit: Visit) -> Response:
    """One text in place of another, in a whole column."""
    opened = visit.open
    checked = opened.checked()
    column = number(visit.said("column"), otherwise=-1)
    seen, text = visit.said("seen"), visit.said("text")
    if not 0 <= column < len(checked.layout.headers):
        raise BatchError("there is no such column; choose one of the list")
    step = replaced(checked.column(column), column, seen, text)
    if step.changes:
        opened.take(step)
    return _changed(visit, "corrected" if step.changes else "nothing")


def undo(visit: Visit) -> Response:
    """The latest step is taken back."""
    return _changed(visit, "undone" if visit.open.undo() else "nothing")


def download(visit: Visit) -> Response:
    """The corrected file, in the layout that it came in."""
    note = visit.open.upload.note
    suffix = suffix_for([note.file])
    folder = tempfile.TemporaryDirectory(prefix="jobmojito-desk-")
    target = Path(folder.name) / f"corrected{suffix}"
    try:
        visit.open.write_corrected(target)
    except BaseException:
        folder.cleanup()
        raise
    name = f"{stem_of(note.file)}.corrected{suffix}"
    return FileResponse(target, filename=name, background=BackgroundTask(folder.cleanup))


def _changed(visit: Visit, said: str) -> Response:
    """The page anew: in place where htmx asks, by a redirect else, so that no reload repeats it."""
    if visit.is_partial:
        return _page(visit)
    kind, start = _place(visit)
    return visit.go(f"{visit.home}/rows", show=kind, start=str(start), said=said)


def _page(visit: Visit) -> Response:
    checked = visit.open.checked()
    kind, start = _place(visit)
    steps = len(visit.open.upload.corrections.steps)
    return visit.page(
        "rows.html",
        view=_view(checked, kind, start, steps),
        home=visit.home,
        to_send=checked.counts.get("to_send", 0),
    )


def _place(visit: Visit) -> tuple[str, int]:
    """Which rows are looked at: as the form says, else the address."""
    kind = visit.said("show") or visit.query.get("show", _FAULTY)
    start = visit.said("start") or visit.query.get("start", "0")
    return kind if kind in KINDS else _FAULTY, number(start)


def _view(checked: CheckedInput, kind: str, start: int, steps: int) -> RowsView:
    counts = checked.counts
    total = counts.get(kind, 0)
    start = start if start < total else max(0, (total - 1) // AT_ONCE * AT_ONCE)
    headers = checked.layout.headers
    resume = checked.layout.fields.get(RESUME)
    common = checked.common_faults(MOST_COMMON) if kind == _FAULTY and total else []
    fields = sorted(checked.layout.fields.values())
    return RowsView(
        counts=[
            (name, counts.get(name, 0))
            for name in KINDS
            if counts.get(name) or name in {"invalid", "to_send"}
        ],
        kind=kind,
        rows=checked.rows(kind, start, AT_ONCE),
        start=start,
        total=total,
        columns=[(at, headers[at]) for at in fields if at != resume],
        common=[(column, headers[column], text, count) for column, text, count in common],
        steps=steps,
        long_fields=frozenset({resume} if resume is not None else ()),
    )


def _cell(name: str) -> tuple[int, int] | None:
    """Row and column of a field of the form."""
    kind, _, place = name.partition(":")
    row, _, column = place.partition(":")
    is_cell = kind == "cell" and row.isdecimal() and column.isdecimal()
    return (int(row[:10]), int(column[:5])) if is_cell else None


def _as_written(text: str | None) -> str:
    """A text of a form as a file has it: forms end their lines with CR LF."""
    return (text or "").replace("\r\n", "\n")
