"""
The life of an invitation as a state machine: claims, sends, silences, crashes, settling, resends.

The real sender, settling and ledger on a simulated clock, network and API. `make soak` runs it for
long; PROFILE=soak is what it sets.
"""

import asyncio
import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ErrorCode, Outcome
from jobmojito_batch.ledger import ClaimState, Ledger, RunRecord
from jobmojito_batch.ledger.database import open_engine
from jobmojito_batch.pipeline import reconcile, work
from jobmojito_batch.pipeline.plan_stage import with_ledger
from jobmojito_batch.plan import ACCOUNT as ACCOUNT_COLUMN
from jobmojito_batch.plan import EMAIL, PLACE, POSITION
from jobmojito_batch.sending import Budget, Cap, Doubt, Position, Sender
from jobmojito_batch.sending.rows import Row
from jobmojito_batch.settings import Settings, load_settings
from tests.model.clock import World
from tests.model.server import READ_TIMEOUT, SETTLE, Fate, Server

ACCOUNT = "https://api.example||live"
RATE = 5.0
PRICE = 0.25
PEOPLE = [(f"p{n}@example.com", job) for job in ("nurse", "cook") for n in range(3)]
JOBS = ["cook", "nurse"]

PLACES = pl.DataFrame(
    {
        PLACE: range(len(JOBS)),
        ACCOUNT_COLUMN: [ACCOUNT] * len(JOBS),
        POSITION_KEY: [f"name:{job}" for job in JOBS],
        OPENING_KEY: JOBS,
    },
    schema_overrides={PLACE: pl.UInt32},
)
ROWS = pl.DataFrame(
    {
        ORDINAL: range(len(PEOPLE)),
        PLACE: [JOBS.index(job) for _, job in PEOPLE],
        EMAIL: [email for email, _ in PEOPLE],
    },
    schema_overrides={ORDINAL: pl.UInt32, PLACE: pl.UInt32},
)

BOUNDS = {
    "requests_per_second": RATE,
    "max_in_flight": 4,
    "credits_per_candidate": PRICE,
    "breaker_failures": 10,
    "max_attempts": 3,
    "settle_seconds": SETTLE,
}
"""Of a run; `reconcile` has those that settings have by themselves."""

fates = st.one_of(
    st.just(Fate("answer")),
    st.builds(Fate, st.just("answer"), seconds=st.sampled_from([0.1, 3.0, 9.0])),
    st.just(Fate("never_left", happens=False)),
    st.builds(
        Fate,
        st.just("lost"),
        happens=st.booleans(),
        seconds=st.sampled_from([0.2, 5.0, 60.0]),
        effect_after=st.sampled_from([0.0, 1.0, SETTLE - 12.0, SETTLE - 1.0]),
    ),
    st.builds(
        Fate,
        st.just("status"),
        happens=st.booleans(),
        status=st.sampled_from([409, 500, 504, 546]),
        effect_after=st.just(0.0),
    ),
    st.builds(
        Fate,
        st.just("refused"),
        happens=st.just(False),
        status=st.sampled_from([429, 503, 422, 402]),
        retry_after=st.sampled_from([None, "2"]),
        field=st.sampled_from([None, "candidate_resume", "position_name"]),
    ),
)
scripts = st.lists(fates, max_size=10)
moments = st.one_of(st.none(), st.floats(0.0, 40.0))


class Rows:
    """The rows to send, in memory."""

    async def row(self, ordinal: int) -> Row:
        email, job = PEOPLE[ordinal]
        return {
            "source": "people.csv",
            "row": str(ordinal + 2),
            "candidate_name": "Ann",
            "candidate_email": email,
            "candidate_country_code": "SK",
            "candidate_resume": "text",
            "position_name": job,
            "position_location": "Wien",
            "position_country_code": "AT",
            "mojito_language_code": "en",
        }


