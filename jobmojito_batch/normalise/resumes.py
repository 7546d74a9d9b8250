"""What is a résumé, and what only stands in its cell: an address, a file name, `Yes`, base64."""

import re
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

import polars as pl

from jobmojito_batch.normalise.cell_errors import is_error
from jobmojito_batch.normalise.text import by_distinct, true_where

CUT_BY_EXCEL: Final = 32_767
"""As many characters as a cell of Excel holds: a text of just that length was probably cut."""

_SUFFIX: Final = r"\.(?:pdf|docx?|odt|rtf|txt|md|html?|pages|tex|jpe?g|png|tiff?|zip)"
_FILE_NAME: Final = rf"(?i)^[^\n<>|\"?*]{{1,200}}{_SUFFIX}$"
_ADDRESSES: Final = r"(?:(?:https?|ftp|file)://\S+|www\.\S+)(?:[\s,;|]+(?:https?://|www\.)\S+)*"
_BEGIN_ADDRESSES: Final = ("http://", "https://", "ftp://", "file://", "www.")
_BARE: Final = (
    r"(?:yes|no|y|n|x|true|false|ja|nein|oui|non|s[ií]|[áa]no|nie|tak|available|attached"
    r"|(?:see|siehe|voir|ver|viz) \w+(?: \w+)?|[\d.,/ -]+)[.!]?"
)
# One pattern for both: polars keeps few of them compiled, and one more has them all compiled anew
# for each part of a large input.
_NO_TEXT: Final = rf"(?i)^(?:{_ADDRESSES}|{_BARE})$"
_BASE64: Final = r"^(?:data:[\w/+.\-]+;base64,)?[A-Za-z0-9+/\n]{60,}={0,2}$"
_KINDS: Final = (ascii_uppercase, ascii_lowercase, digits)
_RTF: Final = "{\\rtf"

_SHORT: Final = 300
"""Characters up to which a text is looked at for what it tells beside addresses and file names."""
_POINTERS: Final = re.compile(
    rf"""
    \S+://\S+ | www\.\S+ | \S+@\S+                                   # addresses
    | (?:^|(?<=[;,|\n]))[^\n<>|"?*;,]{{1,200}}{_SUFFIX}(?=\s*(?:[;,|\n]|$))  # a list of files
    | [\w-]*(?:\([\w\ ]*\))?{_SUFFIX}\b                               # a file in a sentence
    | "\w+"\s*: | \b(?:application|image|text)/[\w.+-]+               # an upload as JSON
    """,
    re.IGNORECASE | re.VERBOSE,
)
_POINTS_ELSEWHERE: Final = re.compile(
    r"""
    \b(?:see|find|refer\ to|view|siehe|voir|ver|viz|patrz|vedi|zie)\b .{0,60}?
    (?: attach | enclosed | anhang | anlage | ci-joint | pi[eè]ce\ jointe | adjunt | anexo
      | p[rř][ií]lo[hz] | załącz | bijlage | allegat )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_file_name(text: pl.Expr) -> pl.Expr:
    """Whether the whole text is the name of a file; an address is none."""
    is_address = [text.str.starts_with(begin) for begin in _BEGIN_ADDRESSES]
    return text.str.contains(_FILE_NAME) & ~pl.any_horizontal(is_address)


def is_no_resume(text: pl.Expr, least: int) -> pl.Expr:
    """Whether it is an address, base64, points to a file, or has fewer than *least* letters."""
    return (
        _tells_less_than(least, text)
        | text.str.contains(_NO_TEXT)
        | text.str.starts_with(_RTF)
        | is_error(text)
        | _is_base64(text)
    )


def _tells_less_than(least: int, text: pl.Expr) -> pl.Expr:
    """
    Whether a short text has fewer characters beside what points to a file, or but points to one.

    Half of them are letters at least: a row of digits or of lines tells nothing.
    """

    def telling(short: str) -> str | None:
        rest = _POINTERS.sub(" ", short).strip()
        is_enough = len(rest) >= least and 2 * sum(map(str.isalpha, rest)) >= least
        return short if is_enough and not _POINTS_ELSEWHERE.search(short) else None

    is_short = text.str.len_chars() <= max(_SHORT, least)
    return is_short & by_distinct(pl.when(is_short).then(text), telling).is_null()


def _is_base64(text: pl.Expr) -> pl.Expr:
    """A long run of its letters without a blank, of all three kinds."""
    return true_where(
        text,
        lambda cell: ~cell.str.contains(" ", literal=True),
        lambda cell: (
            cell.str.contains(_BASE64)
            & pl.all_horizontal(cell.str.contains_any(list(kind)) for kind in _KINDS)
        ),
    )
