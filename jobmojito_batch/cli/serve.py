"""`serve` and `setup`: the night under Prefect, from the command line."""

import asyncio
from typing import Final

from pydantic import SecretStr

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.console import out, say
from jobmojito_batch.client import TokenSource
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import settings_for
from jobmojito_batch.settings import Settings

UTC: Final = "UTC"


def serve_flow(parameters: InviteParameters, *, name: str, cron: str | None) -> int:
    """
    Serve the flow until a signal comes; 4 where its deployment has become another's meanwhile.

    Raises SettingsError.
    """
    settings = settings_for(parameters)  # settings that make no sense end here
    prefect_runner.refuse_secrets(parameters)
    need_server("serve")
    from jobmojito_batch.flows.serving import Served, check_schedule, serve

    zone = (parameters.time_zone or UTC) if cron is not None else None
    if cron is not None:
        check_schedule(cron, zone)
        say(f"schedule      {cron}, {zone}; one run at a time, what comes meanwhile is cancelled")
    else:
        say("schedule      none: started by hand, from the run form or `prefect deployment run`")
    if not settings.has_token:
        say(
            "token         none here: runs look in the Prefect block jobmojito-api-token "
            "(`jobmojito-batch setup --with-token`)"
        )
    served = Served(
        name=name,
        # Nobody watches a night: one that needs somebody is not to look like a good one. Dates and
        # the end of its tries are of the zone that it is planned in.
        parameters=parameters.model_copy(
            update={"repairs_fail": cron is not None, "time_zone": zone or parameters.time_zone}
        ),
        cron=cron,
        time_zone=zone,
        tags=(settings.environment,),
    )
    if not asyncio.run(serve(served, say)):
        say("stopped       starting it again would take the deployment back from who has it now")
        return ExitCode.STOPPED
    say(
        "stopped       the next start carries on from the ledger; what was missed starts then, once"
    )
    return ExitCode.OK


def set_up(settings: Settings, *, pool: str, notify: str | None, with_token: bool) -> int:
    """Make in Prefect what the night needs, one line each. Raises SettingsError."""
    token = SecretStr(TokenSource(settings).current()) if with_token else None
    need_server("setup")
    from jobmojito_batch.flows import provision

    def tell(item: provision.Item) -> None:
        says = f"   {item.says}" if item.says else ""
        out().print(f"{item.did:<14} {item.what}{says}", markup=False)

    wanted = provision.Wanted(
        pool=pool, token=token, notify=SecretStr(notify) if notify is not None else None
    )
    asyncio.run(provision.set_up(wanted, tell))
    return ExitCode.OK


def need_server(command: str) -> None:
    """Raises SettingsError where no Prefect API is configured or none answers."""
    if not prefect_runner.is_configured():
        raise SettingsError(
            f"`{command}` needs a Prefect server and no Prefect API is configured: start `prefect "
            "server start` and set PREFECT_API_URL (http://127.0.0.1:4200/api)"
        )
    if not prefect_runner.is_reachable():
        raise SettingsError(
            f"the Prefect API {prefect_runner.address()} does not answer; start it (`prefect "
            "server start`) or correct PREFECT_API_URL"
        )
