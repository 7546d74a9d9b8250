"""A claim that waited long is made sure of right before its call, on either ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.ledger import ClaimState, Ledger, Writer
from jobmojito_batch.pipeline.work import context_of
from jobmojito_batch.sending.attempt import Call
from jobmojito_batch.sending.claiming import STALE_SECONDS, Claims
from jobmojito_batch.sending.clock import naive
from jobmojito_batch.sending.dispatch import Job, Position
from jobmojito_batch.settings import load_settings
from tests.ledgers import a_position, begin

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class WallClock:
    """The wall clock of the machine, which a test moves."""

    now = NOON

    def wall(self) -> datetime:
        return self.now

    def naive(self) -> datetime:
        return naive(self.now)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def ledger(ledger_url: str, clock: WallClock) -> Iterator[Ledger]:
    book = Ledger.open(ledger_url, clock=clock.naive)
    # On another host: it lives as long as its lease.
    begin(book, owner="another-host|run-1|0", entered_at=clock.naive())
    yield book
    book.close()


@pytest.fixture
async def claims(ledger: Ledger, writer: Writer, clock: WallClock) -> Claims:
    settings = load_settings(api_token="t")
    tokens = TokenSource(settings)
    api = JobMojito(settings, tokens)  # not entered: nothing is called here
    context = context_of(
        "run-1", settings, api, tokens, ledger, writer, settles=True, wall=clock.wall
    )
    return Claims(context)


@pytest.fixture
def call(ledger: Ledger) -> Call:
    position = Position(
        position_id=a_position(ledger), account="a", opening_key="nurse", position_def_set_id="p-1"
    )
    job = Job(ordinal=0, position=position, is_opening=False, position_def_set_id="p-1")
    return Call(job=job, row={"candidate_email": "ann@example.com"})


async def test_a_claim_that_others_took_meanwhile_is_not_called_under(
    ledger: Ledger, claims: Claims, call: Call, clock: WallClock
) -> None:
    """The machine slept; its lease ran out, and another run settled what it held."""
    assert await claims.hold(call)
    clock.now += timedelta(minutes=5)
    assert ledger.runs.settle_orphans() == ["run-1"]

    assert not await claims.still_hold(call)
    assert call.lost_to is not None
    assert call.lost_to.state is ClaimState.UNKNOWN


async def test_a_claim_that_waited_long_but_stands_is_a_further_attempt(
    ledger: Ledger, claims: Claims, call: Call, clock: WallClock
) -> None:
    """What the ledger says was tried is never later than the call."""
    assert await claims.hold(call)
    clock.now += timedelta(seconds=STALE_SECONDS + 1)

    assert await claims.still_hold(call)
    assert call.number == 2
    assert ledger.results.calls_of("run-1") == 2


async def test_a_claim_of_just_now_costs_no_second_write(
    ledger: Ledger, claims: Claims, call: Call, clock: WallClock
) -> None:
    assert await claims.hold(call)
    clock.now += timedelta(seconds=1)

    assert await claims.still_hold(call)
    assert ledger.results.calls_of("run-1") == 1
