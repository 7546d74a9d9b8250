"""
The pace: evenly spaced starts, shared by first calls, retries and look-ups, and by all processes.

GCRA with one FIFO lock and a small bounded credit: the only form that gave the full rate and kept
the sliding second after a stall (measured, reference performance section 3). The credit lets up to
rate x 20 ms starts catch up after the loop was late; it never adds up over idle time.

Starts come in blocks of 200 ms from whoever hands them out: the ledger where processes share one,
so that sharing costs at most five short transactions a second whatever the rate, and a clock of
one's own otherwise. A start that was not used in time is lost, never made up for.

Between a start and its call lies the claim, whose commit takes its time, and many come back at once
(group commit). So the start of a call is taken `ahead`, by as long as claims take lately, and the
call leaves when it is due (`reach`): what is paced is when calls leave, over all processes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from jobmojito_batch.sending.clock import Clock

CREDIT_SECONDS: Final = 0.020
BLOCK_SECONDS: Final = 0.2
MOST_AHEAD_SECONDS: Final = 0.5
_LEARN: Final = 0.125
"""The weight of the newest claim in how long claims take."""

TakeBlock = Callable[[int, float], Awaitable[tuple[float, float]]]
"""From a number of starts and their distance to the first start and the end of a pause (`now`)."""


class Start(NamedTuple):
    """A start that was taken ahead of its time."""

    due: float
    taken: float


class _Starts:
    """
    Starts in blocks, the earliest first: what a block has left is told by numbers.

    A ceiling far above what is reached leaves thousands of starts a second unused; they are dropped
    without being looked at one by one.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._blocks: deque[tuple[float, int, int]] = deque()
        """The first start of a block, the number of the next one, and how many it has."""

    def __len__(self) -> int:
        return sum(count - number for _, number, count in self._blocks)

    @property
    def next(self) -> float:
        """The earliest."""
        first, number, _ = self._blocks[0]
        return first + self._interval * number

    def add(self, first: float, count: int) -> None:
        """*count* starts, the *first* of them not before those that are there."""
        self._blocks.append((first, 0, count))

    def take(self) -> None:
        """The earliest is used."""
        first, number, count = self._blocks.popleft()
        if number + 1 < count:
            self._blocks.appendleft((first, number + 1, count))

    def drop_before(self, moment: float) -> None:
        """Those that were due before *moment* are lost."""
        while self._blocks and self.next < moment:
            first, number, count = self._blocks.popleft()
            over = max(number + 1, int(min((moment - first) / self._interval, count)))
            if over < count:
                self._blocks.appendleft((first, over, count))


class Pace:
    """Who awaits `turn` starts in order of asking, at most `rate` a second."""

    def __init__(self, rate: float, clock: Clock, *, take_block: TakeBlock | None = None) -> None:
        self._interval = 1.0 / rate
        self._count = max(1, int(rate * BLOCK_SECONDS)) if take_block else 1
        self._take_block = take_block
        self._now = clock.now
        self._sleep = clock.sleep
        self._due = float("-inf")
        self._starts = _Starts(self._interval)
        self._coming: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._paused_until = float("-inf")
        self._lock = asyncio.Lock()
        self._claim_seconds = 0.0

    @property
    def paused_until(self) -> float:
        """The moment (of `now`) before which nobody starts."""
        return self._paused_until

    def pause(self, seconds: float) -> None:
        """Hold everybody for so long from now; a longer pause that is under way stays."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    async def turn(self, is_stopping: Callable[[], bool]) -> bool:
        """Wait for the next start; False, at once, if the run is stopping."""
        due = await self._take(is_stopping)
        return due is not None and await self._wait_for(due, is_stopping)

    async def ahead(self, is_stopping: Callable[[], bool]) -> Start | None:
        """The next start, as long before it is due as a claim takes; None if the run stops."""
        due = await self._take(is_stopping)
        return None if due is None else Start(due, self._now())

    async def reach(self, start: Start, is_stopping: Callable[[], bool]) -> bool:
        """
        Wait until a start that was taken ahead is due; for the next one if it was missed.

        False if the run stops meanwhile: then the call does not leave.
        """
        now = self._now()
        self._claim_seconds += _LEARN * (now - start.taken - self._claim_seconds)
        return await self._wait_for(start.due, is_stopping)

    async def _wait_for(self, due: float, is_stopping: Callable[[], bool]) -> bool:
        """
        Wait until a start is due, and for the next one if it was missed.

        *sleep* may return early (a stop wakes it), so the time is looked at again.
        """
        while not is_stopping():
            if due < max(self._now() - CREDIT_SECONDS, self._paused_until):
                following = await self._take(is_stopping)
                if following is None:
                    return False
                due = following
            wait = due - self._now()
            if wait <= 0:
                return True
            await self._sleep(wait)
        return False

    async def _take(self, is_stopping: Callable[[], bool]) -> float | None:
        """
        The next start, by as much before it is due as claims take: nobody waits that long in line.

        Whoever takes one waits for it outside, so that those behind get theirs ahead, too.
        """
        async with self._lock:
            while not is_stopping():
                lead = min(2.0 * self._claim_seconds, MOST_AHEAD_SECONDS)
                # A pause first: whoever fetched starts through it would fetch and drop them all.
                wait = self._paused_until - lead - self._now()
                if wait <= 0:
                    due = max(await self._next_start(), self._paused_until)
                    wait = due - lead - self._now()
                    if wait <= 0:
                        self._starts.take()
                        return due
                await self._sleep(wait)
            return None

    async def _next_start(self) -> float:
        """The first start that is not too late to use."""
        while True:
            late = max(self._now() - CREDIT_SECONDS, self._paused_until)
            self._starts.drop_before(late)
            if self._take_block is None:
                return self._own_start()
            if self._coming is None and len(self._starts) * 2 < self._count:
                self._coming = asyncio.create_task(self._fetch(self._take_block))
            if self._starts:
                return self._starts.next
            if self._coming is not None:
                await asyncio.shield(self._coming)
            if self._failure is not None:
                raise self._failure

    async def _fetch(self, take_block: TakeBlock) -> None:
        try:
            first, paused_until = await take_block(self._count, self._interval)
            self._paused_until = max(self._paused_until, paused_until)
            self._starts.add(first, self._count)
        except Exception as exc:  # noqa: BLE001 - told to whoever waits for a start
            self._failure = exc
        finally:
            self._coming = None

    def _own_start(self) -> float:
        if not self._starts:
            first = max(self._due, self._now() - CREDIT_SECONDS, self._paused_until)
            self._due = first + self._interval
            self._starts.add(first, 1)
        return self._starts.next

    async def close(self) -> None:
        """Let go of the block that is on its way."""
        if self._coming is not None:
            await self._coming
