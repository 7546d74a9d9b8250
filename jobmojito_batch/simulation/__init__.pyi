from .clock import Stuck, World
from .figures import Figures, Lived, live
from .ledgers import fresh_ledger
from .life import Life, OpenLedger, Promise, Violation
from .many import ProcessLostError, Tally, prove
from .server import Fate, Server
from .steps import (
    ClocksDiffer,
    LifePlan,
    Looking,
    PositionsDeleted,
    Sending,
    Step,
    TimePasses,
    planned,
)

__all__ = [
    "ClocksDiffer",
    "Fate",
    "Figures",
    "Life",
    "LifePlan",
    "Lived",
    "Looking",
    "OpenLedger",
    "PositionsDeleted",
    "ProcessLostError",
    "Promise",
    "Sending",
    "Server",
    "Step",
    "Stuck",
    "Tally",
    "TimePasses",
    "Violation",
    "World",
    "fresh_ledger",
    "live",
    "planned",
    "prove",
]
