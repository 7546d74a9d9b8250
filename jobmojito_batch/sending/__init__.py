"""Sending: bounded workers, the position gate, the pace, retries and stops."""

from jobmojito_batch.sending.breaker import OUTAGE_SECONDS
from jobmojito_batch.sending.budget import Budget, Cap
from jobmojito_batch.sending.clock import Clock, utc_now
from jobmojito_batch.sending.context import (
    Progress,
    SendContext,
    SenderPolicy,
    Stop,
    StopSignal,
    Tally,
    settling_text,
)
from jobmojito_batch.sending.dispatch import Position, PositionState, RowQueue
from jobmojito_batch.sending.first_rows import FirstGate, FirstRows
from jobmojito_batch.sending.pace import Pace, TakeBlock
from jobmojito_batch.sending.reading import Reader
from jobmojito_batch.sending.retry import RetryPolicy
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.sender import Sender
from jobmojito_batch.sending.settling import Counts, Doubt, Settling

__all__ = [
    "OUTAGE_SECONDS",
    "Budget",
    "Cap",
    "Clock",
    "Counts",
    "Doubt",
    "FirstGate",
    "FirstRows",
    "Pace",
    "Position",
    "PositionState",
    "Progress",
    "Reader",
    "RetryPolicy",
    "RowQueue",
    "RowReader",
    "SendContext",
    "Sender",
    "SenderPolicy",
    "Settling",
    "Stop",
    "StopSignal",
    "TakeBlock",
    "Tally",
    "settling_text",
    "utc_now",
]
