"""A run in words, for the last sheet of its workbook."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from jobmojito_batch.columns import NEEDS_REPAIR, REHEARSAL, ErrorCode, Outcome
from jobmojito_batch.ledger import KnownRun, Ledger
from jobmojito_batch.pipeline.action_items import advice_on
from jobmojito_batch.pipeline.output_paths import Targets
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.publish import About

MEANINGS: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.INVITED: ("accepted; there is a link", "send the link: sheet To send"),
    Outcome.REVIEW: ("a person decides, or the API answered something new", "look in JobMojito"),
    Outcome.REJECTED: ("the AI or a recruiter recommends no", "a person decides"),
    Outcome.ALREADY_APPLIED: ("JobMojito has this candidate for this position", "nothing"),
    Outcome.ALREADY_DONE: ("settled in an earlier run; its link is there again", "nothing"),
    Outcome.DUPLICATE: ("the same invitation as an earlier row", "nothing"),
    Outcome.INVALID: ("did not pass the checks; nothing was sent", "correct it in the errors file"),
    Outcome.FAILED: ("refused, or provably not run", "read error_message; send it again"),
    Outcome.UNKNOWN: (
        "sent, no trustworthy answer: it may exist and may have cost credits",
        "look it up: never sent again blind",
    ),
    Outcome.NOT_SENT: ("the run ended before its turn", "run again"),
}
"""What each outcome means, and what it asks for."""
MOST_INPUTS: Final = 20
"""Inputs that are named."""


def about_run(ledger: Ledger, run: KnownRun, layouts: Sequence[Layout], targets: Targets) -> About:
    """What the ledger tells of a run whose rows are settled."""
    counts, reasons = ledger.results.counts(run.run_id)
    return About(
        facts=tuple(_facts(run, layouts)),
        outcomes=tuple(
            (outcome.value, counts.get(outcome, 0), *MEANINGS[outcome]) for outcome in Outcome
        ),
        reasons=tuple((code, count, advice_on(code)) for code, count in reasons.items()),
        steps=tuple(_steps(run.run_id, counts, layouts, targets)),
    )


def _facts(run: KnownRun, layouts: Sequence[Layout]) -> Iterator[tuple[str, str]]:
    sources = [layout.source for layout in layouts[:MOST_INPUTS]]
    more = f" and {len(layouts) - MOST_INPUTS} more" if len(layouts) > MOST_INPUTS else ""
    if run.environment == REHEARSAL:
        yield "Rehearsal", "Nothing was created, nothing was spent; no link leads anywhere"
    yield "Run", run.run_id
    yield "Inputs", ", ".join(sources) + more
    yield "Rows", f"{run.rows:,}"
    yield "Began", _moment(run.started_at)
    if run.ended_at is not None:
        yield "Ended", _moment(run.ended_at)
    if run.stop_message and run.stop_code != ErrorCode.INTERRUPTED.value:
        yield "Stopped", run.stop_message
    yield "Environment", run.environment
    merchant = f"merchant {run.merchant} at " if run.merchant else ""
    yield "Account", f"{merchant}{run.base_url}"
    yield "Keep it safe", "Whoever has a link can take the interview: treat this file as passwords"
    yield (
        "Columns",
        "The technical ones of sheet All rows are folded: the 2 in its corner shows them",
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _steps(
    run_id: str, counts: Mapping[Outcome, int], layouts: Sequence[Layout], targets: Targets
) -> Iterator[tuple[str, str]]:
    """What to do next, the most urgent first."""
    again = " ".join(f'"{layout.source}"' for layout in layouts[:MOST_INPUTS])
    if counts.get(Outcome.UNKNOWN):
        yield "Settle the unknown rows by looking them up", "jobmojito-batch reconcile"
    if counts.get(Outcome.NOT_SENT):
        yield "Send the rest; nobody is invited twice", f"jobmojito-batch invite {again}"
    if any(counts.get(outcome) for outcome in NEEDS_REPAIR):
        yield (
            "Correct the rows in the errors file, then hand it in",
            f'jobmojito-batch invite "{targets.errors.name}"',
        )
    if counts.get(Outcome.INVITED):
        yield (
            "Write the letters that bring the links to the candidates",
            f"jobmojito-batch letters --run {run_id} --to letters",
        )
    yield (
        "See who has started, finished and was scored",
        f"jobmojito-batch followup --run {run_id}",
    )
    yield "These files again, from the ledger", f"jobmojito-batch results {run_id}"
