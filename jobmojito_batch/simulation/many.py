"""
Many lives, over the cores of this machine.

Each process lives every so-manieth seed and tells its figures from time to time. They are processes
of ours and no pool: a pool waits for ever for one that was killed, and cannot be ended at once.
"""

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.simulation.figures import Figures, live
from jobmojito_batch.simulation.ledgers import folder_for_ledgers, keep_ledger_in
from jobmojito_batch.simulation.life import OpenLedger

TELL_SECONDS: Final = 0.5
_TIDY_LIVES: Final = 50
"""Lives between two collections of garbage: in the middle of one it would cost more."""

Seen = Callable[[Figures], None]


class ProcessLostError(BatchError):
    """A process that lived lives is gone, and its figures with it."""


@dataclass(slots=True)
class Tally:
    """The figures so far; they stay what they are if somebody ends the rest."""

    figures: Figures = field(default_factory=Figures)

    def add(self, some: Figures) -> None:
        """Count them in."""
        self.figures += some


def prove(
    seeds: range,
    tally: Tally,
    *,
    jobs: int = 1,
    open_ledger: OpenLedger = Ledger,
    seen: Seen = lambda _: None,
) -> None:
    """
    Live the lives of *seeds*, in *jobs* processes; one job is this process itself.

    *seen* gets the sums a few times a second. Ctrl-C ends it at once: KeyboardInterrupt, with the
    tally as far as it came. Raises ProcessLostError.
    """

    def count(some: Figures) -> None:
        tally.add(some)
        seen(tally.figures)

    if jobs == 1:
        _live_some(seeds, count, open_ledger)
        return
    with _processes([seeds[number::jobs] for number in range(jobs)], open_ledger) as ends:
        living: list[Connection] = list(ends)
        while living:
            for end in wait(living):
                assert isinstance(end, Connection)  # noqa: S101 - nothing else was given
                try:
                    some = end.recv()
                except EOFError:
                    raise ProcessLostError(
                        f"a process that lived lives was ended from outside after "
                        f"{tally.figures.lives} of {len(seeds)}: is there enough memory? Fewer at "
                        "a time: --jobs 1"
                    ) from None
                if some is None:
                    living.remove(end)
                else:
                    count(some)


def _live_some(seeds: range, tell: Seen, open_ledger: OpenLedger) -> None:
    some, told = Figures(), time.monotonic()
    with _tidy_between_lives():
        for number, seed in enumerate(seeds):
            some += live(seed, open_ledger=open_ledger).figures
            if number % _TIDY_LIVES == 0:
                gc.collect()
            if time.monotonic() - told > TELL_SECONDS:
                tell(some)
                some, told = Figures(), time.monotonic()
    tell(some)


@contextmanager
def _tidy_between_lives() -> Iterator[None]:
    """Keep the collector from looking through all that was imported, again and again."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


@contextmanager
def _processes(shares: list[range], open_ledger: OpenLedger) -> Iterator[list[Connection]]:
    """A process for each share, and where it tells its figures; none is left afterwards."""
    context = multiprocessing.get_context("spawn")  # polars has threads, which a fork would lose
    processes: list[SpawnProcess] = []
    ends: list[Connection] = []
    ledgers = folder_for_ledgers()
    try:
        with _deaf_to_ctrl_c():  # their parent hears it, and ends them
            for number, share in enumerate(shares):
                listening_end, telling_end = context.Pipe(duplex=False)
                own = Path(ledgers.name) / str(number)
                given = (share, telling_end, open_ledger, own)
                process = context.Process(target=_work, args=given, daemon=True)
                process.start()
                telling_end.close()
                processes.append(process)
                ends.append(listening_end)
        yield ends
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for end in ends:
            end.close()
        ledgers.cleanup()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """
    What is started meanwhile never hears it; this process hears it afterwards.

    The mask is what a started process inherits. It keeps the signal from this thread alone: polars
    has others, which take it, and Python would raise in the middle of a start.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    resource_tracker.ensure_running()  # or it unblocks the signal when the first process starts
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def _work(seeds: range, telling_end: Connection, open_ledger: OpenLedger, folder: Path) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more
        keep_ledger_in(folder)
        _live_some(seeds, telling_end.send, open_ledger)
        telling_end.send(None)
