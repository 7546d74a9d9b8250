"""The results as a workbook: whom to send a link, all rows, and what came of the run in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import ALL_ROWS_SHEET, TECHNICAL_COLUMNS, TO_SEND_PREFIX, Outcome
from jobmojito_batch.publish.workbook import Column, SheetOfRows, fitting, open_workbook

TO_SEND_SHEET: Final = "To send"
ABOUT_SHEET: Final = "About"

_SINCE: Final = f"{TO_SEND_PREFIX}since"
NEW: Final = "new"
_TO_SEND: Final[Mapping[str, Column]] = {
    f"{TO_SEND_PREFIX}first_name": Column(header="First name", width=13),
    "candidate_name": Column(header="Name", width=21),
    "candidate_email": Column(header="E-mail", width=29),
    f"{TO_SEND_PREFIX}language": Column(header="Language", width=11),
    "position_name": Column(header="Position", width=24),
    "interview_url": Column(header="Link", width=34, is_link=True),
    _SINCE: Column(header="New or earlier", width=15),
    f"{TO_SEND_PREFIX}made_at": Column(header="Link made", width=20),
}
"""What the sheet shows, by column of the frames."""
TO_SEND_SCHEMA: Final = {name: pl.String() for name in _TO_SEND if name.startswith(TO_SEND_PREFIX)}
"""Columns of the frames that no other sheet shows; `since` is null where there is no link."""

OUTCOME_COLOURS: Final[Mapping[str, str]] = {
    Outcome.INVITED: "#C6EFCE",
    Outcome.ALREADY_APPLIED: "#E2EFDA",
    Outcome.ALREADY_DONE: "#E2EFDA",
    Outcome.REVIEW: "#FFEB9C",
    Outcome.REJECTED: "#FCE4D6",
    Outcome.DUPLICATE: "#E7E6E6",
    Outcome.INVALID: "#F8CBAD",
    Outcome.FAILED: "#F8CBAD",
    Outcome.UNKNOWN: "#D9C7EC",
    Outcome.NOT_SENT: "#DDEBF7",
}
# Name, address, position and link beside the outcome on a screen of 1366 pixels, 7 a character.
_WIDTHS: Final = {
    "outcome": 15,
    "candidate_name": 24,
    "candidate_email": 30,
    "position_name": 24,
    "interview_url": 38,
    "error_message": 60,
    "source": 24,
    "row": 8,
    "reason": 40,
    "profile_interview_id": 38,
    "attempts": 10,
    "http_status": 12,
    "sent_at": 26,
    "settled_at": 26,
    "run_id": 38,
}
_USUAL_WIDTH: Final = 20
_LEAST_WIDTH, _MOST_WIDTH = 12, 32


_OUTCOME_HEAD: Final = ("Outcome", "Rows", "What it means", "What to do")
_REASON_HEAD: Final = ("Reason", "Rows", "", "What to do")
_HEADS: Final = (_OUTCOME_HEAD, _REASON_HEAD)
_PROGRAM: Final = "jobmojito-batch "


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A run in words."""

    facts: tuple[tuple[str, str], ...]
    outcomes: tuple[tuple[str, int, str, str], ...]
    """Outcome, rows, what it means, what to do."""
    reasons: tuple[tuple[str, int, str], ...] = ()
    """Error code, rows, what to do."""
    steps: tuple[tuple[str, str], ...] = ()
    """What to do next, and the command for it."""


def write_results_workbook(
    path: Path, frames: Iterator[pl.DataFrame], columns: Sequence[str], about: About | None
) -> None:
    """
    Write *frames* to *path*: who has a link to the first sheet, all to the second, *about* last.

    They have *columns*, and those of TO_SEND_SCHEMA. Without *about* there is the second alone.
    Raises SettingsError where there are more rows than a sheet takes.
    """
    with open_workbook(path) as workbook:
        to_send = _sheet_of_links(workbook) if about is not None else None
        all_rows = SheetOfRows(workbook, ALL_ROWS_SHEET, [_column(name) for name in columns])
        new = 0
        for frame in frames:
            if to_send is not None:
                with_link = frame.filter(pl.col(_SINCE).is_not_null()).select(list(_TO_SEND))
                new += with_link.filter(pl.col(_SINCE) == NEW).height
                to_send.add(with_link)
            all_rows.add(pl.DataFrame([frame.get_column(name) for name in columns]))
        all_rows.finish()
        if to_send is not None and about is not None:
            to_send.finish()
            _write_about(workbook, about, new=new, earlier=to_send.rows - new)


def _sheet_of_links(workbook: Any) -> SheetOfRows:  # noqa: ANN401 - no types
    return SheetOfRows(workbook, TO_SEND_SHEET, list(_TO_SEND.values()))


def _column(name: str) -> Column:
    own_width = min(max(len(name) + 4, _LEAST_WIDTH), _MOST_WIDTH)
    is_technical = name in TECHNICAL_COLUMNS
    return Column(
        header=name,
        width=_WIDTHS.get(name, _USUAL_WIDTH if is_technical else own_width),
        is_link=name == "interview_url",
        is_folded=is_technical,
        colours=OUTCOME_COLOURS if name == "outcome" else None,
    )


def _write_about(workbook: Any, about: About, *, new: int, earlier: int) -> None:  # noqa: ANN401
    sheet = workbook.add_worksheet(ABOUT_SHEET)
    sheet.hide_gridlines(2)
    for number, width in enumerate((20, 9, 62, 66)):
        sheet.set_column(number, number, width)
    bold = workbook.add_format({"bold": True, "valign": "top"})
    plain = workbook.add_format({"valign": "top"})
    typed = workbook.add_format({"font_name": "Courier New"})
    colours = {
        text: workbook.add_format({"bg_color": colour, "valign": "top"})
        for text, colour in OUTCOME_COLOURS.items()
    }
    for row, cells in enumerate(_lines_of(about, f"{new:,} new, {earlier:,} earlier")):
        for column, value in enumerate(cells):
            if isinstance(value, int):
                sheet.write_number(row, column, value, plain)
            elif value:
                is_head = column == 0 or cells in _HEADS
                look = bold if is_head else typed if value.startswith(_PROGRAM) else plain
                is_outcome = column == 0 and len(cells) == len(_OUTCOME_HEAD)
                look = colours.get(value, look) if is_outcome else look
                sheet.write_string(row, column, fitting(value), look)


def _lines_of(about: About, links: str) -> Iterator[tuple[str | int, ...]]:
    """The sheet, cell by cell."""
    yield from (*about.facts, ("Links", links))
    yield from ((), _OUTCOME_HEAD, *about.outcomes)
    if about.reasons:
        yield from ((), _REASON_HEAD, *((code, n, "", todo) for code, n, todo in about.reasons))
    yield from ((), ("What to do next",))
    for why, command in about.steps:
        yield from (("", why), ("", command))
