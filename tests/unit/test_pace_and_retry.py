"""The pace, the loop of retries and Retry-After, on a clock that the test moves."""

import asyncio
import math
import random
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.sending.clock import Clock
from jobmojito_batch.sending.pace import CREDIT_SECONDS, Pace, TakeBlock, _Starts
from jobmojito_batch.sending.retry import RetryPolicy, Tried, retry_after_seconds, retrying
from jobmojito_batch.verdict import Action, Verdict

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class SleptTime:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def a_pace(rate: float, clock: SleptTime, take_block: TakeBlock | None = None) -> Pace:
    time = Clock(wall=lambda: NOON, now=clock.now, sleep=clock.sleep)
    return Pace(rate, time, take_block=take_block)


def going() -> bool:
    return False


async def starts(pace: Pace, clock: SleptTime, count: int) -> list[float]:
    found = []
    for _ in range(count):
        assert await pace.turn(going)
        found.append(clock.now())
    return found


async def test_starts_are_evenly_spaced() -> None:
    clock = SleptTime()
    pace = a_pace(4.0, clock)

    times = await starts(pace, clock, 9)

    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[1:] == pytest.approx([0.25] * 7)
    assert gaps[0] >= 0.25 - CREDIT_SECONDS - 1e-9


async def test_idle_time_does_not_add_up_to_a_burst() -> None:
    clock = SleptTime()
    pace = a_pace(100.0, clock)
    await starts(pace, clock, 5)
    clock.seconds += 60.0

    times = await starts(pace, clock, 103)

    in_first_second = sum(moment < times[0] + 1.0 for moment in times)
    assert in_first_second <= 100 * (1.0 + CREDIT_SECONDS) + 1


async def test_a_pause_holds_everybody_for_its_whole_length() -> None:
    clock = SleptTime()
    pace = a_pace(10.0, clock)
    await starts(pace, clock, 1)
    pace.pause(7.0)
    pace.pause(3.0)  # a shorter one does not shorten it

    (first,) = await starts(pace, clock, 1)

    assert first >= 1007.0


async def test_a_stop_ends_the_waiting_without_a_start() -> None:
    clock = SleptTime()
    pace = a_pace(1.0, clock)
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
    clock = SleptTime()
    pace = a_pace(4.0, clock)
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
    clock = SleptTime()
    pace = a_pace(4.0, clock)
    slow = await pace.ahead(going)
    quick = await pace.ahead(going)
    assert slow is not None
    assert quick is not None
    clock.seconds = quick.due
    assert await pace.reach(quick, going)
    assert await pace.reach(slow, going)

    assert clock.now() >= quick.due + 0.25 - CREDIT_SECONDS - 1e-9


async def test_a_pause_that_comes_while_a_claim_is_made_holds_its_call() -> None:
    clock = SleptTime()
    pace = a_pace(4.0, clock)
    start = await pace.ahead(going)
    assert start is not None
    pace.pause(30.0)
    until = pace.paused_until

    assert await pace.reach(start, going)

    assert clock.now() >= until


async def test_a_stop_while_a_claim_is_made_keeps_its_call_back() -> None:
    clock = SleptTime()
    pace = a_pace(4.0, clock)
    start = await pace.ahead(going)
    assert start is not None

    assert not await pace.reach(start, lambda: True)


async def test_nobody_fetches_starts_through_a_pause() -> None:
    """The ledger is asked for the starts after it, not for all that it holds up."""
    clock, asked = SleptTime(), []

    async def take_block(count: int, interval: float) -> tuple[float, float]:
        asked.append((count, interval))
        return clock.now(), 0.0

    pace = a_pace(10.0, clock, take_block=take_block)
    pace.pause(300.0)

    assert await pace.turn(going)

    assert clock.now() >= pace.paused_until
    assert len(asked) <= 2


REFUSED = Verdict(action=Action.RETRY, code=ErrorCode.RATE_LIMITED, message="", is_free=True)
DONE = Verdict(action=Action.SETTLE, code=None, message="")


