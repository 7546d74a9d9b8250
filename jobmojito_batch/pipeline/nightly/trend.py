"""The recent nights beside one another: what a page and `status --nights` show of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLine:
    """A night in a line: counts alone."""

    started_at: datetime
    run_id: str
    exit_code: int | None
    """None where the run crashed."""
    rows: int
    invited: int = 0
    to_repair: int = 0
    unknown: int = 0
    credits: float = 0.0
    seconds: float | None = None


def recent_nights(ledger: Ledger, series: str | None = None) -> list[NightLine]:
    """
    The latest runs of a series, or of every one that has any; the latest first.

    Raises LedgerError.
    """
    return [
        _line(Summary.kept(run.summary), run.started_at, run.run_id, run.exit_code, run.rows)
        for run in ledger.nights.latest(series)
    ]


def _line(
    summary: Summary | None, started_at: datetime, run_id: str, exit_code: int | None, rows: int
) -> NightLine:
    if summary is None:
        return NightLine(started_at=started_at, run_id=run_id, exit_code=exit_code, rows=rows)
    outcomes = summary.outcomes
    return NightLine(
        started_at=started_at,
        run_id=run_id,
        exit_code=exit_code,
        rows=rows,
        invited=outcomes[Outcome.INVITED],
        to_repair=outcomes[Outcome.INVALID] + outcomes[Outcome.FAILED],
        unknown=outcomes[Outcome.UNKNOWN],
        credits=summary.credits_estimated,
        seconds=summary.seconds,
    )


def most(nights: Sequence[NightLine]) -> int:
    """The rows of the largest night, for bars; at least one."""
    return max((night.rows for night in nights), default=0) or 1
