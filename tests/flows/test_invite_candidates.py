"""The flow on a real Prefect server: states, artifacts, and nothing private anywhere."""

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_HOME

from jobmojito_batch.alerts import Alert
from jobmojito_batch.flows import alert_publisher
from jobmojito_batch.flows.follow_up import follow_up
from jobmojito_batch.flows.invite_candidates import FlowCall, invite_candidates
from jobmojito_batch.flows.states import final_state
from jobmojito_batch.parameters import FollowUpParameters, InviteParameters
from jobmojito_batch.pipeline import RunObserver
from jobmojito_batch.sandbox import Fault, RunningSandbox
from jobmojito_batch.sending import Progress, settling_text
from tests.helpers import RESUME, TOKEN, Run, a_row, a_summary, friendly, people, write_input

pytestmark = [
    pytest.mark.usefixtures("in_prefect"),
    pytest.mark.flow,
    # Prefect leaves sockets and loops to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).parents[2]


def run_flow(path: Path, call: FlowCall | None = None, **asked: Any) -> State[Any]:
    async def run() -> State[Any]:
        parameters = InviteParameters(inputs=[str(path)], **asked)
        flow = call.flow if call is not None else invite_candidates
        state: State[Any] = await flow(parameters, return_state=True)
        return state

    return asyncio.run(run())


async def stored(state: State[Any]) -> tuple[str, int]:
    """Everything the server keeps of the run as text, and how many task runs it had."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        flow_run = await client.read_flow_run(run_id)
        artifacts = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
        logs = await client.read_logs()
        task_runs = [one for one in await client.read_task_runs() if one.flow_run_id == run_id]
    texts = [flow_run.model_dump_json(), state.model_dump_json()]
    texts += [one.model_dump_json() for one in (*artifacts, *logs, *task_runs)]
    return "\n".join(texts), len(task_runs)


async def flow_of(state: State[Any]) -> str:
    """The name of the flow that the server has the run under."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        flow_run = await client.read_flow_run(run_id)
        return (await client.read_flow(flow_run.flow_id)).name


def test_a_run_that_needs_nobody_is_completed_with_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        state = run_flow(write_input(tmp_path, people(4)))

    assert (state.type.value, state.name) == ("COMPLETED", "Completed")
    assert state.message == "4 rows: 4 invited; about 1 credits"
    assert run.outcomes == {"invited": 4}
    text, task_runs = asyncio.run(stored(state))
    assert task_runs == 4
    assert "rows done: 4 / 4" in text
    assert "4 rows: 4 invited" in text


def test_nothing_private_is_in_states_logs_artifacts_parameters_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = (
        Fault(call=(2,), status=500),
        Fault(call=(3,), garbage="html"),
        Fault(endpoint="merchant-result-list", status=403),
    )
    with RunningSandbox(friendly(faults=faults)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        rows = [*people(4), a_row("nobody", name="Zoe Secretname")]

        state = run_flow(write_input(tmp_path, rows))

    text, _ = asyncio.run(stored(state))
    for file in Path(str(PREFECT_HOME.value())).rglob("storage/**/*"):
        text += file.read_bytes().decode("latin-1") if file.is_file() else ""
    for word in (TOKEN, RESUME, "interview_token", "@example.com", "Secretname"):
        assert word not in text
    assert (state.type.value, state.name) == ("FAILED", "Unsettled")


def test_a_fault_of_the_input_fails_the_run_with_its_line_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", TOKEN)
    monkeypatch.setenv("JOBMOJITO_LEDGER", str(tmp_path / "ledger.sqlite"))

    state = run_flow(tmp_path / "nowhere.csv")

    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert "nowhere.csv" in (state.message or "")


def test_an_api_that_is_away_at_the_start_is_said_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night that begins in an outage: its log says that it waits, and when it goes on."""

    class Landlord(RunObserver):
        """Opens the API again once the run has seen that it is away."""

        def progress(self, progress: Progress) -> None:
            if progress.is_away and not started:
                started.append(RunningSandbox(friendly(), port=port))
                started[0].__enter__()

    started: list[RunningSandbox] = []
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
    try:
        state = run_flow(write_input(tmp_path, people(2)), FlowCall(Landlord()))
    finally:
        for back in started:
            back.stop()

    assert state.name == "Completed"
    assert run.outcomes == {"invited": 2}
    until = time.monotonic() + 60.0
    while "api.back" not in (text := asyncio.run(stored(state))[0]):  # logs come in their own time
        assert time.monotonic() < until, text
        time.sleep(0.2)
    assert "api.away the run waits" in text


def test_what_became_of_them_is_a_funnel_and_an_alert_of_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow follow_up on the same server: nobody is named anywhere, and few tasks are run."""
    heard: list[Alert] = []
    monkeypatch.setattr(alert_publisher, "send_event", heard.append)
    monkeypatch.setenv("JOBMOJITO_CHASE_DAYS", "0")
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, people(3)))

        state: State[Any] = asyncio.run(
            follow_up(FollowUpParameters(credits=True), return_state=True)  # type: ignore[arg-type]
        )
        broken: State[Any] = asyncio.run(
            follow_up(FollowUpParameters(run="none"), return_state=True)  # type: ignore[arg-type]
        )

    text, task_runs = asyncio.run(stored(state))
    assert (state.type.value, state.message) == (
        "COMPLETED",
        "3 invitations: not started 3; nobody decided",
    )
    assert task_runs == 1
    assert "| invited | 3 |" in text
    assert [(alert.kind.value, alert.counts) for alert in heard] == [
        ("chase", {"not_started": 3, "invited": 3})
    ]
    for word in (TOKEN, "interview_token", "@example.com"):
        assert word not in text
    assert (broken.type.value, broken.name) == ("FAILED", "Failed")


