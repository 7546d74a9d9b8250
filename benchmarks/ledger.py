"""
Pairs a second of the ledger: a claim and its outcome, each durable before its caller goes on.

SQLite and PostgreSQL in turns within one run, so that the ratio means something on a busy machine.
PostgreSQL is a schema of its own on the server that the tests use (TEST_POSTGRESQL_URL), where
there is one.

    python -m benchmarks.ledger --pairs 4000 --rounds 3
"""

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import (
    Claim,
    EndAttempt,
    Enrolment,
    Ledger,
    RowOutcome,
    RunRecord,
    TakeClaim,
)
from tests.postgresql import own_schema, why_not

LINK = "https://interviews.example/t/" + "x" * 120


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Span(NamedTuple):
    """When the pairs of a process began and ended, in seconds of the machine (time.monotonic)."""

    begin: float
    end: float


async def write_pairs(ledger: Ledger, run_id: str, count: int, in_flight: int) -> Span:
    """Claims and outcomes of *count* people by *in_flight* workers, as the sender does them."""
    position_id = enter(ledger, run_id, count)
    writer = ledger.writer()
    people = iter(range(count))

    async def work() -> None:
        for n in people:
            claim: Claim = await writer.submit(
                TakeClaim(
                    run_id=run_id,
                    ordinal=n,
                    position_id=position_id,
                    candidate_email=f"{run_id}.{n}@example.com",
                    number=1,
                    at=now(),
                    credits=0.25,
                )
            )
            assert claim.is_mine  # noqa: S101 - else the figure means nothing
            await writer.submit(outcome_of(claim))

    begin = time.monotonic()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    end = time.monotonic()
    await writer.close()
    return Span(begin, end)


def enter(ledger: Ledger, run_id: str, count: int, at: datetime | None = None) -> int:
    """A run with its rows; gives its position."""
    ledger.runs.begin(
        RunRecord(
            run_id=run_id,
            base_url="https://api.example",
            merchant="m1",
            environment="live",
            started_at=at or now(),
            rows=count,
            layouts="[]",
        )
    )
    key = ("account", "name:nurse")
    position_id = ledger.runs.ensure_positions([(*key, "nurse")])[key]
    for start in range(0, count, 5_000):
        ledger.runs.add_rows(
            [
                {
                    "run_id": run_id,
                    "ordinal": n,
                    "source": "people.csv",
                    "row": n + 2,
                    "position_id": position_id,
                    "candidate_email": f"{run_id}.{n}@example.com",
                    "candidate_name": "Ann Lee",
                    "cells": "{}",
                    "outcome": None,
                }
                for n in range(start, min(start + 5_000, count))
            ]
        )
    return position_id


def outcome_of(claim: Claim) -> EndAttempt:
    return EndAttempt(
        invitation_id=claim.invitation_id,
        run_id=claim.run_id,
        number=1,
        at=now(),
        result="settle",
        http_status=200,
        request_id="0196f0c2-1111-7000-8000-000000000000",
        is_free=False,
        row=RowOutcome(
            run_id=claim.run_id,
            ordinal=claim.ordinal,
            outcome=Outcome.INVITED,
            attempts=1,
            http_status=200,
            sent_at=now(),
            settled_at=now(),
        ),
        enrolment=Enrolment(
            status="ai_accept",
            interview_url=LINK,
            position_def_set_id="p-1",
            interview_def_set_id="i-1",
            profile_interview_id="e-1",
        ),
    )


def measure(url: str, run_id: str, count: int, in_flight: int) -> Span:
    ledger = Ledger.open(url)
    try:
        return asyncio.run(write_pairs(ledger, run_id, count, in_flight))
    finally:
        ledger.close()


def of_several(url: str, processes: int, count: int, in_flight: int, mark: str) -> float:
    """Pairs a second of all together, from the first's begin to the last's end."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        jobs = [(url, f"{mark}-{n}", count, in_flight) for n in range(processes)]
        pool.starmap(measure, [(url, f"{mark}-warm-{n}", 50, 10) for n in range(processes)])
        spans = pool.starmap(measure, jobs)
    return processes * count / (max(s.end for s in spans) - min(s.begin for s in spans))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, nargs="*", default=[100, 1_000])
    parser.add_argument("--processes", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"sqlite": f"sqlite:///{Path(folder) / 'ledger.sqlite'}"}
        if (reason := why_not()) is None:
            urls["postgresql"] = stack.enter_context(own_schema())
        else:
            print(f"only SQLite: {reason}")
        for in_flight in options.in_flight:
            found: dict[str, list[float]] = {name: [] for name in urls}
            for turn in range(options.rounds):
                for name, url in urls.items():
                    run_id = f"{name}-{in_flight}-{turn}"
                    span = measure(url, run_id, options.pairs, in_flight)
                    found[name].append(options.pairs / (span.end - span.begin))
            tell(f"{in_flight} in flight, one process", found)
        several: dict[str, list[float]] = {name: [] for name in urls}
        for turn in range(options.rounds):
            for name, url in urls.items():
                mark = f"several-{name}-{turn}"
                several[name].append(of_several(url, options.processes, options.pairs, 100, mark))
        tell(f"100 in flight in each of {options.processes} processes", several)


def tell(what: str, found: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    for name, rates in found.items():
        ratio = f", {medians[name] / medians['sqlite']:.2f} of SQLite" if name != "sqlite" else ""
        each = ", ".join(f"{rate:,.0f}" for rate in rates)
        print(f"{what}: {name} {medians[name]:,.0f} pairs/s ({each}){ratio}")


if __name__ == "__main__":
    main()
