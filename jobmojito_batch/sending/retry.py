"""The retry policy: what may be tried again, when, and when to give up. tenacity holds it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import tenacity

from jobmojito_batch.sending.clock import Sleep
from jobmojito_batch.verdict import Action, Verdict

ONLY_429_SECONDS: Final = 900.0
"""A run that hears nothing but 429 for this long stops (spec section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds of the retries of one row; 429 answers do not count as attempts."""

    max_attempts: int
    base_wait_seconds: float = 1.0
    max_wait_seconds: float = 60.0
    pause_seconds: float = 30.0
    """How long a 429 without a usable Retry-After pauses everybody; doubles while they go on."""
    max_pause_seconds: float = 300.0


def retrying(
    policy: RetryPolicy,
    *,
    is_stopping: Callable[[], bool],
    may_retry: Callable[[], bool],
    sleep: Sleep,
    rng: random.Random,
) -> tenacity.AsyncRetrying:
    """
    The loop around the attempts of a row, giving the last verdict; one serves all rows of a run.

    Its waits have full jitter: uniform between nothing and base x 2^n. After a 429 the pace
    holds everybody, so the row itself does not wait. What it decides by stands in what the attempt
    gave, for rows take turns in it.
    """

    def wait(state: tenacity.RetryCallState) -> float:
        tried = _tried(state)
        if not tried.counts:
            return 0.0
        ceiling = policy.base_wait_seconds * 2.0 ** min(tried.attempts - 1, 30)
        return rng.uniform(0.0, min(ceiling, policy.max_wait_seconds))

    def stop(state: tenacity.RetryCallState) -> bool:
        tried = _tried(state)
        if is_stopping():
            return True
        if not tried.counts:
            return False
        return tried.attempts >= policy.max_attempts or not may_retry()

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_result(lambda tried: tried.verdict.action is Action.RETRY),
        wait=wait,
        stop=stop,
        sleep=sleep,
        retry_error_callback=_tried,
    )


class RetryBudget:
    """
    How many retries a run may make: some at the start, then a share of its calls.

    Keeps a service that refuses everybody from getting all of it five times over.
    """

    def __init__(self, *, at_start: float = 20.0, share: float = 0.1, most: float = 200.0) -> None:
        self._left = at_start
        self._share = share
        self._most = most

    def call(self) -> None:
        """A call was made; retries are calls too."""
        self._left = min(self._left + self._share, self._most)

    def take(self) -> bool:
        """Whether one more retry may be made; it is counted."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class Tried:
    """What an attempt came to."""

    verdict: Verdict
    attempts: int = 0
    """Attempts of the row so far that count towards its bound."""
    counts: bool = False
    """Whether this one does."""


def _tried(state: tenacity.RetryCallState) -> Tried:
    tried = state.outcome.result() if state.outcome else None
    assert isinstance(tried, Tried)  # noqa: S101 - the only thing our attempts return
    return tried


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """
    Seconds to wait by a Retry-After header: a number or an HTTP date, in full.

    A moment that has passed is 0. None if the header is absent or makes no sense.
    """
    if header is None or not header.strip():
        return None
    text = header.strip()
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text, now)
    if seconds != seconds or seconds < 0:  # noqa: PLR0124 - NaN is the only value unequal to itself
        return None
    return seconds


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
