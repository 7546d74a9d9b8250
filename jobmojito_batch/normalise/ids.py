"""Ids that are none: a number that a spreadsheet rounded, a date it made, a word for "later"."""

from typing import Final

import polars as pl

from jobmojito_batch.normalise.fields import EXTERNAL

IDS: Final = ("position_external_id", "position_def_set_id", EXTERNAL)

ROUNDED: Final = r"^[+-]?(?:\d[eE]\+|\d[.,]\d+[eE]\+?)\d{2,3}$"
"""`2.02511E+13`, `2.0E15` of Java: whichever id it was, others are rounded to the same."""
_MADE_A_DATE: Final = (
    r"(?i)^(?:\d{1,2}[.\-/ ]?(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)"
    r"|(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[.\-/ ]?\d{1,4})\.?$"
)
_PLACEHOLDER: Final = (
    r"(?i)^(?:tb[acd]|to be (?:announced|confirmed|decided|defined|determined)|n/?[ad]|n\.[ad]\.?"
    r"|unknown|unbekannt|pending|missing|no id|0+|x+|\?+|\.+|_+)$"
)
NO_ID: Final = f"{ROUNDED}|{_MADE_A_DATE.removeprefix('(?i)')}|{_PLACEHOLDER.removeprefix('(?i)')}"


def is_no_id(text: pl.Expr) -> pl.Expr:
    """Whether the text of an id tells nobody apart."""
    return text.str.contains(f"(?i){NO_ID}")


def an_id(text: pl.Expr) -> pl.Expr:
    """The id, or null where it is none."""
    return pl.when(~is_no_id(text)).then(text)
