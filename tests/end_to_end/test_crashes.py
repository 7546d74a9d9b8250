"""Real signals to real processes: nobody is invited twice, nobody vanishes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import Entry, RunningSandbox, creates_per_invitation
from tests.chaos import run_chaos
from tests.helpers import PATIENCE_SECONDS, Run, friendly, people, wait_until, write_input
from tests.postgresql import why_not
from tests.processes import Started

ROWS = 60


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_nobody_is_invited_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a moment, not a secret
    with RunningSandbox(friendly(latency=0.05, position_latency=0.1)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, [*people(ROWS), *people(ROWS, position="Cook", start=ROWS)])
        for _ in range(3):
            process = run.start(path, "--rate", "100", "--max-in-flight", "8")
            wait_for_calls(sandbox, rng.randrange(1, 40), process)
            process.kill()
            process.communicate()
        in_flight = run.calls - sum(is_create(e) and e.event == "answered" for e in sandbox.log)

        code = run.invite(path)

        # A call whose process died goes on in the server: wait for it before counting.
        time.sleep(0.3)
        assert max(creates_per_invitation(sandbox.log).values()) == 1
        assert sum(run.outcomes.values()) == 2 * ROWS
        unknown = run.outcomes.get("unknown", 0)
        assert code == (3 if unknown else 0)
        assert unknown >= in_flight
        assert run.outcomes.get("invited", 0) + run.outcomes.get("already_done", 0) <= run.creates


def test_rows_in_flight_at_a_kill_are_unknown_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = [{"name": "Nurse", "id": "p-1"}]
    with RunningSandbox(
        friendly(latency=2.0, position_latency=0.0, positions=positions)
    ) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = tmp_path / "people.csv"
        path.write_text(
            "candidate_name,candidate_email,candidate_country_code,candidate_resume,"
            "position_def_set_id\n"
            + "".join(f"Ann,p{n}@example.com,SK,text,p-1\n" for n in range(9))
        )
        process = run.start(path, "--max-in-flight", "4")
        wait_for_calls(sandbox, 4, process)
        process.kill()
        process.communicate()
        done = sum(is_create(entry) and entry.event == "answered" for entry in sandbox.log)
        sent = run.calls
        monkeypatch.setenv("JOBMOJITO_MAX_IN_FLIGHT", "9")

        code = run.invite(path)

    # What was claimed may not have left yet; what has left is claimed.
    assert code == 3
    assert sent - done <= run.outcomes["unknown"] <= 4
    assert run.outcomes.get("already_done", 0) <= done
    assert sum(run.outcomes.values()) == 9
    assert set(creates_per_invitation(sandbox.log).values()) == {1}
    assert {row["error_code"] for row in run.results if row["outcome"] == "unknown"} == {
        "unsettled"
    }


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_drains_writes_the_files_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    with RunningSandbox(friendly(latency=0.3, position_latency=0.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        process = run.start(write_input(tmp_path, people(ROWS)), "--rate", "20")
        wait_for_calls(sandbox, 4, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == code, said.decode()
    assert set(run.outcomes) == {"invited", "not_sent"}
    assert run.outcomes["invited"] == run.calls
    assert {r["error_code"] for r in run.results if r["outcome"] == "not_sent"} == {"interrupted"}
    assert run.summary["exit_code"] == code


@pytest.mark.skipif(os.name == "nt", reason="a window that is closed takes its process along")
def test_a_terminal_that_is_closed_drains_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so twice, itself and by its shell, and takes no further word of ours."""
    terminal, console = os.openpty()
    with RunningSandbox(friendly(latency=0.5, position_latency=0.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(ROWS))
        process = subprocess.Popen(
            [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--yes", "--no-prefect",
             "--rate", "20"],
            stdin=console, stdout=console, stderr=console, env=os.environ | run.environment,
        )  # fmt: skip
        os.close(console)
        wait_until(lambda: received(sandbox) >= 4 or process.poll() is not None, "4 calls")
        os.close(terminal)
        for _ in range(2):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        process.wait(timeout=PATIENCE_SECONDS)

    assert process.returncode == 143
    assert set(run.outcomes) == {"invited", "not_sent"}
    assert run.outcomes["invited"] == run.calls
    assert run.summary["exit_code"] == 143


def test_a_second_signal_leaves_at_once_and_the_claims_read_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly(latency=30.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(3))
        process = run.start(path)
        wait_for_calls(sandbox, 1, process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)

        assert process.returncode == 143
        assert run.invite(path) == 3
        assert run.outcomes == {"unknown": 1, "not_sent": 2}
        assert run.calls == 1


def wait_for_calls(sandbox: RunningSandbox, count: int, process: Started) -> None:
    """Until so many more have arrived, or the process had no more rows to send."""
    before = received(sandbox)
    wait_until(
        lambda: received(sandbox) - before >= count or process.poll() is not None,
        f"{count} more calls have arrived",
    )


def received(sandbox: RunningSandbox) -> int:
    return sum(is_create(entry) and entry.event == "received" for entry in sandbox.log)


def is_create(entry: Entry) -> bool:
    return entry.endpoint.startswith("job-interview-create")


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_kills_at_seeded_moments_invite_nobody_twice_and_lose_nobody(ledger: str) -> None:
    """One or two processes at a time, lost answers besides; `make chaos` does it for long."""
    if ledger == "postgresql" and (reason := why_not()) is not None:
        pytest.skip(reason)

    report = run_chaos(kills=6, seed=1, ledger=ledger)

    assert (report.twice, report.twin_positions, report.lost_rows) == (0, 0, 0)
    assert report.kills >= 6
    assert report.creates == report.rounds * 40
