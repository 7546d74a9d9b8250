"""Files of an inbox that are of no use: each is looked at alone, and put away with the reason."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import uuid_utils

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.inbox import Inbox, sha256_of
from jobmojito_batch.intake import NoRowsError
from jobmojito_batch.pipeline.header_maps import are_of_candidates
from jobmojito_batch.pipeline.left_out import AsideFile, UnreadableFile
from jobmojito_batch.pipeline.nightly.archive_inputs import DONE, FAILED, note_done, put_away_file
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile, reading
from jobmojito_batch.pipeline.reading import try_reading
from jobmojito_batch.pipeline.work_dir import Spool

_MOST_TOLD: Final = 5
"""Files whose faults stand in one message."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The machine's fault and not the file's: the file stays where it is."""


def sorted_out(taken: SelectedInputs, inbox: Inbox, now: datetime) -> SelectedInputs:
    """
    Read each file alone: what cannot be goes to failed/, what has no rows to done/.

    Where no file can be read because of the settings (a misspelt --set, say), that is raised and
    every file stays where it is.
    """
    # One that another run took away meanwhile is nobody's fault.
    faults = {file: _fault_of(file, taken) for file in taken.files if file.path.exists()}
    good = [file for file, fault in faults.items() if fault is None]
    empty = [file for file, fault in faults.items() if _is_empty_export(fault, taken)]
    bad = [file for file in faults if file not in good and file not in empty]
    for file in bad:
        fault = faults[file]
        if isinstance(fault, SettingsError) and not good:
            raise fault
    if taken.will_send:
        for file in empty:
            note_done(taken, file, now=now)
            put_away_file(inbox, file, f"{DONE}/{taken.day}", note="no rows below the header")
    with_rows = replace(
        taken,
        files=(*good, *bad),
        without_rows=taken.without_rows + len(empty),
        left_aside=(
            *taken.left_aside,
            *(AsideFile(name=file.name, reason="no rows below its header") for file in empty),
        ),
    )
    return put_into_failed(with_rows, {file: str(faults[file]) for file in bad})


def put_into_failed(taken: SelectedInputs, reasons: Mapping[TakenFile, str]) -> SelectedInputs:
    """What was taken but the files that cannot be used: they are in failed/ with the reason."""
    if taken.will_send and taken.inbox is not None:
        for file, reason in reasons.items():
            put_away_file(taken.inbox, file, f"{FAILED}/{taken.day}", note=reason)
    good = [file for file in taken.files if file not in reasons]
    return replace(
        taken,
        files=tuple(good),
        unreadable=(
            *taken.unreadable,
            *(UnreadableFile(name=file.name, reason=why) for file, why in reasons.items()),
        ),
        parameters=reading(taken.parameters, good),
    )


def none_readable(taken: SelectedInputs) -> InputError:
    """What is raised where all files of an inbox went to failed/."""
    files = taken.unreadable
    more = f"; and {len(files) - _MOST_TOLD} more" if len(files) > _MOST_TOLD else ""
    return InputError(
        f"{taken.place}: no file could be read; they are in {FAILED}/{taken.day} with the reason "
        f"beside each. {'; '.join(file.text for file in files[:_MOST_TOLD])}{more}"
    )


def is_as_taken(file: TakenFile) -> bool:
    """Whether what was read is what was hashed; else the file was not whole after all."""
    try:
        return sha256_of(file.path) == file.sha256
    except OSError:
        return False


def _is_empty_export(fault: InputError | SettingsError | None, taken: SelectedInputs) -> bool:
    """Whether the file has nothing wrong but that nobody is in it."""
    return isinstance(fault, NoRowsError) and are_of_candidates(fault.headers, taken.parameters)


def _fault_of(file: TakenFile, taken: SelectedInputs) -> InputError | SettingsError | None:
    """Why the file cannot be read; None where it can. Raises what is no fault of the file."""
    try:
        with Spool(taken.settings.spool_folder, str(uuid_utils.uuid7())) as spool:
            try_reading(reading(taken.parameters, [file]), taken.settings, spool)
    except (InputError, SettingsError) as exc:
        if _is_our_fault(exc):
            raise
        return exc
    return None


def _is_our_fault(exc: BaseException) -> bool:
    """Whether the machine had no room, rather than the file no rows that can be read."""
    cause = exc.__cause__
    return (isinstance(cause, OSError) and cause.errno in _NO_ROOM) or any(
        f"(os error {number})" in str(cause) for number in _NO_ROOM
    )
