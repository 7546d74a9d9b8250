"""
What keeps a run going whatever Prefect does in its middle.

Prefect breaks a run off where it cannot renew the concurrency lease of its deployment (the server
was away, restarted with leases in memory, or gave the slot to somebody else). For work that pays
that is the wrong way round: a call that is broken off may have taken effect, and nobody is invited
twice by two runs at once, since every row is claimed in the ledger.
"""

import math
from collections.abc import Awaitable
from typing import Any

import anyio
from prefect.client.schemas.objects import State

from jobmojito_batch.events import Event, warn
from jobmojito_batch.flows.own_state import report
from jobmojito_batch.logs import Log, logging_on_page, logging_to
from jobmojito_batch.pipeline.broken_pipes import console_may_break
from jobmojito_batch.settings import load_alert_settings


async def carried_through(work: Awaitable[State[Any]], page: Log) -> State[Any]:
    """
    The state that *work* ends in, although Prefect may break the run off meanwhile.

    Events show on its *page*, and go where this process's settings have its log; a console whose
    reader is gone ends nothing.
    """
    log_json = load_alert_settings().log_json
    with console_may_break(), logging_to(log_json) as fault, logging_on_page(page):
        if fault is not None:
            page.warning("%s", fault)
        return await _shielded(work)


async def _shielded(work: Awaitable[State[Any]]) -> State[Any]:
    with anyio.CancelScope(shield=True):
        state = await work
    if anyio.current_effective_deadline() == -math.inf:
        with anyio.CancelScope(shield=True):
            warn(Event.RUN_CARRIED_THROUGH, says="the run lost its concurrency slot and went on")
            try:
                await report(state)
            except Exception as exc:  # noqa: BLE001 - Prefect would pickle it; the files are there
                warn(Event.RUN_UNTOLD, error=type(exc).__name__)
    return state
