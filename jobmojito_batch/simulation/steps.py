"""What happens in a life, and how a number becomes one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from jobmojito_batch.simulation.server import SETTLE, Fate

MOST_FATES: Final = 10
FEWEST_ROWS, MOST_ROWS = 2, 6
LAST_KILL_SECONDS: Final = 40.0
LAST_STOP_SECONDS: Final = 30.0
MOST_LEFT: Final = 5
"""Creates that a cap has room for."""
CLOCKS: Final = (-3600.0, -30.0, 0.0, 30.0, 3600.0)
WAITS: Final = (1.0, 30.0, 120.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Runs of the input that begin together, or `reconcile`, or both."""

    script: Sequence[Fate] = ()
    """What becomes of the creates, in their order; those beyond it are answered."""
    runs: int = 1
    reconciles: bool = False
    kill_at: float | None = None
    """All processes die then, in the middle of whatever they do."""
    stop_at: float | None = None
    """The runs are told to end then."""
    drain_seconds: float | None = None
    """How long they wait for their calls after that; None waits for all of them."""
    cap: int | None = None
    """Creates that a run may cost."""
    left_today: int | None = None
    """Creates that the day's cap has room for."""

    def __str__(self) -> str:
        runs = {0: "", 1: "a run", 2: "two runs at once"}[self.runs]
        what = " beside ".join(filter(None, (runs, "reconcile" if self.reconciles else "")))
        bounds = (
            (", killed after {:.3f} s", self.kill_at),
            (", told to end after {:.3f} s", self.stop_at),
            (", which waits {:g} s for its calls", self.drain_seconds),
            (", capped at {} creates", self.cap),
            (", {} creates left of the day's cap", self.left_today),
        )
        return what + "".join(text.format(at) for text, at in bounds if at is not None)


@dataclass(frozen=True, slots=True)
class PositionsDeleted:
    """Somebody deletes the positions in the admin."""

    def __str__(self) -> str:
        return "the positions are deleted in the admin"


@dataclass(frozen=True, slots=True)
class ClocksDiffer:
    """The API's clock is ahead of ours from now on."""

    seconds: float

    def __str__(self) -> str:
        return f"the API's clock is {self.seconds:g} s ahead"


@dataclass(frozen=True, slots=True)
class TimePasses:
    """Nobody does anything for a while."""

    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:g} s pass"


@dataclass(frozen=True, slots=True)
class Looking:
    """The token may look candidates up from now on, or may not."""

    is_allowed: bool

    def __str__(self) -> str:
        return "looking up is " + ("allowed" if self.is_allowed else "forbidden")


Step = Sending | PositionsDeleted | ClocksDiffer | TimePasses | Looking


@dataclass(frozen=True, slots=True, kw_only=True)
class LifePlan:
    """A life before it is lived: the same number, the same life."""

    seed: int
    rows: int = MOST_ROWS
    steps: Sequence[Step] = field(default=())


def planned(seed: int) -> LifePlan:
    """The life of a number."""
    chance = random.Random(seed)  # noqa: S311 - to be played again, not to be secret
    rows = chance.randint(FEWEST_ROWS, MOST_ROWS)
    may_look = True
    steps: list[Step] = []
    [count] = chance.choices(range(1, len(_STEPS) + 1), _STEPS)
    for _ in range(count):
        step = _step(chance, may_look=may_look)
        may_look = step.is_allowed if isinstance(step, Looking) else may_look
        steps.append(step)
    return LifePlan(seed=seed, rows=rows, steps=steps)


_STEPS: Final = (6, 5, 3, 2, 1)
"""How often a life has one step, two and so on, by weight: most faults need few, and are cheap."""
_KINDS: Final = {
    "run": 3, "two runs": 3, "run and reconcile": 2, "told to end": 2, "day's cap": 2,
    "cap": 1, "reconcile": 1, "deleted": 1, "clocks": 1, "time": 2, "looking": 1,
}  # fmt: skip
"""How often each comes, by weight."""


def _step(chance: random.Random, *, may_look: bool) -> Step:
    [kind] = chance.choices(list(_KINDS), list(_KINDS.values()))
    if kind == "deleted":
        return PositionsDeleted()
    if kind == "clocks":
        return ClocksDiffer(chance.choice(CLOCKS))
    if kind == "time":
        return TimePasses(chance.choice(WAITS))
    if kind == "looking":
        return Looking(is_allowed=not may_look)
    return _sending(kind, chance)


def _sending(kind: str, chance: random.Random) -> Sending:
    if kind == "reconcile":
        return Sending(runs=0, reconciles=True)
    script = _script(chance)
    if kind == "told to end":
        return Sending(
            script=script,
            stop_at=chance.uniform(0.0, LAST_STOP_SECONDS),
            drain_seconds=chance.choice((None, 0.0, 2.0)),
        )
    if kind == "cap":
        return Sending(script=script, cap=chance.randint(0, MOST_LEFT))
    if kind == "day's cap":
        return Sending(script=script, runs=2, left_today=chance.randint(0, MOST_LEFT))
    kill_at = chance.uniform(0.0, LAST_KILL_SECONDS) if chance.random() < 0.5 else None  # noqa: PLR2004 - one in two
    return Sending(
        script=script,
        runs=2 if kind == "two runs" else 1,
        reconciles=kind == "run and reconcile",
        kill_at=kill_at,
    )


def _script(chance: random.Random) -> tuple[Fate, ...]:
    return tuple(_fate(chance) for _ in range(chance.randint(0, MOST_FATES)))


def _fate(chance: random.Random) -> Fate:
    kind = chance.choice(("good", "slow", "never_left", "lost", "status", "refused"))
    if kind == "good":
        return Fate("answer")
    if kind == "slow":
        return Fate("answer", seconds=chance.choice((0.1, 3.0, 9.0)))
    if kind == "never_left":
        return Fate("never_left", happens=False)
    happens = chance.random() < 0.5  # noqa: PLR2004 - one in two
    if kind == "lost":
        return Fate(
            "lost",
            happens=happens,
            seconds=chance.choice((0.2, 5.0, 60.0)),
            effect_after=chance.choice((0.0, 1.0, SETTLE - 12.0, SETTLE - 1.0)),
        )
    if kind == "status":
        return Fate("status", happens=happens, status=chance.choice((409, 500, 504, 546)))
    return Fate(
        "refused",
        happens=False,
        status=chance.choice((429, 503, 422, 402)),
        retry_after=chance.choice((None, "2")),
        field=chance.choice((None, "candidate_resume", "position_name")),
    )
