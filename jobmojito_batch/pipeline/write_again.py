"""The files of an earlier run, written again from the ledger."""

from collections.abc import Sequence
from datetime import UTC

from jobmojito_batch.errors import BatchError
from jobmojito_batch.exit_codes import exit_code_of
from jobmojito_batch.ledger import KnownRun, Ledger
from jobmojito_batch.pipeline.find_run import find_run
from jobmojito_batch.pipeline.output_paths import AskedFiles, targets_again
from jobmojito_batch.pipeline.result_files import write_files
from jobmojito_batch.pipeline.source_layout import Layout, from_json
from jobmojito_batch.publish import write_summary
from jobmojito_batch.summary import LinkCounts, PositionCounts, Summary


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
    new, earlier = ledger.results.people_with_link(run.run_id)
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
        links=LinkCounts(new=new, earlier=earlier),
    )
