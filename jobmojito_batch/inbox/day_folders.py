"""
The folder of a day, in done/, failed/ or a results folder: what is in it of ours, its removal.

A list in the folder names the files that we put there and the runs they are of. Only folders with
such a list are ever removed, and of them only the files on it.
"""

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from jobmojito_batch.file_names import ending_of, stem_of
from jobmojito_batch.inbox.stability import sha256_of

LIST: Final = ".jobmojito-batch"
FILE: Final = "file "
RUN: Final = "run "
_RESERVED: Final = "reserved "
"""Names for the files of a run: by which process, for which contents, `/` between the names."""
_FREE: Final = "free "
_KEPT: Final = "kept "
_LF: Final = "\n"
_NUL: Final = "\0"
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MODE: Final = 0o700
"""Results hold links that open interviews, inputs hold résumés."""


class NightFolder:
    """The folder of one day. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._noted: set[str] = set()

    @classmethod
    def made(cls, path: Path) -> Self:
        """The folder, made with its list where it is absent."""
        path.parent.mkdir(mode=_MODE, parents=True, exist_ok=True)
        path.mkdir(mode=_MODE, exist_ok=True)
        (path / LIST).touch(mode=0o600)
        return cls(path)

    def free_stem(
        self,
        stem: str,
        endings: tuple[str, ...],
        *,
        contents: Collection[str] = (),
        is_alive: Callable[[str], bool] = lambda _: True,
    ) -> str:
        """
        *stem*, or *stem*-2 and so on: no file of that stem and an ending is there or listed.

        Save for what a run that came to nothing had reserved: one that gave it back, or whose
        process does not live any more. Files that it made are replaced only where all *contents*
        it read are read again: the ledger knows who was invited, so the new files have all of it.
        """
        present = {path.name for path in self.path.iterdir()}
        taken = {*_listed(self.path, FILE), *present}
        for name, (owner, read) in _reserved(self.path).items():
            is_over = not owner or not is_alive(owner)
            if is_over and (name not in present or (read and read.issubset(contents))):
                taken.discard(name)
        number, free = 1, stem
        while any(f"{free}{ending}" in taken for ending in endings):
            number += 1
            free = f"{stem}-{number}"
        return free

    def note_files(self, *names: str) -> None:
        """List files before they are made, so that one that a crash leaves is on the list."""
        self._noted.update(names)
        self._append("".join(f"{FILE}{written(name)}\n" for name in names))

    def reserve(self, *names: str, owner: str, contents: Collection[str]) -> None:
        """List the files of a run before they are made, by which process and what it reads."""
        self.note_files(*names)
        self._append(f"{_RESERVED}{owner} {','.join(contents) or '-'} {written(*names)}\n")

    def give_back(self, *names: str) -> None:
        """
        Let the next run of the day have names that were reserved: all files were left to it.

        So a night that is tried again leaves one set of results.
        """
        self._append(f"{_FREE}{written(*names)}\n")

    def keep(self, *names: str) -> None:
        """Let nobody have the names any more: what was read is done with."""
        self._append(f"{_KEPT}{written(*names)}\n")

    def note_run(self, run_id: str) -> None:
        """List the run whose files these are."""
        if run_id not in _listed(self.path, RUN):
            self._append(f"{RUN}{run_id}\n")

    def take_in(self, source: Path, sha256: str) -> str | None:
        """
        Move a file here under a name that is free; gives that.

        It is looked at after the move, when nobody finds it by its name any more: one that is gone
        or has another content than *sha256* is not taken, and lies where it lay.
        """
        stem, ending = stem_of(source.name), ending_of(source.name)
        name = self.free_stem(stem, (ending,)) + ending
        self.note_files(name)
        try:
            moved = _moved(source, self.path, name)
        except FileNotFoundError:
            return None
        if sha256_of(moved) != sha256:
            _moved(moved, source.parent, source.name)
            return None
        return moved.name

    def write(self, name: str, text: str) -> None:
        """A short text beside the files, one line."""
        self.note_files(name)
        descriptor = os.open(self.path / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text.replace("\n", " ") + "\n")

    def remove_if_unused(self) -> None:
        """Remove the folder where nothing came into it and no other run means to write there."""
        if not self.path.is_dir() or [path.name for path in self.path.iterdir()] != [LIST]:
            return
        if self._noted.issuperset(_listed(self.path, FILE)) and not _listed(self.path, RUN):
            (self.path / LIST).unlink()
            with suppress(OSError):  # somebody put a file there just now
                self.path.rmdir()

    def _append(self, text: str) -> None:
        with (self.path / LIST).open("a+b") as file:
            # A line that a full disk or a crash cut off does not take this one with it.
            is_cut = file.tell() and file.seek(-1, os.SEEK_END) and file.read(1) != b"\n"
            file.write(f"{_LF if is_cut else ''}{text}".encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())


def _lines_of(content: bytes) -> list[str]:
    """The lines of a list. Only LF ends one: a name may hold what else does for Python."""
    return content.decode("utf-8", "surrogateescape").replace(os.linesep, _LF).split(_LF)


def written(*names: str) -> str:
    """Names in one line; none of them holds a NUL, which stands for LF."""
    return "/".join(names).replace(_LF, _NUL)


def _names(text: str) -> list[str]:
    return text.replace(_NUL, _LF).split("/")


def _parts(text: str) -> tuple[str, str, str]:
    """Owner, contents and names; of a line that was cut off there may be no names."""
    owner, _, more = text.partition(" ")
    read, _, names = more.partition(" ")
    return owner, read, names


def _reserved(night: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Names that are reserved: owner (empty where given back), contents that were read for them."""
    reserved: dict[str, tuple[str, frozenset[str]]] = {}
    for line in _lines_of((night / LIST).read_bytes()):
        if line.startswith(_RESERVED):
            owner, read, names = _parts(line.removeprefix(_RESERVED))
            contents = frozenset() if read == "-" else frozenset(read.split(","))
            reserved |= dict.fromkeys(_names(names), (owner, contents))
        elif line.startswith(_FREE):
            for name in _names(line.removeprefix(_FREE)):
                reserved[name] = ("", reserved[name][1] if name in reserved else frozenset())
        elif line.startswith(_KEPT):
            for name in _names(line.removeprefix(_KEPT)):
                reserved.pop(name, None)
    return reserved


