"""A night that stopped for what can pass by itself is tried again, until a time of day."""

import asyncio
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.errors import VolumeError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunObserver, RunResult, run_steps
from jobmojito_batch.pipeline.nightly.tries import end_of_tries
from jobmojito_batch.sandbox import Fault, RunningSandbox
from jobmojito_batch.settings import load_settings
from tests.helpers import PATIENCE_SECONDS, Run, friendly, people, wait_until, write_input

HALF_PAST_THREE = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
"""In Bratislava."""
OUT_OF_CREDITS_ONCE = (Fault(call=(2,), status=402),)
PAUSED = (Fault(status=540),)


class NightClock:
    """Tells the time, which goes on by what is waited for."""

    def __init__(self, now: datetime = HALF_PAST_THREE) -> None:
        self.moment = now
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self.moment

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.moment += timedelta(seconds=seconds)


async def night(
    *inputs: Path, clock: NightClock, observer: RunObserver | None = None, **asked: object
) -> RunResult:
    given: dict[str, object] = {
        "retry_until": "06:00",
        "time_zone": "Europe/Bratislava",
        "settle": False,
    }
    return await run_steps(
        InviteParameters(inputs=[str(one) for one in inputs], **(given | asked)),
        observer or RunObserver(),
        now=clock.moment,
        clock=clock.now,
        pause=clock.pause,
        sleep=lambda _: None,
    )


def kinds(result: RunResult) -> list[str]:
    return [alert.kind.value for alert in result.alerts]


async def test_credits_that_were_filled_up_let_the_night_go_on_and_nobody_is_invited_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = NightClock()
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(6)), clock=clock)

        emails = [one.candidate.email for one in sandbox.state.enrolments]
    assert clock.waited == [300.0]
    assert sorted(emails) == [f"p{n}@example.com" for n in range(6)]
    assert run.creates == 6
    assert result.exit_code is ExitCode.OK
    assert kinds(result) == []
    assert "; try 2 of the night, about " in result.concluded.sentence


async def test_pauses_grow_and_no_try_begins_after_the_time_of_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = NightClock()
    with RunningSandbox(friendly(faults=PAUSED)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(2)), clock=clock)

    assert [seconds / 60 for seconds in clock.waited] == [5, 10, 20, 30, 30, 30]
    assert result.exit_code is ExitCode.STOPPED
    assert kinds(result) == ["stopped"]
    ledger = Ledger.open(load_settings().ledger_url)
    assert len(ledger.runs.latest(99)) == 7
    ledger.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_is_refused_needs_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    clock = NightClock()
    with RunningSandbox(friendly(faults=(Fault(status=status),))) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(2)), clock=clock)

    assert (result.exit_code, clock.waited) == (ExitCode.STOPPED, [])


async def test_a_cap_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = NightClock()
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(4)), clock=clock, max_credits=0.5)

    assert (result.exit_code, clock.waited, run.creates) == (ExitCode.STOPPED, [], 2)


async def test_a_held_night_waits_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = NightClock()
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(4)), clock=clock, expect_at_most=1)

    assert isinstance(result.error, VolumeError)
    assert clock.waited == []


async def test_a_run_that_a_person_confirmed_ends_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Somebody(RunObserver):
        confirms = True

    clock = NightClock()
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(6)), clock=clock, observer=Somebody())

    assert (result.exit_code, clock.waited) == (ExitCode.STOPPED, [])


@pytest.mark.parametrize("bound", [{"limit": 3}, {"max_credits": 0.75}])
async def test_limit_and_credit_cap_are_of_the_night_and_not_of_each_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: dict[str, Any]
) -> None:
    clock = NightClock()
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        await night(write_input(tmp_path, people(9)), clock=clock, **bound)

    assert clock.waited == [300.0]
    assert run.creates == 3


async def test_the_next_night_is_told_as_recovered_and_a_night_within_itself_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(6))

        stopped = await night(path, clock=NightClock(), retry_until=None)
        next_night = NightClock(HALF_PAST_THREE + timedelta(days=1))
        recovered = await night(path, clock=next_night)

    assert (kinds(stopped), kinds(recovered)) == (["stopped"], ["recovered"])


async def test_a_signal_ends_the_waiting_with_the_exit_code_of_the_last_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminated(NightClock):
        async def pause(self, seconds: float) -> None:
            self.waited.append(seconds)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    clock = Terminated()
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        result = await night(write_input(tmp_path, people(6)), clock=clock)

    assert clock.waited == [300.0]
    assert result.exit_code is ExitCode.STOPPED
    assert result.was_broken_off
    assert kinds(result) == ["stopped"]
    assert run.creates < 6


def test_sigterm_ends_a_process_that_waits_at_once_and_its_files_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says once that it waits, and for what."""
    until = f"{datetime.now(UTC) + timedelta(hours=2):%H:%M}"
    log = tmp_path / "log.jsonl"
    with RunningSandbox(friendly(faults=PAUSED)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        asked = ("--retry-until", until, "--time-zone", "UTC", "--log-json", str(log))
        started = run.start(write_input(tmp_path, people(2)), *asked)
        wait_until(lambda: log.exists() and "night.waits" in log.read_text(), "it waits")

        started.send_signal(signal.SIGTERM)

        assert started.wait(PATIENCE_SECONDS) == ExitCode.STOPPED
    events = [json.loads(line) for line in log.read_text().splitlines()]
    [waits] = [event for event in events if event["event"] == "night.waits"]
    assert (waits["code"], waits["try_number"], waits["seconds"]) == ("service_paused", 2, 300.0)
    assert run.outcomes == {"not_sent": 2}


async def test_a_night_that_goes_past_midnight_keeps_the_files_of_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = NightClock(datetime(2026, 11, 24, 23, 50, tzinfo=UTC))
    with RunningSandbox(friendly(faults=(Fault(call=(1, 2), status=540),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        write_input(tmp_path, people(1), "people-2026-11-24.csv")

        result = await night(tmp_path / "people-{date}.csv", clock=clock, time_zone="UTC")

    assert clock.waited == [300.0, 600.0]
    assert clock.moment.day == 25
    assert result.concluded.exit_code is ExitCode.OK
    assert run.creates == 1


@pytest.mark.parametrize(
    ("began", "until", "zone", "end"),
    [
        pytest.param("11-24T02:30", "06:00", "Europe/Bratislava", "11-24T05:00", id="today"),
        pytest.param("11-24T22:00", "06:00", "UTC", "11-25T06:00", id="tomorrow"),
        pytest.param("11-24T10:00", "06:00", "UTC", "11-24T10:00", id="by-hand-later"),
        pytest.param("10-25T00:30", "04:00", "Europe/Bratislava", "10-25T03:00", id="set-back"),
        pytest.param("03-29T00:30", "04:00", "Europe/Bratislava", "03-29T02:00", id="set-forward"),
    ],
)
def test_the_time_of_day_is_the_next_in_the_zone(
    began: str, until: str, zone: str, end: str
) -> None:
    found = end_of_tries(datetime.fromisoformat(f"2026-{began}Z"), until, zone)

    assert found.astimezone(UTC) == datetime.fromisoformat(f"2026-{end}Z")


def test_what_is_no_time_of_day_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("6", "24:00", "06:60", "soon"):
        code = main(["invite", str(tmp_path / "p.csv"), "--yes", "--retry-until", text])

        assert code == ExitCode.USAGE
        said = capsys.readouterr().err
        assert f"--retry-until {text}: must be a time of day such as 06:00" in " ".join(
            said.split()
        )
