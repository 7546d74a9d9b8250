"""Concurrency, breaker and retry budget: plain state, no clock but the one that is passed."""

import asyncio

import pytest

from jobmojito_batch.sending.breaker import (
    FIRST_PAUSE_SECONDS,
    MOST_PAUSE_SECONDS,
    OUTAGE_SECONDS,
    Breaker,
    BreakerDecision,
)
from jobmojito_batch.sending.retry import RetryBudget
from jobmojito_batch.sending.window import Window


def grown(window: Window, calls: int) -> int:
    for _ in range(calls):
        window.went_well()
    return window.limit


def test_the_first_call_goes_alone() -> None:
    """A canary: what is wrong with the account or the address shows with one call."""
    assert Window(8).limit == 1
    assert grown(Window(8), 1) == 2
    assert grown(Window(1000), 1) == 62


def test_the_window_doubles_a_round_until_strain_and_then_grows_by_a_step() -> None:
    """The step is a 64th of the ceiling: a large window comes back in rounds, not in hours."""
    window = Window(1000)
    assert grown(window, 1 + 62) == 124
    window.strained(started_at=1.0, now=2.0)
    assert window.limit == 62
    assert grown(window, 62) in {75, 76}


def test_a_small_window_grows_by_one_a_round_after_strain() -> None:
    window = Window(64)
    grown(window, 100)
    window.strained(started_at=1.0, now=2.0)
    assert window.limit == 32
    assert grown(window, 32) in {32, 33}


def test_the_window_stays_between_one_and_the_ceiling() -> None:
    window = Window(8)
    assert grown(window, 500) == 8
    for moment in range(10):
        window.strained(started_at=float(moment), now=float(moment))
    assert window.limit == 1


def test_calls_that_were_on_their_way_at_a_cut_cut_no_second_time() -> None:
    """The window that is watched is as long as the calls."""
    window = Window(64)
    grown(window, 100)
    window.strained(started_at=10.0, now=100.0)
    for started in (11.0, 50.0, 99.9):
        window.strained(started_at=started, now=101.0)
    assert window.limit == 32
    window.strained(started_at=100.5, now=120.0)
    assert window.limit == 16


async def test_nobody_enters_beyond_the_limit_and_a_stop_wakes_all() -> None:
    window = Window(8)
    await window.enter()
    waiting = [asyncio.create_task(window.enter()) for _ in range(5)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)

    window.leave()
    await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) == 1
    window.let_all_in()
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)


def bad(breaker: Breaker, *, delivered: bool = True, now: float = 0.0) -> BreakerDecision:
    return breaker.decide(is_trustworthy=False, was_delivered=delivered, now=now)


def good(breaker: Breaker, now: float = 0.0) -> BreakerDecision:
    return breaker.decide(is_trustworthy=True, was_delivered=True, now=now)


def test_failures_in_a_row_open_the_breaker() -> None:
    breaker = Breaker(3)
    assert [bad(breaker), bad(breaker), good(breaker), bad(breaker), bad(breaker)] == (
        [BreakerDecision.GO_ON] * 5
    )
    assert bad(breaker) is BreakerDecision.STOP


def test_a_share_of_failures_opens_it_without_a_row() -> None:
    breaker = Breaker(10)
    heard = []
    for _ in range(40):
        heard += [bad(breaker), bad(breaker), good(breaker)]
    assert BreakerDecision.STOP in heard
    assert heard.index(BreakerDecision.STOP) >= 19


def test_a_network_that_was_there_is_waited_for_with_one_probe_at_a_time() -> None:
    breaker = Breaker(3)
    good(breaker)
    heard = [bad(breaker, delivered=False, now=float(n)) for n in range(50)]

    assert set(heard) == {BreakerDecision.PROBE}
    pauses = [breaker.next_pause_seconds() for _ in range(9)]
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses[-1] == MOST_PAUSE_SECONDS
    assert good(breaker) is BreakerDecision.GO_ON
    assert breaker.next_pause_seconds() == FIRST_PAUSE_SECONDS
    bad(breaker, delivered=False, now=0.0)
    assert bad(breaker, delivered=False, now=OUTAGE_SECONDS + 1) is BreakerDecision.STOP


def test_a_network_that_was_never_there_is_waited_for_as_long() -> None:
    """A run that begins in an outage has the patience of one that meets it on the way."""
    breaker = Breaker(3)
    heard = [bad(breaker, delivered=False, now=float(n)) for n in range(50)]

    assert set(heard) == {BreakerDecision.PROBE}
    assert breaker.is_away
    assert bad(breaker, delivered=False, now=OUTAGE_SECONDS + 1) is BreakerDecision.STOP
    good(breaker)
    assert not breaker.is_away


@pytest.mark.parametrize(("calls", "retries"), [(0, 20), (100, 30), (10_000, 200)])
def test_retries_are_a_share_of_the_calls(calls: int, retries: int) -> None:
    budget = RetryBudget()
    for _ in range(calls):
        budget.call()
    granted = 0
    while budget.take():
        granted += 1
    assert granted == pytest.approx(retries, abs=1)
