"""What is a résumé, and what only stands in its cell: an address, a file name, `Yes`, base64."""

import re
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

import polars as pl

from jobmojito_batch.normalise.cell_errors import is_error
from jobmojito_batch.normalise.resume_notes import without_notes
from jobmojito_batch.normalise.text import by_distinct, changed_where, cleaned, true_where

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
# The source of a file that was put into a cell as text, without its control characters: as it is
# decoded in one way or another, as Python or a database writes bytes, or in hexadecimal digits.
_BEGIN_SOURCES: Final = [
    "%PDF", "%!PS", "PK", "\\x", "0x",
    "\u00d0\u00cf", "\u0110\u010e", "\ufffd\ufffd", "PNG", "JFIF",
    "255044462d", "504b0304", "d0cf11e0", "ffd8ff", "89504e47", "7b5c727466",
]  # fmt: skip
_SOURCE: Final = (
    r"(?i)^(?:b['\"])?(?:%PDF-\d|%!PS|PK!|PK\\x03|\\xd0\\xcf|\x{D0}\x{CF}\x{E0}\x{A1}\x{B1}"
    r"|\x{110}\x{10E}\x{155}|\x{FFFD}{2}\x{871}|.{0,3}PNG.{0,12}IHDR|.{0,10}JFIF"
    r"|(?:0x|\\x)?(?:255044462d|504b0304|d0cf11e0|ffd8ff|89504e47|7b5c727466)[0-9a-f]{20})"
    r"|^PK[\s\S]{0,200}(?:\[Content_Types\]|_rels/|word/|docProps/|mimetype|META-INF)"
)
_HEAD: Final = 24
"""Characters in which a source shows."""

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
# HTML, as it is left when invisible signs are gone.
_BEGINS_AS_HTML: Final = (
    r"(?i)^\s*<(?:!doctype\s+html|html|head|body|div|p|ul|ol|h[1-6]|table|section|article|main|span|"
    r"font|b|strong|a|center|pre)\b[^<>]*>"
)
_ENDS_OF_LINES: Final = (
    r"(?i)</(?:html|body|div|p|ul|ol|li|h[1-6]|table|tr|td|section|span|strong|b|a|font|pre)\s*>"
    r"|<br\s*/?>"
)
_FEWEST_ENDS: Final = 3
_NOT_SHOWN: Final = (
    r"(?is)<!--.*?-->|<script\b.*?</script\s*>|<style\b.*?</style\s*>|<title\b.*?</title\s*>"
)
_LINKS: Final = r"(?is)<a\b[^<>]*>.*?</a\s*>"
_BLOCK: Final = (
    r"(?i)</?(?:address|article|blockquote|body|br|center|dd|div|dl|dt|footer|h[1-6]|header|hr|html|"
    r"li|main|ol|p|pre|section|table|tbody|thead|tr|ul)\b[^<>]*>"
)
_CELL: Final = r"(?i)</?t[dh]\b[^<>]*>"
_TAG: Final = r"</?[A-Za-z!][^<>]*>"
_A_LINK: Final = "https://link"


def is_file_name(text: pl.Expr) -> pl.Expr:
    """Whether the whole text is the name of a file; an address is none."""
    is_address = [text.str.starts_with(begin) for begin in _BEGIN_ADDRESSES]
    return text.str.contains(_FILE_NAME) & ~pl.any_horizontal(is_address)


def is_cut(cell: pl.Expr) -> pl.Expr:
    """Whether a cell, as it was written, is of just the length at which Excel cuts."""
    size, count = cell.str.len_bytes(), cell.str.len_chars()
    is_it = (size >= CUT_BY_EXCEL) & ((size == CUT_BY_EXCEL) | (count == CUT_BY_EXCEL))
    return is_it.fill_null(value=False)


def without_tags(text: pl.Expr) -> pl.Expr:
    """The text of a résumé that is written in HTML; any other stays as it is."""
    return changed_where(text, _is_html, _text_of_html)


def _is_html(cell: pl.Expr) -> pl.Expr:
    """It begins with a tag and ends one, or has several ends of lines: not a word about `<div>`."""
    return true_where(
        cell,
        lambda some: some.str.contains_any(["</", "<br"], ascii_case_insensitive=True),
        lambda some: (
            (some.str.contains(_BEGINS_AS_HTML) & some.str.contains(_ENDS_OF_LINES))
            | (some.str.count_matches(_ENDS_OF_LINES) >= _FEWEST_ENDS)
        ),
    )


def _text_of_html(cell: pl.Expr) -> pl.Expr:
    """A line for each block; what is nothing but a link is the address that it is."""
    body = cell.str.replace_all(_NOT_SHOWN, " ")
    is_link = ~body.str.replace_all(_LINKS, " ").str.replace_all(_TAG, " ").str.contains(r"\pL")
    shown = body.str.replace_all(r"\s+", " ").str.replace_all(_BLOCK, "\n")
    lines = shown.str.replace_all(_CELL, " ").str.replace_all(_TAG, "")
    text = cleaned(lines.str.replace_all(r"\s*\n\s*", "\n"), multiline=True)
    is_link &= text.str.contains(r"\pL")
    return pl.when(~is_link).then(text).otherwise(pl.lit(_A_LINK))


def is_no_resume(text: pl.Expr, least: int) -> pl.Expr:
    """Whether it is an address, base64, points to a file, or has fewer than *least* letters."""
    return (
        _tells_less_than(least, text)
        | text.str.contains(_NO_TEXT)
        | text.str.starts_with(_RTF)
        | is_error(text)
        | _is_base64(text)
        | _is_source(text)
    )


def _tells_less_than(least: int, text: pl.Expr) -> pl.Expr:
    """
    Whether a short text has fewer characters beside what points to a file, or but points to one.

    Half of them are letters at least: a row of digits or of lines tells nothing.
    """

    def telling(short: str) -> str | None:
        rest = without_notes(_POINTERS.sub(" ", short)).strip()
        is_enough = len(rest) >= least and 2 * sum(map(str.isalpha, rest)) >= least
        return short if is_enough and not _POINTS_ELSEWHERE.search(short) else None

    is_short = text.str.len_chars() <= max(_SHORT, least)
    return is_short & by_distinct(pl.when(is_short).then(text), telling).is_null()


def _is_source(text: pl.Expr) -> pl.Expr:
    """What a program wrote for programs: a PDF, a Word document, a picture."""
    return true_where(
        text,
        lambda cell: cell.str.head(_HEAD).str.contains_any(
            _BEGIN_SOURCES, ascii_case_insensitive=True
        ),
        lambda cell: cell.str.contains(_SOURCE),
    )


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
