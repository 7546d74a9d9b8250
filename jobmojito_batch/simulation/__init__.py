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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
