"""
A life: runs of one input against one ledger and one API, with whatever goes wrong between them.

After every step it is asked what must hold. The first thing that does not hold ends the life: what
comes after it only follows from it.
"""

import asyncio
import functools
import random
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Engine

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.database import Clock
from jobmojito_batch.simulation.batch import (
    PRICE,
    RATE,
    Bounds,
    Ends,
    input_of,
    reconcile_alone,
    rows_without_end,
    run_batch,
)
from jobmojito_batch.simulation.clock import Stuck, World
from jobmojito_batch.simulation.ledgers import fresh_ledger
from jobmojito_batch.simulation.server import Server, Tell
from jobmojito_batch.simulation.steps import (
    MOST_ROWS,
    ClocksDiffer,
    Looking,
    PositionsDeleted,
    Sending,
    Step,
    TimePasses,
)

OpenLedger = Callable[[Engine, Clock], Ledger]
"""How a life comes by its ledger: the seam for one that is broken on purpose."""

_LONG_AFTER_SECONDS: Final = 3600.0
"""No lease lasts so long."""
_UNDONE: Final = frozenset({Outcome.FAILED, Outcome.NOT_SENT})
_DONE: Final = frozenset({Outcome.INVITED, Outcome.ALREADY_DONE, Outcome.ALREADY_APPLIED})


class Promise(StrEnum):
    """What must hold after every step."""

    ONE_ENROLMENT = "twins"
    """Nobody is enrolled twice for one position."""
    ONE_POSITION = "twin positions"
    """No position is made twice."""
    ONE_OUTCOME = "lost rows"
    """Every row of a run that ended has exactly one outcome, and in the end of those that died."""
    CAPS = "over caps"
    """No run and no day costs more than it may, whatever is lost."""
    TRUE_OUTCOMES = "false outcomes"
    """What is called undone was not done, nor will be; what is called done was done once."""
    NOT_AGAIN = "sent again"
    """Nobody who is enrolled is sent once more."""
    PACE = "over the rate"
    """No second has more starts than the rate and one."""
    ENDS = "stuck"
    """Every run ends."""
    NO_CRASH = "crashes"
    """No run ends with an error of its own."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, and by what."""

    promise: Promise
    says: str


