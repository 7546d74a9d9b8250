"""
The second front door, opened from the first: `invite` through the Prefect flow.

The one module of the package that reaches for `flows` (and so for Prefect), and only when called:
importing Prefect takes most of a second, and the package works without it.
"""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from jobmojito_batch.cli.console import err
from jobmojito_batch.errors import PrefectAwayError, SettingsError
from jobmojito_batch.logs import keep_off_console
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunObserver, RunResult
from jobmojito_batch.settings import prefects_in_folder

if TYPE_CHECKING:
    from jobmojito_batch.flows.schedules import Standing

KEYS_IN_ADDRESSES: Final = ("sig", "token", "key", "password", "secret", "credential")
"""Parts of the names of query members that open a file by themselves."""
LOOPBACK: Final = "127.0.0.1,localhost,::1"
UI_PORT: Final = 4200


def is_configured() -> bool:
    """Whether a Prefect API is configured. Raises PrefectAwayError where Prefect cannot say."""
    refuse_the_folders_settings()
    # Else Prefect tells of its telemetry when it is first imported, whatever is asked for here.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        from jobmojito_batch.flows.invite_candidates import is_configured as asked
    except Exception as exc:
        raise PrefectAwayError(
            f"Prefect does not start ({type(exc).__name__}); look at the PREFECT_… variables and "
            "the profile (`prefect config validate`)"
        ) from exc

    # Which Prefect has just put there.
    keep_off_console(is_terminal=True, is_watched=err().is_terminal)
    return asked()


def refuse_the_folders_settings() -> None:
    """
    Raises PrefectAwayError where the current folder would set Prefect, before it is imported.

    Not left out but refused: the processes that Prefect starts would read the same files again.
    """
    try:
        names = prefects_in_folder()
    except OSError as exc:
        names = [f"a file that cannot be read ({exc.strerror})"]
    if names:
        raise PrefectAwayError(
            f"{' and '.join(names)} in the current folder would set Prefect, which runs what is "
            "named there; a folder may not, since exports arrive as archives",
            "Set Prefect in the environment or by `prefect config set` and go to another folder",
        )


def address() -> str:
    """The Prefect API that is configured, without what a user name in it would tell."""
    from prefect.settings import PREFECT_API_URL

    return str(PREFECT_API_URL.value() or "").rpartition("@")[2]


def page_of(flow_run_id: str) -> str:
    """Where a browser shows the run."""
    from prefect.settings import PREFECT_UI_URL

    return f"{PREFECT_UI_URL.value() or address()}/runs/flow-run/{flow_run_id}"


def is_reachable() -> bool:
    """Whether the Prefect API answers."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


def check_reachable() -> None:
    """Raises PrefectAwayError where the Prefect API does not answer."""
    if not is_reachable():
        raise PrefectAwayError(f"the Prefect API {address()} did not answer")


def standings() -> "list[Standing]":
    """How the deployments stand at the API; raises nothing for what it answers."""
    from jobmojito_batch.flows import schedules

    try:
        return asyncio.run(schedules.standings())
    except Exception as exc:  # noqa: BLE001 - an older server, a proxy, a login that is missing
        says = (
            f"the deployments cannot be read ({type(exc).__name__}); is the server of the same "
            "version as this program, and may you read them?"
        )
        return [schedules.Standing(what="schedule", state="warning", says=says)]


def refuse_secrets(parameters: InviteParameters) -> None:
    """Raises SettingsError where Prefect would store and show what opens a file by itself."""
    places = [*parameters.inputs, *filter(None, [parameters.positions])]
    for text in places:
        names = [name.lower() for name, _ in parse_qsl(text.partition("?")[2])]
        if "://" in text and any(part in name for name in names for part in KEYS_IN_ADDRESSES):
            raise SettingsError(
                "an input is an address with a key in it, and Prefect shows the parameters of a "
                "run to everybody; give the credentials in the environment, or say --no-prefect"
            )


def prepare_embedded_server() -> None:
    """
    Settings for Prefect's embedded server, before Prefect is imported; only the demo wants it.

    Loopback stays out of any proxy (the health check would go there and time out), nothing is
    reported to Prefect, and a slow machine gets time to start it (reference, Prefect section 1).
    """
    for name in ("NO_PROXY", "no_proxy"):
        before = os.environ.get(name)
        os.environ[name] = f"{before},{LOOPBACK}" if before else LOOPBACK
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnd:
    """How a run through Prefect ended, and where it is shown."""

    result: RunResult
    flow_run_id: str | None
    """None if the run's state did not get through."""


async def run_flow(
    parameters: InviteParameters, observer: RunObserver, *, may_embed: bool = False
) -> FlowEnd:
    """
    Run the flow in this process with *observer* looking on.

    Raises SettingsError if no Prefect API is configured, PrefectAwayError if it took no run.
    """
    refuse_the_folders_settings()
    if not may_embed and not is_configured():
        raise SettingsError(
            "no Prefect API is configured: start `prefect server start` and set PREFECT_API_URL "
            "(http://127.0.0.1:4200/api), or run with --no-prefect"
        )
    refuse_secrets(parameters)
    from jobmojito_batch.flows.invite_candidates import FlowCall

    call = FlowCall(observer)
    try:
        state = await call.flow(parameters, return_state=True)
    except Exception as exc:
        if observer.has_begun:
            raise
        if call.result is not None:  # it is over; only its state did not get through
            return FlowEnd(result=call.result, flow_run_id=None)
        raise PrefectAwayError(
            f"the Prefect API {address() or 'of its own'} cannot be used ({type(exc).__name__})"
        ) from exc
    if call.result is None:
        raise SettingsError(f"the Prefect run ended before its start ({state.type.value})")
    run_id = state.state_details.flow_run_id
    return FlowEnd(result=call.result, flow_run_id=str(run_id) if run_id else None)
