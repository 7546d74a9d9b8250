"""Uploads become files of ours: bounded, under harmless names, for their owner alone."""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.publish import write_fault

MOST_RESUMES: Final = 20_000
MOST_OF_A_RESUME: Final = 25 * 2**20
MOST_OF_ALL: Final = 1024 * 2**20
"""Bytes of all résumés of an upload, unpacked."""
_CHUNK: Final = 1 << 20
_LONGEST: Final = 80
_ODD: Final = re.compile(r"[^\w.@+ -]+")
_DEVICES: Final = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_NO_FILE: Final = frozenset({"", ".", ".."})


def safe_name(given: str, *, otherwise: str) -> str:
    """A file name that is one on every system; its suffix stays, a path in it does not."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    name = _ODD.sub("_", last).strip(" .")
    if _DEVICES.match(name):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return name[:_LONGEST] or otherwise
    return f"{stem[:_LONGEST]}.{suffix[:12]}" if stem and suffix else otherwise


def keep(source: IO[bytes], target: Path, *, most: int) -> str:
    """Write what *source* holds to *target*, mode 600; gives its hash. Raises BatchError."""
    digest = sha256()
    taken = 0
    try:
        target.touch(mode=0o600, exist_ok=False)
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                taken += len(chunk)
                if taken > most:
                    raise InputError(
                        f"{target.name}: is larger than {most // 2**20} MB; hand in less at once"
                    )
                digest.update(chunk)
                file.write(chunk)
    except OSError as exc:
        raise write_fault(target, exc) from exc
    return digest.hexdigest()


@dataclass(slots=True)
class Resumes:
    """The résumé files of an upload, as they come in."""

    folder: Path
    count: int = 0
    size: int = 0
    refused: int = 0
    """Links, folders too deep, and what has no name."""

    def take(self, name: str, source: IO[bytes]) -> None:
        """Keep one file, or what is in a zip of them. Raises BatchError."""
        if name.lower().endswith(".zip"):
            self._take_zip(source)
        else:
            self._take_file(Path(safe_name(name, otherwise="")), source)

    def _take_zip(self, source: IO[bytes]) -> None:
        try:
            with zipfile.ZipFile(source) as archive:
                entries = archive.infolist()
                if len(entries) > MOST_RESUMES:
                    raise InputError(
                        f"the zip holds more than {MOST_RESUMES:,} files; hand in less"
                    )
                for entry in entries:
                    if not entry.is_dir():
                        self._take_entry(archive, entry)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as exc:
            raise InputError(f"the zip of résumés cannot be read ({type(exc).__name__})") from None
        except RuntimeError:  # what zipfile raises for a password
            raise InputError("the zip of résumés has a password; hand in one without") from None

    def _take_entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        parts = [part for part in entry.filename.replace("\\", "/").split("/") if part]
        is_plain = kind in {0, stat.S_IFREG} and ".." not in parts
        if not is_plain or parts[:1] == ["__MACOSX"] or parts[-1:] == [".DS_Store"]:
            self.refused += 1
            return
        names = [safe_name(part, otherwise="") for part in parts[-3:]]
        with archive.open(entry) as source:
            self._take_file(Path(*names), source)

    def _take_file(self, name: Path, source: IO[bytes]) -> None:
        if name.name in _NO_FILE or self.count >= MOST_RESUMES:
            self.refused += 1
            return
        target = self.folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            self.refused += 1
            return
        keep(source, target, most=min(MOST_OF_A_RESUME, MOST_OF_ALL - self.size))
        self.count += 1
        self.size += target.stat().st_size


def take_resumes(folder: Path, files: Iterable[tuple[str, IO[bytes]]]) -> Resumes:
    """Keep résumé files in *folder*. Raises BatchError."""
    resumes = Resumes(folder)
    for name, source in files:
        folder.mkdir(mode=0o700, exist_ok=True)
        resumes.take(name, source)
    return resumes
