"""Drafts in a folder: a message for each person, and a table for a mail merge."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish import write_fault, written_whole

TABLE: Final = "letters.xlsx"
_DRAFT: Final = re.compile(r"\d{4,}(-[a-z0-9-]+)?\.eml")
_MOST_OF_A_NAME: Final = 40
_COLUMNS: Final = {
    "name": 26,
    "first_name": 16,
    "email": 32,
    "language": 10,
    "subject": 44,
    "link": 48,
    "position": 30,
    "source": 24,
    "row": 8,
    "external_id": 16,
    "text": 24,
    "file": 32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message and its line of the table; no repr shows a person."""

    folded_name: str
    """The name in plain letters, for the file's name."""
    message: EmailMessage
    line: dict[str, str | int | None]
    """The table's cells, but for the file."""

    def __repr__(self) -> str:
        return "<Draft>"


def earlier_drafts(folder: Path) -> list[Path]:
    """What an earlier run has left in a folder."""
    if not folder.is_dir():
        return []
    return sorted(
        file for file in folder.iterdir() if file.name == TABLE or _DRAFT.fullmatch(file.name)
    )


def check_folder(folder: Path, *, replaces: bool) -> None:
    """
    Make the folder. Raises SettingsError where it cannot be, or has drafts that stay.

    Old and new drafts side by side would have somebody written to twice.
    """
    old = earlier_drafts(folder)
    if old and not replaces:
        raise SettingsError(
            f"{folder}: has {len(old)} files of earlier letters ({old[0].name}, …); choose another "
            "folder, or say --replace to have them removed"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise write_fault(folder, exc) from None


def write_drafts(folder: Path, drafts: Iterable[Draft]) -> int:
    """
    Write drafts in place of earlier ones, the table last; how many.

    Each file whole and for its owner alone. Raises what `written_whole` raises.
    """
    for old in earlier_drafts(folder):
        with suppress(FileNotFoundError):
            old.unlink()
    lines: list[dict[str, str | int | None]] = []
    for number, draft in enumerate(drafts, start=1):
        name = _file_name(number, draft.folded_name)
        with written_whole(folder / name) as path:
            path.write_bytes(draft.message.as_bytes())
        lines.append(draft.line | {"file": name})
    with written_whole(folder / TABLE) as path:
        _write_table(path, lines)
    return len(lines)


def _file_name(number: int, folded_name: str) -> str:
    """A number keeps it apart from all others, and from names that a system keeps for itself."""
    plain = re.sub(r"[^a-z0-9]+", "-", folded_name)[:_MOST_OF_A_NAME].strip("-")
    return f"{number:04}-{plain}.eml" if plain else f"{number:04}.eml"


def _write_table(path: Path, lines: Sequence[dict[str, str | int | None]]) -> None:
    import xlsxwriter  # noqa: PLC0415 - most who load this module want no workbook

    workbook = xlsxwriter.Workbook(str(path), {"in_memory": True})
    try:
        _fill(workbook, lines)
    finally:
        workbook.close()


def _fill(workbook: Any, lines: Sequence[dict[str, str | int | None]]) -> None:  # noqa: ANN401 - untyped
    sheet = workbook.add_worksheet("Letters")
    bold = workbook.add_format({"bold": True})
    for column, (name, width) in enumerate(_COLUMNS.items()):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, bold)
        for row, line in enumerate(lines, start=1):
            value = line.get(name)
            if isinstance(value, int):
                sheet.write_number(row, column, value)
            elif value:
                sheet.write_string(row, column, value)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(lines), len(_COLUMNS) - 1)
