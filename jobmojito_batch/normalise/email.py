"""E-mail addresses: one per cell, lower case, an international domain as the DNS has it."""

import re
from typing import Final

import polars as pl
from email_validator import EmailNotValidError, validate_email

from jobmojito_batch.normalise.text import by_distinct

_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{2,63}}$"
_MOST_BYTES: Final = 254
_MOST_LOCAL_BYTES: Final = 64

_WRAPPED: Final = r"^[^<>@]*<\s*([^<>]*?)\s*>[\s;,]*$"
_MAILTO: Final = r"^mailto:\s*([^?]*)(?:\?.*)?$"
# The signs that part addresses are no part of one here, although a slash may be.
_ADDRESS: Final = r"""[^\s,;/|<>()\[\]"]+@[^\s,;/|<>()\[\]"]+"""


def address(text: pl.Expr) -> pl.Expr:
    """The canonical address in a clean cell; null where there is none, or more than one."""
    bare = _unwrapped(text.str.to_lowercase())
    plain = _is_plain(bare)
    odd = by_distinct(pl.when(~plain).then(bare), read_odd)
    return pl.when(plain).then(bare).otherwise(odd)


def holds_several(text: pl.Expr) -> pl.Expr:
    """Whether a clean cell holds more than one thing that looks like an address."""
    return text.str.count_matches(_ADDRESS) > 1


def _unwrapped(text: pl.Expr) -> pl.Expr:
    return text.str.replace(_WRAPPED, "${1}").str.replace(_MAILTO, "${1}").str.strip_chars(" ,;\"'")


def _is_plain(text: pl.Expr) -> pl.Expr:
    """Valid beyond doubt; what is not plain may still be valid, which the RFCs decide."""
    return (
        text.str.contains(_PLAIN)
        & ~text.str.contains("xn--", literal=True)
        & (text.str.len_bytes() <= _MOST_BYTES)
        & (text.str.find("@", literal=True) <= _MOST_LOCAL_BYTES)
    )


def read_odd(text: str) -> str | None:
    """
    An address that is not plain, by the RFCs and without asking the DNS; None where it is none.

    The same address said twice, as in `a@b.com <a@b.com>`, is one.
    """
    found = set(re.findall(_ADDRESS, text))
    candidate = found.pop() if text.count("@") > 1 and len(found) == 1 else text
    try:
        valid = validate_email(candidate, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        return None
    # The domain as the DNS has it: two spellings of one domain must not be two people.
    return f"{valid.local_part}@{valid.ascii_domain}".lower()
