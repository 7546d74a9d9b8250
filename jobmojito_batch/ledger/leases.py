"""Leases of runs: for how long one counts as living whose process cannot be asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, or_, update

from jobmojito_batch.ledger.requests import RenewLease
from jobmojito_batch.ledger.schema import RunState, runs

LEASE_SECONDS: Final = 60.0
"""How long a run counts as living after its last word, if its process cannot be asked."""
HELD_BACK_SECONDS: Final = 30.0
"""How long after its claim a call may start at the latest (see sending)."""

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
