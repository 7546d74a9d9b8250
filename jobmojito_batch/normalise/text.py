"""
Text as a person meant it: blanks, invisible characters, null words; and the keys that match it.

Everything here is an expression that works on one value at a time, so that a frame of any length
streams through it.
"""

import functools
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
    r"[\-\x{2013}\x{2014}]+|n/a|n\. ?a\.|#n/a|#n/a n/a|<null>|\(null\)|\(none\)|\(blank\)"
    r"|null|not available|not applicable"
)
_NULL: Final = rf"(?i)^(?:{_NULL_WORDS}|none)?$"
_NULL_BUT_NONE: Final = rf"(?i)^(?:{_NULL_WORDS})?$"

# What a name may be: Jennifer Null is somebody, and `-` or `n/a` is nobody. `#N/A` stays: half a
# name that could not be looked up makes no name of the other half (cell_errors.py).
_NO_NAME: Final = (
    r"(?i)^(?:[\-\x{2013}\x{2014}.]+|n/a|n\. ?a\.|<null>|\(null\)|\(none\)"
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

# What cleaning leaves as it is, sign for sign, so that one look spares a cell all steps: of the
# signs that are surely NFC these are neither blank nor invisible.
_KEPT: Final = (
    r"!-~\x{A1}-\x{AC}\x{AE}-\x{2FF}\x{400}-\x{482}\x{48A}-\x{52F}\x{2010}-\x{2027}"
    r"\x{2030}-\x{205E}\x{20AC}"
)
_MAY_CHANGE_IN_LINE: Final = rf"[^ {_KEPT}]|  |^[ '=]| $"
_MAY_CHANGE: Final = rf"[^ \n{_KEPT}]|  | \n|\n |^[ \n'=]|[ \n]$"

_MOST_REMEMBERED: Final = 20_000

# Letters that Unicode does not take apart into a plain letter and an accent.
_PLAIN_LETTERS: Final = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe",
    "\u0131": "i", "ħ": "h",
}  # fmt: skip

# What full case folding does beyond lower case, as far as job titles go; polars only lowers.
_CASE_FOLDS: Final = {"ß": "ss", "ς": "\u03c3", "ŉ": "\u02bcn", "ǰ": "ǰ", "և": "եւ"}


# Polars keeps 32 patterns compiled in each thread. One more, and all are compiled anew for each
# part of a large input, longer than all else takes: so a pattern is asked for in the parts
# that have a cell for it (`changed_where`, `true_where`).


def changed_where(
    text: pl.Expr, needs_it: Callable[[pl.Expr], pl.Expr], change: Callable[[pl.Expr], pl.Expr]
) -> pl.Expr:
    """*change* made to the values that need it; nothing is done to a part that has none."""
    cell = pl.col("text")
    asked, changed = needs_it(cell).fill_null(value=False).alias("is"), change(cell)

    def change_some(values: pl.Series) -> pl.Series:
        frame = values.to_frame("text")
        is_one = frame.select(asked)["is"]
        if not is_one.any():
            return values
        return _put_back(frame.filter(is_one).select(changed)["text"], is_one, values)

    return text.map_batches(change_some, return_dtype=pl.String, is_elementwise=True)


def true_where(
    text: pl.Expr, may_be: Callable[[pl.Expr], pl.Expr], is_so: Callable[[pl.Expr], pl.Expr]
) -> pl.Expr:
    """*is_so* of the values of which a cheap look says that they may be; false of all others."""
    cell = pl.col("text")
    asked, answered = may_be(cell).fill_null(value=False).alias("is"), is_so(cell).alias("is")

    def answer(values: pl.Series) -> pl.Series:
        frame = values.to_frame("text")
        is_one = frame.select(asked)["is"]
        if is_one.any():
            true = frame.filter(is_one).select(answered)["is"]
            is_one = _put_back(true, is_one, is_one)
        return is_one.alias(values.name)

    return text.map_batches(answer, return_dtype=pl.Boolean, is_elementwise=True)


def _put_back(some: pl.Series, are_these: pl.Series, values: pl.Series) -> pl.Series:
    """*values* with *some* in the places that *are_these*."""
    if len(some) == len(values):
        return some.alias(values.name)
    at = pl.select((are_these.cum_sum().cast(pl.Int64) - 1).clip(0).alias("at"))["at"]
    return some.gather(at).zip_with(are_these, values).alias(values.name)


def cleaned(text: pl.Expr, *, multiline: bool = False, undoes_entities: bool = True) -> pl.Expr:
    """Text without what is invisible, tidy; see `visible` and `tidy`."""
    return changed_where(
        text,
        lambda cell: may_change(cell, multiline=multiline, undoes_entities=undoes_entities),
        lambda cell: tidy(visible(cell, undoes_entities=undoes_entities), multiline=multiline),
    )


def may_change(text: pl.Expr, *, multiline: bool = False, undoes_entities: bool = True) -> pl.Expr:
    """Whether `visible` and `tidy` may make anything else of it, as of few cells."""
    signs = text.str.contains(_MAY_CHANGE if multiline else _MAY_CHANGE_IN_LINE)
    return signs | text.str.contains("&", literal=True) if undoes_entities else signs


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
    return changed_where(text, _may_fold, _casefolded).str.to_lowercase()


def _may_fold(text: pl.Expr) -> pl.Expr:
    """Whether there is more to do than to lower it."""
    is_accented = text.str.len_bytes() != text.str.len_chars()
    return is_accented | may_change(text, undoes_entities=False)


def _casefolded(text: pl.Expr) -> pl.Expr:
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


@functools.lru_cache(maxsize=1024)
def folded_name(text: str) -> str:
    """One name in the form in which names are one."""
    return keys_of([text], casefolded)[0]


def code_by_key(text: pl.Expr, key: Callable[[pl.Expr], pl.Expr], codes: pl.DataFrame) -> pl.Expr:
    """The code of a name in *codes* (`key` → `code`); null where there is none."""

    def read(names: pl.Series) -> pl.Series:
        keys = names.to_frame("name").select(key(pl.col("name")).alias("key"))
        return keys.join(codes, on="key", how="left", maintain_order="left")["code"]

    return _each_distinct(text, read)


def by_distinct(text: pl.Expr, read: Callable[[str], str | None]) -> pl.Expr:
    """*read* applied to each distinct value: for the few kinds of text no expression can judge."""
    return _each_distinct(
        text, lambda values: pl.Series([read(value) for value in values], dtype=pl.String)
    )


def _each_distinct(text: pl.Expr, read: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    """What *read* makes of the distinct values, in their order; remembered from part to part."""
    known: dict[str, str | None] = {}

    def read_all(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        if distinct.is_empty():
            return values
        texts = distinct.to_list()
        if new := [text for text in texts if text not in known]:
            known.update(zip(new, read(pl.Series(new, dtype=pl.String)), strict=True))
        codes = pl.Series([known[text] for text in texts], dtype=pl.String)
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        return _each_by_its_own(values, distinct, codes).alias(values.name)

    return text.map_batches(read_all, return_dtype=pl.String, is_elementwise=True)


def _each_by_its_own(values: pl.Series, distinct: pl.Series, codes: pl.Series) -> pl.Series:
    if len(distinct) == 1:
        only = pl.when(values.is_not_null()).then(pl.lit(codes[0], dtype=pl.String))
        return values.to_frame().select(only.alias("to"))["to"]
    table = pl.DataFrame({"from": distinct, "to": codes})
    return values.to_frame("from").join(table, on="from", how="left", maintain_order="left")["to"]


def shortened(text: str, most: int = 40) -> str:
    """One line of at most *most* characters, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
