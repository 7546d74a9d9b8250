"""The end of a night that found nothing to do."""

import platform
from datetime import datetime

from jobmojito_batch.exit_codes import exit_code_of
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.summary import IdleInbox, Summary


def conclude_idle(taken: SelectedInputs, run_id: str, *, now: datetime) -> Summary:
    """
    The end of a run that found nothing to do in its inbox, and is not in the ledger.

    Exit 0, or 1 where a file could not be read or opened.
    """
    return Summary(
        run_id=run_id,
        environment=taken.settings.environment,
        started_at=now,
        ended_at=now,
        exit_code=exit_code_of({}, is_stopped=False, unreadable_files=taken.left_out.to_mend),
        unreadable_files=len(taken.unreadable),
        closed_files=len(taken.left_out.closed),
        unreadable=taken.left_out.unreadable_inputs,
        not_taken=taken.not_taken,
        left_aside=taken.left_out.left_files,
        host=platform.node(),
        idle=IdleInbox(
            place=taken.place,
            without_rows=taken.without_rows,
            done_before=taken.done_before,
            waiting=taken.waiting,
        ),
    )
