"""`worker` and `drain`: a worker whose runs end in peace, and a pool that comes to rest."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import psutil

from jobmojito_batch.cli.console import say
from jobmojito_batch.cli.serve import need_server
from jobmojito_batch.exit_codes import ExitCode

GRACE_SECONDS: Final = 35.0
"""How long a run may take to end after SIGTERM: its drain of 25 s, its files, its last state."""
REPORT_SECONDS: Final = 10.0
"""How long the worker may take to leave once none of its runs is left."""
TICK_SECONDS: Final = 0.1


def drain_pool(pool: str, *, wait_seconds: float | None, resumes: bool) -> int:
    """Pause a pool and wait for its runs, or let them start again. Raises SettingsError."""
    need_server("drain")
    from jobmojito_batch.flows import draining

    if resumes:
        asyncio.run(draining.resume(pool))
        say(f"resumed       {pool}")
        return ExitCode.OK
    if asyncio.run(draining.drain(pool, say, patience_seconds=wait_seconds)):
        say(f"idle          {pool}: upgrade now, then `jobmojito-batch drain --resume`")
        return ExitCode.OK
    say("still busy    the pool stays paused; wait on, or cancel what is left in Prefect")
    return ExitCode.STOPPED


def run_worker(pool: str, *, limit: int | None, tells_health: bool = False) -> int:
    """
    Run a process worker of Prefect's until a signal, which its runs drain on before it leaves.

    Prefect's own kills them at once. *tells_health*: it answers on `/health` while it polls. Raises
    SettingsError.
    """
    need_server("worker")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool]
    command += ["--type", "process", *(["--limit", str(limit)] if limit is not None else [])]
    command += ["--with-healthcheck"] if tells_health else []
    signals: list[int] = []
    with _listening(signals.append):
        # In a session of its own: what a terminal or a supervisor signals reaches us alone.
        worker = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own
        try:
            while worker.poll() is None and not signals:
                time.sleep(TICK_SECONDS)
            if worker.poll() is not None:
                say(f"stopped       Prefect's worker ended with {worker.returncode}")
                return ExitCode.STOPPED
            say("stopping      no run is started any more; runs that are going on are drained")
            _end_runs(psutil.Process(worker.pid), signals)
            _end_worker(worker)
        finally:
            _kill(worker)
    say("stopped       the next start carries on from the ledger")
    return ExitCode.OK


def _end_runs(worker: psutil.Process, signals: list[int]) -> None:
    """SIGTERM to each run, and wait for their drain; a second signal ends the waiting."""
    worker.suspend()  # it takes no new run, and does not kill those that end
    runs = worker.children()
    for run in runs:
        with suppress(psutil.NoSuchProcess):
            run.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(_lives, runs)) and len(signals) < 2 and time.monotonic() < deadline:  # noqa: PLR2004
        time.sleep(TICK_SECONDS)
    worker.resume()


def _lives(process: psutil.Process) -> bool:
    """Whether it does; one that has ended waits for its suspended parent as a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end_worker(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(REPORT_SECONDS)


def _kill(worker: "subprocess.Popen[bytes]") -> None:
    """Whatever is left of it and of its runs."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(worker.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
    worker.kill()
    worker.wait()


@contextmanager
def _listening(hear: Callable[[int], None]) -> Iterator[None]:
    """Have SIGINT and SIGTERM heard meanwhile."""

    def handle(number: int, _frame: FrameType | None) -> None:
        hear(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
