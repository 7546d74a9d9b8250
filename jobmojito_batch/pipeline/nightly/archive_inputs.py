"""Files of an inbox that are done with: noted in the ledger, then out of the way."""

import hashlib
from datetime import datetime
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.events import Event, warn
from jobmojito_batch.inbox import Inbox
from jobmojito_batch.ledger import DoneFile, Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile

DONE: Final = "done"
FAILED: Final = "failed"


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
