"""
The pace: evenly spaced starts, shared by first calls, retries and look-ups.

GCRA with one FIFO lock and a small bounded credit: the only form that gave the full rate and kept
the sliding second after a stall (measured, reference performance section 3). The credit lets up to
rate x 20 ms starts catch up after the loop was late; it never adds up over idle time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

CREDIT_SECONDS: Final = 0.020

Sleep = Callable[[float], Awaitable[None]]
Now = Callable[[], float]


class Pace:
    """Who awaits `turn` starts in order of asking, at most `rate` a second."""

    def __init__(self, rate: float, *, now: Now, sleep: Sleep) -> None:
        self._interval = 1.0 / rate
        self._now = now
        self._sleep = sleep
        self._due = float("-inf")
        self._paused_until = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def paused_until(self) -> float:
        """The moment (of `now`) before which nobody starts."""
        return self._paused_until

    def pause(self, seconds: float) -> None:
        """Hold everybody for so long from now; a longer pause that is under way stays."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    async def turn(self, is_stopping: Callable[[], bool]) -> bool:
        """
        Wait for the next start; False, at once, where the run is stopping.

        *sleep* may return early (a stop wakes it), so the time is looked at again.
        """
        async with self._lock:
            while not is_stopping():
                start = max(self._due, self._now() - CREDIT_SECONDS, self._paused_until)
                wait = start - self._now()
                if wait <= 0:
                    self._due = start + self._interval
                    return True
                await self._sleep(wait)
            return False
