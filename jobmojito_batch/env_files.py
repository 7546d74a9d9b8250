"""
`.env` files: where they lie, whose word counts, and what a folder may not set.

A folder is not trusted because one stands in it: exports arrive as unpacked archives, and what is
in one may have been put there by anybody (issue 13, spec section 4). So a file in the current
folder is read only where it is the person's own, and only for what harms nobody. The file in the
program's configuration folder and the one of `--env-file` were chosen by the person.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Final

import platformdirs
from dotenv import dotenv_values

from jobmojito_batch.errors import SettingsError

APP_NAME: Final = "jobmojito-batch"
PREFIX: Final = "JOBMOJITO_"
NAME: Final = ".env"
LARGEST_BYTES: Final = 1_000_000

STRICTLY: Final = ("utf-8-sig",)
ANYHOW: Final = ("utf-8-sig", "utf-16", "latin-1")
"""How a file may be written, UTF-16 by PowerShell; each but the last refuses the others."""

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_AS_IT_LIES: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)
"""Opening neither follows a link nor waits for somebody who writes into a pipe."""
_OURS: Final = re.compile(rb"(?<!\w)JOBMOJITO_\w+['\"]?[ \t]*=", re.IGNORECASE)


class Origin(StrEnum):
    """Where a file comes from; the first wins."""

    GIVEN = "--env-file"
    OWN = "configuration folder"
    HERE = "current folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """A file with settings, and what of it counts."""

    path: Path
    origin: Origin
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By variable, in capitals; what is blank is not there."""
    refused: tuple[str, ...] = ()
    """Variables that a folder may not set; all of a file that is not trusted."""
    distrust: str | None = None
    """Why nothing of it is read: a clause."""

    @property
    def notice(self) -> str | None:
        """What is not taken and what to do, in one sentence without a value."""
        way_out = f"{own_path()}, or say --env-file {self.path}"
        if self.distrust is not None:
            return (
                f"{self.path} is not read, since {self.distrust}; put your settings into {way_out}"
            )
        if self.refused:
            return (
                f"{', '.join(self.refused)} in {self.path}: not taken from the current folder, "
                "since it says what is run, what is read or where data goes; put it into "
                f"{way_out} where you wrote it yourself"
            )
        return None

    @property
    def laxity(self) -> str | None:
        """Who else may read or write it, as a clause; None where nobody may, or none can tell."""
        try:
            mode = self.path.stat().st_mode if _knows_owners() else 0
        except OSError:  # it has gone meanwhile
            return None
        if not mode & _OTHERS_MAY or not stat.S_ISREG(mode):
            return None
        return "others may write it" if mode & _OTHERS_WRITE else "others may read it"


def own_path() -> Path:
    """The file in the program's configuration folder."""
    return Path(platformdirs.user_config_dir(APP_NAME, appauthor=False)) / NAME


def folder_sets_prefect(given: str | None) -> list[str]:
    """
    Files of the current folder that would set Prefect, which reads them when it is imported.

    From there it takes where runs are told, and by whose code lines are logged: a `prefect.toml` in
    an unpacked archive runs what it likes. A `.env` that the person named (*given*) is their own.
    """
    named = [EnvFile(path=Path(given), origin=Origin.GIVEN)] if given else []
    is_named = _is_one_of(Path(NAME), named)
    sets_prefect = {NAME: not is_named and _may_name_prefect(Path(NAME)),
                    "prefect.toml": Path("prefect.toml").exists(),
                    "pyproject.toml": _has_prefects_table(Path("pyproject.toml"))}  # fmt: skip
    return [name for name, sets in sets_prefect.items() if sets]


def _may_name_prefect(path: Path) -> bool:
    """Whether there is such a variable; a pipe would be waited for, so it is as bad as one."""
    if path.is_dir() or not path.exists():
        return False
    return not path.is_file() or b"prefect" in path.read_bytes().replace(b"\0", b"").lower()


def _has_prefects_table(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        return "prefect" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeError, TypeError):  # Prefect would not start with it
        return True


def env_files(
    given: str | None, harmless: Collection[str], encodings: Sequence[str] = STRICTLY
) -> list[EnvFile]:
    """
    The files there are, the first wins; *harmless* are the variables that a folder may set.

    Raises SettingsError for one that the person chose and that cannot be read.
    """
    chosen = [_chosen(Path(given), Origin.GIVEN, encodings)] if given else []
    own = own_path()
    # Where nobody knows a home, "~" stays: it would be a folder of the current one.
    if own.is_absolute() and _is_there(own) and not _is_one_of(own, chosen):
        chosen.append(_chosen(own, Origin.OWN, encodings))
    here = None if _is_one_of(Path(NAME), chosen) else _here(harmless, encodings)
    return [*chosen, here] if here is not None else chosen