def _moved(source: Path, folder: Path, name: str) -> Path:
    """The file in another folder of the file system, under a number where the name is taken."""
    number, target = 1, folder / name
    while True:
        try:
            # The empty file holds the name against everybody else, so that nothing is replaced.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            number += 1
            target = folder / f"{stem_of(name)}-{number}{ending_of(name)}"
    try:
        return source.replace(target)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def earlier_runs(parent: Path) -> dict[str, str]:
    """The runs that the nights in a folder of days are of, each with its folder."""
    return {run_id: str(night) for night in _nights(parent) for run_id in _listed(night, RUN)}


def remove_old_nights(parent: Path, *, before: str) -> int:
    """
    Remove our files of days before (`2026-11-24`); how many went.

    A folder is removed where nothing else is in it. One without our list, and a link, is left.
    """
    return sum(_remove(night) for night in _nights(parent) if night.name < before)


def _nights(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(
        path
        for path in parent.iterdir()
        if DAY.fullmatch(path.name)
        and not path.is_symlink()
        and (path / LIST).is_file()
        and not (path / LIST).is_symlink()
    )


def _listed(night: Path, what: str) -> list[str]:
    return listed((night / LIST).read_bytes(), what)


def listed(content: bytes, what: str) -> list[str]:
    """The names of files (FILE) or the runs (RUN) on a list."""
    named = (line.removeprefix(what) for line in _lines_of(content) if line.startswith(what))
    return [name.replace(_NUL, _LF) for name in named]


def _remove(night: Path) -> int:
    removed = 0
    for name in dict.fromkeys(_listed(night, FILE)):
        # A name with a folder in it is none that we wrote.
        if name != Path(name).name or not (night / name).is_file():
            continue
        (night / name).unlink()
        removed += 1
    if [path.name for path in night.iterdir()] == [LIST]:
        (night / LIST).unlink()
        with suppress(OSError):  # somebody put a file there just now
            night.rmdir()
    return removed
