"""Who watches the run page: a bar that moves, and where the files are."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Final

from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.flows.artifacts import ProgressArtifact
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.pipeline import Planned
from jobmojito_batch.pipeline.nightly.path_templates import zone_of
from jobmojito_batch.sending import Progress
from jobmojito_batch.summary import Summary

SHOW_SECONDS: Final = 2.0
"""How often the bar moves at most."""


class RunReporter:
    """Told of everything, waits for nothing."""

    def __init__(self, link: BestEffortApi) -> None:
        self._artifact = ProgressArtifact(link)
        self._shown = 0.0
        self._telling: asyncio.Task[None] | None = None
        self._last: Progress | None = None

    def planned(self, planned: Planned) -> None:
        """What the run is about to do."""
        self._artifact.zone = zone_of(planned.parameters.time_zone)
        self._show(self._artifact.show(0, planned.plan.to_send))

    def progress(self, progress: Progress) -> None:
        """Called a few times a second by the sending."""
        now = time.monotonic()
        self._last = progress
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

    def ended(self, summary: Summary) -> None:
        """Why the run stopped, and where its files are."""
        if summary.stop_message:
            warn(Event.RUN_STOPPED, says=summary.stop_message, run_id=summary.run_id)
        for name, path in summary.files.written():
            emit(Event.RUN_FILE, says=f"{name}={path}", run_id=summary.run_id)

    def _show(self, call: Coroutine[object, object, None]) -> None:
        self._telling = asyncio.create_task(call)
