"""
Résumé files read in processes of their own, with limits of time and memory.

A worker is a script that speaks lines of JSON over its standard streams, not a process of a pool:
`multiprocessing` would import the caller's main module in each, cannot end one that hangs, and a
pool that loses one process loses all its work.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from jobmojito_batch.intake.resumes import extract
from jobmojito_batch.intake.resumes.problem import ResumeProblem

SECONDS: Final = 30.0
MEMORY_BYTES: Final = 1 << 30
FILE_BYTES: Final = 20 << 20


class ResumeReader:
    """Reads résumé files; a context manager that ends its workers."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        seconds: float = SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        max_file_bytes: int = FILE_BYTES,
    ) -> None:
        self._most = workers or min(os.cpu_count() or 1, 8)
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._max_file_bytes = max_file_bytes
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(self._most):
            self._idle.put(None)  # a place; its worker starts with its first file

    def read_all(self, paths: Sequence[Path]) -> list[str | ResumeProblem]:
        """The text of each file, or why there is none, in order; one named twice is read once."""
        distinct = list(dict.fromkeys(paths))
        with ThreadPoolExecutor(min(self._most, max(len(distinct), 1))) as threads:
            found = dict(zip(distinct, threads.map(self._read, distinct), strict=True))
        return [found[path] for path in paths]

    def close(self) -> None:
        """End the workers."""
        for _ in range(self._most):
            worker = self._idle.get()
            if worker is not None:
                worker.end()
            self._idle.put(None)

    def _read(self, path: Path) -> str | ResumeProblem:
        try:
            size = path.stat().st_size
        except OSError:
            return ResumeProblem("the résumé file may not be read; check its permissions")
        if size == 0:
            return ResumeProblem(f"the résumé file is empty; {extract.ADVICE}")
        if size > self._max_file_bytes:
            return ResumeProblem(
                f"the résumé file has {size / (1 << 20):.0f} MiB, "
                f"{self._max_file_bytes / (1 << 20):g} MiB are read; {extract.ADVICE}"
            )
        worker = self._idle.get()
        try:
            worker = worker or _Worker(self._memory_bytes)
            answer = worker.ask(path, self._seconds)
        finally:
            self._idle.put(worker if worker is not None and worker.is_alive else None)
        return answer["text"] if "text" in answer else ResumeProblem(answer["problem"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Worker:
    """One process that reads one file at a time; it ends when its input does."""

    def __init__(self, memory_bytes: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", "-X", "utf8", extract.__file__, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the program: it decides what becomes of the workers.
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.is_alive = True

    def ask(self, path: Path, seconds: float) -> dict[str, str]:
        """What it says of *path*; where that takes longer than *seconds*, it is ended."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps(str(path)) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            problem = f"the résumé file takes longer than {seconds:g} s to read; {extract.ADVICE}"
            return {"problem": problem}
        except OSError:
            line = ""
        if not line:
            self.end()
            return {"problem": f"the résumé file makes its reader fail; {extract.ADVICE}"}
        answer: dict[str, str] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process, whatever it does."""
        self.is_alive = False
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be written has nobody to read it
                    pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")  # it ended
