"""Who watches the run page: log lines as events with counts, and a bar that moves."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Final

from flows.artifacts import ProgressArtifact
from flows.link import Link, Log
from jobmojito_batch.pipeline import Conclusion, Prepared
from jobmojito_batch.pipeline.dates import zone_of
from jobmojito_batch.plan import Kind
from jobmojito_batch.sending import Progress

SHOW_SECONDS: Final = 2.0
"""How often the bar moves at most."""
LOG_SECONDS: Final = 60.0
"""How often a line tells of progress at most."""


class Watcher:
    """Told of everything, waits for nothing."""

    def __init__(self, link: Link, log: Log) -> None:
        self._artifact = ProgressArtifact(link)
        self._log = log
        self._shown = 0.0
        self._logged = time.monotonic()
        self._telling: asyncio.Task[None] | None = None
        self._last: Progress | None = None
        self._is_away = False

    def planned(self, prepared: Prepared) -> None:
        """What the run is about to do."""
        plan = prepared.plan
        self._artifact.zone = zone_of(prepared.parameters.time_zone)
        kinds = " ".join(f"{kind.value}={plan.counts[kind]}" for kind in Kind if plan.counts[kind])
        self._log.info(
            f"run.planned run={prepared.run_id} rows={prepared.rows} {kinds} "
            f"positions_new={plan.positions_to_create} positions_known={plan.positions_to_reuse} "
            f"credits={plan.credits:g} seconds={plan.seconds:.0f}"
        )
        self._show(self._artifact.show(0, plan.to_send))

    def progress(self, progress: Progress) -> None:
        """Called a few times a second by the sending."""
        now = time.monotonic()
        self._last = progress
        if progress.is_away != self._is_away:
            self._is_away = progress.is_away
            self._log.warning("api.away the run waits" if self._is_away else "api.back")
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            self._log.info(f"run.progress {_counts(progress)}")
        is_busy = self._telling is not None and not self._telling.done()
        if not is_busy and now - self._shown >= SHOW_SECONDS:
            self._shown = now
            self._show(self._artifact.tell(progress))

    @property
    def last(self) -> Progress | None:
        """Where the run was when it was last heard of."""
        return self._last

    async def finish(self) -> None:
        """The bar's last place."""
        if self._telling is not None:
            await self._telling
        if self._last is not None:
            await self._artifact.tell(self._last)

    def ended(self, conclusion: Conclusion) -> None:
        """What became of the run."""
        summary = conclusion.summary
        outcomes = " ".join(f"{name}={n}" for name, n in summary["outcomes"].items() if n)
        self._log.info(
            f"run.ended run={conclusion.run_id} exit_code={conclusion.exit_code} "
            f"rows={summary['rows']} {outcomes} calls={summary['calls']} "
            f"retries={summary['retries']} lookups={summary['lookups']} "
            f"credits={summary['credits_estimated']:g} seconds={summary['sending_seconds']:.0f}"
        )
        if conclusion.stop_message:
            self._log.warning(f"run.stopped {conclusion.stop_message}")
        for name, path in summary["files"].items():
            if path:
                self._log.info(f"run.file {name}={path}")

    def _show(self, call: Coroutine[object, object, None]) -> None:
        self._telling = asyncio.create_task(call)


def _counts(progress: Progress) -> str:
    outcomes = " ".join(f"{outcome.value}={n}" for outcome, n in progress.outcomes.items() if n)
    return (
        f"settled={progress.settled} total={progress.total} in_flight={progress.in_flight} "
        f"in_doubt={progress.in_doubt} calls={progress.calls} seconds={progress.seconds:.0f} "
        f"{outcomes}"
    ).rstrip()
