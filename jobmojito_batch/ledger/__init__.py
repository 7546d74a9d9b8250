"""The durable record of claims and outcomes. What it returns from has reached the disk."""

from jobmojito_batch.ledger.ledger import HISTORY_SCHEMA, KnownPosition, Ledger, RunRecord
from jobmojito_batch.ledger.operations import (
    BeginAttempt,
    Claim,
    EndAttempt,
    Enrolment,
    ForgetPositionId,
    OpenPosition,
    RowOutcome,
    SettleRows,
    TakeClaim,
    UpgradeLink,
)
from jobmojito_batch.ledger.owners import is_alive, this_owner
from jobmojito_batch.ledger.tables import ClaimState, RunState
from jobmojito_batch.ledger.writer import Writer

__all__ = [
    "HISTORY_SCHEMA",
    "BeginAttempt",
    "Claim",
    "ClaimState",
    "EndAttempt",
    "Enrolment",
    "ForgetPositionId",
    "KnownPosition",
    "Ledger",
    "OpenPosition",
    "RowOutcome",
    "RunRecord",
    "RunState",
    "SettleRows",
    "TakeClaim",
    "UpgradeLink",
    "Writer",
    "is_alive",
    "this_owner",
]