class Life(RuleBasedStateMachine):
    """Runs of one input against one ledger and one API."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.server = Server(self.world)
        self.ledger = Ledger(_fresh_ledger(), clock=self.world.naive)
        self.runs = 0
        self.settings = _settings()
        self.last: dict[int, Outcome] = {}

    def teardown(self) -> None:
        self.ledger.close()

    # What can happen

    @rule(script=scripts, kill_at=moments)
    def a_run(self, script: list[Fate], kill_at: float | None) -> None:
        self._play(script, [self._run], kill_at)

    @rule(script=scripts, kill_at=moments)
    def two_runs_at_once(self, script: list[Fate], kill_at: float | None) -> None:
        self._play(script, [self._run, self._run], kill_at)

    @rule(script=scripts, kill_at=moments)
    def a_run_beside_reconcile(self, script: list[Fate], kill_at: float | None) -> None:
        self._play(script, [self._run, self._reconcile], kill_at)

    @rule()
    def reconcile(self) -> None:
        self._play([], [self._reconcile], None)

    @rule(
        script=scripts,
        stop_at=st.floats(0.0, 30.0),
        drain=st.sampled_from([None, 0.0, 2.0]),
    )
    def a_run_that_is_told_to_end(
        self, script: list[Fate], stop_at: float, drain: float | None
    ) -> None:
        self._play(script, [lambda: self._run(stop_at=stop_at, drain_seconds=drain)], None)

    @rule(script=st.lists(fates, max_size=8), cap=st.integers(0, 5))
    def a_run_under_a_cap(self, script: list[Fate], cap: int) -> None:
        before = self.server.may_have_cost
        self._play(script, [lambda: self._run(cap=cap * PRICE)], None)
        assert self.server.may_have_cost - before <= cap

    @rule(script=st.lists(fates, max_size=8), left=st.integers(0, 5))
    def two_runs_under_a_days_cap(self, script: list[Fate], left: int) -> None:
        spent = self.ledger.results.credits_since(self._midnight())
        before = self.server.may_have_cost
        run = functools.partial(self._run, day_limit=spent + left * PRICE)
        day = self._midnight()
        self._play(script, [run, run], None)
        if self._midnight() == day:
            assert self.server.may_have_cost - before <= left

    @rule()
    def positions_are_deleted_in_the_admin(self) -> None:
        self.server.forget_positions()

    @rule(seconds=st.sampled_from([-3600.0, -30.0, 0.0, 30.0, 3600.0]))
    def the_clocks_differ(self, seconds: float) -> None:
        self.server.clock_ahead = timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([1.0, 30.0, 120.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.server.advance()

    @rule()
    def looking_is_forbidden(self) -> None:
        self.server.may_look = False

    @precondition(lambda self: not self.server.may_look)
    @rule()
    def looking_is_allowed_again(self) -> None:
        self.server.may_look = True

    # What must hold

    @invariant()
    def nobody_is_invited_twice(self) -> None:
        twice = {key: n for key, n in self.server.effects.items() if n > 1}
        assert not twice

    @invariant()
    def no_position_is_made_twice(self) -> None:
        twins = {name: ids for name, ids in self.server.positions.items() if len(ids) > 1}
        assert not twins

    @invariant()
    def the_ceiling_holds(self) -> None:
        times = sorted(self.server.starts)
        late = 0
        for i, moment in enumerate(times):
            while times[late] <= moment - 1.0:
                late += 1
            assert i - late + 1 <= RATE + 1

    @invariant()
    def what_is_called_undone_was_not_done(self) -> None:
        """A row that the next run may send must not exist, nor come to exist."""
        effects = self.server.effects
        for ordinal, outcome in self.last.items():
            email, job = PEOPLE[ordinal]
            if outcome in {Outcome.FAILED, Outcome.NOT_SENT}:
                assert effects[email, job] == 0, (email, job, outcome)
            if outcome in {Outcome.INVITED, Outcome.ALREADY_DONE, Outcome.ALREADY_APPLIED}:
                assert effects[email, job] == 1, (email, job, outcome)

    # How it is played

    def _play(self, script: list[Fate], runs: list[Any], kill_at: float | None) -> None:
        self.server.fates = list(script)
        self.last = {}

        async def together() -> list[dict[int, Outcome]]:
            work: list[Coroutine[Any, Any, dict[int, Outcome]]] = [run() for run in runs]
            return list(await asyncio.gather(*work))

        ended = self.world.play(together, kill_at=kill_at)
        for outcomes in ended or []:
            if not outcomes:  # reconcile has no rows
                continue
            assert len(outcomes) == len(PEOPLE)  # every row in exactly one outcome
            self.last |= {
                ordinal: outcome
                for ordinal, outcome in outcomes.items()
                if outcome is not Outcome.UNKNOWN
            }
        if len(runs) > 1:  # the other may have sent what the other left undone
            self.last = {k: v for k, v in self.last.items() if v is Outcome.INVITED}

    def _midnight(self) -> datetime:
        return self.world.naive().replace(hour=0, minute=0, second=0, microsecond=0)

    async def _reconcile(self) -> dict[int, Outcome]:
        await reconcile(
            self.settings,
            self.ledger,
            open_api=lambda settings, tokens: JobMojito(
                settings, tokens, transport=_Shared(self.server)
            ),
            wall=self.world.wall,
        )
        return {}

    async def _run(
        self,
        cap: float | None = None,
        day_limit: float | None = None,
        stop_at: float | None = None,
        drain_seconds: float | None = None,
    ) -> dict[int, Outcome]:
        self.runs += 1
        run_id = f"run-{self.runs}"
        ledger = self.ledger
        ledger.runs.settle_orphans()
        _enter(ledger, run_id, self.world)
        positions, doubts = _enter_rows(ledger, run_id)
        settings = self.settings.model_copy(update=BOUNDS | {"max_credits_per_day": day_limit})
        writer = ledger.writer()
        tokens = TokenSource(settings)
        async with JobMojito(settings, tokens, transport=_Shared(self.server)) as api:
            sender = Sender(
                work.context_of(
                    run_id,
                    settings,
                    api,
                    tokens,
                    ledger,
                    writer,
                    settles=True,
                    wall=self.world.wall,
                ),
                Rows(),  # type: ignore[arg-type]
                positions,
                budget=Budget([Cap(cap)] if cap is not None else []),
                doubts=doubts,
            )
            if stop_at is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(stop_at, sender.stop, ErrorCode.INTERRUPTED, "told to end")
            await sender.run(drain_seconds=drain_seconds)
        await writer.close()
        ledger.runs.end(
            run_id, at=self.world.naive(), stop_code=ErrorCode.INTERRUPTED, stop_message="ended"
        )
        return {
            row["ordinal"]: Outcome(row["outcome"])
            for frame in ledger.results.frames(run_id)
            for row in frame.iter_rows(named=True)
        }


class _Shared(Server):
    """The one server behind the transport of each run, which closes its own."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_async_request(self, request: Any) -> Any:
        return await self._server.handle_async_request(request)


