"""The pace and Retry-After, on a clock that the test moves."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from jobmojito_batch.sending.pace import CREDIT_SECONDS, Pace
from jobmojito_batch.sending.retry import retry_after_seconds

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def going() -> bool:
    return False


async def starts(pace: Pace, clock: Clock, count: int) -> list[float]:
    found = []
    for _ in range(count):
        assert await pace.turn(going)
        found.append(clock.now())
    return found


async def test_starts_are_evenly_spaced() -> None:
    clock = Clock()
    pace = Pace(4.0, now=clock.now, sleep=clock.sleep)

    times = await starts(pace, clock, 9)

    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[1:] == pytest.approx([0.25] * 7)
    assert gaps[0] >= 0.25 - CREDIT_SECONDS - 1e-9


async def test_idle_time_does_not_add_up_to_a_burst() -> None:
    clock = Clock()
    pace = Pace(100.0, now=clock.now, sleep=clock.sleep)
    await starts(pace, clock, 5)
    clock.seconds += 60.0

    times = await starts(pace, clock, 103)

    in_first_second = sum(moment < times[0] + 1.0 for moment in times)
    assert in_first_second <= 100 * (1.0 + CREDIT_SECONDS) + 1


async def test_a_pause_holds_everybody_for_its_whole_length() -> None:
    clock = Clock()
    pace = Pace(10.0, now=clock.now, sleep=clock.sleep)
    await starts(pace, clock, 1)
    pace.pause(7.0)
    pace.pause(3.0)  # a shorter one does not shorten it

    (first,) = await starts(pace, clock, 1)

    assert first >= 1007.0


async def test_a_stop_ends_the_waiting_without_a_start() -> None:
    clock = Clock()
    pace = Pace(1.0, now=clock.now, sleep=clock.sleep)
    pace.pause(3600.0)
    stopping = False

    async def sleep_until_stopped(_seconds: float) -> None:
        nonlocal stopping
        stopping = True

    pace._sleep = sleep_until_stopped

    assert not await pace.turn(lambda: stopping)
    assert clock.now() == 1000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("1.5", 1.5, id="fraction"),
        pytest.param(" 12 ", 12.0, id="blanks"),
        pytest.param("Tue, 24 Nov 2026 12:00:30 GMT", 30.0, id="date"),
        pytest.param("Tue, 24 Nov 2026 11:00:00 GMT", 0.0, id="date-that-has-passed"),
        pytest.param("86400", 86400.0, id="a-day-in-full"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="garbage"),
        pytest.param("nan", None, id="nan"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, now=NOON) == seconds


async def test_a_start_taken_ahead_leaves_when_it_is_due() -> None:
    """However long the claims between take and however bunched they come back."""
    clock = Clock()
    pace = Pace(4.0, now=clock.now, sleep=clock.sleep)
    left = []
    for claim_seconds in (0.2, 0.0, 0.24, 0.1, 0.2):
        start = await pace.ahead(going)
        assert start is not None
        clock.seconds += claim_seconds
        assert await pace.reach(start, going)
        left.append(clock.now())

    assert min(b - a for a, b in pairwise(left)) >= 0.25 - CREDIT_SECONDS - 1e-9


async def test_a_start_that_a_slow_claim_missed_is_lost() -> None:
    """The call takes the next one; two never leave on one start's time."""
    clock = Clock()
    pace = Pace(4.0, now=clock.now, sleep=clock.sleep)
    slow = await pace.ahead(going)
    quick = await pace.ahead(going)
    assert slow is not None
    assert quick is not None
    clock.seconds = quick.due
    assert await pace.reach(quick, going)
    assert await pace.reach(slow, going)

    assert clock.now() >= quick.due + 0.25 - CREDIT_SECONDS - 1e-9


async def test_a_pause_that_comes_while_a_claim_is_made_holds_its_call() -> None:
    clock = Clock()
    pace = Pace(4.0, now=clock.now, sleep=clock.sleep)
    start = await pace.ahead(going)
    assert start is not None
    pace.pause(30.0)
    until = pace.paused_until

    assert await pace.reach(start, going)

    assert clock.now() >= until


async def test_a_stop_while_a_claim_is_made_keeps_its_call_back() -> None:
    clock = Clock()
    pace = Pace(4.0, now=clock.now, sleep=clock.sleep)
    start = await pace.ahead(going)
    assert start is not None

    assert not await pace.reach(start, lambda: True)


async def test_nobody_fetches_starts_through_a_pause() -> None:
    """The ledger is asked for the starts after it, not for all that it holds up."""
    clock, asked = Clock(), []

    async def take_block(count: int, interval: float) -> tuple[float, float]:
        asked.append((count, interval))
        return clock.now(), 0.0

    pace = Pace(10.0, now=clock.now, sleep=clock.sleep, take_block=take_block)
    pace.pause(300.0)

    assert await pace.turn(going)

    assert clock.now() >= pace.paused_until
    assert len(asked) <= 2