def test_a_second_run_of_the_flow_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(3))
        run_flow(path)

        state = run_flow(path)

    assert state.message == "3 rows: 3 already done; about 0 credits"
    assert run.calls == 3


def test_a_run_that_breaks_off_after_it_began_says_what_is_known_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a disk that fills up: a tag and a summary, though there is no conclusion."""
    results = tmp_path / "out"
    results.mkdir()

    class Unlucky(RunObserver):
        def progress(self, progress: Progress) -> None:
            if progress.settled:
                shutil.rmtree(results, ignore_errors=True)
                results.with_suffix("").write_text("no folder any more", encoding="utf-8")

    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(3))
        state = run_flow(path, FlowCall(Unlucky()), results=str(results / "r.csv"))

    found, _ = asyncio.run(stored(state))
    assert run.creates == 3
    assert state.name == "Stopped"
    assert "The run stopped there" in found
    assert "3 of 3 rows were done" in found
    assert '"Stopped"' in found.partition('"tags":')[2][:200]


@pytest.mark.parametrize(
    ("in_doubt", "until", "text"),
    [
        pytest.param(6, datetime(2026, 11, 24, 1, 31, tzinfo=UTC), "settling 6, until 02:31 CET",
                     id="the-end-is-known"),
        pytest.param(1, None, "settling 1", id="nothing-tells"),
    ],
)  # fmt: skip
def test_a_bar_that_waits_says_for_what_and_until_when(
    in_doubt: int, until: datetime | None, text: str
) -> None:
    progress = Progress(
        total=100, settled=100, in_flight=0, calls=100, seconds=60.0, outcomes={},
        in_doubt=in_doubt, settling_until=until,
    )  # fmt: skip

    assert settling_text(progress, ZoneInfo("Europe/Bratislava")) == text


def test_who_calls_the_flow_has_the_conclusion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And Prefect has the run as one of the flow that it knows."""
    call = FlowCall(RunObserver())
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        state = run_flow(write_input(tmp_path, [*people(1), a_row("nobody")]), call)

    assert call.result is not None
    assert call.result.conclusion is not None
    assert call.result.conclusion.exit_code == 1
    assert asyncio.run(flow_of(state)) == invite_candidates.name


@pytest.mark.parametrize(
    ("exit_code", "type_", "name"),
    [
        (0, "COMPLETED", "Completed"),
        (1, "COMPLETED", "NeedsRepair"),
        (3, "FAILED", "Unsettled"),
        (4, "FAILED", "Stopped"),
        (143, "CRASHED", "Crashed"),
    ],
)
def test_the_final_state_follows_the_exit_code(exit_code: int, type_: str, name: str) -> None:
    state = final_state(a_summary(exit_code=exit_code))

    said = "0 rows: nothing to do; about 0 credits"
    assert (state.type.value, state.name, state.message) == (type_, name, said)


def test_where_nobody_watches_a_run_with_rows_to_repair_is_red() -> None:
    repair = final_state(a_summary(exit_code=1), repairs_fail=True)
    assert (repair.type.value, repair.name) == ("FAILED", "NeedsRepair")
    assert final_state(a_summary(exit_code=0), repairs_fail=True).name == "Completed"
    nights = {
        deployment["name"]: deployment.get("parameters", {}).get("parameters", {})
        for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }
    assert nights["nightly-worker"]["repairs_fail"] is True
    assert not nights["import"].get("repairs_fail")


def test_the_deployment_file_names_the_flow_that_exists() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]

    for deployment in deployments:
        file, _, name = deployment["entrypoint"].partition(":")
        assert load_flow_from_entrypoint(f"{ROOT / file}:{name}").fn.__name__ == name
