"""Runs: those so far, a chart of them, and what is unknown."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from starlette.responses import Response

from jobmojito_batch.columns import Outcome
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.desk.wording import moment, spaced
from jobmojito_batch.ledger import ClaimState, KnownRun, Ledger, RunState

MOST_RUNS: Final = 40
_OF_EARLIER: Final = {Outcome.ALREADY_APPLIED, Outcome.ALREADY_DONE, Outcome.DUPLICATE}
_CHART: Final = [outcome for outcome in Outcome if outcome not in _OF_EARLIER]
_FEWEST_PLACES: Final = 12
"""Columns of the chart that there is room for at least, so that one run is no wall."""


class RunLine(NamedTuple):
    """A run in a line."""

    run: KnownRun
    state: str
    outcomes: Mapping[Outcome, int]


def show(visit: Visit) -> Response:
    """The page."""
    with visit.desk.ledger() as ledger:
        runs = runs_of(ledger, most=MOST_RUNS)
        unknown = list(_unknown(ledger)) if ledger is not None else []
    return visit.page(
        "runs.html",
        runs=runs,
        bars=list(bars_of(runs[::-1])),
        outcomes=[name for name in _CHART if any(name in line.outcomes for line in runs)],
        unknown=unknown,
        is_reconciling=visit.desk.reconciling.is_going_on,
        fault=visit.desk.reconciling.fault,
    )


def reconcile(visit: Visit) -> Response:
    """Unknown rows are looked up."""
    visit.desk.reconciling.start("reconcile", "--json")
    return visit.go("/runs", said="reconciling")


def runs_of(ledger: Ledger | None, *, most: int) -> list[RunLine]:
    """The latest runs."""
    if ledger is None:
        return []
    lines = []
    for run in ledger.runs.latest(most):
        is_crashed = run.state is RunState.RUNNING and not ledger.runs.is_running(run)
        state = "broken off" if is_crashed else run.state.value
        lines.append(RunLine(run, state, ledger.results.outcomes(run.run_id)))
    return lines


def bars_of(lines: Sequence[RunLine]) -> Iterator[tuple[str, dict[str, object]]]:
    """
    The chart: a column for each run, a part for each outcome, in percent of the picture.

    Each is what it says and the attributes of its rectangle.
    """
    most = max((sum(line.outcomes.get(name, 0) for name in _CHART) for line in lines), default=0)
    step = 100 / max(len(lines), _FEWEST_PLACES)
    for place, line in enumerate(lines):
        top = 100.0
        for name in _CHART:
            if count := line.outcomes.get(name):
                height = 100 * count / most
                top -= height
                says = f"{moment(line.run.started_at)}: {count} {spaced(name)}"
                size = {"x": place * step, "y": top, "width": step * 0.8, "height": height}
                yield says, {"class": f"of-{name}", **size}


def _unknown(ledger: Ledger) -> Iterator[tuple[str, str, float]]:
    """Run, what is known, and seconds since, of what has no trustworthy answer."""
    now = datetime.now(UTC)
    for doubted in ledger.doubts.all():
        if not doubted.is_held:
            state = "unknown" if doubted.state is ClaimState.UNKNOWN else "its process died"
            since = now - doubted.unknown_since.replace(tzinfo=UTC)
            yield doubted.run_id, state, since.total_seconds()
