"""
Text as a person meant it: blanks, invisible characters, null words; and the keys that match it.

Everything here is an expression that works on one value at a time, so that a frame of any length
streams through it.
"""

from collections.abc import Callable, Sequence
from html import unescape
from typing import Final

import polars as pl

# Blanks among the control characters stay for now: they separate words.
_INVISIBLE: Final = r"[\p{Cc}\p{Cf}&&[^\t\n\x0B\f\r\x{85}]]+"
_LINE_BREAK: Final = r"\r\n?|[\x0B\f\x{85}\x{2028}\x{2029}]"
# These match only what has to change: a plain blank between two words is not touched, which
# matters where a résumé has hundreds of them.
_BLANKS: Final = r"[\s&&[^ ]]\s*| \s+"
_BLANKS_IN_LINE: Final = r"[\s&&[^ \n]][\s&&[^\n]]*| [\s&&[^\n]]+"
_BLANK_AT_LINE_END: Final = r" \n ?|\n "
# Spreadsheets and our own CSV files put an apostrophe before what would run as a formula. The
# repeat leaves nothing for a second normalising to find.
_APOSTROPHE: Final = r"^[\s']*'([=@+\-\t\r])"

_NULL_WORDS: Final = (
    r"[\-\x{2013}\x{2014}]+|n/a|n\. ?a\.|#n/a|#n/a n/a|#null!|<null>|\(null\)|\(none\)|\(blank\)"
    r"|null|not available|not applicable"
)
_NULL: Final = rf"(?i)^(?:{_NULL_WORDS}|none)?$"
_NULL_BUT_NONE: Final = rf"(?i)^(?:{_NULL_WORDS})?$"

# What a name may be: Jennifer Null is somebody, and `-`, `n/a` or `#N/A` is nobody.
_NO_NAME: Final = (
    r"(?i)^(?:[\-\x{2013}\x{2014}.]+|n/a|n\. ?a\.|#n/a|#n/a n/a|#null!|<null>|\(null\)|\(none\)"
    r"|\(blank\)|not available|not applicable)?$"
)
_ENTITY: Final = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
# What a spreadsheet is told so that it leaves an id alone: ="00123".
_QUOTED_FORMULA: Final = r'^\s*="((?:[^"]|"")*)"\s*$'

# Signs that are NFC whatever stands beside them. Nearly every cell has no others, and to compose a
# long résumé takes ten times as long as to look.
_NOT_SURELY_NFC: Final = (
    r"[^\x00-\x{2FF}\x{400}-\x{482}\x{48A}-\x{52F}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{20AC}]"
)

# Letters that Unicode does not take apart into a plain letter and an accent.
_PLAIN_LETTERS: Final = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe",
    "\u0131": "i", "ħ": "h",
}  # fmt: skip

# What full case folding does beyond lower case, as far as job titles go; polars only lowers.
_CASE_FOLDS: Final = {"ß": "ss", "ς": "\u03c3", "ŉ": "\u02bcn", "ǰ": "ǰ", "և": "եւ"}


# Cleaning is three steps, each over a column that the one before it has made: written as one
# expression, polars 2.1 works the first steps out twice, and a résumé is long.


def holds_entity(text: pl.Expr) -> pl.Expr:
    """Whether there is an HTML entity in the text."""
    return text.str.contains("&", literal=True) & text.str.contains(_ENTITY)


def visible(text: pl.Expr, *, undoes_entities: bool = True) -> pl.Expr:
    """
    Without zero-width and control characters; those that separate words stay.

    HTML entities are undone before, where there may be any, and the formula around a text that is
    to stay one.
    """
    quoted = text.str.contains('="', literal=True)
    inner = text.str.extract(_QUOTED_FORMULA, 1).str.replace_all('""', '"', literal=True)
    plain = pl.when(quoted).then(pl.coalesce(inner, text)).otherwise(text)
    bare = _without_entities(plain) if undoes_entities else plain
    return bare.str.replace_all(_INVISIBLE, "")


