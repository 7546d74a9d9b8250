from .breaker import OUTAGE_SECONDS
from .budget import Budget, Cap
from .clock import Clock, utc_now
from .context import (
    Progress,
    SendContext,
    SenderPolicy,
    Stop,
    StopSignal,
    Tally,
    settling_text,
)
from .dispatch import Position, PositionState, RowQueue
from .first_rows import FirstGate, FirstRows
from .pace import Pace, TakeBlock
from .reading import Reader
from .retry import RetryPolicy
from .rows import RowReader
from .sender import Sender
from .settling import Counts, Doubt, Settling, has_address

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
    "has_address",
    "settling_text",
    "utc_now",
]
