"""docs/nightly.md, "Which night it was": each night told apart by the list of runs alone."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger

from jobmojito_batch.flows.own_state import WAITING
from jobmojito_batch.flows.provision import ENDED, MISSED_HEARTBEATS, not_run, silent_runs
from jobmojito_batch.flows.states import final_state, state_of
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunObserver, run_steps
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, a_row, a_summary, friendly, people, write_input
from tests.unit.test_monitoring import rows_of_the_page

HEARTBEAT: Final = 60


async def state_of_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, night: str) -> State[Any]:
    """What the flow returns of such a night, as `serve --cron` and prefect.yaml have it."""
    faults = {
        "in doubt": (Fault(call=(2,), status=504),),
        "stopped": (Fault(call=(2,), status=402),),
    }
    asked: dict[str, dict[str, Any]] = {"held": {"expect_at_most": 1}, "empty": {"inbox": True}}
    with RunningSandbox(friendly(faults=faults.get(night, ()))) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, [*people(4), *[a_row("nobody")] * (night == "half wrong")])
        if night == "failed":
            path.unlink()
        if night == "empty":
            path = tmp_path / "inbox"
            path.mkdir()
        result = await run_steps(
            InviteParameters(inputs=[str(path)], settle=False, **asked.get(night, {})),
            RunObserver(),
            sleep=lambda _: None,
        )
    return state_of(result, repairs_fail=True)


@pytest.mark.parametrize(
    ("night", "kind", "name", "says"),
    [
        ("good", "COMPLETED", "Completed", "4 rows: 4 invited"),
        ("held", "FAILED", "Failed", "4 new rows would be sent, more than the 1 expected"),
        ("failed", "FAILED", "Failed", "people.csv"),
        ("half wrong", "FAILED", "NeedsRepair", "1 invalid"),
        ("in doubt", "FAILED", "Unsettled", "1 unknown"),
        ("stopped", "FAILED", "Stopped", "not sent"),
        ("empty", "COMPLETED", "Completed", "0 rows"),
    ],
)
async def test_a_night_that_ended_is_told_apart_by_its_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    night: str,
    kind: str,
    name: str,
    says: str,
) -> None:
    state = await state_of_night(tmp_path, monkeypatch, night)

    _, _, page = rows_of_the_page()[night]
    assert (state.type.value, state.name) == (kind, name)
    assert page.startswith(name)
    assert says in (state.message or "")


@pytest.mark.parametrize("code", [130, 143])
def test_a_night_that_a_signal_ended_is_crashed_with_its_counts(code: int) -> None:
    state = final_state(a_summary(exit_code=code, rows=9, outcomes={"invited": 4, "not_sent": 5}))

    assert (state.type, state.name) == (StateType.CRASHED, "Crashed")
    assert "4 invited, 5 not sent" in (state.message or "")
    assert "Crashed after a signal" in rows_of_the_page()["stopped"][2]


def test_a_killed_night_becomes_crashed_and_one_that_goes_on_or_waits_stays_running() -> None:
    """By its heartbeats: three of them have to be missing."""
    automation = silent_runs(HEARTBEAT)
    trigger, [action] = automation.trigger, automation.actions

    assert isinstance(trigger, EventTrigger)
    assert isinstance(action, ChangeFlowRunState)
    assert action.state is StateType.CRASHED
    assert trigger.within == timedelta(seconds=MISSED_HEARTBEATS * HEARTBEAT)
    assert "prefect.flow-run.heartbeat" in trigger.expect
    assert {f"prefect.flow-run.{name}" for name in ENDED} <= trigger.expect
    assert f"prefect.flow-run.{WAITING}" not in trigger.expect
    assert rows_of_the_page()["killed"][2] == "Crashed"
    assert rows_of_the_page()["late"][2] == "Running"


def test_a_night_that_never_started_is_late_and_told() -> None:
    trigger = not_run(uuid4()).trigger

    assert isinstance(trigger, EventTrigger)
    assert "prefect.flow-run.Late" in trigger.expect
    assert rows_of_the_page()["never started"][2] == "Late, or none"
