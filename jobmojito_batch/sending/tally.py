"""What a run has done so far: counts for the progress and for the summary."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from jobmojito_batch.columns import ErrorCode, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a run ends before its last row."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a run, for a progress bar."""

    total: int
    settled: int
    in_flight: int
    calls: int
    seconds: float
    outcomes: dict[Outcome, int]
    in_doubt: int = 0
    """Rows without a trustworthy answer that are being looked up."""
    settling_until: datetime | None = None
    """When the last of them is settled at the latest, by the wall clock; None where unknown."""
    is_away: bool = False
    """There is no connection to the API: the run waits, and tries from time to time."""


def settling_text(progress: Progress, zone: tzinfo | None = None) -> str:
    """What a run that only settles is waiting for: `settling 6, until 02:31 CET`; for a bar."""
    until = progress.settling_until
    when = f", until {until.astimezone(zone):%H:%M %Z}" if until is not None else ""
    return f"settling {progress.in_doubt}{when}"


@dataclass(slots=True)
class Tally:
    """Counts of one run; latencies are seconds of calls that were answered."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    calls: int = 0
    retries: int = 0
    lookups: int = 0
    in_flight: int = 0
    positions_created: int = 0
    credits_reserved: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"), repr=False)

    @property
    def settled(self) -> int:
        """Rows that have their outcome."""
        return sum(self.outcomes.values())

    def latency_seconds(self) -> dict[str, float | None]:
        """p50, p90, p99 and max of the answered calls; None where there was none."""
        if not self.latencies:
            return dict.fromkeys(("p50", "p90", "p99", "max"))
        ordered = sorted(self.latencies)
        last = len(ordered) - 1
        return {
            "p50": round(ordered[round(last * 0.50)], 3),
            "p90": round(ordered[round(last * 0.90)], 3),
            "p99": round(ordered[round(last * 0.99)], 3),
            "max": round(ordered[last], 3),
        }
