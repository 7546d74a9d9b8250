"""The durable record of claims and outcomes. What it returns from has reached the disk."""

from jobmojito_batch.ledger.doubts import Doubted
from jobmojito_batch.ledger.engine import named
from jobmojito_batch.ledger.families import ShardAttempt, ShardId
from jobmojito_batch.ledger.known import HISTORY_SCHEMA, KnownPosition
from jobmojito_batch.ledger.ledger import Ledger, RunRecord
from jobmojito_batch.ledger.nights import DoneFile
from jobmojito_batch.ledger.owners import is_alive, this_owner
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
    Claim,
    CloseOpening,
    EndAttempt,
    Enrolment,
    ForgetPositionId,
    OpenPosition,
    RenewLease,
    RowOutcome,
    SettleDoubt,
    SettleRows,
    SharePause,
    TakeClaim,
    TakeOver,
    TakeSlots,
    UpgradeLink,
)
from jobmojito_batch.ledger.sharing import LEASE_SECONDS
from jobmojito_batch.ledger.tables import ClaimState, RunState
from jobmojito_batch.ledger.writer import Writer

__all__ = [
    "HISTORY_SCHEMA",
    "LEASE_SECONDS",
    "BeginAttempt",
    "Claim",
    "ClaimState",
    "CloseOpening",
    "DoneFile",
    "Doubted",
    "EndAttempt",
    "Enrolment",
    "ForgetPositionId",
    "KnownPosition",
    "Ledger",
    "OpenPosition",
    "RenewLease",
    "RowOutcome",
    "RunRecord",
    "RunState",
    "SettleDoubt",
    "SettleRows",
    "ShardAttempt",
    "ShardId",
    "SharePause",
    "TakeClaim",
    "TakeOver",
    "TakeSlots",
    "UpgradeLink",
    "Writer",
    "is_alive",
    "named",
    "this_owner",
]
