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
# 10-1-26 typed into a spreadsheet is a date to it: a cell of a workbook is read as 2026-10-01, its
# CSV has it in the order of the country.
_A_DATE: Final = (
    r"(?i)^(?:(?:19|20)\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[t ]\d{2}:\d{2}.*)?"
    r"|(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|[12]\d|3[01])[./](?:19|20)\d{2})$"
)
_PLACEHOLDER: Final = (
    r"(?i)^(?:tb[acd]|to be (?:announced|confirmed|decided|defined|determined)|n/?[ad]|n\.[ad]\.?"
    r"|unknown|unbekannt|pending|missing|no id|0+|x+|\?+|\.+|_+)$"
)
NO_ID: Final = "|".join(
    pattern.removeprefix("(?i)") for pattern in (ROUNDED, _MADE_A_DATE, _A_DATE, _PLACEHOLDER)
)


def is_no_id(text: pl.Expr) -> pl.Expr:
    """Whether the text of an id tells nobody apart."""
    return text.str.contains(f"(?i){NO_ID}")


def an_id(text: pl.Expr) -> pl.Expr:
    """The id, or null where it is none."""
    return pl.when(~is_no_id(text)).then(text)
