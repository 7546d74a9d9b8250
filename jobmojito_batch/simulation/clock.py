"""An event loop in which hours take milliseconds: time moves when nothing else is to be done."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

BEGINNING: Final = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
MOST_SECONDS: Final = 4 * 3600.0
"""A run of six rows that takes longer waits for what will never come."""
TICK_SECONDS: Final = 1e-6
_MOST_ENDS: Final = 5
"""How often a killed coroutine may wait once more in the blocks that end it."""
_UNBURIED: Final[list["World"]] = []
"""
Worlds in which something was killed, kept from the garbage collector: it would run the ends of the
coroutines, and a killed process does not.
"""


class Stuck(Exception):  # noqa: N818 - a verdict on the program, not an error of the simulation
    """Everybody waits and nothing will ever happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer; work for threads is done on the spot."""

    def __init__(self, start: float = 0.0, most_seconds: float = MOST_SECONDS) -> None:
        self._virtual = start
        self._end = start + most_seconds
        super().__init__()

    def time(self) -> float:
        """Simulated seconds."""
        return self._virtual

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        scheduled: Any = self._scheduled  # type: ignore[attr-defined]
        if self._virtual > self._end:
            raise Stuck
        if not ready:
            while scheduled and scheduled[0].cancelled():  # as the loop itself throws them away
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
                heapq.heappop(scheduled)._scheduled = False  # noqa: SLF001
            if not scheduled and not self._stopping:  # type: ignore[attr-defined]
                raise Stuck
            if scheduled:
                # A real clock moves while a wait of nothing passes; without the tick somebody who
                # waits for less than a float can tell would wait in frozen time for ever.
                self._virtual = max(self._virtual, scheduled[0].when()) + TICK_SECONDS
        super()._run_once()  # type: ignore[misc]

    def run_in_executor(
        self, _executor: object, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """The result at once: nobody else can do anything meanwhile."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:  # noqa: BLE001 - as a thread would hand it over
            future.set_exception(exc)
        return future


class World:
    """Virtual time that goes on from one run to the next."""

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self.now = 0.0
        self._most_seconds = most_seconds
        self.loop: VirtualLoop | None = None
        self._dead: list[asyncio.Task[Any]] = []

    @property
    def seconds(self) -> float:
        """Now, in seconds since the beginning."""
        return self.loop.time() if self.loop is not None else self.now

    def wall(self) -> datetime:
        """The wall clock."""
        return BEGINNING + timedelta(seconds=self.seconds)

    def naive(self) -> datetime:
        """The wall clock as the ledger keeps it."""
        return self.wall().replace(tzinfo=None)

    def play(
        self, work: Callable[[], Coroutine[Any, Any, T]], *, kill_at: float | None
    ) -> T | None:
        """
        Run *work*, to its end or for *kill_at* seconds.

        None if it was killed: then nothing of it is cleaned up. Raises Stuck, and what *work* does.
        """
        loop = VirtualLoop(self.now, self._most_seconds)
        loop.set_exception_handler(lambda *_: None)
        self.loop = loop
        asyncio.set_event_loop(loop)
        task = loop.create_task(work())
        task.add_done_callback(lambda _: loop.stop())
        if kill_at is not None:
            loop.call_later(kill_at, loop.stop)
        try:
            loop.run_forever()
            return task.result() if task.done() else None
        finally:
            self.now = loop.time()
            self.loop = None
            self._dead += _left_in(loop)
            if self._dead and self not in _UNBURIED:
                _UNBURIED.append(self)
            asyncio.set_event_loop(None)
            loop.close()

    def bury(self) -> None:
        """
        Let go of what was killed, once nothing is asked of this world any more.

        The blocks that end a coroutine run now, in the order of the tasks, and not when the garbage
        collector comes to them, in the middle of another life.
        """
        for task in self._dead:
            coroutine: Any = task.get_coro()
            for _ in range(_MOST_ENDS):
                with suppress(BaseException):
                    coroutine.close()
                    break
        self._dead.clear()
        if self in _UNBURIED:
            _UNBURIED.remove(self)


def _left_in(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """The tasks that did not end, in the order of their names; nobody is told of them."""
    tasks = sorted(
        asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name())
    )
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    return tasks
