"""The last step: every row has its outcome, the sums are checked, the files are written whole."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.errors import BatchError, LedgerError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import report
from jobmojito_batch.pipeline.deliver import Delivered
from jobmojito_batch.pipeline.layout import Layout, from_json
from jobmojito_batch.pipeline.prepare import Prepared
from jobmojito_batch.pipeline.taken import Taken, UnreadableFile
from jobmojito_batch.pipeline.targets import Targets
from jobmojito_batch.publish import write_errors, write_results, write_summary

SCHEMA_VERSION: Final = 1
CLEAN, NEEDS_REPAIR, UNSETTLED, STOPPED, SIGNALLED = 0, 1, 3, 4, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A run that has ended."""

    run_id: str
    exit_code: int
    sentence: str
    """The one sentence with counts that every front door says."""
    summary: dict[str, Any]
    stop_message: str | None
    credits_before: float | None = None
    """What the account had before the run; None where the API did not say."""


def conclude(
    prepared: Prepared, delivered: Delivered, *, now: datetime | None = None
) -> Conclusion:
    """
    Settle what is left, check that everything adds up, write the files.

    Raises LedgerError where the outcomes do not add up to the rows read, and BatchError where a
    file cannot be written; the ledger has everything, so `results RUN_ID` writes them later.
    """
    ledger = prepared.ledger
    assert ledger is not None  # noqa: S101 - the run was delivered
    ended_at = now or datetime.now(UTC)
    stopped = delivered.stopped
    counts = ledger.end_run(
        prepared.run_id,
        at=ended_at.replace(tzinfo=None),
        stop_code=stopped.code if stopped else ErrorCode.INTERRUPTED,
        stop_message=stopped.message if stopped else "the run ended before the row's turn",
    )
    if sum(counts.values()) != prepared.rows:
        raise LedgerError(
            f"run {prepared.run_id}: {prepared.rows} rows were read and {sum(counts.values())} "
            "have an outcome; nothing is published. Please report this"
        )
    exit_code = exit_code_of(
        counts, is_stopped=stopped is not None, signal_number=delivered.signal_number
    )
    unreadable = len(prepared.unreadable_files)
    if exit_code == CLEAN and unreadable:
        exit_code = NEEDS_REPAIR
    summary = _summary(prepared, delivered, ledger, counts, ended_at, exit_code)
    written = _write_files(prepared, ledger)
    summary["files"] = written
    ledger.save_summary(prepared.run_id, json.dumps(summary), exit_code)
    write_summary(prepared.targets.summary, summary)
    return Conclusion(
        run_id=prepared.run_id,
        exit_code=exit_code,
        sentence=sentence(counts, summary["credits_estimated"], unreadable_files=unreadable),
        summary=summary,
        stop_message=stopped.message if stopped else None,
        credits_before=prepared.account.credits_left if prepared.account is not None else None,
    )


def exit_code_of(counts: dict[Outcome, int], *, is_stopped: bool, signal_number: int | None) -> int:
    """
    The exit code of spec section 3: the signal, then 4, 3, 1, 0.

    A stop that came after the last row had its outcome left nothing unsent.
    """
    if signal_number is not None:
        return SIGNALLED + signal_number
    if is_stopped and counts.get(Outcome.NOT_SENT, 0):
        return STOPPED
    if counts.get(Outcome.UNKNOWN, 0):
        return UNSETTLED
    if counts.get(Outcome.INVALID, 0) or counts.get(Outcome.FAILED, 0):
        return NEEDS_REPAIR
    return CLEAN


def sentence(
    counts: dict[Outcome, int], credits_estimated: float, *, unreadable_files: int = 0
) -> str:
    """The run in one sentence: rows, outcomes that occur, credits, files that it had to leave."""
    rows = sum(counts.values())
    parts = [
        f"{counts[outcome]} {outcome.value.replace('_', ' ')}"
        for outcome in Outcome
        if counts.get(outcome)
    ]
    text = (
        f"{rows} {'row' if rows == 1 else 'rows'}: {', '.join(parts) or 'nothing to do'}; about "
        f"{credits_estimated:g} credits"
    )
    if unreadable_files:
        plural = "s" if unreadable_files > 1 else ""
        text += f"; {unreadable_files} file{plural} could not be read (see failed/)"
    return text


def conclude_idle(taken: Taken, run_id: str, *, now: datetime) -> Conclusion:
    """
    The end of a run that found nothing to do in its inbox, and is not in the ledger.

    Exit 0, or 1 where a file could not be read.
    """
    moment = _iso(now)
    unreadable = len(taken.unreadable)
    exit_code = NEEDS_REPAIR if unreadable else CLEAN
    text = f"0 rows: the inbox {taken.place} holds no new rows; nothing was sent"
    for count, what in (
        (taken.without_rows, "without rows"),
        (taken.done_before, "done before, under this or another name"),
        (taken.waiting, "not whole yet"),
        (unreadable, "that could not be read (see failed/)"),
    ):
        text += f"; {count} file{'s' if count > 1 else ''} {what}" if count else ""
    return Conclusion(
        run_id=run_id,
        exit_code=exit_code,
        sentence=text,
        summary={
            "schema_version": SCHEMA_VERSION,
            "run_id": run_id,
            "sources": [],
            "environment": taken.settings.environment,
            "started_at": moment,
            "ended_at": moment,
            "exit_code": exit_code,
            "rows": 0,
            "outcomes": {outcome.value: 0 for outcome in Outcome},
            "reasons": {},
            "positions": {"created": 0, "reused": 0},
            "calls": 0,
            "retries": 0,
            "lookups": 0,
            "credits_estimated": 0.0,
            "sending_seconds": 0.0,
            "rate_reached": 0.0,
            "latency_seconds": dict.fromkeys(("p50", "p90", "p99", "max")),
            "settled": None,
            "unreadable_files": unreadable,
            "unreadable": _told(taken.unreadable),
            "doubts": [],
            "host": platform.node(),
            "files": {"results": None, "errors": None, "summary": None},
        },
        stop_message=None,
    )


