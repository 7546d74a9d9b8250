"""A file appears whole under its name, or not at all."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polars.exceptions import ComputeError

from jobmojito_batch.errors import BatchError, SettingsError

OWNER_ONLY = 0o600
"""Results hold links that open interviews."""

# What the disk says, not the path: the same command works once there is room.
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def written_whole(target: Path, mode: int = OWNER_ONLY) -> Iterator[Path]:
    """
    A path beside *target* for the body to write to, which becomes *target* when the body ends.

    The file has mode 600 from its creation on, *mode* at its end, and is on the disk before it is
    renamed. Where the body raises it is removed and an older *target* stays. SettingsError where
    *target* cannot be written, BatchError where the disk is full.
    """
    try:
        temporary = _created_beside(target)
    except OSError as exc:
        raise write_fault(target, exc) from exc
    try:
        yield temporary
        _put_in_place(temporary, target, mode)
    except (OSError, ComputeError) as exc:
        # Other errors of the body may be about other files; those keep their own words.
        known = _as_os_error(exc)
        if known.errno in _DISK or str(target) in {known.filename, known.filename2}:
            raise write_fault(target, known) from exc
        raise
    finally:
        with suppress(OSError):  # after the rename there is nothing left to remove
            temporary.unlink()


def write_fault(target: Path, exc: OSError) -> BatchError:
    """What *exc* means to the person who asked for *target*."""
    if exc.errno in _DISK:
        return BatchError(f"{target}: {exc.strerror}; make room, then write the files again")
    if isinstance(exc, FileNotFoundError):
        return SettingsError(f"{target}: there is no folder {target.parent}; create it first")
    if isinstance(exc, IsADirectoryError) or target.is_dir():
        return SettingsError(f"{target}: is a folder; name a file")
    if isinstance(exc, PermissionError):
        return SettingsError(
            f"{target}: may not be written; close it in other programs, or choose another folder"
        )
    return SettingsError(
        f"{target}: cannot be written ({exc.strerror or type(exc).__name__}); choose another file"
    )


def _as_os_error(exc: Exception) -> OSError:
    """*exc* with its number, which polars gives in its message alone."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc
    number = re.search(r"\(os error (\d+)\)", str(exc))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError()


def _created_beside(target: Path) -> Path:
    """An empty file with a name nobody can guess, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:64]}.")
    os.close(descriptor)
    return Path(name)


def _put_in_place(temporary: Path, target: Path, mode: int) -> None:
    with suppress(OSError):  # systems without modes
        temporary.chmod(mode)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    if target.is_dir():  # Windows would call it a missing permission
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(target))
    temporary.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable; Windows cannot open a folder and does it by itself."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
