"""A run of a few rows as the program wires it: the real planning, sender, settling and ledger."""

import asyncio
import functools
import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
import polars as pl
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy import bindparam, func, select

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ErrorCode, Outcome
from jobmojito_batch.ledger import ClaimState, Ledger, RunRecord
from jobmojito_batch.ledger.schema import run_rows
from jobmojito_batch.pipeline import reconcile, work
from jobmojito_batch.pipeline.known_places import with_ledger
from jobmojito_batch.plan import ACCOUNT as ACCOUNT_COLUMN
from jobmojito_batch.plan import EMAIL, MAY_GO, PLACE, POSITION
from jobmojito_batch.sending import Budget, Cap, Doubt, Position, Sender
from jobmojito_batch.sending.rows import Row
from jobmojito_batch.settings import Settings
from jobmojito_batch.simulation.server import READ_TIMEOUT, SETTLE, Invitation, Server

BASE_URL: Final = "https://api.example"
ACCOUNT: Final = f"{BASE_URL}||live"
RATE: Final = 5.0
PRICE: Final = 0.25
JOBS: Final = ("cook", "nurse")

Ends = dict[int, Outcome | None]
"""What the rows of a run came to, by ordinal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The rows of a life, and what planning knows of them before it asks the ledger."""

    people: tuple[Invitation, ...]
    places: pl.DataFrame
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What ends a run before its last row."""

    cap: float | None = None
    day_limit: float | None = None
    stop_at: float | None = None
    drain_seconds: float | None = None


@functools.cache
def input_of(count: int) -> Input:
    """So many rows, nurses first: some people are invited as both."""
    nurses = (count + 1) // 2
    people = tuple(
        (f"p{n}@example.com", job)
        for job, size in (("nurse", nurses), ("cook", count - nurses))
        for n in range(size)
    )
    return Input(
        people=people,
        places=pl.DataFrame(
            {
                PLACE: range(len(JOBS)),
                ACCOUNT_COLUMN: [ACCOUNT] * len(JOBS),
                POSITION_KEY: [f"name:{job}" for job in JOBS],
                OPENING_KEY: JOBS,
            },
            schema_overrides={PLACE: pl.UInt32},
        ),
        rows=pl.DataFrame(
            {
                ORDINAL: range(count),
                PLACE: [JOBS.index(job) for _, job in people],
                EMAIL: [email for email, _ in people],
            },
            schema_overrides={ORDINAL: pl.UInt32, PLACE: pl.UInt32},
        ),
    )


class _SimulatedSettings(Settings):
    """Settings that take nothing from the environment: a life is the same everywhere."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's names, all five of them
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given here."""
        return (init_settings,)


@functools.cache
def settings_of_runs() -> Settings:
    """What the runs and `reconcile` are told."""
    return _SimulatedSettings(
        api_token=SecretStr("t"),
        base_url=BASE_URL,
        read_timeout_seconds=READ_TIMEOUT,
        connect_timeout_seconds=1.0,
        settle_seconds=SETTLE,
        requests_per_second=RATE,
        max_in_flight=4,
        credits_per_candidate=PRICE,
        breaker_failures=10,
        max_attempts=3,
    )


def row_of(ordinal: int, email: str, job: str) -> Row:
    """A row that may be sent: nothing but the person and the position matters."""
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


class _Rows:
    """The rows to send, in memory."""

    def __init__(self, people: tuple[Invitation, ...]) -> None:
        self._people = people

    async def row(self, ordinal: int) -> Row:
        return row_of(ordinal, *self._people[ordinal])


class _Shared(httpx.AsyncBaseTransport):
    """The one server behind the transport of each run, which closes its own."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._server.handle_async_request(request)


async def run_batch(
    run_id: str,
    given: Input,
    ledger: Ledger,
    server: Server,
    bounds: Bounds,
    rng: random.Random,
    *,
    settings: Settings | None = None,
) -> Ends:
    """Plan, send, settle and end one run; what each of its rows came to."""
    world = server.world
    ledger.runs.settle_orphans()
    _enter(ledger, run_id, world.naive(), len(given.people))
    positions, doubts = _enter_rows(ledger, run_id, given)
    settings = (settings or settings_of_runs()).model_copy(
        update={"max_credits_per_day": bounds.day_limit}
    )
    writer = ledger.writer()
    tokens = TokenSource(settings)
    async with JobMojito(settings, tokens, transport=_Shared(server)) as api:
        sender = Sender(
            work.context_of(
                run_id, settings, api, tokens, ledger, writer, settles=True, wall=world.wall
            ),
            _Rows(given.people),  # type: ignore[arg-type]
            positions,
            budget=Budget([Cap(bounds.cap)] if bounds.cap is not None else []),
            doubts=doubts,
            rng=rng,
        )
        if bounds.stop_at is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(bounds.stop_at, sender.stop, ErrorCode.INTERRUPTED, "told to end")
        await sender.run(drain_seconds=bounds.drain_seconds)
    await writer.close()
    ledger.runs.end(run_id, at=world.naive(), stop_code=ErrorCode.INTERRUPTED, stop_message="ended")
    return ends_of(ledger, run_id)


