"""`desk`: the page on this machine; and the process that its Send starts."""

import asyncio
import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.console import out, say
from jobmojito_batch.desk.carrying_out import carry_out
from jobmojito_batch.desk.security import Keys
from jobmojito_batch.desk.server import opening_page, serve
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunObserver, RunResult, run_steps


def serve_desk(port: int, *, opens_browser: bool) -> int:
    """Serve the desk until it is stopped. Raises SettingsError."""
    with ExitStack() as stack:

        def ready(keys: Keys) -> None:
            out().print(keys.address, markup=False)
            sys.stdout.flush()
            say(
                "The desk is open: the address above works once, in this person's browser. Ctrl-C "
                "ends the desk; what is being sent goes on without it"
            )
            if opens_browser:
                page = stack.enter_context(opening_page(keys))
                if not webbrowser.open(page.as_uri()):
                    say("No browser could be opened: copy the address into one")

        serve(port, ready)
    return ExitCode.OK


def carry_out_send(folder: Path) -> int:
    """Carry out what was pressed at the desk. Raises SettingsError."""
    return carry_out(folder, _run)


def _run(parameters: InviteParameters, observer: RunObserver) -> RunResult:
    """Through Prefect where an API is configured, as for `invite`."""
    if prefect_runner.is_configured():
        return asyncio.run(prefect_runner.run_flow(parameters, observer)).result
    return asyncio.run(run_steps(parameters, observer))
