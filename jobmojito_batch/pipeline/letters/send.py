"""
Letters that are ready are written as drafts and posted, as far as each was asked for.

No terminal here: the command line and the desk hand in an observer.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.letters.drafts import TABLE, write_drafts
from jobmojito_batch.letters.smtp import OpenPostbox
from jobmojito_batch.pipeline.letters.post import LettersObserver, posted
from jobmojito_batch.pipeline.letters.ready import ReadyLetters
from jobmojito_batch.pipeline.letters.summary import LettersFiles, LettersSummary
from jobmojito_batch.publish import check_target
from jobmojito_batch.sending import utc_now


async def write_and_send(
    ready: ReadyLetters,
    observer: LettersObserver | None = None,
    *,
    wall: Callable[[], datetime] = utc_now,
    open_postbox: OpenPostbox | None = None,
) -> LettersSummary:
    """
    Write the drafts, post the letters, as far as each was asked for; what it came to.

    Raises LedgerError, BatchError.
    """
    observer = observer or LettersObserver()
    parameters = ready.parameters
    summary = LettersSummary(
        step=parameters.step,
        people=len(ready.people),
        languages=dict(sorted(ready.languages.items())),
        in_english=ready.in_english,
        not_looked_at=ready.addressees.not_looked_at,
        written_to_before=ready.before,
    )
    if parameters.send:
        check_target(ready.selected.target, rows=ready.selected.rows)
        if not observer.may_send(ready):
            return summary.model_copy(update={"exit_code": ExitCode.USAGE})
    drafts = _write_drafts(ready, wall()) if parameters.to is not None else 0
    files = LettersFiles(
        drafts=parameters.to,
        table=str(Path(parameters.to) / TABLE) if parameters.to is not None else None,
    )
    summary = summary.model_copy(update={"drafts": drafts, "files": files})
    return (
        await posted(ready, observer, summary, wall, open_postbox) if parameters.send else summary
    )


def _write_drafts(ready: ReadyLetters, at: datetime) -> int:
    folder = Path(str(ready.parameters.to))
    return write_drafts(folder, (ready.draft(person, at) for person in ready.people))
