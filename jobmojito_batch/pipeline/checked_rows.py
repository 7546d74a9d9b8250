"""A row that was checked, as a person sees it: what is wrong with which of its cells."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jobmojito_batch.columns import CELL_PREFIX, FIRST_NAME, LAST_NAME, RESUME_FILE, ROW, SOURCE
from jobmojito_batch.normalise import NAME, RESUME
from jobmojito_batch.pipeline.odd_rows import EMAIL
from jobmojito_batch.pipeline.preview import faults_of
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.records import Fault

LONGEST_CELL: Final = 20_000
"""Characters of a cell that is shown to be corrected; a longer one is corrected in the file."""
_STANDS_FOR: Final = {NAME: (FIRST_NAME, LAST_NAME), RESUME: (RESUME_FILE,)}
NEVER_ALIKE: Final = (RESUME,)
"""Fields of which no two cells are at fault for the same text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyCell:
    """A cell at fault, as it may be corrected."""

    column: int
    header: str
    text: str = field(repr=False)
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRow:
    """A row as a person sees it."""

    row: int
    kind: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    position: str
    cells: tuple[FaultyCell, ...] = ()
    messages: tuple[str, ...] = ()
    """Faults that no cell can be corrected for."""

    @classmethod
    def of(
        cls,
        row: dict[str, Any],
        kind: str,
        layout: Layout,
        refused: dict[int, Fault],
        max_resume_characters: int,
    ) -> "CheckedRow":
        """From a row of the prepared frame, which the plan made a *kind* of."""
        faults: Sequence[Fault] = ()
        if kind == "invalid":
            row = {**row, SOURCE: layout.source}
            faults = faults_of(row, layout, refused, max_resume_characters=max_resume_characters)
        messages: defaultdict[int | None, list[str]] = defaultdict(list)
        for fault in faults:
            for column in _columns_of(fault.field, row, layout):
                messages[column].append(fault.message)
        return cls(
            row=row[ROW],
            kind=kind,
            name=_seen(row, NAME, layout),
            email=_seen(row, EMAIL, layout),
            position=_seen(row, "position_name", layout),
            cells=tuple(
                FaultyCell(
                    column=column,
                    header=layout.headers[column],
                    text=row[f"{CELL_PREFIX}{column}"] or "",
                    message=". ".join(said),
                )
                for column, said in messages.items()
                if column is not None
            ),
            messages=tuple(messages.get(None, ())),
        )


def _columns_of(name: str, row: dict[str, Any], layout: Layout) -> list[int | None]:
    """The columns whose cells can be corrected for a field at fault."""
    fields = layout.fields
    names = (name,) if name in fields else _STANDS_FOR.get(name, ())
    columns = [fields[part] for part in names if part in fields]
    short = [at for at in columns if len(row[f"{CELL_PREFIX}{at}"] or "") <= LONGEST_CELL]
    return [*short] or [None]


def _seen(row: dict[str, Any], name: str, layout: Layout) -> str:
    """A field as it was read, else its cell."""
    if row.get(name):
        return str(row[name])
    names = (name,) if name in layout.fields else _STANDS_FOR.get(name, ())
    columns = [layout.fields[part] for part in names if part in layout.fields]
    return " ".join(row[f"{CELL_PREFIX}{at}"] or "" for at in columns)
