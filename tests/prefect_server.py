"""A real Prefect server for tests: a process of its own on loopback, with its own folder."""

import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from prefect.events.worker import EventsWorker

PATIENCE_SECONDS = 120.0
"""How long anything is waited for: many times what it takes, since no test asserts on time."""


def environment_of_nobody() -> dict[str, str]:
    """The environment of this process without what concerns this program, Prefect or a proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JOBMOJITO_", "PREFECT_")) and "proxy" not in name.lower()
    }


class RunningPrefect:
    """Starts with `with`, can be stopped and started again on the same port and database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """What the server and whoever talks to it has in its environment."""
        return {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def start(self, **more: str) -> None:
        """Start it and wait until it answers; *more* stands in its environment."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "prefect", "server", "start"]
        log_path = self.home / "server.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=environment_of_nobody() | self.environment | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, log_path.read_text()
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(log_path.read_text())

    def start_like(self, kept: Path, make: Callable[[], None], **more: str) -> None:
        """
        Start it on a copy of the database *kept*; *more* stands in its environment.

        The first of all processes that asks for it calls *make*, which starts the server and brings
        it where it is wanted; that is kept. Making the tables alone is six seconds of processor.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        own = self.home / "prefect.db"
        with Path(f"{kept}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                make()
                _copy_database(own, kept)
                return
        _copy_database(kept, own)
        self.start(**more)

    def stop(self) -> None:
        """End it and all that it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: connections break, nothing is said."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What this process still has to send is for this server, not for the next one.
        EventsWorker.drain_all()
        self.stop()


def _copy_database(source: Path, target: Path) -> None:
    """What is committed, whoever is writing meanwhile."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
