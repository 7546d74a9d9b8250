"""
How many calls may be in flight: AIMD between 1 and a ceiling (Chiu and Jain; TCP).

It starts low and doubles a round while all goes well, until the API first shows strain; from then
on it grows by a 64th of the ceiling a round, one at least. 429, 546, 502, 504 and time-outs halve
it, once for all the calls that were on their way at the time: the window that is watched is as long
as the calls themselves.

A round is as long as a call. By one a round, a window of thousands would come back from a single
502 in hours: 2,000 rounds of 5 s; by a 64th of the ceiling it takes 32 rounds, whatever its size.
"""

from typing import Final

from jobmojito_batch.sending.waiters import Waiters

_SHARE_AT_START: Final = 16
_SHARE_A_ROUND: Final = 64


class Window:
    """Who awaits `enter` has a slot until `leave`."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._limit = 1.0
        self._at_start = float(min(ceiling, max(2, ceiling // _SHARE_AT_START)))
        self._step = max(1.0, ceiling / _SHARE_A_ROUND)
        self._has_met_strain = False
        self._is_proven = False
        self._cut_at = float("-inf")
        self._inside = 0
        self._has_no_limit = False
        self._waiters = Waiters()

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return int(self._limit)

    async def enter(self) -> None:
        """Wait for a slot."""
        while self._inside >= self.limit and not self._has_no_limit:
            await self._waiters.wait()
        self._inside += 1

    def leave(self) -> None:
        """Give the slot back."""
        self._inside -= 1
        self._wake()

    def went_well(self) -> None:
        """A call was answered: the first proves that the way is open, the others widen it."""
        if not self._is_proven:
            self._is_proven = True
            self._limit = max(self._limit, self._at_start)
        else:
            self._limit += self._step / self._limit if self._has_met_strain else 1.0
        self._limit = min(self._limit, self._ceiling)
        self._wake()

    def strained(self, *, started_at: float, now: float) -> None:
        """A call showed strain; calls that began before the last cut tell nothing new."""
        if started_at < self._cut_at:
            return
        self._has_met_strain = True
        self._cut_at = now
        self._limit = max(1.0, self._limit / 2.0)

    def let_all_in(self) -> None:
        """The run stops: nobody waits any more, and whoever enters finds nothing to send."""
        self._has_no_limit = True
        self._waiters.wake()

    def _wake(self) -> None:
        self._waiters.wake(most=self.limit - self._inside)
