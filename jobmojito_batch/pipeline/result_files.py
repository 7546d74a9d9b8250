"""The files of a run, from the ledger: results and errors, whole or not at all."""

from collections.abc import Sequence

from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import report
from jobmojito_batch.pipeline.about import about_run
from jobmojito_batch.pipeline.kept_files import keep_changed, remember_written
from jobmojito_batch.pipeline.output_paths import Targets
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.publish import About, remove_errors, write_errors, write_results
from jobmojito_batch.summary import Files


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
