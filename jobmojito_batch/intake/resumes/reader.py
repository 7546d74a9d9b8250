"""Résumé files read in processes of their own, with limits of time and memory."""

import json
import os
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from jobmojito_batch.intake.resumes import extract
from jobmojito_batch.intake.resumes.problem import ResumeProblem
from jobmojito_batch.intake.workers import DiedError, HangsError, Worker

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
            by_path = dict(zip(distinct, threads.map(self._read, distinct), strict=True))
        return [by_path[path] for path in paths]

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
    """One process that reads one résumé file at a time."""

    def __init__(self, memory_bytes: int) -> None:
        self._worker = Worker(
            [sys.executable, "-I", "-X", "utf8", extract.__file__, str(memory_bytes)]
        )
        self.end = self._worker.end

    @property
    def is_alive(self) -> bool:
        """Whether it may be asked again."""
        return self._worker.is_alive

    def ask(self, path: Path, seconds: float) -> dict[str, str]:
        """What it says of *path*; where that takes longer than *seconds*, it is ended."""
        try:
            answer: dict[str, str] = json.loads(self._worker.ask(json.dumps(str(path)), seconds))
        except HangsError:
            what = f"takes longer than {seconds:g} s to read"
        except DiedError:
            what = "makes its reader fail"
        else:
            return answer
        return {"problem": f"the résumé file {what}; {extract.ADVICE}"}
