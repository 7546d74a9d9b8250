"""Letters in the ledger: claimed once, whoever asks; the same on either database."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from jobmojito_batch.columns import LetterStep
from jobmojito_batch.ledger import (
    EndLetter,
    Ledger,
    LetterClaim,
    LetterStanding,
    LetterState,
    Request,
    TakeLetter,
)
from tests.helpers import OpenLedger
from tests.ledgers import NOON, Clock, a_position, begin, taking

EMAIL = "ann@example.com"
DEAD = "elsewhere|1|1.00"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(open_ledger: OpenLedger, ledger_url: str, clock: Clock) -> Ledger:
    ledger = open_ledger(ledger_url, clock=clock)
    begin(ledger)
    written(ledger, taking(a_position(ledger), EMAIL))
    return ledger


def written(ledger: Ledger, *requests: Request[object]) -> list[object]:
    """What comes of requests that are made together."""

    async def run() -> list[object]:
        pen = ledger.writer()
        try:
            return list(await asyncio.gather(*map(pen.submit, requests)))
        finally:
            await pen.close()

    return asyncio.run(run())


def wish(number: int = 1, *, days: int = 0, again: bool = False, owner: str = "") -> TakeLetter:
    at = NOON + timedelta(days=days)
    return TakeLetter(
        invitation_id=1,
        candidate_email=EMAIL,
        step=LetterStep.INVITED,
        day=at.date().isoformat(),
        again=again,
        at=at,
        lease_seconds=100.0,
        message_id=f"<{number}@example.com>",
        owner=owner,
    )


def take(ledger: Ledger, *wishes: TakeLetter) -> list[LetterClaim]:
    claims = written(ledger, *wishes)
    assert all(isinstance(claim, LetterClaim) for claim in claims)
    return [claim for claim in claims if isinstance(claim, LetterClaim)]


def end(ledger: Ledger, claim: LetterClaim, state: LetterState | None, number: int = 1) -> None:
    written(
        ledger,
        EndLetter(
            letter_id=claim.letter_id, message_id=f"<{number}@example.com>", state=state, at=NOON
        ),
    )


def standings(claims: Sequence[LetterClaim]) -> list[LetterStanding]:
    return [claim.standing for claim in claims]


def test_of_several_who_ask_at_once_one_posts(ledger: Ledger) -> None:
    claims = take(ledger, *map(wish, range(5)))

    assert standings(claims) == [LetterStanding.MINE, *[LetterStanding.HELD] * 4]


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (LetterState.SENT, LetterStanding.SENT),
        (LetterState.UNKNOWN, LetterStanding.UNKNOWN),
        (LetterState.REFUSED, LetterStanding.MINE),
        (None, LetterStanding.MINE),
    ],
)
def test_what_became_of_one_decides_who_may_post_another(
    ledger: Ledger, state: LetterState | None, then: LetterStanding
) -> None:
    [claim] = take(ledger, wish())
    end(ledger, claim, state)

    assert standings(take(ledger, wish(2))) == [then]


@pytest.mark.parametrize("state", [LetterState.SENT, LetterState.UNKNOWN])
def test_another_one_follows_only_when_asked_and_on_another_day(
    ledger: Ledger, state: LetterState
) -> None:
    [claim] = take(ledger, wish())
    end(ledger, claim, state)

    same = LetterStanding(state.value)
    assert standings(take(ledger, wish(2, again=True))) == [same]
    assert standings(take(ledger, wish(3, days=1))) == [same]
    assert standings(take(ledger, wish(4, days=1, again=True))) == [LetterStanding.MINE]


def test_steps_do_not_count_for_one_another(ledger: Ledger) -> None:
    [claim] = take(ledger, wish())
    end(ledger, claim, LetterState.SENT)

    assert ledger.letters.latest([1], LetterStep.NOT_STARTED) == {}
    assert ledger.letters.latest([1], LetterStep.INVITED)[1].state is LetterState.SENT


def test_a_letter_of_a_dead_process_is_unknown_for_good(ledger: Ledger, clock: Clock) -> None:
    [claim] = take(ledger, wish(owner=DEAD))
    assert ledger.letters.settle_orphans() == 0  # on another machine: its lease tells
    clock.now += timedelta(seconds=101)

    assert ledger.letters.settle_orphans() == 1
    assert standings(take(ledger, wish(2))) == [LetterStanding.UNKNOWN]
    end(ledger, claim, LetterState.SENT)  # it slept, and comes back with its answer
    assert standings(take(ledger, wish(3))) == [LetterStanding.SENT]


def test_a_dead_process_is_noticed_by_who_asks_next(ledger: Ledger) -> None:
    take(ledger, wish(owner=DEAD))
    late = wish(2, days=1)

    assert standings(take(ledger, late)) == [LetterStanding.UNKNOWN]


def test_a_person_who_was_forgotten_is_written_to_no_more(ledger: Ledger) -> None:
    """And nothing of the server's words, which may name them, stays."""
    [claim] = take(ledger, wish())
    end(ledger, claim, LetterState.REFUSED)
    ledger.people.forget(EMAIL)

    assert standings(take(ledger, wish(2))) == [LetterStanding.GONE]
    assert ledger.letters.latest([1], LetterStep.INVITED) == {}


def test_ending_is_only_for_who_holds_the_claim(ledger: Ledger) -> None:
    take(ledger, wish(1, owner=DEAD))
    end(ledger, LetterClaim(letter_id=1, standing=LetterStanding.MINE), None, number=2)

    assert ledger.letters.latest([1], LetterStep.INVITED)[1].state is LetterState.CLAIMED
