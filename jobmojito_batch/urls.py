"""Addresses: what is one, which lead to this machine, what of one a message may show."""

import ipaddress
import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_LOGIN: Final = re.compile(r"://[^/]*@")


def scheme_of(text: str) -> str | None:
    """What stands before `://`, in small letters; None if *text* is a path."""
    scheme = _SCHEME.match(text)
    return scheme[1].lower() if scheme is not None else None


def is_url(text: str) -> bool:
    """Whether *text* is an address, of the web or of an object store; else it is a path."""
    return _SCHEME.match(text) is not None


def shown(url: str) -> str:
    """
    A path as it is, an address for messages: without a login before its host and without what
    follows a question mark, which may be a key that opens the file.
    """
    return _LOGIN.sub("://", url.partition("?")[0], count=1) if is_url(url) else url


@lru_cache(maxsize=64)  # the links of a run have one host, and each is looked at
def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def leads_here(url: str) -> bool:
    """Whether the address is one of this machine."""
    try:
        return is_loopback(urlsplit(url).hostname)
    except ValueError:
        return False
