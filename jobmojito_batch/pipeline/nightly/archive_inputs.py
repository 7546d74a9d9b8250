"""Files of an inbox that are done with: noted in the ledger, then out of the way."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import InputError
from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.inbox import Inbox
from jobmojito_batch.ledger import DoneFile, Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.summary import Summary

DONE: Final = "done"
FAILED: Final = "failed"
TRIED_AGAIN: Final = timedelta(days=7)
"""How long a file stays whose rows failed without a fault of theirs, so that nights try again."""


def put_away_file(
    inbox: Inbox,
    file: TakenFile,
    folder: str,
    *,
    note: str | None = None,
    run_id: str | None = None,
) -> int:
    """
    Move a file and its twins; how many went.

    What cannot be moved now stays, and is recognised by its content the next night: it must not
    hold up the others.
    """
    moved = 0
    for name in (file.name, *file.twins):
        try:
            put = inbox.put_away(name, folder, sha256=file.sha256, note=note, run_id=run_id)
            moved += put is not None
        except InputError:
            warn(Event.INBOX_NOT_MOVED)
    return moved


def note_done(taken: SelectedInputs, file: TakenFile, *, now: datetime) -> None:
    """Note a file without rows as done."""
    ledger = Ledger.open(taken.settings.ledger_url)
    try:
        done = done_file(file, taken.parameters, now=now, jobs_content=taken.jobs_content)
        ledger.nights.add_done_file(taken.series, done)
    finally:
        ledger.close()


def done_file(
    file: TakenFile,
    parameters: InviteParameters,
    *,
    now: datetime,
    jobs_content: str = "",
    run_id: str | None = None,
    rows_to_repair: int = 0,
) -> DoneFile:
    """What the ledger keeps of a file that is done."""
    return DoneFile(
        key=done_key(file, parameters, jobs_content),
        name=file.name,
        run_id=run_id,
        done_at=now.replace(tzinfo=None),
        rows_to_repair=rows_to_repair,
    )


def done_key(file: TakenFile, parameters: InviteParameters, jobs_content: str) -> str:
    """What is done with a file: its content, read in this way, filled from this table of jobs."""
    parts = [file.sha256, parameters.reading, *([jobs_content] if jobs_content else [])]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def settle_files(
    taken: SelectedInputs, planned: Planned, conclusion: Summary, ledger: Ledger, now: datetime
) -> None:
    """
    Move the files all of whose rows are settled to done/, each noted in the ledger before.

    So a crash between the two leaves a file that the next night recognises and moves.
    """
    staying = len(taken.files)
    if taken.inbox is not None and conclusion.exit_code in {ExitCode.OK, ExitCode.NEEDS_REPAIR}:
        staying = _put_away(taken, taken.inbox, planned, conclusion, ledger, now)
    if taken.night is not None:
        taken.night.note_run(conclusion.run_id)
        # Only where the next run reads all of it again do its results hold all that these do.
        if staying and staying == len(taken.files):
            taken.night.give_back(*taken.night_files)
        else:
            taken.night.keep(*taken.night_files)


def _put_away(
    taken: SelectedInputs,
    inbox: Inbox,
    planned: Planned,
    conclusion: Summary,
    ledger: Ledger,
    now: datetime,
) -> int:
    """Move what is done; how many files stay for the next night."""
    by_source = ledger.results.outcomes_by_source(conclusion.run_id)
    unheard = ledger.nights.unheard_sources(conclusion.run_id)
    moved = staying = 0
    for file, source in zip(taken.files, planned.sources, strict=True):
        counts = by_source.get(source, {})
        if counts.get(Outcome.UNKNOWN) or counts.get(Outcome.NOT_SENT):
            staying += 1  # a limit left some of its rows for the next night
            continue
        key = done_key(file, taken.parameters, planned.inputs.jobs_content)
        since = _unheard_since(taken, key, source, ledger, now) if source in unheard else now
        stays = source in unheard and now - since < TRIED_AGAIN
        done = done_file(
            file,
            taken.parameters,
            now=since if stays else now,
            jobs_content=planned.inputs.jobs_content,
            run_id=conclusion.run_id,
            rows_to_repair=counts.get(Outcome.FAILED, 0) + counts.get(Outcome.INVALID, 0),
        )
        ledger.nights.add_done_file(taken.series, done)
        if stays:
            staying += 1
        else:
            moved += put_away_file(inbox, file, f"{DONE}/{taken.day}", run_id=conclusion.run_id)
    emit(Event.INBOX_SETTLED, run_id=conclusion.run_id, files=moved)
    return staying


def _unheard_since(
    taken: SelectedInputs, key: str, source: str, ledger: Ledger, now: datetime
) -> datetime:
    """Since when the file stays for rows that failed without a fault of theirs: tonight first."""
    before = ledger.nights.done_files(taken.series, [key]).get(key)
    if before is None or before.run_id is None:
        return now
    stayed = source in ledger.nights.unheard_sources(before.run_id)
    return before.done_at.replace(tzinfo=UTC) if stayed else now
