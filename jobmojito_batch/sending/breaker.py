"""When a run stops for the sake of the money: too many calls without a trustworthy answer."""

from collections import deque
from enum import Enum, auto
from typing import Final

WATCHED_CALLS: Final = 50
LEAST_CALLS: Final = 20
MOST_SHARE: Final = 0.5

FIRST_PAUSE_SECONDS: Final = 1.0
MOST_PAUSE_SECONDS: Final = 60.0
OUTAGE_SECONDS: Final = 900.0
"""An API that cannot be reached for so long stops the run, at its start as on the way."""


class BreakerDecision(Enum):
    """What follows from a call."""

    GO_ON = auto()
    STOP = auto()
    PROBE = auto()
    """The network is away: everybody pauses, then one call tries."""


class Breaker:
    """
    Counts calls without a trustworthy answer: in a row, and as a share of the last ones.

    Each of those may have cost credits, so there is no trying on: the run stops. A connection that
    cannot be made costs nothing: the run waits and tries with one call at a time (half open) until
    there is one, OUTAGE_SECONDS at most.
    """

    def __init__(self, failures: int) -> None:
        self._most_in_a_row = failures
        self._in_a_row = 0
        self._lately: deque[bool] = deque(maxlen=WATCHED_CALLS)
        self._away_since: float | None = None
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def in_a_row(self) -> int:
        """Calls without a trustworthy answer since the last one that had one."""
        return self._in_a_row

    @property
    def is_away(self) -> bool:
        """Whether the last call had no connection."""
        return self._away_since is not None

    def decide(self, *, is_trustworthy: bool, was_delivered: bool, now: float) -> BreakerDecision:
        """Take note of how a call ended."""
        if not was_delivered:
            self._away_since = now if self._away_since is None else self._away_since
            is_over = now - self._away_since > OUTAGE_SECONDS
            return BreakerDecision.STOP if is_over else BreakerDecision.PROBE
        self._away_since = None
        self._pause = FIRST_PAUSE_SECONDS
        self._lately.append(is_trustworthy)
        if is_trustworthy:
            self._in_a_row = 0
            return BreakerDecision.GO_ON
        self._in_a_row += 1
        if self._in_a_row >= self._most_in_a_row or self._share_is_too_high():
            return BreakerDecision.STOP
        return BreakerDecision.GO_ON

    def next_pause_seconds(self) -> float:
        """How long to wait before the next probe; doubles from one to the next."""
        pause, self._pause = self._pause, min(2 * self._pause, MOST_PAUSE_SECONDS)
        return pause

    def _share_is_too_high(self) -> bool:
        bad = self._lately.count(False)
        return len(self._lately) >= LEAST_CALLS and bad > MOST_SHARE * len(self._lately)
