"""`prove`: thousands of lives on a simulated clock and API, or one of them as a story."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from jobmojito_batch.cli.console import (
    as_columns,
    err,
    print_json,
    say,
    say_as_is,
    seconds_text,
    show,
)
from jobmojito_batch.cli.next_steps import command
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.simulation import Figures, OpenLedger, Promise, Tally, live, planned, prove

MOST_NAMED: Final = 10
"""Failing seeds that are told one by one."""


def default_jobs() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prove_lives(seeds: range, *, jobs: int, as_json: bool, open_ledger: OpenLedger = Ledger) -> int:
    """Live all of them; exit code 1 if a promise was broken, 130 if somebody ended it."""
    begun, tally = time.monotonic(), Tally()
    say(
        f"{len(seeds):,} lives, seeds {seeds[0]} to {seeds[-1]}, in {_processes(jobs)}: clock, "
        "network and API are simulated, nothing leaves this machine"
    )
    is_whole = True
    try:
        with _progress(len(seeds), begun) as seen:
            prove(seeds, tally, jobs=jobs, open_ledger=open_ledger, seen=seen)
    except KeyboardInterrupt:
        is_whole = False
        say(f"interrupted   after {tally.figures.lives:,} of {len(seeds):,} lives")
    ending = Ending(figures=tally.figures, seconds=time.monotonic() - begun)
    for line in ending.lines():
        say(line)
    for line in ending.commands():
        say_as_is(line)
    if as_json:
        print_json(ending.as_json() | {"first_seed": seeds[0], "asked": len(seeds)})
    if not is_whole:
        return ExitCode.INTERRUPTED
    return ending.exit_code


def tell_life(seed: int, *, as_json: bool, open_ledger: OpenLedger = Ledger) -> int:
    """Live one life and tell it, a line for everything that happens in it."""
    begun = time.monotonic()
    story: list[str] = []
    tell: Callable[[str], None] = story.append if as_json else show
    plan = planned(seed)
    tell(f"life {seed}: {plan.rows} rows, {len(plan.steps)} steps; seconds of simulated time")
    lived = live(seed, open_ledger=open_ledger, tell=tell)
    ending = Ending(figures=lived.figures, seconds=time.monotonic() - begun)
    for line in ending.lines():
        say(line)
    if as_json:
        broken = [
            {"promise": violation.promise.value, "says": violation.says}
            for violation in lived.violations
        ]
        print_json(ending.as_json() | {"seed": seed, "violations": broken, "story": story})
    return ending.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What it came to and how long it took."""

    figures: Figures
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        """Whether a person has to look."""
        return ExitCode.NEEDS_REPAIR if self.figures.failing else ExitCode.OK

    def lines(self) -> Iterator[str]:
        """The table, and what to do."""
        figures = self.figures
        counts = [
            ("lives", figures.lives, f"{self.lives_a_second:.1f} a second"),
            ("runs", figures.runs, ""),
            ("kills", figures.kills, "all processes at once, in the middle of whatever they did"),
            ("creates", figures.creates, "calls to the paid endpoint"),
            ("lost answers", figures.lost_answers, "of them; done or not, the client cannot know"),
            ("invitations", figures.invitations, "one person, one position, one life"),
            ("most creates", figures.most_creates, "of one invitation; refused ones count"),
        ]
        broken = [(name, count, "" if count == 0 else "lives") for name, count in self._broken()]
        yield from as_columns([(name, f"{count:,}", rest) for name, count, rest in counts + broken])
        count = len(figures.failing)
        if count == 0:
            yield f"no promise was broken, in {seconds_text(self.seconds)}"
            return
        lives = "1 life" if count == 1 else f"{count:,} lives"
        yield f"BROKEN        in {lives} of {figures.lives:,}; each can be played again:"

    def commands(self) -> Iterator[str]:
        """How to play the first failing lives again."""
        for seed in self.figures.failing[:MOST_NAMED]:
            yield "  " + command("prove", "--seed", str(seed))

    @property
    def lives_a_second(self) -> float:
        """By the clock on the wall."""
        return self.figures.lives / self.seconds if self.seconds > 0 else 0.0

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        figures = self.figures
        return {
            "lives": figures.lives,
            "runs": figures.runs,
            "kills": figures.kills,
            "creates": figures.creates,
            "lost_answers": figures.lost_answers,
            "invitations": figures.invitations,
            "most_creates": figures.most_creates,
            **{name.replace(" ", "_"): count for name, count in self._broken()},
            "failing": len(figures.failing),
            "failing_seeds": list(figures.failing[:MOST_NAMED]),
            "seconds": round(self.seconds, 3),
            "lives_per_second": round(self.lives_a_second, 3),
        }

    def _broken(self) -> list[tuple[str, int]]:
        return [(promise.value, self.figures.broken[promise]) for promise in Promise]


def _processes(jobs: int) -> str:
    return "one process" if jobs == 1 else f"{jobs} processes"


@contextmanager
def _progress(total: int, begun: float) -> Iterator[Callable[[Figures], None]]:
    """A line that is written over, on a terminal; nothing anywhere else."""
    console = err()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("the first lives") as status:

        def seen(figures: Figures) -> None:
            pace = figures.lives / max(time.monotonic() - begun, 1e-9)
            left = seconds_text((total - figures.lives) / max(pace, 1e-9))
            status.update(
                f"{figures.lives:,} of {total:,} lives, {pace:.0f} a second, {left} to go; "
                f"{figures.kills:,} kills, {len(figures.failing)} broken"
            )

        yield seen
