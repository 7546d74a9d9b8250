"""
Where events go: to a file of JSON lines if one is named, to a run's page in Prefect, else nowhere.

A person's terminal shows sentences, never log lines. The one place for the command line, the flow,
`serve` and shards, each of which is a process of its own that asks the settings.
"""

import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Final

from jobmojito_batch.events import FIELDS, logger

STANDARD_ERROR: Final = "-"

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:+-]{1,80}")
"""Ids, codes, names of classes: nothing with an @, a blank or a slash in it."""
_TALKATIVE: Final = ("httpx", "httpcore", "aiohttp", "asyncio")
"""Libraries that log addresses, and what stands in them."""


@contextmanager
def logging_to(target: str | None) -> Iterator[str | None]:
    """
    Append events to *target* (a path, or `-`) meanwhile; gives why that cannot be, if it cannot.

    A process that does so already goes on as it did: the flow that a command runs logs once.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    keep_off_console()
    if target is None or any(isinstance(handler, _JsonLines) for handler in logger.handlers):
        yield None
        return
    try:
        handler = _ToStandardError() if target == STANDARD_ERROR else _ToFile(target)
    except OSError as exc:
        yield f"{target}: no log can be written there ({exc.strerror}); the run goes on without it"
        return
    handler.setFormatter(JsonFormatter())
    try:
        with _attached(handler):
            yield None
    finally:
        with suppress(OSError, ValueError):  # what could not be written cannot be flushed either
            handler.close()


@contextmanager
def logging_on_page(page: Log) -> Iterator[None]:
    """Show events on a run's page meanwhile."""
    with _attached(_PageHandler(page)):
        yield


def keep_off_console(*, is_terminal: bool = False, is_watched: bool = False) -> None:
    """
    Let no event reach the console that Prefect has put onto the root.

    Lines of a run's page do, as all of Prefect's, but not if it *is_terminal*, a command line's.
    Where somebody watches that (*is_watched*), Prefect tells of nothing but what goes wrong: the
    rest is said in sentences.
    """

    def passes(record: logging.LogRecord) -> bool:
        if is_watched and record.levelno < logging.WARNING:
            return False
        return not hasattr(record, "event") or (record.name != logger.name and not is_terminal)

    for handler in logging.getLogger().handlers:
        if type(handler).__module__.startswith("prefect."):
            handler.addFilter(passes)


@contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class JsonFormatter(logging.Formatter):
    """An event as one JSON object: what happened, and those of its fields that may be told."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": vars(record)["event"],
        }
        fields = vars(record)["fields"].items()
        told = {name: value for name, value in fields if name in FIELDS and _is_plain(value)}
        return json.dumps(line | told)


def _is_plain(value: object) -> bool:
    """Numbers, texts that are ids or codes by their looks, and collections of them."""
    match value:
        case int() | float():
            return math.isfinite(value)
        case str():
            return _PLAIN.fullmatch(value) is not None
        case Mapping():
            return all(map(_is_plain, [*value, *value.values()]))
        case list() | tuple():
            return all(map(_is_plain, value))
        case _:
            return False


class _JsonLines(logging.StreamHandler[Any]):
    """Takes events alone; what it cannot write it says once, and the run goes on without."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is an event."""
        return hasattr(record, "event")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - the library's
        """Give up, in one line."""
        logger.removeHandler(self)
        with suppress(Exception):
            fault = sys.exc_info()[1]
            sys.stderr.write(f"warning       the log ends here: {type(fault).__name__}\n")


class _ToStandardError(_JsonLines):
    def __init__(self) -> None:
        super().__init__(sys.stderr)


class _ToFile(_JsonLines, WatchedFileHandler):
    """A file of mode 600 that several processes append to; once it is rotated away, a new one."""

    def __init__(self, path: str) -> None:
        WatchedFileHandler.__init__(self, Path(path).expanduser(), encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        # A pipe that nobody reads is a fault, not something to wait for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        opened = os.open(self.baseFilename, flags, 0o600)
        return os.fdopen(opened, "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the library's own lets a folder that is gone end the caller."""
        try:
            WatchedFileHandler.emit(self, record)
        except OSError:
            self.handleError(record)


class _PageHandler(logging.Handler):
    """Hands events to the logger of a run, which Prefect shows on its page."""

    def __init__(self, page: Log) -> None:
        super().__init__(logging.INFO)  # a page is not for a line of each row
        self._page = page

    def emit(self, record: logging.LogRecord) -> None:
        """Log it there, as an event still."""
        told = {"event": vars(record).get("event")}
        self._page.log(record.levelno, "%s", record.getMessage(), extra=told)
