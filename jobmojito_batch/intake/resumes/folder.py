"""What a folder of résumés holds: the file that a cell names, and those that may be anybody's."""

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobmojito_batch.intake.resumes.extract import READERS
from jobmojito_batch.intake.resumes.problem import ResumeProblem

SUFFIXES: Final = frozenset(READERS)
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


_PICTURES: Final = frozenset({".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff"})
UNREAD: Final = _PICTURES | {".doc", ".docm", ".pages", ".wps"}
"""Suffixes of files that are no less a résumé for not being read: their people are told."""
MOST_FOLDERS_DEEP: Final = 3
_HIDDEN: Final = (".", "~$")
"""How files begin that systems and office programs leave beside a person's."""


@dataclass(frozen=True, slots=True)
class ResumeFile:
    """A file that may be called after somebody."""

    path: Path
    folder: str
    """The name of the folder it lies in; empty for the folder of résumés itself."""

    @property
    def is_read(self) -> bool:
        """Whether there is a reader for it."""
        return self.path.suffix.lower() in SUFFIXES

    @property
    def is_picture(self) -> bool:
        """Whether it may as well be a photo: nobody's where it is called after nobody."""
        return self.path.suffix.lower() in _PICTURES

    @property
    def stem(self) -> str:
        """The name without its suffix, as text, whatever its bytes are."""
        return readable(self.path.stem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a folder of résumés holds, subfolders included."""

    files: tuple[ResumeFile, ...] = ()
    unseen: int = 0
    """Links out of the folder, and folders that lie too deep or may not be listed."""
    others: int = 0
    """Files of kinds that are no résumé, or not known as one."""


class ResumeFolder:
    """A folder of résumé files. Nothing outside of it is ever read."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._entries: dict[Path, dict[str, list[Path]]] = {}
        """What lies in a folder by its folded name, looked at once."""

    def path_of(self, name: str) -> Path:
        """
        The file that a cell names, relative to the folder; case matters only where two files differ
        by nothing else.

        Raises ResumeProblem where the name leaves the folder, no file has it, or its suffix is not
        one of SUFFIXES.
        """
        parts = name.strip().replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or _DRIVE.match(name.strip()):
            raise ResumeProblem(
                "the résumé file's path leaves the folder of résumés; name a file inside it"
            )
        path = self._root
        for part in parts:
            path = self._child(path, part)
        if not path.resolve().is_relative_to(self._root):
            raise ResumeProblem(
                "the résumé file is a link out of the folder of résumés; copy the file there"
            )
        if not path.is_file():
            raise ResumeProblem("what candidate_resume_file names is no file; name a file")
        if path.suffix.lower() not in SUFFIXES:
            raise ResumeProblem(not_read(path))
        return path

    def relative(self, path: Path) -> str:
        """A file of the folder as a person names it."""
        return readable(path.relative_to(self._root).as_posix())

    def listing(self) -> Listing:
        """The files that may be called after somebody, to MOST_FOLDERS_DEEP folders down."""
        files: list[ResumeFile] = []
        unseen = 0
        folders = [(self._root, 0)]
        while folders:
            folder, depth = folders.pop()
            unseen += not os.access(folder, os.R_OK | os.X_OK)
            for path in _entries_of(folder):
                if path.name.startswith(_HIDDEN):
                    continue
                is_folder = path.is_dir()
                if not self._is_ours(path, is_folder=is_folder):
                    unseen += is_folder or path.suffix.lower() in SUFFIXES
                elif not is_folder:
                    files += [ResumeFile(path, readable(folder.name) if depth else "")]
                elif depth < MOST_FOLDERS_DEEP:
                    folders.append((path, depth + 1))
                else:
                    unseen += 1
        kinds = SUFFIXES | UNREAD
        ours = sorted((file for file in files if file.path.suffix.lower() in kinds), key=_place)
        return Listing(files=tuple(ours), unseen=unseen, others=len(files) - len(ours))

    def _is_ours(self, path: Path, *, is_folder: bool) -> bool:
        """No link out of the folder; no link to a folder at all, which would be seen twice."""
        if not path.is_symlink():
            return is_folder or path.is_file()
        return not is_folder and path.is_file() and path.resolve().is_relative_to(self._root)

    def _child(self, folder: Path, name: str) -> Path:
        """The entry of *folder* called *name*, or the only one that differs by case alone."""
        if name in {"", "."}:
            return folder
        exact = folder / name
        with suppress(OSError, ValueError):  # too long for a name, or no name at all
            if exact.exists():
                return exact
        if folder not in self._entries:
            by_name: dict[str, list[Path]] = {}
            for path in _entries_of(folder):
                by_name.setdefault(_folded(path.name), []).append(path)
            self._entries[folder] = by_name
        alike = self._entries[folder].get(_folded(name), [])
        if len(alike) == 1:
            return alike[0]
        raise ResumeProblem(
            "no file of that name in the folder of résumés; check candidate_resume_file, or say "
            "where the files are with --resumes FOLDER"
        )


def readable(name: str) -> str:
    """A name whose bytes are no UTF-8, as old archives leave them, with signs for what is lost."""
    return os.fsencode(name).decode("utf-8", "replace")


def not_read(path: Path) -> str:
    """What is wrong with a file of another kind."""
    return (
        f"{path.suffix or 'a file without suffix'} is not read; give one of "
        f"{', '.join(sorted(SUFFIXES))}"
    )


def _place(file: ResumeFile) -> Path:
    return file.path


def _entries_of(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where it may not be listed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _folded(name: str) -> str:
    """A name as file systems compare it at their most lenient."""
    return unicodedata.normalize("NFC", name).casefold()
