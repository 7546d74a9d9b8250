"""
Processes of the program that begin at once: forked from one that has loaded what it loads.

Each is a process of its own, with its own environment, folder and output, to be signalled and
killed as any other. What is saved is two seconds of importing the same libraries.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

LOADED: Final = (
    "jobmojito_batch.cli.invite",
    "jobmojito_batch.cli.observer",
    "jobmojito_batch.pipeline.sharding",
    "babel.dates",
    "psycopg",
    "tests.shard_crew",
)
"""What a run imports sooner or later; Prefect is not among it."""
_MOST_BYTES: Final = 1 << 17
_LOOK_SECONDS: Final = 0.02


class Order(NamedTuple):
    """What a process is to become: a module with a main part, called with arguments."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    has_own_session: bool


class Started:
    """Of `subprocess.Popen` what the tests use."""

    def __init__(self, nursery: "Nursery", pid: int, said: Any) -> None:
        self.pid = pid
        self._nursery = nursery
        self._said = said

    @property
    def returncode(self) -> int | None:
        """How it ended, as far as we have heard."""
        return self._nursery.ended.get(self.pid)

    def poll(self) -> int | None:
        """How it ended; None as long as it lives."""
        self._nursery.hear()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            time.sleep(_LOOK_SECONDS)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[None, bytes]:
        """What it wrote to its standard error, once it has ended."""
        self.wait(timeout)
        return None, self.said

    @property
    def said(self) -> bytes:
        """What it has written to its standard error until now."""
        return os.pread(self._said.fileno(), _MOST_BYTES, 0)

    def __del__(self) -> None:
        self._said.close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks, as its customer sees it; threads may ask at the same time."""

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes", str(theirs.fileno())],
                cwd=Path(__file__).parents[1],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(self, order: Order) -> Started:
        """A new process; its standard error is kept in a file."""
        said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is of interest
        words = json.dumps(order).encode()
        with self._lock, Path(os.devnull).open("wb") as nowhere:
            socket.send_fds(self._control, [words], [nowhere.fileno(), said.fileno()])
            while (pid := self._next()) is None:
                pass
        return Started(self, pid, said)

    def hear(self) -> None:
        """Note who has ended."""
        with self._lock:
            while select.select([self._control], [], [], 0)[0]:
                self._next()

    def _next(self) -> int | None:
        """The process that was begun, or None and a process has ended."""
        pid, code = json.loads(self._control.recv(_MOST_BYTES))
        if code is None:
            return int(pid)
        self.ended[pid] = code
        return None

    def close(self) -> None:
        """End the one that forks; what it forked goes on."""
        self._control.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """The one of this process of tests, begun when it is first needed."""
    opened = Nursery()
    atexit.register(opened.close)
    return opened


def start(
    module: str,
    *arguments: str,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
    has_own_session: bool = False,
) -> Started:
    """`python -m MODULE ARGUMENTS`, as `subprocess.Popen` would start it."""
    whole = dict(os.environ) if environment is None else environment
    where = str(folder or Path.cwd())
    return nursery().start(Order(module, list(arguments), whole, where, has_own_session))


def _ordered(control: socket.socket) -> tuple[Order, list[int]] | None:
    """Forks for each order, and comes back in the child alone; None once nobody orders any more."""
    awake, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control.fileno(), awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            _tell_who_ended(control)
        if control.fileno() not in ready:
            continue
        words, outputs, _, _ = socket.recv_fds(control, _MOST_BYTES, 2)
        if not words:
            return None
        assert threading.active_count() == 1  # what a thread holds would stay held in the child
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (awake, wakes):
                os.close(descriptor)
            control.close()
            return Order(*json.loads(words)), outputs
        for output in outputs:
            os.close(output)
        control.send(json.dumps([pid, None]).encode())


def _tell_who_ended(control: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with suppress(OSError):  # nobody may listen any more
                control.send(json.dumps([ended[0], os.waitstatus_to_exitcode(ended[1])]).encode())


def _become(order: Order, outputs: list[int]) -> None:
    """Be the process that was ordered, to its end."""
    if order.has_own_session:
        os.setsid()
    for target, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, target)
        os.close(output)
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    sys.argv = [order.module, *order.arguments]
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in LOADED:
        __import__(name)
    gc.freeze()
    begun = _ordered(socket.socket(fileno=int(sys.argv[1])))
    if begun is not None:
        _become(*begun)
