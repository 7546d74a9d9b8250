"""Compressed inputs: gzip, zstd, and a zip that holds one table."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

import zstandard

from jobmojito_batch.errors import InputError
from jobmojito_batch.file_names import without_packing
from jobmojito_batch.intake.kinds import Kind, kind_of
from jobmojito_batch.intake.paths import SUFFIXES, is_input_name
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.intake.workbook_bounds import (
    MOST_TIMES_PACKED,
    MOST_UNPACKED,
    SUSPECT_UNPACKED,
)

_PACKED: Final = frozenset({Kind.GZIP, Kind.ZIP, Kind.ZSTD})
_MOST_LAYERS: Final = 3
"""`people.csv.gz` in a zip is two."""
_BLOCK_BYTES: Final = 1 << 20
_MOST_NAMED: Final = 10
_DAMAGED: Final = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zstandard.ZstdError,
)


def unpacked(path: Path, source: str, scratch: Path) -> tuple[Path, Kind, list[str]]:
    """
    *path*, or a copy in *scratch* of what it holds; what that is, and what a person is told of it.

    Raises InputError where it is damaged or protected, holds no table or several, or unpacks to
    more than any list: the size is watched while it is unpacked, whatever the file says of itself.
    """
    notes: list[str] = []
    kind = kind_of(path, source)
    for _ in range(_MOST_LAYERS):
        if kind not in _PACKED:
            return path, kind, notes
        with _faults(source):
            path, more = _opened(path, kind, source, scratch)
        notes += more
        if path.stat().st_size == 0:
            raise InputError(f"{source}: the file in it is empty; export it again")
        kind = kind_of(path, source)
    if kind in _PACKED:
        raise InputError(f"{source}: is packed many times over; unpack it first")
    return path, kind, notes


def _opened(path: Path, kind: Kind, source: str, scratch: Path) -> tuple[Path, list[str]]:
    if kind is Kind.GZIP:
        with gzip.open(path) as file:
            return _copied(file, path, without_packing(source), source, scratch), []
    if kind is Kind.ZSTD:
        with zstandard.open(path, "rb") as file:
            return _copied(file, path, without_packing(source), source, scratch), []
    with zipfile.ZipFile(path) as archive:
        member = _only_table(archive, source)
        with archive.open(member) as file:
            copy = _copied(file, path, member.filename, source, scratch)
    return copy, [f"{PurePosixPath(member.filename).name} in it is read"]


def _copied(
    file: IO[bytes] | gzip.GzipFile, packed: Path, name: str, source: str, scratch: Path
) -> Path:
    """A copy whose suffix is that of *name*; nothing else of a name in an archive is used."""
    suffix = PurePosixPath(name).suffix.lower()
    copy = scratch_file(scratch, suffix if suffix in SUFFIXES else ".unpacked")
    size = packed.stat().st_size
    most = min(MOST_UNPACKED, max(SUSPECT_UNPACKED, MOST_TIMES_PACKED * size))
    with copy.open("wb") as target:
        is_whole = _is_written(file, target, most)
    if not is_whole:
        copy.unlink()
        raise InputError(
            f"{source}: unpacks from {size / 1e6:.1f} MB to more than {most / 1e6:,.0f} MB, which "
            "no list of candidates does; unpack it and look"
        )
    return copy


def _is_written(file: IO[bytes] | gzip.GzipFile, target: IO[bytes], most: int) -> bool:
    """Whether all of *file* is in *target* now; False where it has more bytes than *most*."""
    size = 0
    while block := file.read(_BLOCK_BYTES):
        size += len(block)
        if size > most:
            return False
        target.write(block)
    return True


def _only_table(archive: zipfile.ZipFile, source: str) -> zipfile.ZipInfo:
    """The table in an archive; text files lie beside it, and what a Mac adds is nothing."""
    files = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not _is_system(member.filename)
    ]
    by_name = {
        is_marked: [member for member in files if is_input_name(_base(member), is_marked=is_marked)]
        for is_marked in (False, True)
    }
    texts = [member for member in by_name[True] if _base(member).lower().endswith(".txt")]
    tables = by_name[False] or texts or (files if len(files) == 1 else [])
    if len(tables) == 1:
        return tables[0]
    what = f"holds {len(tables)} tables" if tables else "holds no table"
    listed = tables or files
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    names = ", ".join(_base(member) for member in listed[:_MOST_NAMED])
    raise InputError(
        f"{source}: {what}{f' ({names}{more})' if listed else ''}; unpack it and name the file to "
        "read, or pack one table"
    )


def _base(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename.replace("\\", "/")).name


def _is_system(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith((".", "~$"))


@contextmanager
def _faults(source: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as exc:
        raise InputError(
            f"{source}: is cut off or damaged; pack it again, or transfer it once more"
        ) from exc
    except NotImplementedError as exc:
        raise InputError(f"{source}: is packed in a way that is not read; unpack it") from exc
    except RuntimeError as exc:  # what zipfile says of a password
        raise InputError(f"{source}: protected by a password; unpack it first") from exc
