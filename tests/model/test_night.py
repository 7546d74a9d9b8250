"""
A night of eight hours in seconds: slow answers, storms of 429, outages, tokens that expire.

The real sender, settling and ledger on a simulated clock, network and API. What must hold after
hours must hold here: the ceiling, an outcome for every row, nobody twice, and nothing that grows.
"""

import asyncio
import gc
import random
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, Outcome
from jobmojito_batch.ledger import Ledger, RunRecord, Writer
from jobmojito_batch.pipeline import work
from jobmojito_batch.pipeline.known_places import with_ledger
from jobmojito_batch.plan import ACCOUNT as ACCOUNT_COLUMN
from jobmojito_batch.plan import MAY_GO, PLACE
from jobmojito_batch.sending import Budget, Position, Sender
from jobmojito_batch.sending.rows import Row
from jobmojito_batch.settings import load_settings
from jobmojito_batch.simulation import Fate, Server, World, fresh_ledger
from jobmojito_batch.simulation.batch import row_of
from tests.helpers import most_in_a_second

HOUR = 3_600.0
NIGHT = 8 * HOUR
RATE = 5.0
IN_FLIGHT = 8
PEOPLE = 2_100
JOBS = 20
SLOW = (40.0, 160.0)
"""Seconds of an answer: eight at a time, so many people take the night. The program waits 180."""
TOKEN_LIVES = 55 * 60.0
SETTLE = 400.0
ACCOUNT = "https://api.example||live"

STORMS = ((0.5 * HOUR, 0.7 * HOUR, "45"), (5.0 * HOUR, 5.1 * HOUR, None))
"""From, until, and the Retry-After of their 429."""
OUTAGES = ((2.0 * HOUR, 2.15 * HOUR), (6.5 * HOUR, 6.6 * HOUR))
FALTERS = (3.5 * HOUR, 4.5 * HOUR)
"""Every twentieth call is lost after it took effect, every thirtieth refused with 503."""


def person(ordinal: int) -> tuple[str, str]:
    return f"p{ordinal}@example.com", f"job {ordinal % JOBS}"


class Nightly(Server):
    """The API of the model through a night, with a token that it renews beside."""

    def __init__(self, world: World, token_file: Path) -> None:
        super().__init__(world)
        self._chance = random.Random(8)  # noqa: S311 - a night that can be played again
        self._token_file = token_file
        self._token = ""
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self.renewals = 0
        self.statuses: Counter[int] = Counter()
        self.away = 0
        self._creates = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = f"token-{int(self.world.seconds // TOKEN_LIVES)}"
        if token != self._token:
            self._token = token
            self._token_file.write_text(token)
            self.renewals += 1
        if request.headers["authorization"] != f"Bearer {token}":
            self.starts.append(self.world.seconds)
            self.statuses[401] += 1
            return self._said(401, {"error": "token"})
        if request.url.path.endswith("with-token"):
            self.fates = [self._fate()]
        answer = await super().handle_async_request(request)
        self.statuses[answer.status_code] += 1
        return answer

    def _fate(self) -> Fate:
        now = self.world.seconds
        self._creates += 1
        if any(begin <= now < end for begin, end in OUTAGES):
            self.away += 1
            return Fate("never_left", happens=False)
        for begin, end, retry_after in STORMS:
            if begin <= now < end:
                return Fate("refused", happens=False, status=429, retry_after=retry_after)
        if FALTERS[0] <= now < FALTERS[1]:
            if self._creates % 20 == 0:
                return Fate("lost", seconds=30.0)
            if self._creates % 30 == 0:
                return Fate("refused", happens=False, status=503)
        return Fate("answer", seconds=self._chance.uniform(*SLOW))

    def _existing(self, email: str, name: str) -> dict[str, Any] | None:
        """By key: a night has thousands, and the model looks through its few."""
        for one in self.enrolments[len(self._known) :]:
            self._known[one["candidate_email"], one["position_name"]] = one
        return self._known.get((email, name))


class Rows:
    async def row(self, ordinal: int) -> Row:
        return row_of(ordinal, *person(ordinal))


def test_a_night_of_eight_hours_ends_settled_and_nothing_grows(tmp_path: Path) -> None:
    world = World(most_seconds=NIGHT * 1.5)
    server = Nightly(world, tmp_path / "token")
    (tmp_path / "token").write_text("token-0")
    ledger = Ledger(fresh_ledger(), clock=world.naive)
    samples: list[Counter[str]] = []

    world.play(lambda: _night(world, server, ledger, tmp_path / "token", samples), kill_at=None)

    outcomes = ledger.results.outcomes("night")
    ledger.close()
    assert outcomes == {Outcome.INVITED: PEOPLE}
    assert server.effects == {person(ordinal): 1 for ordinal in range(PEOPLE)}
    assert all(len(ids) == 1 for ids in server.positions.values())
    assert len(server.positions) == JOBS
    assert most_in_a_second(server.starts) <= RATE + 1
    # The night was as long and as hard as it says.
    assert server.starts[-1] > 7 * HOUR
    assert server.renewals >= 8
    assert server.statuses[401] >= 7
    assert server.statuses[429] >= 2
    assert server.statuses[503] >= 2
    assert server.away >= 2
    _assert_nothing_grows(samples)


