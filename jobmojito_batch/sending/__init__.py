"""Sending: bounded workers, the position gate, the pace, retries and stops."""

from jobmojito_batch.sending.breaker import OUTAGE_SECONDS
from jobmojito_batch.sending.budget import Budget, Cap
from jobmojito_batch.sending.common import SenderPolicy, utc_now
from jobmojito_batch.sending.gate import Door, Gate, Position
from jobmojito_batch.sending.pace import Pace, TakeBlock
from jobmojito_batch.sending.retry import RetryPolicy
from jobmojito_batch.sending.row_queue import RowQueue
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.sender import Sender
from jobmojito_batch.sending.settling import Counts, Doubt, Settling
from jobmojito_batch.sending.tally import Progress, Stop, Tally, settling_text

__all__ = [
    "OUTAGE_SECONDS",
    "Budget",
    "Cap",
    "Counts",
    "Door",
    "Doubt",
    "Gate",
    "Pace",
    "Position",
    "Progress",
    "RetryPolicy",
    "RowQueue",
    "RowReader",
    "Sender",
    "SenderPolicy",
    "Settling",
    "Stop",
    "TakeBlock",
    "Tally",
    "settling_text",
    "utc_now",
]
