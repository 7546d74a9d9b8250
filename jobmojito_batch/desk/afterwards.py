"""What comes after a run: following up, in a process of its own, and letters; a folder a run."""

import json
import os
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import is_alive, owner_of

LETTERS: Final = "letters"
_children: Final[list["subprocess.Popen[bytes]"]] = []
"""Of this server: asked for their end, so that none stays a zombie."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A command that goes on beside the desk, and what it said."""

    folder: Path
    name: str

    @property
    def is_going_on(self) -> bool:
        """Whether its process lives."""
        for child in _children:
            child.poll()
        with suppress(OSError, ValueError):
            return is_alive((self.folder / f"{self.name}.owner").read_text(encoding="utf-8"))
        return False

    @property
    def said(self) -> dict[str, Any] | None:
        """The JSON of its end; None before, and where it came to none."""
        try:
            found = json.loads((self.folder / f"{self.name}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def fault(self) -> str:
        """Why it came to no end of its own; empty where it did, or goes on."""
        if self.is_going_on or self.said is not None:
            return ""
        with suppress(OSError):
            lines = (self.folder / f"{self.name}.txt").read_text("utf-8", "replace").splitlines()
            return next((line for line in reversed(lines) if line.strip()), "")
        return ""

    def start(self, *words: str) -> None:
        """Start it, unless it goes on. Raises BatchError."""
        if self.is_going_on:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [_opened(self.folder / f"{self.name}{suffix}") for suffix in (".json", ".txt")]
        command = [sys.executable, "-m", "jobmojito_batch", *words, "--json"]
        try:
            child = subprocess.Popen(  # noqa: S603 - ourselves, each word an argument
                command,
                stdin=subprocess.DEVNULL,
                stdout=files[0],
                stderr=files[1],
                start_new_session=True,
            )
        except OSError as exc:
            raise BatchError(f"it did not start ({exc.strerror})") from exc
        finally:
            for file in files:
                os.close(file)
        _children.append(child)
        with suppress(psutil.NoSuchProcess):
            owner = owner_of(psutil.Process(child.pid))
            (self.folder / f"{self.name}.owner").write_text(owner, encoding="utf-8")


def _opened(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def zipped(folder: Path, target: Path) -> None:
    """All files of a folder in one, for this person alone."""
    target.touch(mode=0o600)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