def _assert_nothing_grows(samples: list[Counter[str]]) -> None:
    """The middle of the last fifth of the night against that of the second."""
    fifth = len(samples) // 5
    assert fifth >= 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    for what in set().union(*samples):
        before, after = (median(one[what] for one in some) for some in (early, late))
        assert after <= before * 1.05 + 2 * IN_FLIGHT, (what, before, after)


async def _night(
    world: World, server: Nightly, ledger: Ledger, token_file: Path, samples: list[Counter[str]]
) -> None:
    settings = load_settings(
        api_token_file=token_file,
        base_url="https://api.example",
        settle_seconds=SETTLE,
        max_in_flight=IN_FLIGHT,
        requests_per_second=RATE,
        credits_per_candidate=0.25,
        breaker_failures=10,
        max_attempts=5,
    )
    positions = _entered(ledger, world)
    writer, tokens = ledger.writer(), TokenSource(settings)
    async with JobMojito(settings, tokens, transport=server) as api:
        context = work.context_of(
            "night", settings, api, tokens, ledger, writer, settles=True, wall=world.wall
        )
        sender = Sender(
            context,
            Rows(),  # type: ignore[arg-type]
            positions,
            budget=Budget([]),
        )
        sampling = asyncio.create_task(_sample(sender, writer, samples))
        await sender.run()
        sampling.cancel()
        [ended] = await asyncio.gather(sampling, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended
        assert sender.stopped is None
    await writer.close()
    assert len(asyncio.all_tasks()) == 1  # only this one


async def _sample(sender: Sender, writer: Writer, samples: list[Counter[str]]) -> None:
    """Every ten minutes: tasks, our objects and asyncio's by their type, and what is waiting."""
    while True:
        await asyncio.sleep(600.0)
        gc.collect()
        alive = gc.get_objects()
        seen = Counter(
            kind.__qualname__
            for kind in map(type, alive)
            if str(kind.__module__).partition(".")[0] in {"jobmojito_batch", "asyncio", "_asyncio"}
        )
        seen["tasks"] = len(asyncio.all_tasks())
        seen["all objects"] = len(alive)
        seen["waiting for the ledger"] = len(writer._waiting)
        seen["attempts by row"] = len(sender._caller.claims._numbers)
        seen["waiting for a place"] = len(sender._window._waiters)
        seen["to wake at a stop"] = len(sender._stop_signal._to_wake)
        del alive  # or it keeps them all until the next time
        samples.append(seen)


def _entered(ledger: Ledger, world: World) -> list[Position]:
    """The run in the ledger, and its positions with their rows waiting."""
    ledger.runs.begin(
        RunRecord(
            run_id="night",
            base_url="https://api.example",
            merchant="",
            environment="live",
            started_at=world.naive(),
            rows=PEOPLE,
            layouts="[]",
            owner="another-host|night|0",
        )
    )
    jobs = [f"job {n}" for n in range(JOBS)]
    ids = ledger.runs.ensure_positions((ACCOUNT, f"name:{job}", job) for job in jobs)
    ledger.runs.add_rows(
        [
            {
                "run_id": "night",
                "ordinal": ordinal,
                "source": "people.csv",
                "row": ordinal + 2,
                "position_id": ids[ACCOUNT, f"name:{job}"],
                "candidate_email": email,
                "candidate_name": "Ann",
                "candidate_external_id": None,
                "position_name": job,
                "position_def_set_id": None,
                "outcome": None,
                "error_code": None,
                "error_field": None,
                "error_message": None,
                "cells": "{}",
            }
            for ordinal in range(PEOPLE)
            for email, job in [person(ordinal)]
        ]
    )
    places = pl.DataFrame(
        {
            PLACE: range(JOBS),
            ACCOUNT_COLUMN: [ACCOUNT] * JOBS,
            POSITION_KEY: [f"name:{job}" for job in jobs],
            OPENING_KEY: jobs,
        },
        schema_overrides={PLACE: pl.UInt32},
    )
    rows = pl.DataFrame(
        {ORDINAL: range(PEOPLE), PLACE: [ordinal % JOBS for ordinal in range(PEOPLE)]},
        schema=dict.fromkeys((ORDINAL, PLACE), pl.UInt32),
    ).with_columns(pl.lit(value=True).alias(MAY_GO))
    return work.positions_of([rows], with_ledger(places, ledger))
