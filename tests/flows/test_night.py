"""A night through the flow: inbox, guard, token block, alerts as events, what needs a person."""

import asyncio
import platform
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import SecretStr

from jobmojito_batch.alerts import Alert, AlertKind, Night, overrun
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.flows.alert_publisher import AlertPublisher
from jobmojito_batch.flows.artifacts import TABLE_ROWS, attention_table, bar, summary_markdown
from jobmojito_batch.flows.flow_settings import store_token
from jobmojito_batch.flows.invite_candidates import FlowCall, invite_candidates
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Attention, NeedsPerson, advice_on
from jobmojito_batch.pipeline.action_items import URGENCY
from jobmojito_batch.sandbox import Fault, RunningSandbox
from jobmojito_batch.summary import Summary
from tests.end_to_end.test_tries import OUT_OF_CREDITS_ONCE, NightClock
from tests.helpers import TOKEN, Run, a_row, a_summary, friendly, people, write_input

pytestmark = [
    pytest.mark.usefixtures("in_prefect"),
    pytest.mark.flow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LONG_ENOUGH = 60.0


def run_flow(*inputs: Path, **parameters: Any) -> State[Any]:
    async def run() -> State[Any]:
        asked = InviteParameters(inputs=[str(one) for one in inputs], **parameters)
        state: State[Any] = await invite_candidates(asked, return_state=True)
        return state

    return asyncio.run(run())


class WatchedClock(NightClock):
    """Looks, while a night waits, what Prefect says of its run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str | None, str]] = []

    async def pause(self, seconds: float) -> None:
        async with get_client() as client:
            state = (await client.read_flow_run(UUID(str(flow_run.id)))).state
        assert state is not None
        self.seen.append((state.type.value, state.name, state.message or ""))
        await super().pause(seconds)


def names_of(state: State[Any]) -> list[str | None]:
    """What the run was called, one state after the other."""

    async def read() -> list[str | None]:
        async with get_client() as client:
            run_id = state.state_details.flow_run_id
            assert run_id is not None
            return [one.name for one in await client.read_flow_run_states(run_id)]

    return asyncio.run(read())


def test_a_night_that_waits_for_another_try_is_called_so_in_the_list_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = WatchedClock()
    call = FlowCall(None, clock=clock.now, pause=clock.pause)
    with RunningSandbox(friendly(faults=OUT_OF_CREDITS_ONCE)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        asked = InviteParameters(
            inputs=[str(write_input(tmp_path, people(4)))], retry_until="06:00",
            time_zone="Europe/Bratislava",
        )  # fmt: skip

        async def watched() -> State[Any]:
            state: State[Any] = await call.flow(asked, return_state=True)
            return state

        state = asyncio.run(watched())

    [(kind, name, message)] = clock.seen
    assert (kind, name) == ("RUNNING", "Waiting")
    assert message.startswith("stopped by insufficient credits: try 2 follows at 03:35")
    assert [one for one in names_of(state) if one != "Pending"] == [
        "Running", "Waiting", "Running", "Completed",
    ]  # fmt: skip
    assert "try 2 of the night" in (state.message or "")
    assert run.creates == 4


def artifacts_of(state: State[Any]) -> dict[str, Any]:
    run_id = state.state_details.flow_run_id
    assert run_id is not None

    async def read() -> dict[str, Any]:
        async with get_client() as client:
            found = await client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
            )
            return {one.key or "": one for one in found}

    return asyncio.run(read())


def events_of(state: State[Any], *, at_least: int = 1) -> list[dict[str, Any]]:
    """Our events of the flow run, as soon as so many have come through."""
    run_id = state.state_details.flow_run_id

    async def read() -> list[dict[str, Any]]:
        async with get_client() as client:
            wanted = {
                "filter": {
                    "event": {"prefix": ["jobmojito-batch."]},
                    "related": {"id": [f"prefect.flow-run.{run_id}"]},
                }
            }
            response = await client._client.post("/events/filter", json=wanted)
            events: list[dict[str, Any]] = response.raise_for_status().json()["events"]
            return events

    until = time.monotonic() + LONG_ENOUGH
    while len(found := asyncio.run(read())) < at_least:
        assert time.monotonic() < until, "the events did not come through"
        time.sleep(0.2)
    return found


def logs_of(state: State[Any]) -> list[str]:
    async def read() -> list[str]:
        async with get_client() as client:
            run_id = state.state_details.flow_run_id
            return [one.message for one in await client.read_logs() if one.flow_run_id == run_id]

    return asyncio.run(read())


def test_rows_that_need_a_person_are_a_table_an_event_and_a_tag_without_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly(faults=(Fault(call=(2,), status=422),))) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        rows = [*people(2), a_row("nobody", name="Zoe Secretname")]

        state = run_flow(write_input(tmp_path, rows))

    table = artifacts_of(state)["needs-a-person"].data
    (event,) = events_of(state)
    assert state.name == "NeedsRepair"
    assert '"row": 3' in table
    assert '"code": "refused"' in table
    assert '"row": 4' in table
    assert '"code": "invalid_email"' in table
    assert event["event"] == "jobmojito-batch.needs_repair"
    assert event["payload"]["invalid"] == 1
    assert event["payload"]["failed"] == 1
    for word in ("Secretname", "@example.com", TOKEN):
        assert word not in table + str(event)


def test_a_held_night_is_failed_with_its_sentence_and_told_as_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)

        state = run_flow(write_input(tmp_path, people(4)), expect_at_most=3)

    (event,) = events_of(state)
    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert (state.message or "").startswith("4 new rows would be sent, more than the 3 expected")
    assert event["event"] == "jobmojito-batch.volume_unusual"
    assert run.calls == 0


def test_a_file_leaves_the_inbox_once_and_an_empty_inbox_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
        write_input(inbox, people(3))

        first = run_flow(inbox, inbox=True, results_folder=str(tmp_path / "results"))
        second = run_flow(inbox, inbox=True, results_folder=str(tmp_path / "results"))

    assert first.message == "3 rows: 3 invited; about 0.75 credits"
    assert not (inbox / "people.csv").exists()
    assert list((tmp_path / "results").rglob("people.results.csv"))
    assert second.is_completed()
    assert (second.message or "").startswith("0 rows: the inbox ")
    assert {one["event"] for one in events_of(second)} == {"jobmojito-batch.zero_rows"}
    assert run.calls == 3


def test_the_token_comes_from_the_block_where_the_environment_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.delenv("JOBMOJITO_API_TOKEN")
        path = write_input(tmp_path, people(2))

        without = run_flow(path)
        asyncio.run(store_token(SecretStr(TOKEN)))
        with_block = run_flow(path)

    assert (without.message or "").startswith("no API token")
    assert with_block.message == "2 rows: 2 invited; about 0.5 credits"


def test_the_log_tells_the_plan_the_end_and_the_sentence_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        (tmp_path / ".env").write_text("JOBMOJITO_LEDGER=theirs.sqlite\n")

        state = run_flow(write_input(tmp_path, people(2)))

    until = time.monotonic() + LONG_ENOUGH
    while state.message not in (logs := logs_of(state)):
        assert time.monotonic() < until, logs
        time.sleep(0.2)
    ours = [line for line in logs if line.startswith("run.") or line == state.message]
    assert ours[0].startswith("run.planned ")
    assert " rows=2 to_send=2 " in ours[0]
    assert ours[-1] == state.message
    assert any("settings.not_taken" in line and "JOBMOJITO_LEDGER" in line for line in logs)
    assert any(line.startswith("run.ended ") and " invited=2 " in line for line in ours)


def test_an_overrun_is_told_while_the_run_goes_on_and_not_again_at_its_end() -> None:
    """The history says a quarter of an hour, and the run began yesterday."""
    told: list[Alert] = []
    nights = tuple(
        Night(day=date(2026, 1, day), rows=9, new=9, seconds=60.0) for day in range(1, 6)
    )
    started_at = datetime.now(UTC) - timedelta(days=1)
    run: Any = SimpleNamespace(
        planned=SimpleNamespace(run_id="r", started_at=started_at, settings=None),
        comparison=SimpleNamespace(history=nights),
        taken=SimpleNamespace(place="/data/inbox"),
    )
    herald = AlertPublisher(is_watched=True, emit=told.append)

    asyncio.run(herald.tell_overrun(run))
    asyncio.run(herald.tell([overrun("r", 90_000.0, 900.0)], None))

    assert [alert.kind for alert in told] == [AlertKind.OVERRUN]
    assert told[0].facts == (f"host: {platform.node()}", "inputs: /data/inbox")


# What is shown, without a server


def a_bad_night() -> Summary:
    return a_summary(
        rows=4,
        sources=["a|b.csv"],
        exit_code=1,
        outcomes={"invited": 3, "invalid": 1},
        reasons={"invalid_email": 1},
        positions={"created": 1, "reused": 2},
        calls=3,
        credits_estimated=0.75,
        credits_before=10.0,
        rate_reached=1.5,
        latency_seconds={"p50": 1.0, "p90": 2.0, "p99": None, "max": 4.0},
        files={"results": "out/a.results.csv", "errors": None, "summary": None},
    )


def test_the_summary_begins_with_the_sentence_and_says_what_to_do() -> None:
    text = summary_markdown(a_bad_night(), Attention(total=1))

    lines = text.splitlines()
    assert lines[0] == "4 rows: 3 invited, 1 invalid; about 0.75 credits"
    assert "| invited | 3 | ███████████████ 75 % |" in lines
    assert f"| invalid_email | 1 | {advice_on('invalid_email')} |" in lines
    assert "| p50 | 1 s | █████ |" in lines
    assert "| credits left | about 9.25 of 10 before the run |" in lines
    assert "| sources | a\\|b.csv |" in lines
    assert f"| results | {Path('out/a.results.csv').absolute()} |" in lines
    assert "unknown" not in text


def test_the_table_is_bounded_and_says_how_many_it_leaves_out() -> None:
    rows = tuple(
        NeedsPerson(source="a.csv", row=n, outcome="failed", code="refused", field="", advice="")
        for n in range(TABLE_ROWS)
    )
    attention = Attention(total=TABLE_ROWS + 7, rows=rows)

    assert len(attention_table(attention)) == TABLE_ROWS
    assert "507 rows need a person; 7 more are in the results file" in summary_markdown(
        a_bad_night(), attention
    )


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, ""), (0.0001, "▏"), (0.5, "█" * 10), (1.0, "█" * 20)]
)
def test_a_bar_shows_its_share_and_never_hides_a_little(share: float, shown: str) -> None:
    assert bar(share) == shown


@pytest.mark.parametrize("code", [*ErrorCode, Outcome.REVIEW, Outcome.REJECTED])
def test_there_is_advice_on_every_reason(code: str) -> None:
    assert advice_on(code)


def test_what_needs_a_person_is_what_no_run_settles() -> None:
    assert set(URGENCY) == {
        Outcome.UNKNOWN,
        Outcome.FAILED,
        Outcome.INVALID,
        Outcome.REVIEW,
        Outcome.REJECTED,
    }
