"""Attempts at shards in the ledger: who may begin, who lives, whose rows and claims are whose."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import (
    Claim,
    ClaimState,
    Ledger,
    RowOutcome,
    ShardId,
    this_owner,
)
from tests.helpers import OpenLedger
from tests.ledgers import NOON, Clock, a_position, taking
from tests.ledgers import begin as begin_run

FAR = "another-host|1|1.0"
"""An owner who cannot be asked: the lease tells."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(open_ledger: OpenLedger, ledger_url: str, clock: Clock) -> Ledger:
    """With a run of four rows whose parent is this process."""
    ledger = open_ledger(ledger_url, clock=clock)
    begin(ledger, "run")
    nurse = a_position(ledger)
    ledger.runs.add_rows([a_row(n, nurse) for n in range(4)])
    return ledger


def begin(ledger: Ledger, run_id: str, owner: str = "") -> None:
    begin_run(ledger, run_id, entered_at=NOON, rows=4, owner=owner, series="s")


def a_row(ordinal: int, position_id: int) -> dict[str, Any]:
    return {
        "run_id": "run", "ordinal": ordinal, "source": "people.csv", "row": ordinal + 2,
        "position_id": position_id, "candidate_email": f"p{ordinal}@example.com",
        "candidate_name": None, "candidate_external_id": None, "position_name": "Nurse",
        "position_def_set_id": None, "outcome": None, "error_code": None, "error_field": None,
        "error_message": None, "cells": "{}",
    }  # fmt: skip


def shard(number: int, attempt: int = 1, run_id: str = "run") -> ShardId:
    return ShardId(run_id=run_id, shard=number, attempt=attempt)


def claim(ledger: Ledger, id_: ShardId, ordinal: int) -> Claim:
    async def taken() -> Claim:
        pen = ledger.writer()
        try:
            found: Claim = await pen.submit(
                taking(1, f"p{ordinal}@example.com", run_id=str(id_), ordinal=ordinal)
            )
            return found
        finally:
            await pen.close()

    return asyncio.run(taken())


def crash(ledger: Ledger, id_: ShardId) -> None:
    ledger.runs.abandon(str(id_), NOON)


def test_one_attempt_at_a_shard_lives_at_a_time(ledger: Ledger) -> None:
    assert ledger.shards.begin(shard(0)) is None
    assert ledger.shards.begin(shard(1)) is None

    assert "came first" in (ledger.shards.begin(shard(0, 2)) or "")
    crash(ledger, shard(0))
    assert ledger.shards.begin(shard(0, 2)) is None


def test_an_attempt_is_once_and_none_follows_a_later_one(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0, 2))
    crash(ledger, shard(0, 2))

    assert "came first" in (ledger.shards.begin(shard(0, 2)) or "")
    assert "came first" in (ledger.shards.begin(shard(0, 1)) or "")
    assert ledger.shards.begin(shard(0, 10)) is None


def test_no_shard_begins_for_a_run_that_is_unknown_over_or_stopped(ledger: Ledger) -> None:
    assert "no run" in (ledger.shards.begin(shard(0, run_id="elsewhere")) or "")
    ledger.shards.ask_to_stop("run", ErrorCode.INTERRUPTED, "the run was interrupted")
    assert "is over" in (ledger.shards.begin(shard(0)) or "")
    begin(ledger, "dead", owner=f"{this_owner().split('|')[0]}|1|1.0")
    assert "is over" in (ledger.shards.begin(shard(0, run_id="dead")) or "")


