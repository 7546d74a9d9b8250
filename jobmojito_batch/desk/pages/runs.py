"""Runs: those so far, a chart of them, and what is unknown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.ledger import ClaimState, Ledger, RunState

MOST_RUNS: Final = 40
_CHART: Final = ("invited", "review", "rejected", "invalid", "failed", "unknown", "not_sent")
HEIGHT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in a line."""

    run_id: str
    started_at: str
    environment: str
    state: str
    rows: int
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A part of a column of the chart."""

    x: float
    y: float
    width: float
    height: float
    outcome: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLine:
    """An invitation without a trustworthy answer; the results say whose it is."""

    run_id: str
    age_hours: float
    state: str


def show(visit: Visit) -> Response:
    """The page."""
    with visit.desk.ledger() as ledger:
        runs = runs_of(ledger, most=MOST_RUNS)
        unknown = _unknown(ledger) if ledger is not None else []
    return visit.page(
        "runs.html",
        runs=runs,
        bars=bars_of(list(reversed(runs))),
        outcomes=[name for name in _CHART if any(run.outcomes.get(name) for run in runs)],
        unknown=unknown,
        is_reconciling=visit.desk.is_reconciling,
    )


def reconcile(visit: Visit) -> Response:
    """Unknown rows are looked up."""
    visit.desk.reconcile()
    return visit.go("/runs", said="reconciling")


def runs_of(ledger: Ledger | None, *, most: int) -> list[RunLine]:
    """The latest runs."""
    if ledger is None:
        return []
    lines = []
    for run in ledger.runs.latest(most):
        is_crashed = run.state is RunState.RUNNING and not ledger.runs.is_running(run)
        lines.append(
            RunLine(
                run_id=run.run_id,
                started_at=f"{run.started_at:%Y-%m-%d %H:%M} UTC",
                environment=run.environment,
                state="broken off" if is_crashed else run.state.value,
                rows=run.rows,
                outcomes={
                    name.value: count for name, count in ledger.results.outcomes(run.run_id).items()
                },
            )
        )
    return lines


def bars_of(runs: list[RunLine]) -> list[Bar]:
    """The chart: a column for each run, a part for each outcome, in percent of the picture."""
    shown = [{name: run.outcomes.get(name, 0) for name in _CHART} for run in runs]
    most = max((sum(counts.values()) for counts in shown), default=0)
    bars: list[Bar] = []
    for place, (run, counts) in enumerate(zip(runs, shown, strict=True)):
        y = float(HEIGHT)
        for name, count in counts.items():
            height = HEIGHT * count / most if most else 0.0
            y -= height
            if count:
                step = 100 / max(len(runs), 12)
                says = f"{run.started_at}: {count} {name.replace('_', ' ')}"
                bars.append(
                    Bar(
                        x=place * step,
                        y=y,
                        width=step * 0.8,
                        height=height,
                        outcome=name,
                        says=says,
                    )
                )
    return bars


def _unknown(ledger: Ledger) -> list[UnknownLine]:
    now = datetime.now(UTC)
    return [
        UnknownLine(
            run_id=doubted.run_id,
            age_hours=(now - doubted.unknown_since.replace(tzinfo=UTC)).total_seconds() / 3600,
            state="unknown" if doubted.state is ClaimState.UNKNOWN else "its process died",
        )
        for doubted in ledger.doubts.all()
        if not doubted.is_held
    ]
