"""The last step: every row has its outcome, the sums are checked, the files are written whole."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.exit_codes import exit_code_of
from jobmojito_batch.ledger import Ledger, RowCounts
from jobmojito_batch.pipeline.batch import Delivered
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.report import Originals
from jobmojito_batch.pipeline.result_files import write_files
from jobmojito_batch.publish import write_summary
from jobmojito_batch.summary import (
    Latencies,
    LinkCounts,
    PositionCounts,
    SettledCounts,
    Summary,
)


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
    originals = Originals(prepared.spool.prepared)
    files = write_files(
        ledger, prepared.run_id, prepared.inputs.layouts, prepared.targets, originals
    )
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
    new, earlier = ledger.results.people_with_link(prepared.run_id)
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
            waiting_rows=counts.reasons.get(ErrorCode.POSITION_UNRESOLVED, 0),
            signal_number=delivered.signal_number,
            unreadable_files=left_out.to_mend,
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
        links=LinkCounts(new=new, earlier=earlier),
        settled=SettledCounts(**asdict(settled)) if settled is not None else None,
        unreadable_files=len(left_out.unreadable),
        closed_files=len(left_out.closed),
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