def _chosen(path: Path, origin: Origin, encodings: Sequence[str]) -> EnvFile:
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - a link keeps its name
    try:
        data = _content(path)
    except OSError as exc:
        raise SettingsError(
            f"{_called(path, origin)}: cannot be read ({exc.strerror}); name a file that is there, "
            "and that you may read"
        ) from None
    text = _text(data, _called(path, origin), encodings)
    return EnvFile(path=path, origin=origin, values=_values(text, expands=True))


def _called(path: Path, origin: Origin) -> str:
    return f"--env-file {path}" if origin is Origin.GIVEN else str(path)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else _piped(path)


@cache
def _piped(path: Path) -> bytes:
    """What a pipe gives, which can be read once: `--env-file <(pass show jobmojito)`."""
    return path.read_bytes()


def _here(harmless: Collection[str], encodings: Sequence[str]) -> EnvFile | None:
    """The current folder's, with what of it counts; None where it has nothing for this program."""
    try:
        path = Path.cwd() / NAME
        data, distrust = _looked_at()
    except OSError as exc:  # another's, that may not be read; a folder that is gone
        if exc.errno in {errno.ENOENT, errno.ENOTDIR}:
            return None
        data, distrust = None, f"it cannot be opened ({exc.strerror})"
    if data is not None and not _OURS.search(data.replace(b"\0", b"")):
        return None  # another program's
    if data is None:
        return EnvFile(path=path, origin=Origin.HERE, distrust=distrust)
    values = _values(_text(data, NAME, ANYHOW if distrust else encodings), expands=False)
    if distrust is not None:
        names = tuple(name for name in values if name.startswith(PREFIX))
        return EnvFile(path=path, origin=Origin.HERE, refused=names, distrust=distrust)
    refused = tuple(name for name in values if name.startswith(PREFIX) and name not in harmless)
    taken = {name: value for name, value in values.items() if name in harmless}
    return EnvFile(path=path, origin=Origin.HERE, values=taken, refused=refused)


def _looked_at() -> tuple[bytes | None, str | None]:
    """
    What the current folder's file holds (None where it was not read), and why it is not trusted.

    The file that was opened is the one that is judged: nobody can put another there meanwhile.
    """
    if Path(NAME).is_symlink():
        return _behind_the_link(), "it is a link"
    if Path(NAME).is_dir():  # a virtual environment
        return b"", None
    opened = os.open(NAME, os.O_RDONLY | _AS_IT_LIES)
    with open(opened, "rb") as file:  # noqa: PTH123 - a descriptor
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            return None, "it is no plain file"
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        return None, "it is too large for settings"
    return data, _distrust(about, os.stat("."))  # noqa: PTH116 - the folder that one stands in


def _behind_the_link() -> bytes | None:
    """What a link leads to, looked at only for whether it concerns this program."""
    if not Path(NAME).is_file():
        return None
    with Path(NAME).open("rb") as file:
        return file.read(LARGEST_BYTES)


def _distrust(file: os.stat_result, folder: os.stat_result) -> str | None:
    """
    Why a file is not the person's own word, as a clause; None where it is.

    Who may write the folder may put another file of the person there, save in one like /tmp, where
    everybody moves only their own.
    """
    if not _knows_owners():
        return "this system does not tell whose it is"
    if file.st_uid != os.geteuid():
        return "it belongs to somebody else"
    if file.st_mode & _OTHERS_WRITE:
        return "others may write it"
    if folder.st_uid not in {0, os.geteuid()}:
        return "its folder belongs to somebody else"
    is_kept = folder.st_mode & stat.S_ISVTX and file.st_nlink == 1
    return "others may write its folder" if folder.st_mode & _OTHERS_WRITE and not is_kept else None


def _knows_owners() -> bool:
    """Whether the system tells owners and modes; Windows has lists of rights instead."""
    return hasattr(os, "geteuid")


def _text(data: bytes, where: str, encodings: Sequence[str]) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    raise SettingsError(f"{where}: not UTF-8 text; save it as UTF-8")


def _values(text: str, *, expands: bool) -> dict[str, str]:
    """Variables and values; `${NAME}` is filled from the environment only where it *expands*."""
    variables = dotenv_values(stream=StringIO(text), interpolate=expands)
    return {name.upper(): value for name, value in variables.items() if value}


def _is_there(path: Path) -> bool:
    """Whether it exists; a home that may not be entered is another's, so nothing is ours there."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_one_of(path: Path, files: Sequence[EnvFile]) -> bool:
    try:
        return any(path.samefile(file.path) for file in files)
    except OSError:
        return False
