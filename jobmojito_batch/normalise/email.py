"""E-mail addresses: one per cell, lower case, an international domain as the DNS has it."""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

import polars as pl

from jobmojito_batch.normalise.text import by_distinct, changed_where, tidy, visible

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{2,63}}$"
# What nearly every address is, and `_PLAIN` as well: found out sooner.
_USUAL: Final = r"^[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}$"
_MOST_LABEL_BYTES: Final = 63
_MOST_BYTES: Final = 254
_MOST_LOCAL_BYTES: Final = 64
_MOST_ODD_LETTERS: Final = 2_000
"""No address is that long, however it is written and however often it is said in its cell."""

# Where nobody reads: what people type so that a form lets them go on.
_NOBODYS: Final = ("noemail@", "no-email@", "no_email@", "no.email@", "nomail@", "noreply@",
                   "no-reply@", "donotreply@", "do-not-reply@")  # fmt: skip
_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
"""Alphabets that are written in one word, with Latin letters too."""

_WRAPPED: Final = r"^[^<>@]*<\s*([^<>]*?)\s*>[\s;,]*$"
_MAILTO: Final = r"^mailto:\s*([^?]*)(?:\?.*)?$"
# The signs that part addresses are no part of one here, although a slash may be.
_ADDRESS: Final = r"""[^\s,;/|<>()\[\]"]+@[^\s,;/|<>()\[\]"]+"""


def address(text: pl.Expr) -> pl.Expr:
    """The canonical address in a clean cell; null where there is none, or more than one."""
    return changed_where(text.str.to_lowercase(), _is_unusual, _other_address)


def _is_unusual(text: pl.Expr) -> pl.Expr:
    return (
        ~text.str.contains(_USUAL)
        | text.str.contains_any(list(_NOBODYS))
        | (text.str.len_bytes() > _MOST_LABEL_BYTES)
    )


def _other_address(text: pl.Expr) -> pl.Expr:
    bare = _unwrapped(text)
    plain = _is_plain(bare)
    odd = by_distinct(pl.when(~plain).then(bare), read_odd)
    return pl.when(plain).then(bare).otherwise(odd)


def address_in(text: str) -> str | None:
    """The address in what somebody types, as a cell of an input would give it."""
    cell = pl.DataFrame({"cell": [text]}).select(address(tidy(visible(pl.col("cell")))))
    normalised: str | None = cell.item()
    return normalised


def is_nobodys(text: str) -> bool:
    """Whether the address in a cell is a valid one that nobody reads."""
    return text.strip().lower().startswith(_NOBODYS)


def holds_several(text: pl.Expr) -> pl.Expr:
    """Whether a clean cell holds more than one thing that looks like an address."""
    return text.str.count_matches(_ADDRESS) > 1


def _unwrapped(text: pl.Expr) -> pl.Expr:
    return text.str.replace(_WRAPPED, "${1}").str.replace(_MAILTO, "${1}").str.strip_chars(" ,;\"'")


def _is_plain(text: pl.Expr) -> pl.Expr:
    """Valid beyond doubt; what is not plain may still be valid, which the RFCs decide."""
    return (
        text.str.contains(_PLAIN)
        & ~text.str.contains_any(list(_NOBODYS))
        & ~text.str.contains("xn--", literal=True)
        & (text.str.len_bytes() <= _MOST_BYTES)
        & (text.str.find("@", literal=True) <= _MOST_LOCAL_BYTES)
    )


def read_odd(text: str) -> str | None:
    """
    An address that is not plain, by the RFCs and without asking the DNS; None where it is none.

    The same address said twice, as in `a@b.com <a@b.com>` or a link `[a@b.com](mailto:a@b.com)`,
    is one. A name or a domain of two alphabets is none: letters that look alike make another's
    address. Nor is one that is nobody's.
    """
    from email_validator import EmailNotValidError, validate_email

    # A file that stands in the column, as base64: to look for addresses in it takes minutes.
    if len(text) > _MOST_ODD_LETTERS:
        return None
    addresses = {said.removeprefix("mailto:") for said in re.findall(_ADDRESS, text)}
    candidate = addresses.pop() if text.count("@") > 1 and len(addresses) == 1 else text
    try:
        valid = validate_email(candidate, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        return None
    if valid.local_part.lower() + "@" in _NOBODYS or _is_of_two_alphabets(valid):
        return None
    # The domain as the DNS has it: two spellings of one domain must not be two people.
    return f"{valid.local_part}@{valid.ascii_domain}".lower()


def _is_of_two_alphabets(address: "ValidatedEmail") -> bool:
    """In the name, or in the domain, whose last label is the registry's and counts alone."""
    below_registry = address.domain.rpartition(".")[0]
    return any(len(_alphabets(part)) > 1 for part in (address.local_part, below_registry))


def _alphabets(text: str) -> set[str]:
    named = {_alphabet(letter) for letter in text if letter.isalpha()}
    return named - {"LATIN", *_EAST_ASIAN} if named & _EAST_ASIAN else named


@cache
def _alphabet(letter: str) -> str:
    """`LATIN`, `CYRILLIC`: the first word of the letter's name in Unicode."""
    return unicodedata.name(letter, "").partition(" ")[0]
