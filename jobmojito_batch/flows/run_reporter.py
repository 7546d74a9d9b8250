"""Who watches the run page: a bar that moves, where the files are, what came of the run."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from jobmojito_batch.errors import BatchError, told
from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.flows.artifacts import (
    TABLE_ROWS,
    ProgressArtifact,
    publish,
    publish_broken_off,
)
from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.states import STATE_NAMES
from jobmojito_batch.pipeline import Attention, Planned, ReadyRun, RunResult, needs_a_person
from jobmojito_batch.pipeline.nightly.path_templates import zone_of
from jobmojito_batch.pipeline.nightly.trend import NightLine, recent_nights
from jobmojito_batch.sending import Progress
from jobmojito_batch.summary import Summary

SHOW_SECONDS: Final = 2.0
"""How often the bar moves at most."""
TAG: Final = "jobmojito"


class RunReporter:
    """Told of everything, waits for nothing."""

    def __init__(self, link: BestEffortApi) -> None:
        self._link = link
        self._attention = Attention()
        self._nights: list[NightLine] = []
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

    def concluded(self, run: ReadyRun, conclusion: Summary) -> None:
        """What needs a person; nothing if the ledger cannot say, since the run itself is done."""
        with suppress(BatchError):
            self._attention = needs_a_person(
                run.ready.ledger, conclusion.run_id, at_most=TABLE_ROWS
            )
            self._nights = recent_nights(run.ready.ledger, run.taken.series)

    async def ended(self, summary: Summary | None) -> None:
        """Why the run stopped, where its files are, and the bar's last place."""
        if summary is not None:
            if summary.stop_message:
                warn(Event.RUN_STOPPED, says=summary.stop_message, run_id=summary.run_id)
            for name, path in summary.files.written():
                emit(Event.RUN_FILE, says=f"{name}={path}", run_id=summary.run_id)
        if self._telling is not None:
            await self._telling
        if self._last is not None:
            await self._artifact.tell(self._last)

    async def show(self, result: RunResult, environment: str | None) -> None:
        """Summary, table and tags; of a run that broke off after it began, what is known of it."""
        if result.conclusion is not None:
            name = STATE_NAMES.get(result.conclusion.exit_code)
            shown = publish(self._link, result.conclusion, self._attention, self._nights)
        elif result.has_begun and result.error is not None:
            name = STATE_NAMES[ExitCode.STOPPED]
            shown = publish_broken_off(self._link, told(result.error), self._last)
        else:
            return
        await asyncio.gather(shown, self._link.quietly(_tag(name, environment)))

    def _show(self, call: Coroutine[object, object, None]) -> None:
        self._telling = asyncio.create_task(call)


async def _tag(state_name: str | None, environment: str | None) -> None:
    """
    A NeedsRepair run may be as green as a clean one in lists of runs; its tags are not.

    What an earlier try was called is taken away: a retry that ended well is no run to repair.
    """
    kept = set(flow_run.tags) - set(STATE_NAMES.values())
    tags = kept | {TAG} | {name for name in (state_name, environment) if name}
    run_id = flow_run.id
    if run_id is not None:
        async with get_client() as client:
            await client.update_flow_run(UUID(run_id), tags=sorted(tags))
