"""A ledger on a server that goes away in the middle of a run."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import PATIENCE_SECONDS, Run, friendly, people, wait_until, write_input
from tests.processes import Started
from tests.wire import Cut, Wire

ROWS = 40


@pytest.fixture
def wire(postgresql_url: str) -> Iterator[Wire]:  # noqa: ARG001 - skips where there is no server
    with Wire() as wire:
        yield wire


def started(run: Run, path: Path, calls: int) -> Started:
    """A run in a process of its own, once it has made some calls."""
    process = run.start(path, "--rate", "10", "--max-in-flight", "8")
    wait_until(lambda: run.calls >= calls, f"{calls} calls have arrived")
    return process


def test_a_server_that_is_started_anew_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_url: str, wire: Wire
) -> None:
    """Every connection breaks, twice; the run goes on as if nothing had been."""
    with RunningSandbox(friendly(latency=0.1, position_latency=0.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch, wire.url(postgresql_url))
        path = write_input(tmp_path, people(ROWS))
        process = started(run, path, 5)
        for _ in range(2):
            wire.is_up = False
            wire.break_all()
            time.sleep(0.5)
            wire.is_up = True
            time.sleep(0.2)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

        # A connection that broke in the middle of a COMMIT stops the run: nobody knows.
        if b"in the middle of a commit" in said:
            assert run.settle(path) == 0
        else:
            assert process.returncode == 0, said.decode()
        assert sum(run.outcomes.values()) == ROWS
        assert set(run.outcomes) <= {"invited", "already_done"}
        assert set(creates_per_invitation(sandbox.log).values()) == {1}


@pytest.mark.parametrize("cut", Cut)
def test_a_commit_that_nobody_knows_of_stops_the_run_and_the_next_finds_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_url: str, wire: Wire, cut: Cut
) -> None:
    with RunningSandbox(friendly(latency=0.1, position_latency=0.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch, wire.url(postgresql_url))
        path = write_input(tmp_path, people(ROWS))
        process = started(run, path, 5)
        wire.cut = cut
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        stopped_at = run.creates

        code = run.settle(path)

        assert process.returncode != 0, said.decode()
        assert b"in the middle of a commit" in said
        assert b"Traceback" not in said
        assert stopped_at < ROWS
        assert (code, sum(run.outcomes.values())) == (0, ROWS)
        assert set(run.outcomes) <= {"invited", "already_done"}
        assert set(creates_per_invitation(sandbox.log).values()) == {1}
