"""Alerts as Prefect events, so that automations can act on them: counts, nobody's data."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from prefect.events import emit_event
from prefect.runtime import deployment, flow_run
from prefect.utilities.urls import url_for

from jobmojito_batch.alerts import Alert, AlertKind, overrun, overrun_after_seconds
from jobmojito_batch.notify import notify
from jobmojito_batch.pipeline import ReadyRun, where
from jobmojito_batch.settings import Settings, load_alert_settings

EVENT_PREFIX: Final = "jobmojito-batch."

Emit = Callable[[Alert], None]


class AlertPublisher:
    """Tells alerts: as events, and to the channels of the settings where nobody watches the run."""

    def __init__(self, *, is_watched: bool, emit: Emit | None = None) -> None:
        self._is_watched = is_watched
        self._emit = emit or send_event
        self._has_told_overrun = False

    async def tell_overrun(self, run: ReadyRun) -> None:
        """Wait until the run takes far longer than the recent nights, and tell of that."""
        planned = run.planned
        limit = overrun_after_seconds(run.comparison.history)
        if limit is None:
            return
        took = (datetime.now(UTC) - planned.started_at).total_seconds()
        await asyncio.sleep(max(0.0, limit - took))
        facts = where(run.taken.place)
        await self.tell([overrun(planned.run_id, limit, limit, facts)], planned.settings)
        self._has_told_overrun = True

    async def tell(self, alerts: Sequence[Alert], settings: Settings | None) -> None:
        """Each alert once; never raises, whatever a server or a channel does."""
        new = [
            alert
            for alert in alerts
            if alert.kind is not AlertKind.OVERRUN or not self._has_told_overrun
        ]
        for alert in new:
            self._emit(alert)
        if not self._is_watched:
            page = run_page()
            with_page = [replace(alert, facts=(*alert.facts, *page)) for alert in new]
            await asyncio.to_thread(notify, with_page, settings or load_alert_settings())


def run_page() -> list[str]:
    """The address of the run's page, as a line; nothing where the server tells none."""
    run_id = flow_run.id
    address = url_for("flow-run", obj_id=run_id) if run_id else None
    return [f"page: {address}"] if address else []


def send_event(alert: Alert) -> None:
    """
    The event `jobmojito-batch.<kind>` of the run, related to the flow run.

    Prefect sends it from a thread of its own and raises nothing but for its size.
    """
    flow_run_id = flow_run.id
    run = alert.run_id or flow_run_id or "unknown"
    emit_event(
        event=EVENT_PREFIX + alert.kind.value,
        resource={
            "prefect.resource.id": f"{EVENT_PREFIX}run.{run}",
            "prefect.resource.name": f"run {run}",
            "jobmojito-batch.severity": alert.severity.value,
        },
        related=[
            {
                "prefect.resource.id": f"prefect.{kind}.{id_}",
                "prefect.resource.role": kind,
                "prefect.resource.name": name or "",
            }
            for kind, id_, name in (
                ("flow-run", flow_run_id, flow_run.name),
                ("deployment", deployment.id, deployment.name),
            )
            if id_
        ],
        payload=alert.as_event(),
    )
