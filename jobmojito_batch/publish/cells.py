"""Cells as text for people and spreadsheet programs, as polars expressions."""

import csv
import io
from collections.abc import Sequence
from typing import Final

import polars as pl

BOM: Final = b"\xef\xbb\xbf"
UTC_TIME: Final = pl.Datetime("us", "UTC")

_COULD_BE_FORMULA: Final = r"^[=@\t\r+\-]"
# With a sign in front: -1,5 and 5.55E+09 and 12 %, and phones such as +1 (555) 010-9999 x12.
# Digits and punctuation alone call nothing, so a spreadsheet can do no harm with them.
_NUMBER_OR_PHONE: Final = (
    r"^[+\-][ \x{A0}\x{202F}]?[0-9(.,][0-9 \x{A0}\x{202F}()./,\-]*"
    r"(?:[eE][+\-]?[0-9]+|[ ]?%|[ ]?(?:x|ext\.?)[ ]?[0-9]+)?$"
)


def harmless(cell: pl.Expr) -> pl.Expr:
    """
    Text *cell* with a leading `'` where a spreadsheet would run it as a formula; "" becomes null.

    Null stays null. Signed numbers and phones stay as they are.
    """
    is_formula = cell.str.contains(_COULD_BE_FORMULA) & ~cell.str.contains(_NUMBER_OR_PHONE)
    return (
        pl.when(is_formula)
        .then(pl.lit("'") + cell)
        .when(cell.ne(""))
        .then(cell)
        .name.keep()  # or every cell would be called literal, as its apostrophe is
    )


def with_harmless_text(frame: pl.DataFrame) -> pl.DataFrame:
    """*frame* with all its text `harmless`; only columns with a suspect are looked at closely."""
    texts = frame.select(pl.col(pl.String))
    is_suspect = texts.select(pl.all().str.contains(_COULD_BE_FORMULA).any()).row(0)
    # By their places: to pl.col a header such as `*` or `^x$` would be a pattern.
    suspects, others = (
        pl.DataFrame(
            [text for text, has_one in zip(texts, is_suspect, strict=True) if has_one is is_it]
        )
        for is_it in (True, False)
    )
    return frame.with_columns(
        *suspects.select(harmless(pl.all())),
        *others.select(pl.when(pl.all().ne("")).then(pl.all())),
    )


def csv_line(texts: Sequence[str], delimiter: str = ",") -> bytes:
    """*texts*, harmless, as one line of a CSV file in UTF-8."""
    cells = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    line = io.StringIO(newline="")
    writer = csv.writer(line, delimiter=delimiter, lineterminator="\n")
    writer.writerow(cells.select(harmless(pl.col("text")).fill_null(""))["text"])
    return line.getvalue().encode()


def utc_text(time: pl.Expr) -> pl.Expr:
    """A UTC *time* as ISO 8601 in milliseconds: `2026-03-04T05:06:07.089Z`."""
    return time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
