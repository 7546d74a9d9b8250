"""What is logged of a run, whichever door it came through: counts and codes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.plan import Kind
from jobmojito_batch.summary import Summary

if TYPE_CHECKING:
    from jobmojito_batch.sending import Progress

LOG_SECONDS: Final = 60.0
"""How often progress is logged at most."""


def log_plan(planned: Planned) -> None:
    """What the run is about to do."""
    plan = planned.plan
    emit(
        Event.RUN_PLANNED,
        run_id=planned.run_id,
        rows=planned.rows,
        counts={kind.value: plan.counts[kind] for kind in Kind},
        positions_new=plan.positions_to_create,
        positions_known=plan.positions_to_reuse,
        credits=plan.credits,
        seconds=round(plan.seconds, 3),
    )


def log_end(summary: Summary | None, error: Exception | None) -> None:
    """What became of the run; of one without a summary the class of what ended it."""
    if summary is None:
        warn(Event.RUN_FAILED, error=type(error).__name__)
        return
    emit(
        Event.RUN_ENDED,
        run_id=summary.run_id,
        exit_code=summary.exit_code.value,
        rows=summary.rows,
        counts={outcome.value: count for outcome, count in summary.outcomes.items()},
        calls=summary.calls,
        retries=summary.retries or 0,
        lookups=summary.lookups or 0,
        credits=summary.credits_estimated,
        seconds=summary.sending_seconds or 0.0,
    )


class ProgressLog:
    """Logs now and then how far a run is, and at once if the API goes away or is back."""

    def __init__(self, run_id: str, on_progress: "Callable[[Progress], None]") -> None:
        self._run_id = run_id
        self._on_progress = on_progress
        self._logged_at = time.monotonic()
        self._is_away = False

    def __call__(self, progress: "Progress") -> None:
        """Sending goes on; called a few times a second."""
        if progress.is_away != self._is_away:
            self._is_away = progress.is_away
            if progress.is_away:
                warn(Event.API_AWAY, says="the run waits", run_id=self._run_id)
            else:
                warn(Event.API_BACK, run_id=self._run_id)
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            emit(
                Event.RUN_PROGRESS,
                run_id=self._run_id,
                settled=progress.settled,
                total=progress.total,
                in_flight=progress.in_flight,
                in_doubt=progress.in_doubt,
                calls=progress.calls,
                seconds=round(progress.seconds),
                counts={outcome.value: n for outcome, n in progress.outcomes.items()},
            )
        self._on_progress(progress)
