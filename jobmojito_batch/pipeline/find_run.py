"""A run by what a person calls it."""

from typing import Final

from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import KnownRun, Ledger

LAST: Final = "last"
"""In place of a run's id: the newest run."""


def find_run(ledger: Ledger, run_id: str) -> KnownRun:
    """The run of that id, or of a beginning of it; LAST is the newest. Raises BatchError."""
    if run_id == LAST:
        newest = ledger.runs.latest(1)
        if not newest:
            raise BatchError("the ledger has no run yet; `invite` makes the first")
        return newest[0]
    run = ledger.runs.find(run_id)
    if run is not None:
        return run
    several = [other.run_id for other in ledger.runs.beginning(run_id)]
    if several:
        raise BatchError(f"several runs begin with {run_id}: {', '.join(several)}; say more of it")
    raise BatchError(f"the ledger has no run {run_id}; `jobmojito-batch status` lists them")