def _summary(
    prepared: Prepared,
    delivered: Delivered,
    ledger: Ledger,
    counts: dict[Outcome, int],
    ended_at: datetime,
    exit_code: int,
) -> dict[str, Any]:
    tally = delivered.tally
    seconds = delivered.seconds
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": prepared.run_id,
        "sources": prepared.sources,
        "environment": prepared.settings.environment,
        "started_at": _iso(prepared.started_at),
        "ended_at": _iso(ended_at),
        "exit_code": exit_code,
        "rows": prepared.rows,
        "outcomes": {outcome.value: counts.get(outcome, 0) for outcome in Outcome},
        "reasons": ledger.reasons(prepared.run_id),
        "positions": {
            "created": tally.positions_created,
            "reused": prepared.plan.positions_to_reuse,
        },
        "calls": tally.calls,
        "retries": tally.retries,
        "lookups": tally.lookups,
        "credits_estimated": round(ledger.credits_of(prepared.run_id), 6),
        "sending_seconds": round(seconds, 3),
        "rate_reached": round(tally.calls / seconds, 3) if seconds > 0 and tally.calls else 0.0,
        "latency_seconds": tally.latency_seconds(),
        "settled": asdict(delivered.settled) if delivered.settled is not None else None,
        "unreadable_files": len(prepared.unreadable_files),
        "unreadable": _told(prepared.unreadable_files),
        "doubts": [doubt.text for doubt in prepared.doubts],
        "host": platform.node(),
    }


def _told(files: Sequence[UnreadableFile]) -> list[dict[str, str]]:
    return [{"file": file.name, "reason": file.text} for file in files]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _write_files(prepared: Prepared, ledger: Ledger) -> dict[str, str | None]:
    return write_files(
        ledger,
        prepared.run_id,
        prepared.layouts,
        prepared.targets,
        report.originals_in(prepared.spool.prepared),
    )


def write_files(
    ledger: Ledger,
    run_id: str,
    layouts: Sequence[Layout],
    targets: Targets,
    originals: report.Originals | None,
) -> dict[str, str | None]:
    """Results and errors of a run from the ledger; the summary's `files`."""
    try:
        write_results(
            targets.results,
            report.result_frames(ledger, run_id, layouts),
            report.results_columns(layouts),
        )
        headers, frames = report.error_frames(ledger, run_id, layouts, originals)
        bad = write_errors(targets.errors, frames, headers=headers, delimiter=layouts[0].delimiter)
    except BatchError as exc:
        raise BatchError(
            f"{exc}. Nothing is lost: `jobmojito-batch results {run_id} -o FILE` writes the files "
            "from the ledger"
        ) from exc
    return {
        "results": str(targets.results),
        "errors": str(targets.errors) if bad else None,
        "summary": str(targets.summary),
    }


def write_again(ledger: Ledger, run_id: str, targets: Targets) -> dict[str, Any]:
    """
    The files of an earlier run, from the ledger; gives its summary.

    A run that crashed has no summary of its own: its counts are taken anew. Raises BatchError.
    """
    run = ledger.run(run_id)
    if run is None:
        several = [one.run_id for one in ledger.runs_beginning(run_id)]
        if several:
            raise BatchError(
                f"several runs begin with {run_id}: {', '.join(several)}; say more of it"
            )
        raise BatchError(f"the ledger has no run {run_id}; `jobmojito-batch status` lists them")
    if ledger.is_running(run):
        raise BatchError(f"run {run.run_id} is still going on; wait for its end")
    if run.rows and not ledger.has_rows(run.run_id):
        raise BatchError(
            f"run {run.run_id}: the ledger has no rows of it (any more), so there is nothing to "
            "write; who was invited it still knows"
        )
    layouts = from_json(run.layouts)
    written = write_files(ledger, run.run_id, layouts, targets, originals=None)
    summary = json.loads(run.summary) if run.summary else _recounted(ledger, run, layouts)
    summary["files"] = written
    write_summary(targets.summary, summary)
    return dict(summary)


def _recounted(ledger: Ledger, run: Any, layouts: Sequence[Layout]) -> dict[str, Any]:  # noqa: ANN401
    """The summary of a run that never wrote one: what the ledger can still tell."""
    counts = ledger.outcomes(run.run_id)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "sources": [layout.source for layout in layouts],
        "environment": run.environment,
        "started_at": _iso(run.started_at.replace(tzinfo=UTC)),
        "ended_at": _iso(run.ended_at.replace(tzinfo=UTC)) if run.ended_at else None,
        "exit_code": exit_code_of(counts, is_stopped=True, signal_number=None),
        "rows": run.rows,
        "outcomes": {outcome.value: counts.get(outcome, 0) for outcome in Outcome},
        "reasons": ledger.reasons(run.run_id),
        "positions": {"created": None, "reused": None},
        "calls": ledger.calls_of(run.run_id),
        "retries": None,
        "lookups": None,
        "credits_estimated": round(ledger.credits_of(run.run_id), 6),
        "sending_seconds": None,
        "rate_reached": None,
        "latency_seconds": dict.fromkeys(("p50", "p90", "p99", "max")),
    }