async def reconcile_alone(ledger: Ledger, server: Server) -> Ends:
    """The command `reconcile`; it has no rows."""
    await reconcile(
        settings_of_runs(),
        ledger,
        open_api=lambda settings, tokens: JobMojito(settings, tokens, transport=_Shared(server)),
        wall=server.world.wall,
    )
    return {}


_ENDS: Final = select(run_rows.c.ordinal, run_rows.c.outcome).where(
    run_rows.c.run_id == bindparam("of_run")
)


def ends_of(ledger: Ledger, run_id: str) -> Ends:
    """What the rows of a run came to, as the ledger has it; None for one without an outcome."""
    with ledger.database.reading() as connection:
        rows = connection.execute(_ENDS, {"of_run": run_id}).all()
    return {row.ordinal: Outcome(row.outcome) if row.outcome else None for row in rows}


_WITHOUT_END: Final = select(func.count()).where(run_rows.c.outcome.is_(None))


def rows_without_end(ledger: Ledger) -> int:
    """Rows of all runs that have no outcome, once the runs that died are swept."""
    ledger.runs.settle_orphans()
    with ledger.database.reading() as connection:
        return connection.scalar(_WITHOUT_END) or 0


def _enter(ledger: Ledger, run_id: str, at: datetime, rows: int) -> None:
    ledger.runs.begin(
        RunRecord(
            run_id=run_id,
            base_url=BASE_URL,
            merchant="",
            environment="live",
            started_at=at,
            rows=rows,
            layouts="[]",
            owner=f"another-host|{run_id}|0",  # lives as long as its lease
        )
    )


def _enter_rows(ledger: Ledger, run_id: str, given: Input) -> tuple[list[Position], list[Doubt]]:
    """The run's rows in the ledger with what planning says of them; what its sender is given."""
    ledger.runs.ensure_positions((ACCOUNT, f"name:{job}", job) for job in JOBS)
    places = with_ledger(given.places, ledger)
    ids = dict(zip(places[OPENING_KEY], places[POSITION], strict=True))
    of_rows = [(ids[job], email) for email, job in given.people]
    states = _states(ledger, of_rows)
    outcomes = [_outcome_of(states.get(of)) for of in of_rows]
    ledger.runs.add_rows(
        [
            _ledger_row(run_id, ordinal, ids[person[1]], person, outcome)
            for ordinal, (person, outcome) in enumerate(zip(given.people, outcomes, strict=True))
        ]
    )
    left, in_doubt = _left_of(len(given.people), tuple(outcomes))
    positions = work.positions_of([left], places)
    unknown = work.invitations_of(in_doubt, places, given.rows.lazy())
    return positions, work.in_doubt_of(
        ledger, ledger.doubts.of_accounts([ACCOUNT]), unknown, positions
    )


@functools.lru_cache(maxsize=1024)
def _left_of(count: int, outcomes: tuple[Outcome | None, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that are not done by what planning said, and of them those in doubt."""
    may_go = [outcome is not Outcome.UNKNOWN for outcome in outcomes]
    is_left = [outcome is not Outcome.ALREADY_DONE for outcome in outcomes]
    rows = input_of(count).rows.with_columns(pl.Series(MAY_GO, may_go))
    left = rows.filter(pl.Series(is_left))
    return left, left.filter(~pl.col(MAY_GO))


def _states(ledger: Ledger, of_rows: list[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """How the invitations of the rows stand; nothing of those that are open."""
    wanted = pl.DataFrame(of_rows, schema={"position_id": pl.Int64, EMAIL: pl.String}, orient="row")
    return {
        (row["position_id"], row["candidate_email"]): row["state"]
        for row in ledger.lookups.history(wanted).iter_rows(named=True)
    }


def _outcome_of(state: str | None) -> Outcome | None:
    """What planning makes of an invitation with that state; None if it is to be sent."""
    if state is None:
        return None
    return Outcome.ALREADY_DONE if state == ClaimState.SETTLED else Outcome.UNKNOWN


def _ledger_row(
    run_id: str, ordinal: int, position_id: int, person: Invitation, outcome: Outcome | None
) -> dict[str, Any]:
    email, job = person
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
