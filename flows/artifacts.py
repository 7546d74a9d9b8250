"""What the watcher sees on a run. A call that fails here never stops paid work."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Final, TypeVar
from uuid import UUID

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)

from jobmojito_batch.pipeline import Conclusion
from jobmojito_batch.sending import Progress

EVERY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)
T = TypeVar("T")


async def quietly(call: Awaitable[T]) -> T | None:
    """The call's result, or None where Prefect does not answer well and soon."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await call
    except Exception as exc:  # noqa: BLE001 - a picture of the work is not the work
        logger.warning("artifact.failed", extra={"error": type(exc).__name__})
        return None


class ProgressArtifact:
    """The moving progress of a run, told at most every two seconds and never waited for."""

    def __init__(self) -> None:
        self._id: UUID | None = None
        self._told = 0.0
        self._telling: asyncio.Task[object] | None = None
        self._last: Progress | None = None

    async def start(self, total: int) -> None:
        """Show an empty bar."""
        self._id = await quietly(
            acreate_progress_artifact(
                progress=0.0, key="invite-progress", description=f"rows done: 0 / {total}"
            )
        )

    def tell(self, progress: Progress) -> None:
        """Note where the run is; sends it where the last message is through and old enough."""
        self._last = progress
        is_busy = self._telling is not None and not self._telling.done()
        if self._id is None or is_busy or time.monotonic() - self._told < EVERY_SECONDS:
            return
        self._told = time.monotonic()
        self._telling = asyncio.create_task(self._send(self._id, progress))

    async def finish(self) -> None:
        """Send the last word."""
        if self._telling is not None:
            await self._telling
        if self._id is not None and self._last is not None:
            await self._send(self._id, self._last)

    async def _send(self, artifact_id: UUID, progress: Progress) -> None:
        share = 100.0 if progress.total == 0 else 100.0 * progress.settled / progress.total
        await quietly(
            aupdate_progress_artifact(
                artifact_id,
                progress=round(share, 1),
                description=f"rows done: {progress.settled} / {progress.total}",
            )
        )


async def publish_summary(conclusion: Conclusion) -> None:
    """The summary artifact: the sentence first, then counts; no person, no link."""
    await quietly(
        acreate_markdown_artifact(markdown=summary_markdown(conclusion), key="invite-summary")
    )


def summary_markdown(conclusion: Conclusion) -> str:
    """The summary as Markdown."""
    summary = conclusion.summary
    latency = summary["latency_seconds"]
    facts = {
        "run": conclusion.run_id,
        "sources": ", ".join(summary["sources"]),
        "environment": summary["environment"],
        "positions": f"{summary['positions']['created']} created, "
        f"{summary['positions']['reused']} reused",
        "calls": f"{summary['calls']} ({summary['retries']} retries)",
        "credits, estimated": f"{summary['credits_estimated']:g}",
        "rate reached": f"{summary['rate_reached']:g} a second",
        "latency p50 / p90 / p99": " / ".join(
            f"{latency[name]} s" for name in ("p50", "p90", "p99")
        ),
        **{f"file: {name}": path for name, path in summary["files"].items() if path},
    }
    lines = [conclusion.sentence, ""]
    if conclusion.stop_message:
        lines += [f"**Stopped:** {conclusion.stop_message}", ""]
    lines += _table("outcome", "rows", {k: n for k, n in summary["outcomes"].items() if n})
    if summary["reasons"]:
        lines += _table("reason", "rows", summary["reasons"])
    lines += _table("", "", facts)
    return "\n".join(lines)


def _table(left: str, right: str, cells: dict[str, object]) -> list[str]:
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in cells.items()]
    return [f"| {left} | {right} |", "| --- | --- |", *rows, ""]


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
