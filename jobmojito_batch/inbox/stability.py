"""When a file of an inbox is whole: it did not change between two looks, or its marker is there."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from jobmojito_batch.file_names import as_text, is_text

MARKER: Final = ".done"
"""`NAME.done` says that `NAME` is whole."""
_UNFINISHED: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", "~")

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Look:
    """A file at a moment; two that are alike tell that it did not change."""

    size: int
    changed_at: float
    """Unix seconds."""
    version: str = ""
    """An object's ETag; empty for a file."""


class Inbox(Protocol):
    """A folder, or a prefix of an object store. Raises InputError where it cannot be used."""

    @property
    def place(self) -> str:
        """What messages call it."""

    @property
    def appears_whole(self) -> bool:
        """Whether a name appears only when all of its bytes are there, as in an object store."""

    def look(self) -> dict[str, Look]:
        """The files that lie in it now by name, those of folders in it left out."""

    def aside(self) -> dict[str, int]:
        """What lies in it and is no file of its own, by kind: folders but ours, links, pipes."""

    def local(self, name: str) -> Path:
        """The file on this machine: where it lies, or a copy of mode 600."""

    def put_away(
        self,
        name: str,
        folder: str,
        *,
        sha256: str,
        note: str | None = None,
        run_id: str | None = None,
    ) -> str | None:
        """
        Move the file into *folder* (`done/2026-11-24`) of the inbox, its marker removed.

        Overwrites nothing: a name that is taken there gets a number. *note* is written beside it as
        `NAME.error.txt` under failed/, else `NAME.note.txt`; *run_id* is listed there. Gives the
        new name. None where the file is gone, and where it has another content by now, which has
        not been read: then it stays.
        """

    def earlier_runs(self) -> dict[str, str]:
        """The runs that files in done/ are listed with."""

    def remove_old_nights(self, *, before: str) -> int:
        """Remove what was put away on days before (`2026-11-24`); how many files went."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in an inbox."""

    whole: tuple[str, ...]
    """Names in order, the oldest first, so that a correction goes after what it corrects."""
    waiting: int
    """Files that still grow, or whose marker is not there."""
    others: tuple[str, ...] = field(default=(), compare=False)
    """Names that lie there and are not wanted."""
    growing: tuple[str, ...] = field(default=(), compare=False)
    """Those that are waited for."""
    unfinished: tuple[str, ...] = field(default=(), compare=False)
    """Names that say of themselves that they are still being written, or are a lock beside it."""
    nameless: tuple[str, ...] = field(default=(), compare=False)
    """Names that are no text, as far as they can be shown: neither noted nor listed."""


def find_whole(
    inbox: Inbox,
    *,
    is_input: Callable[[str, bool], bool],
    needs_markers: bool,
    stable_seconds: float,
    sleep: Sleep,
) -> Found:
    """
    The files of the inbox that are whole and that *is_input* wants by name, and marked or not.

    A second look follows after *stable_seconds*, only where a file without a marker asks for one.
    Raises InputError where the inbox cannot be read.
    """
    lying = inbox.look()
    first = {name: look for name, look in lying.items() if is_text(name)}
    wanted = {
        name: look
        for name, look in first.items()
        if _may_be_taken(name) and is_input(name, _has_marker(name, first))
    }
    marked = [name for name in wanted if _has_marker(name, first)]
    unmarked = [name for name in wanted if name not in marked]
    if needs_markers:
        whole = marked
    elif inbox.appears_whole or not unmarked:
        whole = [*wanted]
    else:
        sleep(stable_seconds)
        second = inbox.look()
        whole = [*marked, *(name for name in unmarked if second.get(name) == first[name])]
    whole.sort(key=lambda name: (first[name].changed_at, name))
    others = sorted(name for name in first if _may_be_taken(name) and name not in wanted)
    return Found(
        tuple(whole),
        waiting=len(wanted) - len(whole),
        others=tuple(others),
        growing=tuple(sorted(name for name in wanted if name not in whole)),
        unfinished=tuple(sorted(name for name in first if final_name(name) is not None)),
        nameless=tuple(sorted(as_text(name) for name in lying.keys() - first.keys())),
    )


def final_name(name: str) -> str | None:
    """What a file that is still being written will be called; None where it is not."""
    if name.startswith("."):
        return None
    if name.startswith("~$"):
        return name.removeprefix("~$")
    endings = [ending for ending in _UNFINISHED if name.lower().endswith(ending)]
    return name[: -len(endings[0])] if endings else None


def _may_be_taken(name: str) -> bool:
    """Neither hidden, nor the lock file of an open workbook, nor on its way, nor a marker."""
    return not name.startswith((".", "~$")) and not name.lower().endswith((*_UNFINISHED, MARKER))


def _has_marker(name: str, files: Mapping[str, Look]) -> bool:
    """Whether its marker is there; one that is older than the file was for a file before it."""
    marker = files.get(name + MARKER)
    return marker is not None and marker.changed_at >= files[name].changed_at


def sha256_of(path: Path) -> str:
    """The content of a file, as a hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