class Life:
    """A ledger, an API and a world, in which steps are played one by one."""

    def __init__(
        self,
        *,
        seed: int = 0,
        rows: int = MOST_ROWS,
        open_ledger: OpenLedger = Ledger,
        tell: Tell | None = None,
    ) -> None:
        self._told = tell
        self._rng = random.Random(seed)  # noqa: S311 - the jitter of retries
        self.input = input_of(rows)
        self.world = World()
        self.server = Server(self.world, self._tell if tell is not None else None)
        self.ledger = open_ledger(fresh_ledger(), self.world.naive)
        self.violations: list[Violation] = []
        self.runs = 0
        self.kills = 0
        self._ends: dict[int, Outcome] = {}

    def close(self) -> None:
        """Let go of everything, what was killed as well."""
        self.world.bury()
        self.ledger.close()

    def play(self, step: Step) -> None:
        """Let it happen, then ask what must hold."""
        self._tell(f"step    {step}")
        match step:
            case Sending():
                self._send(step)
            case PositionsDeleted():
                self.server.forget_positions()
            case ClocksDiffer():
                self.server.clock_ahead = timedelta(seconds=step.seconds)
            case TimePasses():
                self.world.now += step.seconds
                self.server.advance()
            case Looking():
                self.server.may_look = step.is_allowed
        self._look()

    def end(self) -> None:
        """Whoever was killed is dead beyond doubt: the rows of its run have outcomes, too."""
        self.world.now += _LONG_AFTER_SECONDS
        self.server.advance()
        self._tell("end     an hour later somebody sweeps what died")
        if lost := rows_without_end(self.ledger):
            self._broke(Promise.ONE_OUTCOME, f"{lost} rows of runs that died")
        self._look()

    def _tell(self, line: str) -> None:
        if self._told is not None:
            self._told(f"{self.world.seconds:10.3f}  {line}")

    def _broke(self, promise: Promise, says: str) -> None:
        self.violations.append(Violation(promise, says))
        self._tell(f"BROKEN  {promise}: {says}")

    # What happens

    def _send(self, step: Sending) -> None:
        self.server.fates = list(step.script)
        self._ends = {}
        spent, day = self.server.may_have_cost, self._midnight()
        processes = [functools.partial(self._run, self._bounds(step))] * step.runs
        if step.reconciles:
            processes.append(functools.partial(reconcile_alone, self.ledger, self.server))
        ends = self._played(processes, step.kill_at)
        cost = self.server.may_have_cost - spent
        if step.cap is not None and cost > step.cap * step.runs:
            self._broke(Promise.CAPS, f"{cost} creates under a cap of {step.cap}")
        if step.left_today is not None and cost > step.left_today and self._midnight() == day:
            self._broke(Promise.CAPS, f"{cost} creates, {step.left_today} were left today")
        if ends is None:
            return
        for of_run in ends:
            self._count(of_run)
        if len(processes) > 1:  # one may have sent what the other left undone
            self._ends = {k: v for k, v in self._ends.items() if v is Outcome.INVITED}

    def _played(self, processes: list[Any], kill_at: float | None) -> list[Ends] | None:
        """What came of them; None if they were killed, or did not end well."""

        async def together() -> list[Ends]:
            work: list[Coroutine[Any, Any, Ends]] = [process() for process in processes]
            return list(await asyncio.gather(*work))

        try:
            ended: list[Ends] | None = self.world.play(together, kill_at=kill_at)
        except Stuck:
            self._broke(Promise.ENDS, "everybody waits for what will never come")
            return None
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is told
            self._broke(Promise.NO_CRASH, "".join(traceback.format_exception(exc)).strip())
            return None
        if ended is None:
            self.kills += 1
            self._tell("killed")
        return ended

    def _bounds(self, step: Sending) -> Bounds:
        day_limit = None
        if step.left_today is not None:
            spent = self.ledger.results.credits_since(self._midnight())
            day_limit = spent + step.left_today * PRICE
        return Bounds(
            cap=step.cap * PRICE if step.cap is not None else None,
            day_limit=day_limit,
            stop_at=step.stop_at,
            drain_seconds=step.drain_seconds,
        )

    async def _run(self, bounds: Bounds) -> Ends:
        self.runs += 1
        run_id = f"run-{self.runs}"
        ends = await run_batch(run_id, self.input, self.ledger, self.server, bounds, self._rng)
        self._tell(f"ended   {run_id}: {_in_words(ends)}")
        return ends

    def _count(self, ends: Ends) -> None:
        """Remember what the rows of a run came to; `reconcile` has none."""
        if not ends:
            return
        lost = len(self.input.people) - sum(outcome is not None for outcome in ends.values())
        if lost:
            self._broke(Promise.ONE_OUTCOME, f"{lost} of {len(self.input.people)} rows")
        self._ends |= {
            ordinal: outcome
            for ordinal, outcome in ends.items()
            if outcome is not None and outcome is not Outcome.UNKNOWN
        }

    def _midnight(self) -> datetime:
        return self.world.naive().replace(hour=0, minute=0, second=0, microsecond=0)

    # What must hold

    def _look(self) -> None:
        effects = self.server.effects
        if twice := {key: times for key, times in effects.items() if times > 1}:
            self._broke(Promise.ONE_ENROLMENT, f"enrolled more than once: {twice}")
        if again := +self.server.late_creates:
            self._broke(Promise.NOT_AGAIN, f"sent though enrolled: {dict(again)}")
        if twins := {name: ids for name, ids in self.server.positions.items() if len(ids) > 1}:
            self._broke(Promise.ONE_POSITION, f"made more than once: {twins}")
        if (most := _most_in_a_second(self.server.starts)) > RATE + 1:
            self._broke(Promise.PACE, f"{most} starts in a second at a rate of {RATE:g}")
        for ordinal, outcome in self._ends.items():
            times = effects[self.input.people[ordinal]]
            if (outcome in _UNDONE and times != 0) or (outcome in _DONE and times != 1):
                says = f"{self.input.people[ordinal]} is {outcome}, enrolled {times} times"
                self._broke(Promise.TRUE_OUTCOMES, says)


def _most_in_a_second(moments: list[float]) -> int:
    times = sorted(moments)
    most = late = 0
    for i, moment in enumerate(times):
        while times[late] <= moment - 1.0:
            late += 1
        most = max(most, i - late + 1)
    return most


def _in_words(ends: Ends) -> str:
    return ", ".join(f"row {ordinal + 2} {outcome}" for ordinal, outcome in sorted(ends.items()))
