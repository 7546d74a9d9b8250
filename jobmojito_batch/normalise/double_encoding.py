"""Text that was encoded twice: `JosÃ©` for `José`, where the way back is certain."""

from typing import Final

import polars as pl

from jobmojito_batch.normalise.text import by_distinct

# The two or three bytes of a letter in UTF-8, as Western, Eastern and Cyrillic pages show them: a
# capital with an accent before a sign that is none of a word.
_SIGNS: Final = (
    r"\x{80}-\x{BF}\x{2C6}-\x{2DD}\x{2013}-\x{203A}\x{20AC}\x{2122}\x{152}\x{153}\x{160}\x{161}"
    r"\x{178}\x{17D}\x{17E}\x{192}\x{102}-\x{105}\x{10E}-\x{111}\x{139}-\x{13E}\x{154}-\x{165}"
    r"\x{179}-\x{17C}"
)
_CYRILLIC_SIGNS: Final = (
    r"\x{80}-\x{BF}\x{402}-\x{40F}\x{452}-\x{45F}\x{490}\x{491}\x{2013}-\x{203A}\x{2122}"
)
_TWICE: Final = rf"[Â-ÅÎÏÐÑØÙĂĹâ][{_SIGNS}]|(?:[\x{{420}}\x{{421}}][{_CYRILLIC_SIGNS}]){{2}}"


def may_be_twice(text: pl.Expr) -> pl.Expr:
    """Whether the text looks like it; next to nothing to find out for plain ones."""
    is_accented = text.str.len_bytes() != text.str.len_chars()
    return is_accented & pl.when(is_accented).then(text).str.contains(_TWICE)


def undone(text: pl.Expr) -> pl.Expr:
    """As it was before it was encoded for the second time."""
    looks_so = may_be_twice(text)
    return pl.when(looks_so).then(by_distinct(pl.when(looks_so).then(text), once)).otherwise(text)


def once(text: str) -> str:
    """*text* as it was; the library changes nothing that could be meant as it stands."""
    if text.isascii():
        return text
    import ftfy  # noqa: PLC0415 - few exports need it, and every command would wait for it

    return ftfy.fix_encoding(text)
