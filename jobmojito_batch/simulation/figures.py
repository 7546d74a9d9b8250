"""What many lives came to, as numbers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from jobmojito_batch.ledger import Ledger
from jobmojito_batch.simulation.life import Life, OpenLedger, Promise, Violation
from jobmojito_batch.simulation.server import Tell
from jobmojito_batch.simulation.steps import planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over lives."""

    lives: int = 0
    runs: int = 0
    kills: int = 0
    """Times that all processes died at once."""
    creates: int = 0
    """Calls to the paid endpoint."""
    lost_answers: int = 0
    """Of them those whose client heard nothing that it may trust."""
    invitations: int = 0
    """One person, one position, one life."""
    most_creates: int = 0
    """The most calls that one invitation took: what provably did not happen is sent again."""
    broken: Counter[Promise] = field(default_factory=Counter)
    """Lives that broke a promise, by promise."""
    failing: tuple[int, ...] = ()
    """The seeds of those lives."""

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            lives=self.lives + other.lives,
            runs=self.runs + other.runs,
            kills=self.kills + other.kills,
            creates=self.creates + other.creates,
            lost_answers=self.lost_answers + other.lost_answers,
            invitations=self.invitations + other.invitations,
            most_creates=max(self.most_creates, other.most_creates),
            broken=self.broken + other.broken,
            failing=tuple(sorted(self.failing + other.failing)),
        )

    @classmethod
    def of(cls, seed: int, life: Life) -> Self:
        """What one life came to."""
        creates = life.server.creates
        return cls(
            lives=1,
            runs=life.runs,
            kills=life.kills,
            creates=creates.total(),
            lost_answers=life.server.lost_answers,
            invitations=len(creates),
            most_creates=max(creates.values(), default=0),
            broken=Counter({violation.promise for violation in life.violations}),
            failing=(seed,) if life.violations else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """A life that is over."""

    figures: Figures
    violations: tuple[Violation, ...]


def live(seed: int, *, open_ledger: OpenLedger = Ledger, tell: Tell | None = None) -> Lived:
    """Live the life of a number, to its end or to the first promise that it breaks."""
    plan = planned(seed)
    life = Life(seed=seed, rows=plan.rows, open_ledger=open_ledger, tell=tell)
    try:
        for step in plan.steps:
            life.play(step)
            if life.violations:
                break
        else:
            life.end()
        return Lived(figures=Figures.of(seed, life), violations=tuple(life.violations))
    finally:
        life.close()
