"""The prepared rows beside what earlier runs had of their positions and their people."""

from collections.abc import Callable

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.earlier_people import part_people
from jobmojito_batch.pipeline.inputs import Inputs
from jobmojito_batch.pipeline.plan_stage import Rows
from jobmojito_batch.pipeline.requisitions import part_requisitions
from jobmojito_batch.pipeline.work_dir import Spool


def rows_beside_ledger(
    spool: Spool,
    inputs: Inputs,
    ledger: Ledger | None,
    account_of: Callable[[str | None], str],
) -> Rows:
    """The rows, parted where they contradict each other or an earlier run."""
    parted = part_requisitions(spool.prepared, inputs.layouts, ledger, account_of)
    rows = Rows.of(spool.prepared, account_of, inputs.sources_of_results, parted)
    if part_people(rows, inputs.layouts, ledger, spool):
        return Rows.of(spool.prepared, account_of, inputs.sources_of_results, parted)
    return rows
