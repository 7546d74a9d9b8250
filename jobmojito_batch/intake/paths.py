"""Files, globs, folders and URIs → the files to read, each once, each with a name of its own."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.file_names import NO_TEXT, PACKED, as_text, is_text, without_packing
from jobmojito_batch.intake.errors import input_faults
from jobmojito_batch.intake.remote import name_of, remote_uris
from jobmojito_batch.intake.resumes import SUFFIXES as RESUME_SUFFIXES
from jobmojito_batch.urls import is_url, shown

DELIMITED: Final = frozenset({".csv", ".tsv", ".txt"})
WORKBOOKS: Final = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
LINES: Final = frozenset({".ndjson", ".jsonl"})
DOCUMENTS: Final = frozenset({".json"})
COLUMNAR: Final = frozenset({".parquet"})
SUFFIXES: Final = DELIMITED | WORKBOOKS | LINES | DOCUMENTS | COLUMNAR

_RESUMES: Final = RESUME_SUFFIXES | {".doc", ".pages", ".jpg", ".jpeg", ".png"}
_OUR_OUTPUTS: Final = (
    *("*.results.*", "*.errors.csv", "*.errors.xlsx", "*.errors.kept-*", "*.summary.json"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file to read."""

    path: Path
    """Where it lies; for a remote one, a file of its name in the current folder (not there)."""
    uri: str | None = field(default=None, repr=False)
    """Where a remote one is; a signed URI is a password."""


def local_path(text: str) -> Path:
    """The path that a person means: `~` and `~user` are homes, and `~$b.xlsx` is just a name."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def input_files(inputs: Sequence[str]) -> list[InputFile]:
    """
    The files that *inputs* (files, globs, folders, URIs) stand for, in that order, each once.

    Folders and globs leave out hidden files and what this program wrote itself, unless the glob
    asks for it (`*.errors.csv`). InputError where an input stands for nothing.
    """
    if not inputs:
        raise InputError("no input given; name at least one file, glob or folder")
    files: dict[Path | str, InputFile] = {}
    for text in inputs:
        if is_url(text):
            for uri in remote_uris(text):
                files.setdefault(uri, InputFile(path=Path(name_of(uri) or "input"), uri=uri))
            continue
        with input_faults(text):
            for path in _expanded(text):
                files.setdefault(path.resolve(), InputFile(path=_named(path)))
    return list(files.values())


def is_input_name(name: str, *, is_marked: bool) -> bool:
    """
    Whether a file of that name in an inbox is an export: none of ours, of a kind that is read.

    A .txt is taken for a résumé, and an unknown ending for something else, unless it is marked.
    """
    return _is_candidate(Path(name)) and (
        is_marked or (_is_table_name(name) and Path(without_packing(name)).suffix.lower() != ".txt")
    )


def left_lying(names: Sequence[str], *, are_alone: bool) -> tuple[str, ...]:
    """
    What to say of names in an inbox that are no inputs: ours are left out.

    Résumés lie beside an export, are often called after people, and are only counted; not worth a
    word unless nothing else came (*are_alone*).
    """
    foreign = [
        name
        for name in names
        if _is_candidate(Path(name)) and not name.endswith((".error.txt", ".note.txt"))
    ]
    resumes = Counter(
        suffix for name in foreign if (suffix := Path(name).suffix.lower()) in _RESUMES
    )
    others = [name for name in foreign if Path(name).suffix.lower() not in _RESUMES]
    counted = [f"{count} {suffix}" for suffix, count in sorted(resumes.items())]
    return (*others, *(counted if others or are_alone else []))


def _is_table_name(name: str) -> bool:
    """Whether the suffix is one of a table; of a compressed file the one before, if there is."""
    inner = Path(without_packing(name)).suffix.lower()
    return inner in SUFFIXES or (Path(name).suffix.lower() in PACKED and not inner)


def source_names(files: Sequence[InputFile]) -> list[str]:
    """What messages call each of *files*: its name, with as many folders as tell it apart."""
    parts = [
        Path(os.path.abspath(file.path)).parts  # noqa: PTH100 - links stay
        if file.uri is None
        else tuple(shown(file.uri).split("/"))
        for file in files
    ]
    names = [""] * len(files)
    depth = 0
    while "" in names:
        depth += 1
        tails = ["/".join(each[-depth:]) for each in parts]
        seen = Counter(tails)
        for number, tail in enumerate(tails):
            if not names[number] and (seen[tail] == 1 or depth >= len(parts[number])):
                names[number] = tail
    return names


def _named(path: Path) -> Path:
    """The path; InputError where results, ledger and messages could not name the file."""
    if not is_text(str(path.absolute())):
        raise InputError(f"{as_text(str(path.absolute()))}: {NO_TEXT}")
    return path


def _expanded(text: str) -> list[Path]:
    path = local_path(text)
    if path.is_dir():
        return _in_folder(path, text)
    if path.is_file():
        return [path]
    if path.exists():
        raise InputError(f"{text}: is neither a file nor a folder; copy its content into a file")
    if glob.has_magic(text):
        return _matching(path, text)
    raise InputError(f"{text}: no such file; check the name and the folder")


def _in_folder(folder: Path, text: str) -> list[Path]:
    usable = sorted(
        path
        for path in folder.iterdir()
        if _is_table_name(path.name) and _is_candidate(path) and path.is_file()
    )
    # Résumés often lie beside the spreadsheet, as .txt or in a .zip: those are inputs only where
    # nothing else is.
    chosen = [path for path in usable if not _may_be_resumes(path)] or usable
    if not chosen:
        raise InputError(
            f"{text}: a folder without inputs; looked for files ending in "
            f"{', '.join(sorted(SUFFIXES))}, also compressed ({', '.join(sorted(PACKED))})"
        )
    return chosen


def _may_be_resumes(path: Path) -> bool:
    return path.suffix.lower() == ".txt" or (
        path.suffix.lower() == ".zip" and not Path(path.stem).suffix
    )


def _matching(pattern: Path, text: str) -> list[Path]:
    wants_ours = _is_ours(pattern.name)
    matches = (Path(name) for name in glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - absolute patterns
    chosen = sorted(
        path for path in matches if path.is_file() and (wants_ours or _is_candidate(path))
    )
    if not chosen:
        raise InputError(f"{text}: no file matches; check the pattern and the folder")
    return chosen


def _is_candidate(path: Path) -> bool:
    """Neither hidden, nor the lock file of an open workbook, nor written by us."""
    return not path.name.startswith((".", "~$")) and not _is_ours(path.name)


def _is_ours(name: str) -> bool:
    plain = without_packing(name.lower())
    return any(fnmatch(plain, pattern) for pattern in _OUR_OUTPUTS)
