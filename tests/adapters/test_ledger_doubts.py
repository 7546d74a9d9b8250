"""Doubts, openings, leases, caps and the pace: what several processes share in one ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import (
    BeginAttempt,
    Claim,
    ClaimState,
    Enrolment,
    Ledger,
    OpenPosition,
    SettleDoubt,
    SharePause,
    TakeOver,
    TakeSlots,
    Writer,
)
from tests.ledgers import ACCOUNT, NOON, Clock, a_position, begin, ending, taking

NAME = f"{ACCOUNT}|nurse"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    book = Ledger.open(ledger_url, clock=clock)
    yield book
    book.close()


async def claim(
    writer: Writer,
    position_id: int,
    *,
    run_id: str = "run-1",
    email: str = "a@example.com",
    ordinal: int = 0,
    opens: str | None = None,
    day_limit: float | None = None,
) -> Claim:
    wanted = replace(
        taking(position_id),
        run_id=run_id,
        ordinal=ordinal,
        candidate_email=email,
        opens=opens,
        day_limit=day_limit,
    )
    taken: Claim = await writer.submit(wanted)
    return taken


async def end(writer: Writer, held: Claim, outcome: Outcome, *, opened: str | None = None) -> None:
    await writer.submit(replace(ending(held, outcome), opened=opened))


def a_run_row(position_id: int) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "ordinal": 0,
        "source": "x.csv",
        "row": 2,
        "position_id": position_id,
        "candidate_email": "a@example.com",
        "cells": "{}",
        "outcome": None,
    }


async def test_the_days_credits_bound_all_processes(ledger: Ledger, writer: Writer) -> None:
    """Claims and further attempts alike; what was spent yesterday does not count."""
    begin(ledger, "run-1")
    begin(ledger, "run-2")
    nurse = a_position(ledger)
    first = await claim(writer, nurse, day_limit=0.5)
    second = await claim(writer, nurse, run_id="run-2", email="b@example.com", day_limit=0.5)
    third = await claim(writer, nurse, run_id="run-2", email="c@example.com", day_limit=0.5)
    again = await writer.submit(
        BeginAttempt(
            invitation_id=first.invitation_id,
            run_id="run-1",
            number=2,
            at=NOON,
            credits=0.25,
            day_limit=0.5,
        )
    )

    assert (first.is_mine, second.is_mine) == (True, True)
    assert (third.is_mine, third.is_over_day_limit) == (False, True)
    assert again is False
    assert ledger.results.credits_since(NOON) == 0.5


async def test_one_row_opens_a_name_until_its_outcome_is_known(
    ledger: Ledger, writer: Writer
) -> None:
    for run_id in ("run-1", "run-2"):
        begin(ledger, run_id)
    nurse = a_position(ledger)
    first = await claim(writer, nurse, opens=NAME)
    other = await claim(writer, nurse, run_id="run-2", email="b@example.com", opens=NAME)
    assert (first.is_mine, other.is_mine, other.is_opened_elsewhere) == (True, False, True)

    await end(writer, first, Outcome.UNKNOWN, opened=NAME)
    assert ledger.doubts.is_being_opened(NAME)
    await writer.submit(
        SettleDoubt(
            invitation_id=first.invitation_id,
            seen_at=NOON,
            run_id="run-2",
            outcome=Outcome.FAILED,
            at=NOON,
            opened=NAME,
        )
    )

    assert not ledger.doubts.is_being_opened(NAME)
    again = await claim(writer, nurse, run_id="run-2", email="b@example.com", opens=NAME)
    assert again.is_mine


async def test_a_doubt_is_taken_over_by_one_and_only_while_it_is_the_same(
    ledger: Ledger, writer: Writer
) -> None:
    """Two runs that both saw that it did not happen: one sends it."""
    for run_id in ("run-1", "run-2", "run-3"):
        begin(ledger, run_id)
    held = await claim(writer, a_position(ledger))
    await end(writer, held, Outcome.UNKNOWN)

    def take_over(run_id: str) -> TakeOver:
        return TakeOver(
            position_id=1,
            invitation_id=held.invitation_id,
            seen_at=NOON,
            run_id=run_id,
            ordinal=0,
            number=1,
            at=NOON + timedelta(seconds=9),
            credits=0.25,
        )

    one: Claim = await writer.submit(take_over("run-2"))
    other: Claim = await writer.submit(take_over("run-3"))
    assert (one.is_mine, other.is_mine, other.run_id) == (True, False, "run-2")

    await end(writer, one, Outcome.UNKNOWN)
    late: Claim = await writer.submit(take_over("run-3"))
    assert not late.is_mine  # unknown again, but not the doubt that run-3 looked up


async def test_a_settled_doubt_is_settled_once_and_in_every_run(
    ledger: Ledger, writer: Writer
) -> None:
    begin(ledger, "run-1")
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_run_row(nurse)])
    held = await claim(writer, nurse)
    await end(writer, held, Outcome.UNKNOWN)

    def settle(outcome: Outcome) -> SettleDoubt:
        return SettleDoubt(
            invitation_id=held.invitation_id,
            seen_at=NOON,
            run_id="reconcile",
            outcome=outcome,
            at=NOON,
            enrolment=Enrolment(interview_url="https://i.example/t"),
        )

    assert await writer.submit(settle(Outcome.INVITED)) is True
    assert await writer.submit(settle(Outcome.FAILED)) is False
    assert ledger.results.outcomes("run-1") == {Outcome.INVITED: 1}
    assert ledger.doubts.standing(held.invitation_id)[:2] == (ClaimState.SETTLED, Outcome.INVITED)


async def test_what_is_sent_once_more_counts_towards_the_days_cap(
    ledger: Ledger, writer: Writer
) -> None:
    """A doubt that did not happen is a call like any other, whichever process makes it."""
    begin(ledger, "run-1")
    begin(ledger, "run-2")
    held = await claim(writer, a_position(ledger))
    await end(writer, held, Outcome.UNKNOWN)
    again = TakeOver(
        invitation_id=held.invitation_id,
        position_id=1,
        seen_at=NOON,
        run_id="run-2",
        ordinal=0,
        number=1,
        at=NOON + timedelta(seconds=9),
        credits=0.25,
        day_limit=0.25,
    )

    refused: Claim = await writer.submit(again)
    assert (refused.is_mine, refused.is_over_day_limit) == (False, True)
    taken: Claim = await writer.submit(replace(again, day_limit=0.5))
    assert taken.is_mine


async def test_a_claim_that_outlives_the_drain_is_in_doubt(ledger: Ledger, writer: Writer) -> None:
    """The run that ends says so itself; nobody has to wait for its process to die."""
    begin(ledger, "run-1", owner="another-host|1|0")
    held = await claim(writer, a_position(ledger))

    ledger.runs.end("run-1", at=NOON, stop_code=ErrorCode.INTERRUPTED, stop_message="told to end")

    assert ledger.doubts.standing(held.invitation_id).state is ClaimState.UNKNOWN
    doubt = ledger.doubts.of_invitation(held.invitation_id)
    assert doubt is not None
    assert not doubt.is_held
    assert doubt.unknown_since == NOON


async def test_what_was_settled_since_it_was_met_is_waited_for_like_what_is_held(
    ledger: Ledger, writer: Writer
) -> None:
    """Its row would be left unknown by who asks a moment too late."""
    begin(ledger, "run-1")
    held = await claim(writer, a_position(ledger))
    await end(writer, held, Outcome.INVITED)

    late = ledger.doubts.of_invitation(held.invitation_id)

    assert late is not None
    assert (late.state, late.is_held) == (ClaimState.SETTLED, True)
    assert ledger.doubts.all() == []


async def test_an_owner_on_another_host_lives_as_long_as_its_lease(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    begin(ledger, "run-1", owner="another-host|1|0.0")
    held = await claim(writer, a_position(ledger))
    clock.now = NOON + timedelta(seconds=59)
    assert ledger.runs.settle_orphans() == []
    assert ledger.doubts.of_accounts([ACCOUNT])[0].is_held

    clock.now = NOON + timedelta(seconds=200)
    assert ledger.runs.settle_orphans() == ["run-1"]
    [doubt] = ledger.doubts.of_accounts([ACCOUNT])
    assert (doubt.state, doubt.is_held) == (ClaimState.UNKNOWN, False)
    # The doubt counts from the end of the lease: no call of the dead can have begun later.
    assert doubt.unknown_since == NOON + timedelta(seconds=60)
    assert ledger.doubts.standing(held.invitation_id)[1] is Outcome.UNKNOWN


async def test_a_claim_that_was_lost_gets_no_further_attempt(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    """A process that slept past its lease, and another settled what it held."""
    begin(ledger, "run-1", owner="another-host|1|0.0")
    held = await claim(writer, a_position(ledger))
    clock.now = NOON + timedelta(hours=1)
    ledger.runs.settle_orphans()

    may = await writer.submit(
        BeginAttempt(
            invitation_id=held.invitation_id, run_id="run-1", number=2, at=NOON, credits=0.25
        )
    )
    assert may is False


async def test_a_late_answer_does_not_undo_what_others_did_since(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    """A process slept past its lease; another settled its call, or has it under way by now."""
    begin(ledger, "run-1", owner="another-host|1|0.0")
    begin(ledger, "run-2")
    nurse = a_position(ledger)
    under_way = await claim(writer, nurse)
    settled = await claim(writer, nurse, email="b@example.com", ordinal=1)
    clock.now = NOON + timedelta(hours=1)
    ledger.runs.settle_orphans()
    taken: Claim = await writer.submit(
        TakeOver(
            position_id=nurse,
            invitation_id=under_way.invitation_id,
            seen_at=NOON,
            run_id="run-2",
            ordinal=0,
            number=1,
            at=clock.now,
            credits=0.25,
        )
    )
    await writer.submit(
        SettleDoubt(
            invitation_id=settled.invitation_id,
            seen_at=NOON,
            run_id="run-2",
            outcome=Outcome.INVITED,
            at=clock.now,
        )
    )

    await end(writer, under_way, Outcome.FAILED)
    await end(writer, settled, Outcome.UNKNOWN)

    assert taken.is_mine
    assert ledger.doubts.standing(taken.invitation_id)[0] is ClaimState.CLAIMED
    assert ledger.doubts.standing(settled.invitation_id)[:2] == (
        ClaimState.SETTLED,
        Outcome.INVITED,
    )


async def test_a_late_answer_settles_what_nobody_touched_since(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    begin(ledger, "run-1", owner="another-host|1|0.0")
    held = await claim(writer, a_position(ledger))
    clock.now = NOON + timedelta(hours=1)
    ledger.runs.settle_orphans()

    await end(writer, held, Outcome.INVITED)

    assert ledger.doubts.standing(held.invitation_id)[:2] == (ClaimState.SETTLED, Outcome.INVITED)


async def test_a_run_that_was_taken_for_dead_lives_again_with_its_next_claim(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    """Else nobody would ever find what it claims from then on."""
    begin(ledger, "run-1", owner="another-host|1|0.0")
    nurse = a_position(ledger)
    clock.now = NOON + timedelta(hours=1)
    assert ledger.runs.settle_orphans() == ["run-1"]

    late = replace(taking(nurse), at=clock.now)
    assert (await writer.submit(late)).is_mine

    assert ledger.runs.settle_orphans() == []
    clock.now += timedelta(seconds=61)
    assert ledger.runs.settle_orphans() == ["run-1"]
    assert [one.state for one in ledger.doubts.all()] == [ClaimState.UNKNOWN]


async def test_no_call_starts_after_its_runs_lease(
    ledger: Ledger, writer: Writer, clock: Clock
) -> None:
    """A claim late in the lease makes it longer: its call may be held back for half a minute."""
    begin(ledger, "run-1", owner="another-host|1|0.0")
    clock.now = NOON + timedelta(seconds=50)

    await writer.submit(replace(taking(a_position(ledger)), at=clock.now))

    clock.now = NOON + timedelta(seconds=85)
    assert ledger.runs.settle_orphans() == []


async def test_a_claim_under_a_position_that_was_merged_away_is_one_of_the_merged(
    ledger: Ledger, writer: Writer
) -> None:
    """Another process merged them after this one had planned."""
    begin(ledger, "run-1")
    begin(ledger, "run-2")
    by_name = a_position(ledger)
    by_id = ledger.runs.ensure_positions([(ACCOUNT, "id:p-1", None)])[ACCOUNT, "id:p-1"]
    held = await claim(writer, by_name)
    await end(writer, held, Outcome.INVITED)
    await writer.submit(OpenPosition(position_id=by_name, position_def_set_id="P-1", at=NOON))

    again = await claim(writer, by_name, run_id="run-2")
    fresh = await claim(writer, by_name, run_id="run-2", email="b@example.com", ordinal=1)
    twice = await claim(writer, by_id, email="b@example.com")

    assert (again.is_mine, again.state, again.run_id) == (False, ClaimState.SETTLED, "run-1")
    assert fresh.is_mine
    assert (twice.is_mine, twice.invitation_id) == (False, fresh.invitation_id)


@pytest.mark.parametrize(
    ("said", "kept"), [("nul\0 byte", "nul\ufffd byte"), ("half \ud83d pair", "half ? pair")]
)
async def test_text_that_no_database_keeps_does_not_cost_a_row(
    ledger: Ledger, writer: Writer, said: str, kept: str
) -> None:
    begin(ledger, "run-1")
    nurse = a_position(ledger)
    row = a_run_row(nurse) | {"candidate_name": said, "cells": f'{{"0": "{said}"}}'}
    ledger.runs.add_rows([row])
    held = await claim(writer, nurse)

    await writer.submit(
        replace(ending(held, Outcome.INVITED), enrolment=Enrolment(reason=said), request_id=said)
    )

    (frame,) = ledger.results.frames("run-1")
    assert frame.select("candidate_name", "reason", "outcome").rows() == [(kept, kept, "invited")]


async def test_starts_are_handed_out_once_and_a_clock_put_back_does_not_stop_them(
    writer: Writer,
) -> None:
    def take(now: float, count: int = 4) -> TakeSlots:
        return TakeSlots(key="api", count=count, interval=0.25, now=now)

    first, _ = await writer.submit(take(1_000_000.0))
    second, _ = await writer.submit(take(1_000_000.0))
    assert second - first == pytest.approx(1.0)
    await writer.submit(SharePause(key="api", until=1_000_030.0))
    assert await writer.submit(take(1_000_001.0)) == (1_000_030.0, 1_000_030.0)
    assert (await writer.submit(take(999_800.0)))[1] == 1_000_030.0
    later, _ = await writer.submit(take(1_000_900.0))
    assert later - 1_000_900.0 == 0.0
    back, paused = await writer.submit(take(1_000_700.0))
    assert (back - 1_000_700.0, paused) == (0.0, 1_000_030.0)
    back, paused = await writer.submit(take(900_000.0))
    assert (back - 900_000.0, paused) == (0.0, 0.0)


def undo_nights(connection: Connection) -> None:
    """Back to the second schema."""
    for index in ("runs_by_series", "runs_by_parent"):
        connection.execute(text(f"DROP INDEX {index}"))
    for column in ("series", "to_send", "known", "parent_id"):
        connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
    connection.execute(text("DROP TABLE troubles"))
    connection.execute(text("DROP TABLE files"))
    connection.execute(text("ALTER TABLE run_rows DROP COLUMN mojito_language_code"))


def test_a_ledger_of_the_first_schema_is_led_to_ours(ledger_url: str) -> None:
    """With what it holds; and one of a later schema is left alone."""
    Ledger.open(ledger_url).close()
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        undo_nights(connection)
        connection.execute(text("ALTER TABLE runs DROP COLUMN lease_until"))
        connection.execute(text("ALTER TABLE invitations DROP COLUMN unknown_since"))
        connection.execute(text("DROP TABLE openings"))
        connection.execute(text("DROP TABLE paces"))
        connection.execute(text("UPDATE meta SET value = '1' WHERE key = 'schema_version'"))
    engine.dispose()

    ledger = Ledger.open(ledger_url)
    assert ledger.doubts.all() == []
    assert not ledger.doubts.is_being_opened(NAME)
    ledger.close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = '99' WHERE key = 'schema_version'"))
    engine.dispose()
    with pytest.raises(LedgerError, match="schema version 99"):
        Ledger.open(ledger_url)
