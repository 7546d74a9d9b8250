"""How a person is called in a letter: what stands in their first-name column, else in the name."""

from typing import Final

import polars as pl

from jobmojito_batch.normalise.text import said, tidy, visible

_TITLES: Final = (
    r"^(?:(?i:dr|prof|mrs?|ms|ing|mgr|bc|dipl|mag|mudr|judr|phdr|rndr|herr|frau)\.?[ \x{A0}]+)+"
)
_LAST_NAME_FIRST: Final = r"^[^\s,]+, *(.+)$"
_FIRST_WORD: Final = r"^([^\s,]+)"


def first_name(cell: pl.Expr | None, name: pl.Expr) -> pl.Expr:
    """What the *cell* of the first name says, if there is one, else what the full *name* does."""
    if cell is None:
        return first_name_in(name)
    return pl.coalesce(said(tidy(visible(cell)), is_name=True), first_name_in(name))


def first_name_in(name: pl.Expr) -> pl.Expr:
    """The first word of a full *name* that is no title; of `Lee, Ann` the one after the comma."""
    turned = name.str.strip_chars().str.replace(_LAST_NAME_FIRST, "${1}")
    untitled = turned.str.replace(_TITLES, "")
    return untitled.str.extract(_FIRST_WORD)
