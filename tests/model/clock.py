"""An event loop in which hours take milliseconds: time moves when nothing else is to be done."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

BEGINNING = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


MORGUE: list[object] = []
"""
What was killed, kept from the garbage collector: it would run the ends of the coroutines, and a
killed process does not.
"""


MOST_SECONDS = 4 * 3600.0
"""A run of six rows that takes longer waits for what will never come."""


TICK_SECONDS = 1e-6


class Stuck(Exception):  # noqa: N818 - a verdict on the program, not an error of the test
    """Everybody waits and nothing will ever happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer; work for threads is done on the spot."""

    def __init__(self, start: float = 0.0, most_seconds: float = MOST_SECONDS) -> None:
        self._virtual = start
        self._end = start + most_seconds
        super().__init__()

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        scheduled: Any = self._scheduled  # type: ignore[attr-defined]
        if self._virtual > self._end:
            raise Stuck
        if not ready:
            while scheduled and scheduled[0]._cancelled:
                scheduled.pop(0)
                break
            if not scheduled and not self._stopping:  # type: ignore[attr-defined]
                raise Stuck
            if scheduled:
                # A real clock moves while a wait of nothing passes; without the tick somebody who
                # waits for less than a float can tell would wait in frozen time for ever.
                self._virtual = max(self._virtual, scheduled[0]._when) + TICK_SECONDS
        super()._run_once()  # type: ignore[misc]

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        future = self.create_future()
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

    def play(self, work: Callable[[], Coroutine[Any, Any, Any]], *, kill_at: float | None) -> Any:
        """Run *work*, to its end or for *kill_at* seconds; killed, nothing of it is cleaned up."""
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
            for left in asyncio.all_tasks(loop):
                left._log_destroy_pending = False  # type: ignore[attr-defined]
                MORGUE.append(left)
            asyncio.set_event_loop(None)
            loop.close()
