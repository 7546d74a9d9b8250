"""
The second front door, opened from the first: `invite` through the Prefect flow.

The one module of the package that reaches for `flows` (and so for Prefect), and only when called:
importing Prefect takes most of a second, and the package works without it.
"""

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from jobmojito_batch.errors import PrefectAwayError, SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Attendant, attending

if TYPE_CHECKING:
    from flows.schedules import Standing

KEYS_IN_ADDRESSES: Final = ("sig", "token", "key", "password", "secret", "credential")
"""Parts of the names of query members that open a file by themselves."""
LOOPBACK: Final = "127.0.0.1,localhost,::1"
UI_PORT: Final = 4200


def is_configured() -> bool:
    """Whether a Prefect API is configured. Raises PrefectAwayError where Prefect cannot say."""
    try:
        from flows.invite_candidates import is_configured as asked  # noqa: PLC0415 - see above
    except Exception as exc:
        raise PrefectAwayError(
            f"Prefect does not start ({type(exc).__name__}); look at the PREFECT_… variables and "
            "the profile (`prefect config validate`)"
        ) from exc

    for handler in logging.getLogger().handlers:
        if type(handler).__module__.startswith("prefect."):  # it has just put its console there
            handler.addFilter(_is_no_line_of_ours)
    return asked()


def _is_no_line_of_ours(record: logging.LogRecord) -> bool:
    """Our events are for the run's page; what a person has to know is said in a sentence."""
    return not (record.name.startswith("jobmojito_batch") and record.levelno < logging.ERROR)


def address() -> str:
    """The Prefect API that is configured, without what a user name in it would tell."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - see above

    return str(PREFECT_API_URL.value() or "").rpartition("@")[2]


def is_reachable() -> bool:
    """Whether the Prefect API answers."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - see above

    with get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


def check_reachable() -> None:
    """Raises PrefectAwayError where the Prefect API does not answer."""
    if not is_reachable():
        raise PrefectAwayError(f"the Prefect API {address()} did not answer")


def standings() -> "list[Standing]":
    """How the deployments stand at the API; raises nothing for what it answers."""
    from flows import schedules  # noqa: PLC0415 - see above

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
    for text in parameters.inputs:
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


async def run_flow(
    parameters: InviteParameters, attendant: Attendant, *, may_embed: bool = False
) -> str | None:
    """
    Run the flow in this process with *attendant* looking on; gives the flow run's id.

    Its conclusion or error is the attendant's then. Raises SettingsError where no Prefect API is
    configured, PrefectAwayError where it took no run.
    """
    if not may_embed and not is_configured():
        raise SettingsError(
            "no Prefect API is configured: start `prefect server start` and set PREFECT_API_URL "
            "(http://127.0.0.1:4200/api), or run with --no-prefect"
        )
    refuse_secrets(parameters)
    from flows.invite_candidates import invite_candidates  # noqa: PLC0415 - see above

    mark = attending.set(attendant)
    try:
        state = await invite_candidates(parameters, return_state=True)
    except Exception as exc:
        if attendant.has_begun:
            raise
        if attendant.conclusion is not None or attendant.error is not None:
            return None  # it is over; only its state did not get through
        raise PrefectAwayError(
            f"the Prefect API {address() or 'of its own'} cannot be used ({type(exc).__name__})"
        ) from exc
    finally:
        attending.reset(mark)
    if attendant.conclusion is None and attendant.error is None and not attendant.was_declined:
        raise SettingsError(f"the Prefect run ended before its start ({state.type.value})")
    run_id = state.state_details.flow_run_id
    return str(run_id) if run_id else None
