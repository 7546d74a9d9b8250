"""
A process of our own that does what may not be done in this one: a line in, a line out.

Not a process of a pool: `multiprocessing` would import the caller's main module in each, cannot end
one that hangs, and a pool that loses one process loses all its work.
"""

import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress


class HangsError(Exception):
    """The answer did not come in time; the process was ended."""


class DiedError(Exception):
    """The process ended without an answer, whoever or whatever ended it."""


class Worker:
    """One process that answers one line at a time; it ends when its input does."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the program: it decides what becomes of the workers.
            start_new_session=True,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.is_alive = True

    def ask(self, line: str, seconds: float) -> str:
        """Its answer to *line*. Raises HangsError, DiedError; the process is gone then."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            raise HangsError from None
        except OSError:
            answer = ""
        except BaseException:  # Ctrl-C: nobody waits for its answer any more
            self.end()
            raise
        if not answer:
            self.end()
            raise DiedError
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
