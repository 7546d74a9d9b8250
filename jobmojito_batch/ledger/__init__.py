"""The durable record of claims and outcomes. What it returns from has reached the disk."""

from jobmojito_batch.ledger.access import StoredPerson
from jobmojito_batch.ledger.accounts import account_of, account_parts, merchant_in
from jobmojito_batch.ledger.database import named
from jobmojito_batch.ledger.doubts import Doubted
from jobmojito_batch.ledger.followups import Charge, Followed, FollowedUp, LinkMade, Look, Price
from jobmojito_batch.ledger.leases import LEASE_SECONDS, is_alive, owner_of, this_owner
from jobmojito_batch.ledger.ledger import Ledger
from jobmojito_batch.ledger.letters import KnownLetter
from jobmojito_batch.ledger.lookups import HISTORY_SCHEMA, KnownPosition
from jobmojito_batch.ledger.night_history import DoneFile
from jobmojito_batch.ledger.requests import (
    BeginAttempt,
    Claim,
    CloseOpening,
    EndAttempt,
    EndLetter,
    Enrolment,
    ForgetPositionId,
    LetterClaim,
    LetterStanding,
    OpenPosition,
    RenewLease,
    Request,
    RowOutcome,
    SettleDoubt,
    SettleRows,
    SharePause,
    Slots,
    TakeClaim,
    TakeLetter,
    TakeOver,
    TakeSlots,
    UpgradeLink,
)
from jobmojito_batch.ledger.results import SHOWS_LINK, RowCounts, RowEnd
from jobmojito_batch.ledger.runs import KnownRun, RunRecord
from jobmojito_batch.ledger.schema import ClaimState, LetterState, RunState
from jobmojito_batch.ledger.shard_runs import ShardAttempt, ShardId
from jobmojito_batch.ledger.writer import Writer

__all__ = [
    "HISTORY_SCHEMA",
    "LEASE_SECONDS",
    "SHOWS_LINK",
    "BeginAttempt",
    "Charge",
    "Claim",
    "ClaimState",
    "CloseOpening",
    "DoneFile",
    "Doubted",
    "EndAttempt",
    "EndLetter",
    "Enrolment",
    "Followed",
    "FollowedUp",
    "ForgetPositionId",
    "KnownLetter",
    "KnownPosition",
    "KnownRun",
    "Ledger",
    "LetterClaim",
    "LetterStanding",
    "LetterState",
    "LinkMade",
    "Look",
    "OpenPosition",
    "Price",
    "RenewLease",
    "Request",
    "RowCounts",
    "RowEnd",
    "RowOutcome",
    "RunRecord",
    "RunState",
    "SettleDoubt",
    "SettleRows",
    "ShardAttempt",
    "ShardId",
    "SharePause",
    "Slots",
    "StoredPerson",
    "TakeClaim",
    "TakeLetter",
    "TakeOver",
    "TakeSlots",
    "UpgradeLink",
    "Writer",
    "account_of",
    "account_parts",
    "is_alive",
    "merchant_in",
    "named",
    "owner_of",
    "this_owner",
]
