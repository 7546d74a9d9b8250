"""Time as a run has it: an argument, so that hours can pass in a moment of a test."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from jobmojito_batch.verdict import Answer

Sleep = Callable[[float], Awaitable[None]]


def utc_now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def naive(moment: datetime) -> datetime:
    """UTC without a zone, as the ledger keeps times."""
    return moment.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The wall clock, a clock that only goes forward, and how to let time pass."""

    wall: Callable[[], datetime]
    now: Callable[[], float]
    sleep: Sleep
    """May return early (a stop of the run wakes it), so whoever slept looks at the time again."""

    @classmethod
    def of_loop(cls, sleep: Sleep, *, wall: Callable[[], datetime] = utc_now) -> Self:
        """Time as the running event loop has it."""
        return cls(wall=wall, now=asyncio.get_running_loop().time, sleep=sleep)

    def at(self) -> datetime:
        """The wall clock as the ledger keeps it."""
        return naive(self.wall())


class ApiClock:
    """How far the API's clock is ahead of ours, by the Date of what it answered last."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def hear(self, answer: Answer, *, at: datetime) -> None:
        """Learn from an answer that came at *at* by our clock."""
        if answer.server_date is not None:
            self.ahead_seconds = (answer.server_date - at).total_seconds()
