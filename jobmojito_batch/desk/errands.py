"""Commands of the program that go on beside the desk, and outlive it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import psutil

from jobmojito_batch.desk.uploads import read_json
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import is_alive, owner_of

_starting: Final = Lock()
"""Held while one is started: two presses at once start one process."""
_children: Final[list["subprocess.Popen[bytes]"]] = []
"""Of this server: asked for their end, so that none stays a zombie."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A command in a session of its own: NAME.owner is its process, .json and .txt what it says."""

    folder: Path
    name: str

    @property
    def is_going_on(self) -> bool:
        """Whether its process lives."""
        for child in _children:
            child.poll()
        with suppress(ValueError):
            return is_alive(self._owner)
        return False

    @property
    def said(self) -> dict[str, Any] | None:
        """The JSON of its end; None before, and where it came to none."""
        return read_json(self.folder / f"{self.name}.json", dict[str, Any])

    @property
    def fault(self) -> str:
        """Why it came to no end of its own; empty where it did, or goes on."""
        if not self.is_going_on and self.said is None:
            with suppress(OSError):
                text = (self.folder / f"{self.name}.txt").read_text("utf-8", "replace")
                return next((line for line in reversed(text.splitlines()) if line.strip()), "")
        return ""

    def start(self, *words: str) -> None:
        """Start it, unless it goes on. Raises BatchError."""
        with _starting:
            if not self.is_going_on:
                self._start(words)

    def _start(self, words: Sequence[str]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._written(".json") as said, self._written(".txt") as told:
            try:
                child = subprocess.Popen(  # noqa: S603 - ourselves, each word an argument
                    [sys.executable, "-m", "jobmojito_batch", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=told,
                    start_new_session=True,
                )
            except OSError as exc:
                raise BatchError(f"it did not start ({exc.strerror}); nothing was sent") from exc
        _children.append(child)
        with suppress(psutil.NoSuchProcess):
            self.note(psutil.Process(child.pid))

    def note(self, process: psutil.Process) -> None:
        """Keep which process carries it out."""
        with self._written(".owner") as file:
            file.write(owner_of(process).encode())

    def stop(self) -> None:
        """Have the process drain, once: a second signal would cut the calls under way."""
        host, _, number = self._owner.rpartition("|")[0].partition("|")
        with suppress(ValueError, psutil.NoSuchProcess, FileExistsError):
            process = psutil.Process(int(number))
            if owner_of(process).startswith(f"{host}|") and self.is_going_on:
                (self.folder / f"{self.name}.{number}.stop").touch(mode=0o600, exist_ok=False)
                process.send_signal(signal.SIGTERM)

    @property
    def _owner(self) -> str:
        """Its process by host, id and start time; empty before there is one."""
        with suppress(OSError):
            return (self.folder / f"{self.name}.owner").read_text(encoding="utf-8")
        return ""

    def _written(self, suffix: str) -> IO[bytes]:
        """A file of it, for this person alone."""
        path = self.folder / f"{self.name}{suffix}"
        return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))
