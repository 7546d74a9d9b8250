"""
Lives of a ledger, on a simulated clock, network and API: what `prove` lives by the thousand.

A life is a few runs of one small input: the program's own planning, sender, settling and ledger,
as a run wires them. Between and within the runs happens what happens: answers are lost, processes
are killed in the middle of whatever they do, two run at once, somebody looks up what is in doubt,
caps are reached, clocks differ, positions are deleted. The API knows what it really did, so that
after every step it can be asked whether what must hold still holds (Promise).

A life is drawn from one number and is the same on every machine. docs/simulation.md has what is
simulated and what is not. What sends never imports this.
"""

from jobmojito_batch.simulation.clock import Stuck, World
from jobmojito_batch.simulation.figures import Figures, Lived, live
from jobmojito_batch.simulation.ledgers import fresh_ledger
from jobmojito_batch.simulation.life import Life, OpenLedger, Promise, Violation
from jobmojito_batch.simulation.many import ProcessLostError, Tally, prove
from jobmojito_batch.simulation.server import Fate, Server
from jobmojito_batch.simulation.steps import (
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
