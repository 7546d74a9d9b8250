"""Cells in which a spreadsheet says that it has no value: `#REF!`, `#BEZUG!`, `Err:502`."""

import re
from typing import Final

import polars as pl

from jobmojito_batch.normalise.text import true_where

NOT_CALCULATED: Final = "#NOT_CALCULATED!"
"""What intake puts into the cell of a formula that nobody has worked out yet."""

# Every language has words of its own, and all of them write them in one way: capitals between a #
# and a mark. Those for "not available" have no mark in some, so they are named.
_UNMARKED: Final = (
    r"#(?:N/A|N/A N/A|NV|N/D|N/B|I/T|YOK|PUUTTUU|HIÁNYZIK|NEDOSTUPNÝ|NENÍ_K_DISPOZICI"
    "|\u041d/\u0414"
    r"|GETTING_DATA|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY|UNKNOWN|EXTERNAL)|#{3,}"
    r"|(?:Err|Fehler|Erreur): ?\d{3}"
)
_WORD: Final = rf"#[¡¿]?\p{{Lu}}[\p{{Lu}}\p{{N}}_/.]* ?[!?]|{_UNMARKED}"
_SIGNS: Final = "#|Err|Fehler"
"""What each of them begins with: far sooner found than the whole."""
_BEGINS: Final = f"^(?:{_SIGNS})"
_WHOLE: Final = rf"^\s*(?:{_WORD})\s*$"
_AMONG_OTHERS: Final = rf"(?:^|\s)(?:{_WORD})(?:\s|$)"
_MARKED_IN_PYTHON: Final = re.compile(r"#[¡¿]?[^\W\d_][\w/.]* ?[!?]")
_UNMARKED_IN_PYTHON: Final = re.compile(_UNMARKED)


def is_error(text: pl.Expr) -> pl.Expr:
    """Whether the whole text is an error value."""
    return true_where(
        text,
        lambda cell: cell.str.contains(_BEGINS),
        lambda cell: cell.str.contains(_WHOLE),
    )


def holds_error(text: pl.Expr) -> pl.Expr:
    """Whether an error value is one of the words, as in a name joined from two cells."""
    return true_where(
        text,
        lambda cell: cell.str.contains(_SIGNS),
        lambda cell: cell.str.contains(_AMONG_OTHERS),
    )


def error_in(cell: str | None) -> str | None:
    """The error value that one cell is; the same as `is_error`, for a few cells."""
    text = (cell or "").strip().lstrip("'")
    is_marked = text == text.upper() and _MARKED_IN_PYTHON.fullmatch(text)
    return text if is_marked or _UNMARKED_IN_PYTHON.fullmatch(text) else None


def error_sentence(error: str) -> str:
    """What is wrong with a cell of that error, and what to do."""
    if error == NOT_CALCULATED:
        return (
            "the cell holds a formula that was never calculated; open the file in a spreadsheet "
            "program and save it, or write the value"
        )
    return (
        f"the cell holds an error ({error}), not a value; correct its formula where the file was "
        "made, or write the value"
    )
