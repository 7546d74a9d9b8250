"""Domains of e-mail addresses that look like a slip of a common one. A warning, never a fault."""

from collections.abc import Iterable
from typing import Final

# Worth a warning: where most private addresses of our languages are.
_COMMON: Final = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com",
    "protonmail.com", "seznam.cz", "centrum.cz", "centrum.sk", "zoznam.sk", "t-online.de",
    "freenet.de", "orange.fr", "wanadoo.fr", "laposte.net", "libero.it", "interia.pl",
    "hotmail.fr", "hotmail.es", "hotmail.it", "hotmail.de", "hotmail.co.uk", "yahoo.fr",
    "yahoo.es", "yahoo.it", "yahoo.de", "yahoo.co.uk", "outlook.fr", "outlook.es", "outlook.de",
)  # fmt: skip
# One letter away from a common one, and providers of their own.
_REAL: Final = frozenset(
    {
        "mail.com", "email.com", "ymail.com", "fmail.com", "hmail.com", "gmail.de", "gmx.com",
        "yahoo.ca", "yahoo.cz", "yahoo.cn", "yahoo.co", "centrum.pl", "outlook.cz", "outlook.sk",
        "outlook.at", "outlook.be", "outlook.it", "outlook.dk", "outlook.pt", "outlook.ie",
        "hotmail.ch", "hotmail.be", "hotmail.at", "hotmail.se", "hotmail.nl", "hotmail.no",
        "hotmail.dk", "hotmail.cz", "hotmail.sk", "hotmail.ca", "yahoo.se", "yahoo.dk", "yahoo.gr",
        "yahoo.in", "yahoo.ie", "yahoo.pl", "yahoo.at", "yahoo.be", "yahoo.nl", "yahoo.no",
        "yahoo.pt", "yahoo.ro", "yahoo.hu", "orange.pl", "orange.sk", "orange.es", "orange.be",
    }
)  # fmt: skip


def domain_slips(domains: Iterable[str]) -> dict[str, str]:
    """Those *domains* (lower case) that are one slip from a common one → that one."""
    known = {*_COMMON, *_REAL}
    return {
        domain: meant
        for domain in domains
        if domain not in known and (meant := _meant(domain)) is not None
    }


def _meant(domain: str) -> str | None:
    return next((common for common in _COMMON if _is_one_slip(domain, common)), None)


def _is_one_slip(domain: str, other: str) -> bool:
    """A letter wrong, missing or too much, or two that changed places."""
    if len(domain) > len(other):
        domain, other = other, domain
    if len(other) - len(domain) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(domain, other, strict=False)) if a != b), len(domain)
    )
    if len(domain) < len(other):
        return domain[start:] == other[start + 1 :]
    swapped = domain[start + 1 : start + 2] + domain[start : start + 1] + domain[start + 2 :]
    return domain[start + 1 :] == other[start + 1 :] or swapped == other[start:]