async def tried_until(
    *script: Tried, may_retry: bool = True, stops_after: int = 99
) -> tuple[Tried, int, float]:
    """What the loop gives, after how many attempts and how many seconds of waiting."""
    clock, left = SleptTime(), list(script)
    loop = retrying(
        RetryPolicy(max_attempts=3, base_wait_seconds=8.0),
        is_stopping=lambda: len(script) - len(left) >= stops_after,
        may_retry=lambda: may_retry,
        sleep=clock.sleep,
        rng=random.Random(1),  # noqa: S311 - the same waits in every run
    )

    async def attempt() -> Tried:
        return left.pop(0)

    tried: Tried = await loop(attempt)
    return tried, len(script) - len(left), clock.now() - 1000.0


async def test_a_row_that_was_answered_is_tried_once() -> None:
    assert await tried_until(Tried(DONE, 1, counts=True)) == (Tried(DONE, 1, counts=True), 1, 0.0)


async def test_attempts_that_count_are_bounded_and_waited_between() -> None:
    script = [Tried(REFUSED, number, counts=True) for number in range(1, 9)]

    last, attempts, waited = await tried_until(*script)

    assert (last.attempts, attempts) == (3, 3)
    assert 0.0 < waited <= 8.0 + 16.0


async def test_a_429_does_not_count_and_the_row_itself_does_not_wait() -> None:
    """The pace holds everybody then."""
    script = [*[Tried(REFUSED)] * 20, Tried(DONE, 1, counts=True)]

    assert await tried_until(*script) == (script[-1], 21, 0.0)


async def test_a_stop_and_an_empty_budget_end_the_attempts() -> None:
    script = [Tried(REFUSED, 1, counts=True), Tried(DONE, 2, counts=True)]

    assert (await tried_until(*script, stops_after=1))[1] == 1
    assert (await tried_until(*script, may_retry=False))[1] == 1
    assert (await tried_until(Tried(REFUSED), *script, stops_after=1))[1] == 1


async def test_rows_take_turns_in_one_loop() -> None:
    """What it knows of a row stands in what its attempt gave."""
    loop = retrying(
        RetryPolicy(max_attempts=2),
        is_stopping=going,
        may_retry=lambda: True,
        sleep=SleptTime().sleep,
        rng=random.Random(1),  # noqa: S311 - the same waits in every run
    )
    attempts: Counter[str] = Counter()

    async def attempt(row: str) -> Tried:
        await asyncio.sleep(0)
        attempts[row] += 1
        return Tried(DONE if row == "good" else REFUSED, attempts[row], counts=True)

    await asyncio.gather(*(loop(attempt, row) for row in ("bad", "good", "worse")))

    assert attempts == {"bad": 2, "good": 1, "worse": 2}


@pytest.mark.parametrize("interval", [0.0001, 0.1, 1 / 3, 7.0])
def test_starts_that_are_told_by_numbers_are_those_of_a_list(interval: float) -> None:
    """Taken, lost and added in any order: none is used twice, none is lost that was in time."""
    rng = random.Random(interval)  # noqa: S311 - the same each time
    starts, listed = _Starts(interval), list[float]()
    first, used, lost = 1_000.0, 0, 0
    for _ in range(2_000):
        match rng.randrange(4):
            case 0:
                count = rng.randrange(1, 9)
                starts.add(first, count)
                listed += [first + interval * number for number in range(count)]
                first = listed[-1] + rng.choice([interval, 5 * interval])
            case 1 if listed:
                starts.take()
                listed.pop(0)
                used += 1
            case 2 if listed:
                moment = rng.choice(listed) + rng.choice([-0.5, 0.0, 0.5]) * interval
                starts.drop_before(moment)
                lost += sum(start < moment for start in listed)
                listed = [start for start in listed if start >= moment]
            case _:
                pass
        assert len(starts) == len(listed)
        assert not listed or starts.next == listed[0]
    starts.drop_before(math.inf)
    assert len(starts) == 0
    assert used > 100
    assert lost > 100
