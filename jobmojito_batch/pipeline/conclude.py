"""The last step: every row has its outcome, the sums are checked, the files are written whole."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.errors import BatchError, LedgerError
from jobmojito_batch.exit_codes import exit_code_of
from jobmojito_batch.ledger import KnownRun, Ledger, RowCounts
from jobmojito_batch.pipeline import report
from jobmojito_batch.pipeline.about import about_run
from jobmojito_batch.pipeline.batch import Delivered
from jobmojito_batch.pipeline.kept_files import keep_changed, remember_written
from jobmojito_batch.pipeline.output_paths import AskedFiles, Targets, targets_again
from jobmojito_batch.pipeline.prepare import Planned, ReadyToSend
from jobmojito_batch.pipeline.source_layout import Layout, from_json
from jobmojito_batch.publish import (
    About,
    remove_errors,
    write_errors,
    write_results,
    write_summary,
)
from jobmojito_batch.summary import (
    Files,
    Latencies,
    LinkCounts,
    PositionCounts,
    SettledCounts,
    Summary,
)

LAST: Final = "last"
"""In place of a run's id: the newest run."""


def conclude(ready: ReadyToSend, delivered: Delivered, *, now: datetime | None = None) -> Summary:
    """
    Settle what is left, check that everything adds up, write the files.

    Raises LedgerError where the outcomes do not add up to the rows read, and BatchError where a
    file cannot be written; the ledger has everything, so `results RUN_ID` writes them later.
    """
    prepared, ledger = ready.planned, ready.ledger
    ended_at = now or datetime.now(UTC)
    stopped = delivered.stopped
    ledger.runs.end(
        prepared.run_id,
        at=ended_at.replace(tzinfo=None),
        stop_code=stopped.code if stopped else ErrorCode.INTERRUPTED,
        stop_message=stopped.message if stopped else "the run ended before the row's turn",
    )
    counts = ledger.results.counts(prepared.run_id)
    ended = sum(counts.outcomes.values())
    if ended != prepared.rows:
        raise LedgerError(
            f"run {prepared.run_id}: {prepared.rows} rows were read and {ended} "
            "have an outcome; nothing is published. Please report this"
        )
    summary = _of_run(prepared, delivered, ledger, counts, ended_at)
    originals = report.Originals(prepared.spool.prepared)
    files = write_files(ledger, prepared.run_id, prepared.layouts, prepared.targets, originals)
    summary = summary.model_copy(update={"files": files})
    ledger.runs.save_summary(
        prepared.run_id, json.dumps(summary.as_json()), summary.exit_code.value
    )
    write_summary(prepared.targets.summary, summary)
    return summary


def _of_run(
    prepared: Planned,
    delivered: Delivered,
    ledger: Ledger,
    counts: RowCounts,
    ended_at: datetime,
) -> Summary:
    """What a run came to that was delivered; its files are not written yet."""
    tally, seconds, stopped = delivered.tally, delivered.seconds, delivered.stopped
    left_out = prepared.request.left_out
    settled, resumes = delivered.settled, prepared.inputs.resumes
    return Summary(
        run_id=prepared.run_id,
        sources=tuple(prepared.sources),
        environment=prepared.settings.environment,
        started_at=prepared.started_at,
        ended_at=ended_at,
        exit_code=exit_code_of(
            counts.outcomes,
            # Who wants no more than the first has what was asked for, as with a limit.
            is_stopped=stopped is not None and stopped.code is not ErrorCode.LIMIT_REACHED,
            signal_number=delivered.signal_number,
            unreadable_files=len(left_out.unreadable),
        ),
        rows=prepared.rows,
        outcomes=counts.outcomes,
        reasons=counts.reasons,
        new_by_position=ledger.results.new_by_position(prepared.run_id),
        positions=PositionCounts(
            created=tally.positions_created, reused=prepared.plan.positions_to_reuse
        ),
        calls=tally.calls,
        retries=tally.retries,
        lookups=tally.lookups,
        credits_estimated=round(ledger.results.credits_of(prepared.run_id), 6),
        sending_seconds=round(seconds, 3),
        rate_reached=round(tally.calls / seconds, 3) if seconds > 0 else 0.0,
        latency_seconds=Latencies(**tally.latency_seconds()),
        links=_links(ledger, prepared.run_id),
        settled=SettledCounts(**asdict(settled)) if settled is not None else None,
        unreadable_files=len(left_out.unreadable),
        unreadable=left_out.unreadable_inputs,
        notes=tuple(prepared.inputs.notes),
        not_taken=left_out.not_taken,
        left_aside=left_out.left_files,
        doubts=tuple(doubt.text for doubt in prepared.doubts),
        resumes=resumes.counts if resumes is not None else None,
        host=platform.node(),
        stop_message=stopped.message if stopped is not None else None,
        stop_code=stopped.code if stopped is not None else None,
        credits_before=prepared.accounts.own_credits_left,
    )


