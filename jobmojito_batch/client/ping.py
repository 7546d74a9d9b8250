"""A dead man's switch: an address that is asked when a run is over, and rings where it is not."""

import threading
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from jobmojito_batch.urls import is_loopback

PATIENCE_SECONDS: Final = 10.0
"""How long an answer is waited for, all in all: a switch that hangs must not hold a night."""
FAIL: Final = "/fail"


class PingError(Exception):
    """The switch was not reached; the text quotes no address, since it is a password."""


def ping(
    url: str,
    *,
    is_failure: bool,
    patience_seconds: float = PATIENCE_SECONDS,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Ask *url*, with `/fail` behind its path if *is_failure*. Raises PingError."""
    target = _target(url, FAIL if is_failure else "")
    faults: list[str] = ["it did not answer in time"]

    def ask() -> None:
        try:
            _ask(target, patience_seconds, transport)
        except Exception as exc:  # noqa: BLE001 - whatever it is, its text may have the address
            faults.append(str(exc) if isinstance(exc, PingError) else type(exc).__name__)
        else:
            faults.clear()

    # In a thread: the library bounds each read by itself, and names are looked up without bounds.
    asking = threading.Thread(target=ask, name="ping", daemon=True)
    asking.start()
    asking.join(patience_seconds)
    if faults:
        raise PingError(faults[-1])


def _ask(url: str, patience_seconds: float, transport: httpx.BaseTransport | None) -> None:
    is_here = is_loopback(urlsplit(url).hostname)
    with (
        httpx.Client(
            timeout=patience_seconds, transport=transport, trust_env=not is_here
        ) as client,
        client.stream("GET", url) as answer,  # what it says is of no interest, however long
    ):
        if not answer.is_success:
            raise PingError(f"it answered {answer.status_code}")


def _target(url: str, suffix: str) -> str:
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and is_loopback(parts.hostname)
        )
    except ValueError:
        is_safe = False
    if not is_safe or not parts.hostname:
        raise PingError("it must begin with https://")
    return urlunsplit(
        parts._replace(path=parts.path.rstrip("/") + suffix if suffix else parts.path)
    )
