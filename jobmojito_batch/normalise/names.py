"""Names that are none: a number, a date, an address; and the letters that a file has lost."""

import re
from typing import Final

import polars as pl

from jobmojito_batch.normalise.text import true_where

LETTERS_LOST: Final = (
    "letters were lost when the file was written (\ufffd or ?); write them again, or export it "
    "as UTF-8"
)
NO_NAME: Final = (
    "this is no name of a person, but a number, a date, an address or signs; write the name, or "
    "say which column has it with --map"
)

# A program that saves in a code page writes ? for each letter that the page lacks (spreadsheets'
# "CSV" of Polish or Japanese names). At the end of a word it may be a question.
_BESIDE_LETTERS: Final = "\ufffd|\\?\\?|{0}\\?{0}|(?:^|\\s)\\?{0}"
_LOST: Final = _BESIDE_LETTERS.format(r"\p{L}")
_LOST_IN_PYTHON: Final = re.compile(_BESIDE_LETTERS.format(r"[^\W\d_]"))
_ADDRESS: Final = r"[^\s@]@[^\s@]+\.[^\s@]|(?i:https?://|^www\.)"
_LETTER: Final = r"\p{L}"


def has_lost_letters(text: pl.Expr) -> pl.Expr:
    """Whether letters were replaced by a sign that stands for none."""
    return true_where(
        text,
        lambda cell: cell.str.contains_any(["\ufffd", "?"]),
        lambda cell: cell.str.contains(_LOST),
    )


def is_no_name(text: pl.Expr) -> pl.Expr:
    """Whether what stands in the place of a name is nobody's: no letter in it, or an address."""
    return true_where(
        text,
        lambda cell: (
            cell.str.contains_any(["@", "://", "www.", "WWW."]) | ~cell.str.contains(_LETTER)
        ),
        lambda cell: cell.str.contains(_ADDRESS) | ~cell.str.contains(_LETTER),
    )


def name_sentence(name: str | None) -> str:
    """What is wrong with a *name* that is none, or has lost letters, and what to do."""
    return LETTERS_LOST if name and _LOST_IN_PYTHON.search(name) else NO_NAME
