"""Files of an inbox that are done with: noted in the ledger, then out of the way."""

import hashlib
import logging
from datetime import datetime
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox import Inbox
from jobmojito_batch.ledger import DoneFile, Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.taken import Taken, TakenFile

logger = logging.getLogger(__name__)

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
            logger.warning("inbox.not_moved", extra={"folder": folder})
    return moved


def note_done(taken: Taken, file: TakenFile, *, now: datetime) -> None:
    """Note a file without rows as done."""
    ledger = Ledger.open(taken.settings.ledger_url)
    try:
        ledger.add_done_file(taken.series, done_file(file, taken.parameters, now=now))
    finally:
        ledger.close()


def done_file(
    file: TakenFile,
    parameters: InviteParameters,
    *,
    now: datetime,
    run_id: str | None = None,
    rows_to_repair: int = 0,
) -> DoneFile:
    """What the ledger keeps of a file that is done."""
    return DoneFile(
        key=done_key(file, parameters),
        name=file.name,
        run_id=run_id,
        done_at=now.replace(tzinfo=None),
        rows_to_repair=rows_to_repair,
    )


def done_key(file: TakenFile, parameters: InviteParameters) -> str:
    """What is done with a file: its content, read in this way."""
    return hashlib.sha256(f"{file.sha256} {parameters.reading}".encode()).hexdigest()