def _fresh_ledger() -> Engine:
    """
    An empty ledger: one engine for all lives, its file put back to how it was when new.

    Statements are compiled once for an engine, and that was a third of the time of a life.
    """
    engine, folder = _engine()
    engine.dispose()
    for old in folder.glob("ledger.sqlite*"):
        old.unlink()
    shutil.copy(folder / "empty.sqlite", folder / "ledger.sqlite")
    return engine


@functools.cache
def _engine() -> tuple[Engine, Path]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    atexit.register(shutil.rmtree, folder)
    engine = open_engine(f"sqlite:///{folder / 'ledger.sqlite'}")
    assert engine is not None
    engine.dispose()  # its write-ahead log goes into the file
    shutil.copy(folder / "ledger.sqlite", folder / "empty.sqlite")
    return engine, folder


def _settings() -> Settings:
    return load_settings(
        api_token="t",
        base_url="https://api.example",
        read_timeout_seconds=READ_TIMEOUT,
        connect_timeout_seconds=1.0,
    )


def _enter(ledger: Ledger, run_id: str, world: World) -> None:
    ledger.runs.begin(
        RunRecord(
            run_id=run_id,
            base_url="https://api.example",
            merchant="",
            environment="live",
            started_at=world.naive(),
            rows=len(PEOPLE),
            layouts="[]",
            owner=f"another-host|{run_id}|0",  # lives as long as its lease
        )
    )


