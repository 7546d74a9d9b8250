"""`setup` on a real Prefect server: made once, the same the second time, kept in step after."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_UI_URL,
    temporary_settings,
)
from prefect.states import Cancelled, Crashed, Scheduled
from pydantic import SecretStr

from jobmojito_batch.cli import main
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.flows.flow_settings import stored_token
from jobmojito_batch.flows.provision import (
    ENDED,
    LINK,
    alerts,
    block_for,
    heartbeat_warning,
    silent_runs,
)
from jobmojito_batch.flows.states import final_state
from tests.helpers import a_summary
from tests.prefect_server import RunningPrefect

pytestmark = [
    pytest.mark.flow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TOKEN = "made-up-token-for-the-block"


@pytest.fixture(autouse=True)
def _configured(prefect: RunningPrefect, tmp_path: Path) -> Iterator[None]:
    with temporary_settings(
        {
            PREFECT_API_URL: prefect.url,
            PREFECT_HOME: str(tmp_path / "home"),
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 60,
        }
    ):
        yield


class Hook:
    """A web address that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.heard.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/secret-path"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


def set_up(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What each item was said to be."""
    capsys.readouterr()
    assert main(["setup", *arguments]) == 0
    said = capsys.readouterr().out
    assert TOKEN not in said
    assert "secret-path" not in said
    lines = [(line[:14].strip(), line[14:].strip()) for line in said.splitlines()]
    return {what.partition("   ")[0]: did for did, what in lines}


def trigger_of(automation: AutomationCore) -> EventTrigger:
    assert isinstance(automation.trigger, EventTrigger)
    return automation.trigger


async def automations(client: PrefectClient) -> dict[str, Any]:
    return {one.name: one for one in await client.read_automations()}


async def switch_on() -> None:
    async with get_client() as client:
        for one in (await automations(client)).values():
            await client.resume_automation(one.id)


def until_heard(hook: Hook, words: str, repeated: Callable[[], None] | None = None) -> str:
    """The message that begins with the words; the server takes a moment until it listens."""
    until = time.monotonic() + 120
    while True:
        if repeated is not None:
            repeated()
        for heard in list(hook.heard):
            if heard["text"].startswith(words):
                return str(heard["text"])
        assert time.monotonic() < until, f"{words} was not heard, but {hook.heard}"
        time.sleep(1)


def test_the_second_time_everything_is_there_and_a_change_is_an_update(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", TOKEN)
    everything = ("--with-token", "--notify", hook.url)

    first = set_up(capsys, *everything)
    second = set_up(capsys, *everything)
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", f"{TOKEN}-2")
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 90}):
        third = set_up(capsys, "--with-token")

    assert set(first.values()) == {"created"}
    assert len(first) == 6
    assert second == dict.fromkeys(first, "already there")
    assert {name for name, did in third.items() if did == "updated"} == {
        "secret block jobmojito-api-token",
        'automation "jobmojito-batch: a silent run has crashed"',
    }
    assert asyncio.run(stored_token()) == SecretStr(f"{TOKEN}-2")


def test_an_automation_that_somebody_switched_off_stays_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def switch_off() -> None:
        async with get_client() as client:
            for one in (await automations(client)).values():
                await client.pause_automation(one.id)

    async def read() -> list[bool]:
        async with get_client() as client:
            return [one.enabled for one in (await automations(client)).values()]

    set_up(capsys)
    asyncio.run(switch_off())
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 120}):
        set_up(capsys)

    assert set(asyncio.run(read())) == {False}


def test_an_alert_reaches_the_address_with_its_kind_and_its_sentence(
    hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    async def emit() -> None:
        async with get_client() as client:
            event = {
                "event": "jobmojito-batch.stopped",
                "occurred": datetime.now(UTC).isoformat(),
                "resource": {"prefect.resource.id": "jobmojito-batch.run.r-1"},
                "payload": {"kind": "stopped", "sentence": "5 rows: 5 not sent", "rows": 5},
                "id": str(uuid4()),
            }
            response = await client._client.post("/events", json=[event])
            response.raise_for_status()

    set_up(capsys, "--notify", hook.url)
    asyncio.run(switch_on())

    until_heard(hook, "jobmojito-batch: stopped\n5 rows: 5 not sent", lambda: asyncio.run(emit()))


def test_prefects_own_alerts_name_the_deployment_and_what_to_do(
    hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flow run that nobody named is called after an animal, which tells nobody what is late."""

    @flow(name="invite-candidates")
    def stand_in() -> None:
        pass

    async def make() -> tuple[UUID, UUID]:
        async with get_client() as client:
            flow_id = await client.create_flow(stand_in)
            deployment = await client.create_deployment(flow_id, name="each-night")
            made = await client.create_flow_run_from_deployment(deployment, name="odd-animal")
            by_command = await client.create_flow_run(stand_in, name="even-animal")
            return made.id, by_command.id

    async def late() -> None:
        async with get_client() as client:
            found = await client.read_deployment_by_name("invite-candidates/each-night")
            due = datetime.now(UTC) - timedelta(hours=1)
            await client.create_flow_run_from_deployment(
                found.id, state=Scheduled(scheduled_time=due)
            )

    async def end(run_id: UUID, state: State[Any]) -> None:
        async with get_client() as client:
            await client.set_flow_run_state(run_id, Scheduled(), force=True)
            await client.set_flow_run_state(run_id, state, force=True)

    set_up(capsys, "--notify", hook.url)
    asyncio.run(switch_on())
    of_deployment, by_command = asyncio.run(make())

    cancelled = until_heard(
        hook,
        "jobmojito-batch each-night is Cancelled\nDeployment concurrency limit reached.\n",
        lambda: asyncio.run(
            end(of_deployment, Cancelled(message="Deployment concurrency limit reached."))
        ),
    )
    asyncio.run(end(by_command, Crashed(message="no sign of life")))
    asyncio.run(late())
    crashed = until_heard(hook, "jobmojito-batch invite-candidates is Crashed\nno sign of life\n")
    was_late = until_heard(hook, "jobmojito-batch each-night is Late\n")

    assert "`prefect deployment run 'invite-candidates/each-night'`" in cancelled
    assert (
        f"odd-animal, http://127.0.0.1:{server_port()}/runs/flow-run/{of_deployment}" in cancelled
    )
    assert "sends what this one left.\n" in crashed
    assert f"/runs/flow-run/{by_command}" in crashed
    assert "is `jobmojito-batch serve` running? `jobmojito-batch doctor` looks" in was_late


def test_where_the_server_does_not_know_its_address_an_alert_has_none() -> None:
    # The server's own code, three seconds of loading that no other test here needs.
    from prefect.server.events.actions import JinjaTemplateAction  # noqa: PLC0415
    from prefect.server.schemas.responses import FlowRunResponse  # noqa: PLC0415
    from prefect.server.utilities.user_templates import render_user_template_sync  # noqa: PLC0415

    JinjaTemplateAction._register_filters_if_needed()
    run = FlowRunResponse(id=uuid4(), flow_id=uuid4(), name="odd-animal", labels={})

    with temporary_settings(restore_defaults={PREFECT_API_URL, PREFECT_UI_URL}):
        text = render_user_template_sync(LINK, {"flow_run": run})

    assert text == "run: odd-animal"


def server_port() -> int:
    """Where the pages are as well as the API."""
    return int(str(PREFECT_API_URL.value()).rpartition(":")[2].partition("/")[0])


def test_the_window_of_silence_is_three_heartbeats_and_every_ending_ends_it() -> None:
    """A state's event is called after its name: one left out would be taken for silence."""
    trigger = trigger_of(silent_runs(60))

    assert trigger.within.total_seconds() >= 3 * 60
    names = {final_state(a_summary(exit_code=code)).name for code in (0, 1, 3, 4, 130, 143)} | {
        "Failed",
        "Cancelled",
    }
    assert names <= set(ENDED)
    assert {f"prefect.flow-run.{name}" for name in ENDED} < trigger.expect


def test_a_place_whose_runs_would_be_taken_for_dead_is_warned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up(capsys)
    asyncio.run(switch_on())
    matched = asyncio.run(heartbeat_warning())
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 180}):
        mismatched = asyncio.run(heartbeat_warning())

    assert matched is None
    assert mismatched is not None
    assert "every 180 s" in mismatched
    assert "after 180 s" in mismatched


def test_the_alert_automation_listens_to_our_events_alone() -> None:
    assert trigger_of(alerts(uuid4())).expect == {"jobmojito-batch.*"}


def test_an_address_that_nobody_understands_is_refused_without_showing_it(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["setup", "--notify", "nonsense://secret-path"]) == 2

    said = capsys.readouterr().err
    assert "--notify" in said
    assert "secret-path" not in said + caplog.text


def test_mail_goes_through_any_apprise_address() -> None:
    block_for(SecretStr("mailtos://user:password@example.com?to=hr@example.com"))
    with pytest.raises(SettingsError):
        block_for(SecretStr("mailtos//broken"))
