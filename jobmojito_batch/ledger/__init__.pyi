from .accounts import account_of, account_parts, merchant_in
from .addresses import named
from .doubts import Doubted
from .followups import Charge, Followed, FollowedUp, LinkMade, Look
from .leases import LEASE_SECONDS
from .ledger import Ledger
from .letters import KnownLetter
from .masks import is_mask
from .owners import is_alive, owner_of, this_owner
from .people import StoredPerson
from .records import (
    HISTORY_SCHEMA,
    PEOPLE_SCHEMA,
    DoneFile,
    InvitedUnder,
    KnownPosition,
    Noted,
    Price,
    Requisition,
    pair_key,
)
from .requests import (
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
from .results import RESULT_SCHEMA, SHOWS_LINK, RowCounts, RowEnd
from .runs import KnownRun, RunRecord
from .schema import ClaimState, LetterState, RunState
from .shard_runs import ShardAttempt, ShardId
from .writer import Writer

__all__ = [
    "HISTORY_SCHEMA",
    "LEASE_SECONDS",
    "PEOPLE_SCHEMA",
    "RESULT_SCHEMA",
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
    "InvitedUnder",
    "KnownLetter",
    "KnownPosition",
    "KnownRun",
    "Ledger",
    "LetterClaim",
    "LetterStanding",
    "LetterState",
    "LinkMade",
    "Look",
    "Noted",
    "OpenPosition",
    "Price",
    "RenewLease",
    "Request",
    "Requisition",
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
    "is_mask",
    "merchant_in",
    "named",
    "owner_of",
    "pair_key",
    "this_owner",
]
