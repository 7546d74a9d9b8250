"""Files of an earlier run that somebody changed since: they are kept beside those of this one."""

import filecmp
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.publish import write_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file that had the name of a new one, and has another now."""

    was: Path
    path: Path


def keep_changed(ledger: Ledger | None, targets: Sequence[Path]) -> list[KeptFile]:
    """
    Give what lies at *targets* and is not as this program wrote it another name.

    What the ledger does not know, or where there is none, may be somebody's work. Raises what
    `write_fault` gives.
    """
    return [_renamed(path) for path in targets if path.is_file() and _is_changed(ledger, path)]


def remember_written(ledger: Ledger | None, paths: Sequence[Path], kept: list[KeptFile]) -> None:
    """Note that these files are as they were written; of the *kept* ones drop what is the same."""
    if ledger is not None:
        ledger.written.remember([_sha256_of(path) for path in paths if path.is_file()])
    for file in list(kept):
        with suppress(OSError):
            if file.was.is_file() and filecmp.cmp(file.was, file.path, shallow=False):
                file.path.unlink()
                kept.remove(file)


def _is_changed(ledger: Ledger | None, path: Path) -> bool:
    try:
        return ledger is None or not ledger.written.knows(_sha256_of(path))
    except OSError as exc:
        raise write_fault(path, exc) from exc


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _renamed(path: Path) -> KeptFile:
    kept = _free_name(path)
    try:
        path.rename(kept)
    except OSError as exc:
        raise write_fault(path, exc) from exc
    return KeptFile(was=path, path=kept)


def _free_name(path: Path) -> Path:
    """`people.results.kept-2026-11-26.xlsx`, or one with a number."""
    stem = f"{path.stem}.kept-{datetime.now(UTC).astimezone().date()}"
    names = (f"{stem}{'' if n == 1 else f'-{n}'}{path.suffix}" for n in count(1))
    return next(free for name in names if not (free := path.with_name(name)).exists())