def _links(ledger: Ledger, run_id: str) -> LinkCounts:
    new, earlier = ledger.results.people_with_link(run_id)
    return LinkCounts(new=new, earlier=earlier)


def write_files(
    ledger: Ledger,
    run_id: str,
    layouts: Sequence[Layout],
    targets: Targets,
    originals: report.Originals | None,
) -> Files:
    """Results and errors of a run from the ledger; gives where they lie."""
    try:
        kept = keep_changed(ledger, targets.replaced)
        about = _about(ledger, run_id, layouts, targets)
        write_results(
            targets.results,
            report.result_frames(ledger, run_id, layouts, with_links=about is not None),
            report.results_columns(layouts),
            about=about,
        )
        headers, frames = report.error_frames(ledger, run_id, layouts, originals)
        has_errors = write_errors(
            targets.errors, frames, headers=headers, delimiter=layouts[0].delimiter
        )
        if targets.outdated is not None:  # what is in it was handed in again, or stands beside
            remove_errors(targets.outdated)
        remember_written(ledger, [targets.results, targets.errors], kept)
    except BatchError as exc:
        raise BatchError(
            f"{exc}. Nothing is lost: `jobmojito-batch results {run_id} -o FILE` writes the files "
            "from the ledger"
        ) from exc
    return Files(
        results=str(targets.results),
        errors=str(targets.errors) if has_errors else None,
        summary=str(targets.summary),
        kept=tuple(str(file.path) for file in kept),
    )


def _about(
    ledger: Ledger, run_id: str, layouts: Sequence[Layout], targets: Targets
) -> About | None:
    """What the workbook tells of the run; None where the results are none."""
    run = ledger.runs.find(run_id)
    is_workbook = targets.results.suffix.lower() == ".xlsx"
    return about_run(ledger, run, layouts, targets) if is_workbook and run is not None else None


def find_run(ledger: Ledger, run_id: str) -> KnownRun:
    """The run of that id, or of a beginning of it; LAST is the newest. Raises BatchError."""
    if run_id == LAST:
        newest = ledger.runs.latest(1)
        if not newest:
            raise BatchError("the ledger has no run yet; `invite` makes the first")
        return newest[0]
    run = ledger.runs.find(run_id)
    if run is not None:
        return run
    several = [known.run_id for known in ledger.runs.beginning(run_id)]
    if several:
        raise BatchError(f"several runs begin with {run_id}: {', '.join(several)}; say more of it")
    raise BatchError(f"the ledger has no run {run_id}; `jobmojito-batch status` lists them")


def write_again(ledger: Ledger, run_id: str, asked: AskedFiles) -> Summary:
    """
    The files of an earlier run (see `find_run`), from the ledger; gives its summary.

    A run that crashed has no summary of its own: its counts are taken anew. Raises BatchError.
    """
    run = find_run(ledger, run_id)
    if ledger.runs.is_running(run):
        raise BatchError(f"run {run.run_id} is still going on; wait for its end")
    if run.rows and not ledger.results.has_rows(run.run_id):
        raise BatchError(
            f"run {run.run_id}: the ledger has no rows of it (any more), so there is nothing to "
            "write; who was invited it still knows"
        )
    layouts = from_json(run.layouts)
    targets = targets_again(run.run_id, [layout.source for layout in layouts], asked)
    files = write_files(ledger, run.run_id, layouts, targets, originals=None)
    summary = Summary.kept(run.summary) or _of_ledger(ledger, run, layouts)
    summary = summary.model_copy(update={"files": files})
    write_summary(targets.summary, summary)
    return summary


def _of_ledger(ledger: Ledger, run: KnownRun, layouts: Sequence[Layout]) -> Summary:
    """The summary of a run that never wrote one: what the ledger can still tell."""
    counts = ledger.results.counts(run.run_id)
    return Summary(
        run_id=run.run_id,
        sources=tuple(layout.source for layout in layouts),
        environment=run.environment,
        started_at=run.started_at.replace(tzinfo=UTC),
        ended_at=run.ended_at.replace(tzinfo=UTC) if run.ended_at else None,
        exit_code=exit_code_of(counts.outcomes, is_stopped=True),
        rows=run.rows,
        outcomes=counts.outcomes,
        reasons=counts.reasons,
        new_by_position=ledger.results.new_by_position(run.run_id),
        positions=PositionCounts(created=None, reused=None),
        calls=ledger.results.calls_of(run.run_id),
        retries=None,
        lookups=None,
        credits_estimated=round(ledger.results.credits_of(run.run_id), 6),
        sending_seconds=None,
        rate_reached=None,
        links=_links(ledger, run.run_id),
    )
