"""Which file is whose: by the name in a cell, or by its stem."""

import re
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Final

from jobmojito_batch.intake.resumes.extract import READERS
from jobmojito_batch.intake.resumes.problem import ResumeProblem

SUFFIXES: Final = frozenset(READERS)
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


class ResumeFolder:
    """A folder of résumé files. Nothing outside of it is ever read."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

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
            path = _child(path, part)
        if not path.resolve().is_relative_to(self._root):
            raise ResumeProblem(
                "the résumé file is a link out of the folder of résumés; copy the file there"
            )
        if not path.is_file():
            raise ResumeProblem("what candidate_resume_file names is no file; name a file")
        if path.suffix.lower() not in SUFFIXES:
            raise ResumeProblem(
                f"{path.suffix or 'a file without suffix'} is not read; give one of "
                f"{', '.join(sorted(SUFFIXES))}"
            )
        return path

    def path_for(self, *stems: str | None) -> Path | None:
        """
        The file whose stem is one of *stems*, the first that has one; None where none has.

        Raises ResumeProblem where two files have that stem.
        """
        for stem in stems:
            found = self._by_stem.get(_folded(stem), []) if stem else []
            if len(found) > 1:
                raise ResumeProblem(
                    f"{len(found)} résumé files are called after this candidate; keep one, or name "
                    "it in candidate_resume_file"
                )
            if found:
                return found[0]
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        index: dict[str, list[Path]] = {}
        for path in sorted(self._root.iterdir()):
            is_ours = path.resolve().is_relative_to(self._root) and path.is_file()
            if path.suffix.lower() in SUFFIXES and is_ours:
                index.setdefault(_folded(path.stem), []).append(path)
        return index


def _child(folder: Path, name: str) -> Path:
    """The entry of *folder* called *name*, or the only one that differs by case alone."""
    if name in {"", "."}:
        return folder
    exact = folder / name
    if exact.exists():
        return exact
    try:
        alike = [path for path in folder.iterdir() if _folded(path.name) == _folded(name)]
    except OSError:
        alike = []
    if len(alike) == 1:
        return alike[0]
    raise ResumeProblem(
        "no file of that name in the folder of résumés; check candidate_resume_file, or say where "
        "the files are with --resumes FOLDER"
    )


def _folded(name: str) -> str:
    """A name as file systems compare it at their most lenient."""
    return unicodedata.normalize("NFC", name).casefold()