def _enter_rows(ledger: Ledger, run_id: str) -> tuple[list[Position], list[Doubt]]:
    """The run's rows in the ledger with what planning says of them; what its sender is given."""
    ledger.runs.ensure_positions((ACCOUNT, f"name:{job}", job) for job in JOBS)
    places = with_ledger(PLACES, ledger)
    rows = ROWS.join(places.select(PLACE, POSITION), on=PLACE, maintain_order="left")
    history = ledger.lookups.history(rows.select(pl.col(POSITION).alias("position_id"), EMAIL))
    states = {
        (row["position_id"], row["candidate_email"]): row["state"]
        for row in history.iter_rows(named=True)
    }
    outcomes = [
        _outcome_of(states.get((position_id, email)))
        for position_id, email in rows.select(POSITION, EMAIL).iter_rows()
    ]
    ledger.runs.add_rows(
        [
            _ledger_row(run_id, ordinal, position_id, outcome)
            for ordinal, (position_id, outcome) in enumerate(
                zip(rows[POSITION], outcomes, strict=True)
            )
        ]
    )
    is_unknown = pl.Series([outcome is Outcome.UNKNOWN for outcome in outcomes])
    is_done = pl.Series([outcome is Outcome.ALREADY_DONE for outcome in outcomes])
    left = ROWS.with_columns((~is_unknown).alias(work.MAY_GO)).filter(~is_done)
    positions = work.positions_of([left], places)
    unknown = work.invitations_of(left.filter(~pl.col(work.MAY_GO)), places, ROWS.lazy())
    return positions, work.in_doubt_of(
        ledger, ledger.doubts.of_accounts([ACCOUNT]), unknown, positions
    )


def _outcome_of(state: str | None) -> Outcome | None:
    """What planning makes of an invitation with that state; None if it is to be sent."""
    if state is None:
        return None
    return Outcome.ALREADY_DONE if state == ClaimState.SETTLED else Outcome.UNKNOWN


def _ledger_row(
    run_id: str, ordinal: int, position_id: int, outcome: Outcome | None
) -> dict[str, Any]:
    email, job = PEOPLE[ordinal]
    return {
        "run_id": run_id,
        "ordinal": ordinal,
        "source": "people.csv",
        "row": ordinal + 2,
        "position_id": position_id,
        "candidate_email": email,
        "candidate_name": "Ann",
        "candidate_external_id": None,
        "position_name": job,
        "position_def_set_id": None,
        "outcome": outcome.value if outcome else None,
        "error_code": None,
        "error_field": None,
        "error_message": None,
        "cells": "{}",
    }


def test_a_drain_cuts_off_what_is_sent_once_more_as_it_does_first_calls() -> None:
    """Its settle time counts from the end of the drain, so nothing may be sent after that."""
    life = Life()
    try:
        lost = Fate("lost", happens=False, seconds=0.2)
        life.a_run_that_is_told_to_end(script=[lost], stop_at=1.0, drain=None)
        life.time_passes(seconds=120.0)
        late = Fate("lost", seconds=5.0, effect_after=SETTLE - 1.0)
        life.a_run_that_is_told_to_end(script=[late, late], stop_at=1.5, drain=0.0)
        life.a_run(script=[], kill_at=None)
        assert life.server.effects[PEOPLE[0]] == 1
        life.nobody_is_invited_twice()
        life.no_position_is_made_twice()
    finally:
        life.teardown()


def test_what_was_called_undone_and_is_sent_once_more_is_unknown_if_it_is_cut_off() -> None:
    """Its position's doubt was settled first, and the row was told that it may be sent again."""
    life = Life()
    conflict = Fate("status", status=409)
    lost, limited = Fate("lost", seconds=0.2), Fate("refused", happens=False, status=429)
    try:
        life.two_runs_under_a_days_cap(left=1, script=[conflict])
        life.a_run(script=[lost, limited, Fate("answer")], kill_at=22.5)
        life.a_run_under_a_cap(cap=1, script=[])
        life.a_run_that_is_told_to_end(script=[], stop_at=22.5, drain=0.0)
        life.what_is_called_undone_was_not_done()
        life.a_run(script=[], kill_at=None)
        life.nobody_is_invited_twice()
    finally:
        life.teardown()


EXAMPLES = {"soak": 20_000, "quick": 50, "big": 1500}.get(os.environ.get("PROFILE", ""), 400)

TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=6,
    deadline=None,
    derandomize="PROFILE" not in os.environ,  # the same lives in every `make test`
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
