"""Builders and looks for tests of whole runs."""

import csv
import json
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.intake import read_inputs
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.records import Table
from jobmojito_batch.sandbox import RunningSandbox, Scenario
from jobmojito_batch.summary import Summary
from tests import processes

OpenLedger = Callable[..., Ledger]

TOKEN = "made-up-token-of-the-tests"
RESUME = "A résumé of many years that nobody may find in a log."
HEADERS = (
    "candidate_name,candidate_email,candidate_country_code,candidate_resume,"
    "position_name,position_location,position_country_code,mojito_language_code,team"
)


def a_row(
    email: str,
    *,
    name: str = "Ann Lee",
    country: str = "SK",
    position: str = "Nurse",
    place: str = "London",
    team: str = "blue",
) -> str:
    return f"{name},{email},{country},{RESUME},{position},{place},GB,en,{team}"


def people(count: int, *, position: str = "Nurse", start: int = 0) -> list[str]:
    return [a_row(f"p{n}@example.com", position=position) for n in range(start, start + count)]


def write_input(folder: Path, rows: Sequence[str], name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADERS, *rows]) + "\n", encoding="utf-8")
    return path


def tables_of(*paths: Path, **options: Any) -> list[Table]:
    """What intake makes of files; copies it needs lie in a hidden folder beside the first."""
    scratch = paths[0].parent / ".scratch"
    scratch.mkdir(exist_ok=True)
    return read_inputs([str(path) for path in paths], scratch=scratch, **options)


def read_results(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def most_in_a_second(moments: Iterable[float]) -> int:
    """The most of the moments (seconds) that any second has."""
    times = sorted(moments)
    return max(bisect_left(times, start + 1.0) - i for i, start in enumerate(times))


def starts_of(results: Iterable[dict[str, str]]) -> list[float]:
    """When calls left, as the program noted it: a busy machine bunches what the server sees."""
    return [datetime.fromisoformat(row["sent_at"]).timestamp() for row in results if row["sent_at"]]


BOTH_LEDGERS = pytest.mark.parametrize("either_ledger_url", ["sqlite", "postgresql"], indirect=True)


def living_shards(ledger_url: str) -> int:
    """Shards of the latest run that somebody sends, as the ledger knows it."""
    ledger = Ledger.open(ledger_url)
    try:
        return sum(
            one.is_living
            for run in ledger.runs.latest(1)
            for one in ledger.shards.attempts(run.run_id)
        )
    finally:
        ledger.close()


PATIENCE_SECONDS = 120.0
"""How long anything is waited for: many times what it takes, since no test asserts on time."""


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Look often; a test that waits in vain fails and says for what."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until, f"still not so: {what}"
        time.sleep(0.01)


class Run:
    """A command line against a sandbox, and what it left."""

    def __init__(
        self,
        folder: Path,
        sandbox: RunningSandbox,
        monkeypatch: pytest.MonkeyPatch,
        ledger: str | None = None,
    ) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.ledger = ledger or str(folder / "ledger.sqlite")
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "JOBMOJITO_API_TOKEN": TOKEN,
            "JOBMOJITO_BASE_URL": self.sandbox.base_url,
            "JOBMOJITO_LEDGER": self.ledger,
            "JOBMOJITO_REQUESTS_PER_SECOND": "500",
            "JOBMOJITO_READ_TIMEOUT_SECONDS": "5",
            "JOBMOJITO_SETTLE_SECONDS": "1",
        }

    def invite(self, path: Path, *options: str) -> int:
        return main(["invite", str(path), "--yes", "--no-prefect", "--no-settle", *options])

    def settle(self, path: Path, *options: str) -> int:
        """The same, and unknown rows are looked up."""
        return main(["invite", str(path), "--yes", "--no-prefect", *options])

    def start(self, path: Path, *options: str) -> processes.Started:
        """The same in a process of its own, to be killed."""
        return self.start_settling(path, "--no-settle", *options)

    def start_settling(self, path: Path, *options: str) -> processes.Started:
        """The same, and unknown rows are looked up."""
        command = ("jobmojito_batch", "invite", str(path), "--yes", "--no-prefect")
        return processes.start(*command, *options, environment=os.environ | self.environment)

    @property
    def results(self) -> list[dict[str, str]]:
        return read_results(self.folder / "people.results.csv")

    @property
    def outcomes(self) -> dict[str, int]:
        frame = pl.DataFrame({"outcome": [row["outcome"] for row in self.results]})
        return dict(frame.group_by("outcome").len().iter_rows())

    @property
    def summary(self) -> dict[str, Any]:
        text = (self.folder / "people.results.summary.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    @property
    def creates(self) -> int:
        return sum(entry.event == "created" for entry in self.sandbox.log)

    @property
    def calls(self) -> int:
        return sum(
            entry.event == "received" and entry.endpoint.startswith("job-interview-create")
            for entry in self.sandbox.log
        )


def a_summary(**given: Any) -> Summary:
    """The summary of a run that found nothing, but for what is *given*."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    run = {"run_id": "r", "environment": "test", "started_at": moment, "ended_at": moment}
    return Summary.model_validate(run | {"exit_code": 0, "host": "here"} | given)


def friendly(**settings: Any) -> Scenario:
    """A quick sandbox in which everybody is accepted."""
    given: dict[str, Any] = {"latency": 0.0, "decisions": {"ai_accept": 1.0}} | settings
    return Scenario(**given)
