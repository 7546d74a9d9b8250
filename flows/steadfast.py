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

from flows.link import Log
from flows.own_state import report


async def carried_through(work: Awaitable[State[Any]], log: Log) -> State[Any]:
    """The state that *work* ends in, although Prefect may break the run off meanwhile."""
    with anyio.CancelScope(shield=True):
        state = await work
    if anyio.current_effective_deadline() == -math.inf:
        with anyio.CancelScope(shield=True):
            log.warning("run.carried_through: the run lost its concurrency slot and went on")
            try:
                await report(state)
            except Exception as exc:  # noqa: BLE001 - Prefect would pickle it; the files are there
                log.warning("run.untold error=%s", type(exc).__name__)
    return state
