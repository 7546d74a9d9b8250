"""
What an export is expected to become, as a table that a person can read, in NAME.expected.md.

`python -m tests.exports.expected NAME...` prints what it becomes now: read it before you keep it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from jobmojito_batch.cli.plan_view import detected_text
from jobmojito_batch.columns import FAULTS, FIRST_NAME, LAST_NAME, RESUME_FILE
from jobmojito_batch.errors import BatchError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Planned, RunRequest, plan_run

FOLDER = Path(__file__).parent

# What the exports lack, as a person would give it with --set; it stands in no table.
SET = {
    "candidate_country_code": "SK",
    "candidate_resume": "A résumé.",
    "position_name": "Porter",
    "position_location": "Bratislava",
    "position_country_code": "SK",
    "mojito_language_code": "en",
}


def becomes(path: Path) -> str:
    """The text of the expectation that fits what *path* becomes now."""
    try:
        planned = plan_run(
            RunRequest.of(InviteParameters(inputs=[str(path)], values=SET, results="unused.csv")),
            None,
        )
    except BatchError as exc:
        return f"refused: {exc}\n"
    try:
        return _described(planned)
    finally:
        planned.close()


def _described(planned: Planned) -> str:
    [view] = planned.inputs.views
    carried = [header for header, role in view.columns if role == "carried"]
    lines = [
        f"detected: {detected_text(view.detected)}",
        f"carried: {', '.join(carried) or '-'}",
        *(f"note: {note}" for note in view.notes),
        *(f"warning: {warning}" for warning in planned.preview.warnings),
        "",
        *_table(planned),
    ]
    return "\n".join(lines) + "\n"


def _table(planned: Planned) -> list[str]:
    fields = planned.inputs.layouts[0].fields
    columns = [name for name in fields if name not in {FIRST_NAME, LAST_NAME, RESUME_FILE}]
    if {FIRST_NAME, LAST_NAME} & set(fields) and "candidate_name" not in columns:
        columns.insert(0, "candidate_name")
    frame = pl.read_parquet(planned.spool.prepared)
    cells = frame.select("row", FAULTS, *sorted(columns)).cast(pl.String).fill_null("")
    rows = [list(cells.columns), *([_cell(text) for text in row] for row in cells.iter_rows())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    return [lines[0], _line(["-" * width for width in widths], widths), *lines[1:]]


def _cell(text: str) -> str:
    return text.replace("\n", "⏎").replace("|", "¦")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        target = FOLDER / f"{name}.expected.md"
        target.write_text(becomes(FOLDER / name), encoding="utf-8")
