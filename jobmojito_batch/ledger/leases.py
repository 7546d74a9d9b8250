"""
Who lives: leases of runs and their renewal, and whether the process that owns a run is alive.

Here a process is asked by its id and start time; of one on another host its lease tells.
"""

import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, bindparam, or_, update

from jobmojito_batch.ledger.requests import RenewLease
from jobmojito_batch.ledger.schema import RunState, runs

if TYPE_CHECKING:
    import psutil

LEASE_SECONDS: Final = 60.0
"""How long a run counts as living after its last word, if its process cannot be asked."""
HELD_BACK_SECONDS: Final = 30.0
"""How long after its claim a call may start at the latest (see sending)."""
_SECONDS_APART: Final = 2.0
"""Start times of one process read at two moments may differ by clock steps."""


def this_owner() -> str:
    """This process as `host|pid|start`: a reused process id is another owner."""
    import psutil

    return owner_of(psutil.Process())


def owner_of(process: "psutil.Process") -> str:
    """The same of another process here."""
    return f"{socket.gethostname()}|{process.pid}|{process.create_time():.2f}"


def is_alive(owner: str, lease_until: datetime | None = None, now: datetime | None = None) -> bool:
    """
    Whether the owner lives: here its process does, on another host its lease has not ended.

    Without a lease an owner on another host cannot be asked and counts as alive: its claims are
    left alone.
    """
    host, pid, started = owner.rsplit("|", 2)
    if host != socket.gethostname():
        return lease_until is None or now is None or lease_until > now
    import psutil

    try:
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(started)) < _SECONDS_APART
        return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


_RENEW = (
    update(runs)
    .where(runs.c.run_id == bindparam("of_run"), runs.c.state == RunState.RUNNING)
    .values(lease_until=bindparam("new_until"))
)


def renew_leases(connection: Connection, renewed: Sequence[RenewLease]) -> list[None]:
    """Runs live on."""
    connection.execute(
        _RENEW, [{"of_run": lease.run_id, "new_until": lease.until} for lease in renewed]
    )
    return [None] * len(renewed)


_OUTLIVE = (
    update(runs)
    .where(
        runs.c.run_id == bindparam("of_run"),
        runs.c.state != RunState.ENDED,
        or_(runs.c.state != RunState.RUNNING, runs.c.lease_until < bindparam("needed_until")),
    )
    .values(state=RunState.RUNNING.value, lease_until=bindparam("new_until"))
)


def outlive_calls(connection: Connection, run_ids: set[str], at: datetime) -> None:
    """
    Have the leases of runs last until the calls that they claim now have surely started.

    So no call starts after its run's lease. A run that was taken for dead (its machine slept) lives
    again with its next claim: what it held before is unknown, what it claims from here on is held.
    """
    needed, longer = (
        at + timedelta(seconds=seconds) for seconds in (HELD_BACK_SECONDS, LEASE_SECONDS)
    )
    connection.execute(
        _OUTLIVE,
        [
            {"of_run": run_id, "needed_until": needed, "new_until": longer}
            for run_id in sorted(run_ids)
        ],
    )