def _without_entities(text: pl.Expr) -> pl.Expr:
    """`R&amp;D` as `R&D`, made only for the cells that hold one."""
    holds_one = holds_entity(text)
    undone = by_distinct(pl.when(holds_one).then(text), unescape)
    return pl.when(holds_one).then(undone).otherwise(text)


def tidy(text: pl.Expr, *, multiline: bool = False) -> pl.Expr:
    """NFC, single blanks, none at the ends; multi-line text keeps its line breaks, as LF."""
    composed = _composed(text).str.replace(_APOSTROPHE, "${1}")
    if multiline:
        composed = composed.str.replace_all(_LINE_BREAK, "\n")
        single = composed.str.replace_all(_BLANKS_IN_LINE, " ").str.replace_all(
            _BLANK_AT_LINE_END, "\n"
        )
    else:
        single = composed.str.replace_all(_BLANKS, " ")
    return single.str.strip_chars()


def said(text: pl.Expr, *, none_is_a_value: bool = False, is_name: bool = False) -> pl.Expr:
    """
    Null where nothing is said, by blanks or a null word.

    *none_is_a_value* spares `none`; *is_name* spares every word, since people are called so.
    """
    words = _NULL_BUT_NONE if none_is_a_value else _NULL
    if is_name:
        words = _NO_NAME
    return pl.when(~text.str.contains(words)).then(text)


def _composed(text: pl.Expr) -> pl.Expr:
    """NFC, made only for the cells that may need it."""
    may_need_it = text.str.contains(_NOT_SURELY_NFC)
    composed = pl.when(may_need_it).then(text).str.normalize("NFC")
    return pl.when(may_need_it).then(composed).otherwise(text)


def folded(text: pl.Expr) -> pl.Expr:
    """Lower case without accents and punctuation, words parted by one blank."""
    return (
        text.str.normalize("NFKD")
        .str.to_lowercase()
        .str.replace_all(r"\p{Mn}+", "")
        .str.replace_many(_PLAIN_LETTERS)
        .str.replace_all(r"[^\p{L}\p{N}\p{Mc}]+", " ")
        .str.strip_chars()
    )


def compact(text: pl.Expr) -> pl.Expr:
    """Folded, and without blanks: `E-Mail`, `e mail` and `EMAIL` are one."""
    return folded(text).str.replace_all(" ", "", literal=True)


def casefolded(text: pl.Expr) -> pl.Expr:
    """Compatibility form, case folded, blanks collapsed: the form in which names are one."""
    return (
        text.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_many(_CASE_FOLDS)
        .str.replace_all(_BLANKS, " ")
        .str.strip_chars()
    )


def words_of_name(text: pl.Expr) -> pl.Expr:
    """The words of a name, folded and in one order: `Novak, Ana` and `ana novak` are one."""
    return folded(text).str.split(" ").list.sort().list.join(" ")


def keys_of(texts: Sequence[str], key: Callable[[pl.Expr], pl.Expr]) -> list[str]:
    """The keys of a few texts, made by the same expression that makes those of a frame."""
    series = pl.Series("text", texts, dtype=pl.String)
    return series.to_frame().select(key(pl.col("text"))).to_series().to_list()


def folded_name(text: str) -> str:
    """One name in the form in which names are one."""
    return keys_of([text], casefolded)[0]


def by_distinct(text: pl.Expr, read: Callable[[str], str | None]) -> pl.Expr:
    """*read* applied to each distinct value: for the few kinds of text no expression can judge."""

    def read_all(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        if distinct.is_empty():
            return values
        table = pl.DataFrame(
            {"from": distinct, "to": [read(value) for value in distinct]},
            schema={"from": pl.String, "to": pl.String},
        )
        looked_up = values.to_frame("from").join(
            table, on="from", how="left", maintain_order="left"
        )
        return looked_up["to"].alias(values.name)

    return text.map_batches(read_all, return_dtype=pl.String, is_elementwise=True)


def shortened(text: str, most: int = 40) -> str:
    """One line of at most *most* characters, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
