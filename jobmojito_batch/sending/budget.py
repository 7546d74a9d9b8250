"""Credit caps: a call is reserved before it starts, given back only when it provably was free."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from jobmojito_batch.columns import ErrorCode

_ROUNDING: Final = 1e-9
"""Sums of 0.25 are exact; sums of other prices may be off by less than this."""


@dataclass(slots=True)
class Cap:
    """A bound on credits and what counts towards it already."""

    limit: float
    spent: float = 0.0
    code: ErrorCode = ErrorCode.CREDIT_CAP
    message: str = "the credit cap is reached; raise it and run again"


class Budget:
    """All caps of a run at once; who reserves waits while calls in flight may still give back."""

    def __init__(self, caps: list[Cap]) -> None:
        self._caps = caps
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(self, credits_: float) -> bool:
        """Reserve before a call; False where no cap has room and none can come."""
        while not self._fits(credits_):
            if self._in_flight == 0:
                return False
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        for cap in self._caps:
            cap.spent += credits_
        self._in_flight += 1
        return True

    def settle(self, credits_: float, *, is_free: bool) -> None:
        """The call ended: its credits are spent, or come back where it provably was free."""
        self._in_flight -= 1
        if is_free:
            for cap in self._caps:
                cap.spent -= credits_
        self.wake()

    def wake(self) -> None:
        """Have the waiting look again."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)

    def full(self, credits_: float) -> Cap:
        """The cap that has no room."""
        return next(cap for cap in self._caps if not _has_room(cap, credits_))

    def _fits(self, credits_: float) -> bool:
        return all(_has_room(cap, credits_) for cap in self._caps)


def _has_room(cap: Cap, credits_: float) -> bool:
    return cap.spent + credits_ <= cap.limit + _ROUNDING
