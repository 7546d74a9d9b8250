"""
The request log: JSON lines, one when a request arrives, one when its work is done, one when it
is answered.

Each line is one write to a file opened for appending, so what a killed client (or a killed
sandbox) did is all there. Never a token, never a résumé.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from jobmojito_batch.errors import SettingsError

Event = Literal["received", "created", "answered", "dropped", "hung_up", "unread"]
"""
created: the work of a create is done, for a repeat too (status already-applied, charged 0).
dropped: the sandbox closed the connection. hung_up: the client had gone before the answer.
unread: a request came on a connection that was closed already, and nobody has seen it.
"""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    time: str = field(default_factory=_now)
    number: int
    """Counts all requests from 1; the lines of one request share it."""
    event: Event
    method: str
    endpoint: str
    call: int | None = None
    attempt: int | None = None
    email: str | None = field(default=None, repr=False)
    position_name: str | None = None
    position_external_id: str | None = None
    position_def_set_id: str | None = None
    """As the request says; in a created line the position's own id is position_id."""
    position_id: str | None = None
    position_created: bool | None = None
    merchant_id: str | None = None
    """In a created line, where it is not the token's own."""
    status: str | None = None
    charged: float | None = None
    http_status: int | None = None
    fault: str | None = None
    request_id: str | None = None

    def line(self) -> bytes:
        """Return the entry as JSON, ending in a line feed."""
        members = ((item.name, getattr(self, item.name)) for item in fields(self))
        known = {name: value for name, value in members if value is not None}
        return json.dumps(known, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """Return the entry that *line* holds; members it does not know are left out."""
        known = {item.name for item in fields(cls)}
        members = json.loads(line)
        return cls(**{name: value for name, value in members.items() if name in known})


class RequestLog:
    """Where the lines go: to a file of mode 600, to memory, to both or nowhere."""

    def __init__(self, path: Path | None = None, *, is_kept: bool = False) -> None:
        self.entries: list[Entry] = []
        self._is_kept = is_kept
        self._file = _opened(path) if path else None

    def write(self, entry: Entry) -> None:
        """Append one line; it is with the operating system when this returns."""
        if self._is_kept:
            self.entries.append(entry)
        if self._file is not None:
            os.write(self._file, entry.line())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_log(path: Path) -> list[Entry]:
    """Return what a log file holds; a last line that was torn by a kill is left out."""
    *lines, _torn = path.read_bytes().split(b"\n")
    return [Entry.of_line(line) for line in lines if line]


def creates_per_invitation(log: Path | Iterable[Entry]) -> Counter[tuple[str, str]]:
    """
    How many creates did their work, by e-mail (as sent) and position name.

    A repeat counts although the API answers already-applied and charges nothing: 2 means that
    somebody was posted twice. A position sent by its id counts under its name, one of another
    merchant under its name and the merchant: "Cook @ 6a6f...".
    """
    entries = read_log(log) if isinstance(log, Path) else log
    return Counter(
        (entry.email or "", _position_of(entry)) for entry in entries if entry.event == "created"
    )


def _position_of(entry: Entry) -> str:
    name = entry.position_name or ""
    return f"{name} @ {entry.merchant_id}" if entry.merchant_id else name


def _opened(path: Path) -> int:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        path.chmod(0o600)  # an older file may be readable by others
    except OSError as exc:
        raise SettingsError(f"{path}: the log cannot be written ({exc.strerror})") from exc
    return file