def test_a_shard_goes_on_until_its_run_is_stopped_or_it_is_replaced(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    ledger.shards.begin(shard(1))
    assert ledger.shards.may_go_on(shard(0))
    crash(ledger, shard(0))
    ledger.shards.begin(shard(0, 2))
    assert not ledger.shards.may_go_on(shard(0))
    assert ledger.shards.may_go_on(shard(0, 2))

    ledger.shards.ask_to_stop("run", ErrorCode.INTERRUPTED, "the run was interrupted")

    assert not ledger.shards.may_go_on(shard(0, 2))
    assert not ledger.shards.may_go_on(shard(1))


def test_what_a_dead_attempt_held_is_unknown_and_the_rows_stay_open(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    claim(ledger, shard(0), 1)

    crash(ledger, shard(0))

    [doubt] = ledger.doubts.all()
    assert (doubt.state, doubt.run_id, doubt.is_held) == (ClaimState.UNKNOWN, "run.0.1", False)
    assert ledger.shards.rows_left("run", 0, 3)["ordinal"].to_list() == [0, 1, 2, 3]
    assert ledger.results.outcomes("run") == {}


def test_the_end_of_the_run_knows_what_its_shards_held(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    claim(ledger, shard(0), 1)
    crash(ledger, shard(0))

    ledger.runs.end("run", at=NOON, stop_code=ErrorCode.INTERRUPTED, stop_message="the run ended")

    assert ledger.results.outcomes("run") == {Outcome.UNKNOWN: 1, Outcome.NOT_SENT: 3}
    assert (ledger.results.calls_of("run"), ledger.results.credits_of("run")) == (1, 0.25)


def test_an_attempt_that_ends_leaves_what_it_still_holds_unknown(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    claim(ledger, shard(0), 1)

    ledger.shards.end(shard(0), at=NOON, stop_code=None, stop_message=None, summary="{}")

    [attempt] = ledger.shards.attempts("run")
    assert attempt.is_done
    assert not attempt.is_living
    assert ledger.doubts.all()[0].state is ClaimState.UNKNOWN


def test_credits_of_earlier_attempts_count_towards_the_share(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    ledger.shards.begin(shard(1))
    claim(ledger, shard(0), 1)
    claim(ledger, shard(1), 2)
    crash(ledger, shard(0))

    assert ledger.shards.credits_before(shard(0, 2)) == 0.25
    assert ledger.shards.credits_before(shard(0)) == 0.0


def test_a_parent_that_died_is_not_over_while_a_shard_lives(ledger: Ledger, clock: Clock) -> None:
    """The parent is on another host, its lease ends; the shard is this process."""
    begin(ledger, "far", owner=FAR)
    assert ledger.shards.begin(shard(0, run_id="far")) is None
    clock.now = NOON + timedelta(seconds=61)

    assert ledger.runs.settle_orphans() == []
    run = ledger.runs.find("far")
    assert run is not None
    assert ledger.runs.is_running(run)
    ledger.shards.end(
        shard(0, run_id="far"), at=NOON, stop_code=None, stop_message=None, summary="{}"
    )
    assert ledger.runs.settle_orphans() == ["far"]


def test_a_lease_that_is_renewed_lasts(ledger: Ledger, clock: Clock) -> None:
    begin(ledger, "far", owner=FAR)
    clock.now = NOON + timedelta(seconds=50)
    ledger.runs.renew_lease("far")
    clock.now = NOON + timedelta(seconds=100)

    run = ledger.runs.find("far")
    assert run is not None
    assert ledger.runs.is_running(run)


def test_shards_are_not_runs_to_look_at(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    crash(ledger, shard(0))
    ledger.runs.end("run", at=NOON, stop_code=ErrorCode.INTERRUPTED, stop_message="over")

    assert [run.run_id for run in ledger.runs.latest()] == ["run"]
    assert ledger.runs.find("run") is not None
    assert ledger.runs.find("run.0") is None
    assert [night.run_id for night in ledger.nights.of_series("s")] == ["run"]


def test_rows_that_are_left_are_those_without_an_outcome_for_good(ledger: Ledger) -> None:
    ledger.shards.begin(shard(0))
    for ordinal in (0, 1):
        claim(ledger, shard(0), ordinal)
    ledger.runs.settle_rows(
        [
            RowOutcome(run_id="run", ordinal=0, outcome=Outcome.INVITED),
            RowOutcome(run_id="run", ordinal=1, outcome=Outcome.UNKNOWN),
            RowOutcome(
                run_id="run", ordinal=2, outcome=Outcome.NOT_SENT, error_code=ErrorCode.INTERRUPTED
            ),
            RowOutcome(
                run_id="run", ordinal=3, outcome=Outcome.NOT_SENT, error_code=ErrorCode.CREDIT_CAP
            ),
        ]
    )

    assert ledger.shards.rows_left("run", 0, 3)["ordinal"].to_list() == [1, 2]
    assert ledger.shards.rows_left("run", 2, 3)["ordinal"].to_list() == [2]


def test_an_id_is_read_as_it_is_written() -> None:
    id_ = ShardId.of("0193a.b.12.3")

    assert (id_.run_id, id_.shard, id_.attempt) == ("0193a.b", 12, 3)
    assert str(id_) == "0193a.b.12.3"
    assert shard(0, 2) < shard(0, 10)
