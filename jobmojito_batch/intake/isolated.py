"""
Files whose reader may take its process along: read in another one, with limits (decision 0018).

One process reads the files of a run one after the other, since its start costs a second or two; it
is kept for KEPT_SECONDS in case of more, and ends with this one.
"""

import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.errors import NoRowsError
from jobmojito_batch.intake.scratch import scratch_file
from jobmojito_batch.intake.workers import DiedError, HangsError, Worker
from jobmojito_batch.records import Table

MEMORY_BYTES: Final = 4 << 30
"""Beyond what it has when it starts. A million rows of 1 kB take a quarter of it."""
SECONDS: Final = 300.0
SECONDS_A_MEGABYTE: Final = 5.0
"""Of the file; a workbook of a million rows is read at half a second a megabyte."""
KEPT_SECONDS: Final = 30.0

_PROGRAM: Final = "from jobmojito_batch.intake.isolated_worker import main; main()"
"""What reads workbooks and markup takes a tenth of a second to load: not where nobody needs it."""
# What a reader of strangers' files is told of this process: no token, no address, no password.
_ENVIRONMENT: Final = frozenset(
    {"PATH", "HOME", "USERPROFILE", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT",
     "TMPDIR", "TEMP", "TMP", "TZ", "VIRTUAL_ENV"}
)  # fmt: skip


def read_apart(reader: str, path: Path, source: str, scratch: Path, **options: object) -> Table:
    """
    What *reader* (a key of `isolated_worker.READERS`) makes of *path*, with *options* of its own.

    The rows lie in *scratch*, which has to stay until the frame is collected. Raises what the
    reader raises, and InputError where it aborts, hangs, or needs more memory than MEMORY_BYTES.
    """
    frame = scratch_file(scratch, ".table")
    request = {
        "reader": reader,
        # Whole paths: a process that was started in another folder would find another's file.
        "path": str(path.absolute()),
        "source": source,
        "scratch": str(scratch.absolute()),
        "frame": str(frame.absolute()),
        "options": options,
    }
    seconds = SECONDS + SECONDS_A_MEGABYTE * path.stat().st_size / 1e6
    try:
        answer = json.loads(_readers.ask(json.dumps(request), seconds))
    except HangsError:
        answer = {"fails": f"takes longer than {seconds:.0f} s to read"}
    except DiedError:
        answer = {"fails": "makes its reader fail: it is damaged, or has far more cells than rows"}
    if "table" not in answer:
        raise _fault(answer, source)
    from jobmojito_batch.intake.isolated_worker import SAID  # noqa: PLC0415 - see _PROGRAM

    said = {name: adapter.validate_python(answer["table"][name]) for name, adapter in SAID.items()}
    return Table(frame=pl.scan_parquet(frame, glob=False), **said)


def _fault(answer: dict[str, Any], source: str) -> InputError | SettingsError:
    if "fails" in answer:
        return InputError(
            f"{source}: {answer['fails']}; open it, copy its rows into a new workbook and save that"
        )
    if answer["is_setting"]:
        return SettingsError(answer["fault"])
    if answer["headers"] is not None:
        return NoRowsError(answer["fault"], answer["headers"])
    fault = InputError(answer["fault"])
    if answer["errno"] is not None:
        # The machine's own fault, a full disk, is none of the file: who catches it looks here.
        fault.__cause__ = OSError(answer["errno"], os.strerror(answer["errno"]))
    return fault


class _Readers:
    """The processes that read: as many as are asked at once, mostly one."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._ending: threading.Timer | None = None

    def ask(self, line: str, seconds: float) -> str:
        """The answer of a process. Raises HangsError, DiedError."""
        with self._lock:
            used = self._idle.pop() if self._idle else None
        if used is not None:
            # It may have died since, or be full of an earlier file: that is no fault of this one.
            with suppress(DiedError):
                return self._asked(used, line, seconds)
        return self._asked(_started(), line, seconds)

    def _asked(self, worker: Worker, line: str, seconds: float) -> str:
        try:
            return worker.ask(line, seconds)
        finally:
            self._keep(worker)

    def end_idle(self) -> None:
        """End those that nobody waits for."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _keep(self, worker: Worker) -> None:
        if not worker.is_alive:
            return
        with self._lock:
            self._idle.append(worker)
            if self._ending is not None:
                self._ending.cancel()
            self._ending = threading.Timer(KEPT_SECONDS, self.end_idle)
            self._ending.daemon = True
            self._ending.start()


_readers: Final = _Readers()


def _started() -> Worker:
    kept = {name: text for name, text in os.environ.items() if name.upper() in _ENVIRONMENT}
    return Worker(
        # -P: the folder a person stands in is no place for modules.
        [sys.executable, "-P", "-X", "utf8", "-c", _PROGRAM, str(MEMORY_BYTES)],
        environment=kept
        | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            # Each thread takes address space, which is what the limit counts.
            "POLARS_MAX_THREADS": str(min(os.cpu_count() or 1, 4)),
            "MALLOC_ARENA_MAX": "2",
        },
    )
