"""
Around the staircase: what a run takes, what becomes of the files afterwards, what is told of it.

    taken = taking(parameters)            dates and the inbox become inputs and a day's folder
    prepared = prepare_taken(taken)       or a Conclusion, where there is nothing to do
    hold_if_unsure(prepared, …)           DoubtError, VolumeError: the night is held
    …                                     deliver, conclude
    alerts = finish(parameters, …)        files leave the inbox, old nights go, alerts come

Both front doors climb it so. `finish` is called once for each run that nobody declined, however it
ended, and never raises; then whoever has them closes `prepared` and `taken`.
"""

import errno
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uuid_utils

from jobmojito_batch.errors import (
    DoubtError,
    InputError,
    LostLedgerError,
    SettingsError,
    VolumeError,
)
from jobmojito_batch.inbox import (
    Inbox,
    NightFolder,
    Sleep,
    find_whole,
    is_prefix,
    open_inbox,
    sha256_of,
)
from jobmojito_batch.intake import NoRowsError, input_files, is_input_name, shown
from jobmojito_batch.ledger import Ledger, is_alive, this_owner
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.away import DONE, FAILED, done_key, note_done, put_away_file
from jobmojito_batch.pipeline.conclude import Conclusion, conclude_idle
from jobmojito_batch.pipeline.dates import day_of, with_dates
from jobmojito_batch.pipeline.prepare import (
    Prepared,
    merchant_for,
    prepare,
    settings_for,
    token_source,
)
from jobmojito_batch.pipeline.reading import are_of_candidates, try_reading
from jobmojito_batch.pipeline.series import series_of
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.pipeline.taken import Taken, TakenFile, UnreadableFile
from jobmojito_batch.pipeline.targets import ENDINGS, SPREADSHEETS
from jobmojito_batch.settings import Settings

logger = logging.getLogger(__name__)

_MOST_TOLD: Final = 5
"""Files whose faults stand in one message."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The machine's fault and not the file's: the file stays where it is."""


# What a run takes


def taking(
    parameters: InviteParameters,
    *,
    will_send: bool = True,
    now: datetime | None = None,
    sleep: Sleep = time.sleep,
    settings: Settings | None = None,
) -> Taken:
    """
    Make the inputs concrete: dates in paths, the files of an inbox, the night's folder.

    Waits once with *sleep* where files of an inbox have to be looked at twice. Files whose content
    was done in an earlier night are moved to done/. Nothing is moved or made where nothing will be
    sent. The caller closes what it gets. *settings* instead of those of the parameters: a flow may
    have its token from elsewhere. Raises SettingsError, InputError, LedgerError.
    """
    now = now or datetime.now(UTC)
    day = day_of(now, parameters.time_zone)
    asked = with_dates(parameters, day)
    settings = settings or settings_for(asked)
    tokens = token_source(settings, will_send=will_send)
    ledger = Ledger.open_existing(settings.ledger_url)
    try:
        settings = as_spelt_in(ledger, settings)
        token = tokens.current() if tokens is not None else None
        taken = Taken(
            parameters=asked,
            settings=settings,
            tokens=tokens,
            series=series_of(parameters, settings, merchant_for(token, ledger, settings)),
            day=day,
            will_send=will_send,
            place=", ".join(map(shown, asked.inputs)),
        )
        if asked.inbox:
            taken = _from_inbox(taken, ledger, sleep=sleep)
    finally:
        if ledger is not None:
            ledger.close()
    try:
        return _with_night(taken)
    except BaseException:
        taken.close()
        raise


def _from_inbox(taken: Taken, ledger: Ledger | None, *, sleep: Sleep) -> Taken:
    """The whole files of the inbox, those left out whose content was done before."""
    if len(taken.parameters.inputs) != 1:
        raise SettingsError("--inbox: name one folder or prefix, the inbox")
    asked = taken.parameters
    if is_prefix(taken.place) and taken.will_send and not (asked.results or asked.results_folder):
        raise SettingsError(
            f"{taken.place}: say --results-folder, since results are written on this machine"
        )
    settings = taken.settings
    spool = Spool(settings.spool_folder, str(uuid_utils.uuid7()))
    try:
        inbox = open_inbox(taken.parameters.inputs[0], copies=spool.scratch)
        found = find_whole(
            inbox,
            is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
            needs_markers=settings.inbox_needs_markers,
            stable_seconds=settings.inbox_stable_seconds,
            sleep=sleep,
        )
        looked = [_taken_file(inbox, name) for name in found.whole]
        files, done_before = _without_done(
            taken, inbox, ledger, [file for file in looked if file is not None]
        )
    except BaseException:
        spool.remove()
        raise
    logger.info(
        "inbox.taken",
        extra={"files": len(files), "done_before": done_before, "waiting": found.waiting},
    )
    return replace(
        taken,
        parameters=_reading(taken.parameters, files),
        inbox=inbox,
        files=tuple(files),
        done_before=done_before,
        waiting=found.waiting + looked.count(None),
        spool=spool,
    )


def _taken_file(inbox: Inbox, name: str) -> TakenFile | None:
    """A file with the hash of its content; None where it is gone or may not be read (yet)."""
    try:
        path = inbox.local(name)
        return TakenFile(name=name, path=path, sha256=sha256_of(path))
    except OSError:
        logger.warning("inbox.not_readable")
        return None


def _reading(parameters: InviteParameters, files: Iterable[TakenFile]) -> InviteParameters:
    """The parameters with the files as inputs."""
    return parameters.model_copy(update={"inputs": [str(file.path) for file in files]})


def _without_done(
    taken: Taken, inbox: Inbox, ledger: Ledger | None, files: list[TakenFile]
) -> tuple[list[TakenFile], int]:
    """
    The files whose content is new, each content once, and how many were put away as done.

    A content that left rows to repair goes again, and so does one that is read in another way
    (`--map`, `--set` and the like): the ledger knows who was invited.
    """
    keys = {file: done_key(file, taken.parameters) for file in files}
    done = ledger.done_files(taken.series, keys.values()) if ledger is not None else {}
    new: dict[str, TakenFile] = {}
    put_away = 0
    for file in files:
        before = done.get(keys[file])
        if before is None or before.rows_to_repair:
            first = new.get(file.sha256)
            new[file.sha256] = (
                file if first is None else replace(first, twins=(*first.twins, file.name))
            )
            continue
        put_away += 1
        if taken.will_send:
            put_away_file(
                inbox,
                file,
                f"{DONE}/{taken.day}",
                note=f"the same content as {before.name}, done on {before.done_at:%Y-%m-%d} in "
                f"run {before.run_id or '(no rows)'}; nothing was sent",
            )
    return list(new.values()), put_away


def _with_night(taken: Taken) -> Taken:
    """With the results in the day's folder, where one is asked for and nothing else is said."""
    asked = taken.parameters
    if not taken.will_send or asked.results is not None:
        return taken
    if taken.inbox is not None and not taken.files:
        return taken
    parent = _parent_of_nights(taken)
    if parent is None:
        return taken
    stem, suffix = _name_of_results(taken)
    try:
        night = NightFolder.made(parent / str(taken.day))
        endings = (f".results{suffix}", *(f".results{one}" for one in ENDINGS))
        contents = [file.sha256 for file in taken.files]
        free = night.free_stem(stem, endings, contents=contents, is_alive=is_alive)
        names = tuple(f"{free}{ending}" for ending in endings)
        night.reserve(*names, owner=this_owner(), contents=contents)
    except OSError as exc:
        raise SettingsError(
            f"{parent}: the folder of the day cannot be made there ({exc.strerror}); choose "
            "another --results-folder"
        ) from None
    return replace(
        taken,
        night=night,
        night_files=names,
        parameters=asked.model_copy(update={"results": str(night.path / names[0])}),
    )


def _parent_of_nights(taken: Taken) -> Path | None:
    asked = taken.parameters
    if asked.results_folder is not None:
        return Path(asked.results_folder).expanduser()
    return Path(taken.place).expanduser() / DONE if taken.inbox is not None else None


def _name_of_results(taken: Taken) -> tuple[str, str]:
    """The beginning and the ending of the results file: after the only input, else the day."""
    files = [file.path for file in input_files(taken.parameters.inputs)]
    if len(files) != 1:
        return str(taken.day), ".csv"
    return files[0].stem, ".xlsx" if files[0].suffix.lower() in SPREADSHEETS else ".csv"


def prepare_taken(
    taken: Taken, *, now: datetime | None = None, is_attended: bool = False
) -> Prepared | Conclusion:
    """
    `prepare` on what was taken; a Conclusion where the inbox holds nothing to do.

    A file of an inbox that cannot be read goes to failed/ with the reason, and so does one that
    leaves a doubt where nobody can be asked (*is_attended*); one without rows goes to done/, and
    the others are prepared without it. Raises what `prepare` raises, and InputError where no file
    of the inbox can be read.
    """
    now = now or datetime.now(UTC)
    if taken.inbox is None:
        return prepare(taken.parameters, will_send=taken.will_send, now=now, taken=taken)
    while taken.files:
        try:
            prepared = prepare(taken.parameters, will_send=taken.will_send, now=now, taken=taken)
        except (InputError, SettingsError) as exc:
            readable = _sorted_out(taken, now)
            if readable.files == taken.files:
                raise  # each of them can be read alone: it is something else
            logger.warning("inbox.unreadable", extra={"files": len(readable.unreadable)})
            taken = readable
            if taken.unreadable and not taken.files:
                raise _none_readable(taken) from exc
        else:
            as_taken = [file for file in taken.files if _is_as_taken(file)]
            held = {} if is_attended else _held_files(prepared)
            if len(as_taken) == len(taken.files) and not held:
                return prepared
            prepared.close()
            taken = replace(
                taken,
                files=tuple(as_taken),
                parameters=_reading(taken.parameters, as_taken),
                waiting=taken.waiting + len(taken.files) - len(as_taken),
            )
            taken = _put_into_failed(taken, {file: held[file] for file in held if file in as_taken})
            if held and not taken.files:
                raise _none_readable(taken)
    return conclude_idle(taken, str(uuid_utils.uuid7()), now=now)


def _none_readable(taken: Taken) -> InputError:
    files = taken.unreadable
    more = f"; and {len(files) - _MOST_TOLD} more" if len(files) > _MOST_TOLD else ""
    return InputError(
        f"{taken.place}: no file could be read; they are in {FAILED}/{taken.day} with the reason "
        f"beside each. {'; '.join(file.text for file in files[:_MOST_TOLD])}{more}"
    )


def _held_files(prepared: Prepared) -> dict[TakenFile, str]:
    """The files of an inbox that leave a doubt nobody can be asked about, each with its reasons."""
    taken = prepared.taken
    assert taken is not None  # noqa: S101 - prepare_taken gave it
    reasons: dict[str, list[str]] = defaultdict(list)
    for doubt in prepared.doubts:
        if doubt.holds:
            reasons[doubt.source].append(doubt.text)
    return {
        file: "\n".join(reasons[source])
        for file, source in zip(taken.files, prepared.sources, strict=True)
        if source in reasons
    }


def _put_into_failed(taken: Taken, reasons: Mapping[TakenFile, str]) -> Taken:
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
        parameters=_reading(taken.parameters, good),
    )


def _is_as_taken(file: TakenFile) -> bool:
    """Whether what was read is what was hashed; else the file was not whole after all."""
    try:
        return sha256_of(file.path) == file.sha256
    except OSError:
        return False


def _sorted_out(taken: Taken, now: datetime) -> Taken:
    """
    Read each file alone: what cannot be goes to failed/, what has no rows to done/.

    Where no file can be read because of the settings (a misspelt --set, say), that is raised and
    every file stays where it is.
    """
    inbox = taken.inbox
    assert inbox is not None  # noqa: S101 - prepare_taken asked
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
    there = replace(taken, files=(*good, *bad), without_rows=taken.without_rows + len(empty))
    return _put_into_failed(there, {file: str(faults[file]) for file in bad})


def _is_empty_export(fault: InputError | SettingsError | None, taken: Taken) -> bool:
    """Whether the file has nothing wrong but that nobody is in it."""
    return isinstance(fault, NoRowsError) and are_of_candidates(fault.headers, taken.parameters)


def _fault_of(file: TakenFile, taken: Taken) -> InputError | SettingsError | None:
    """Why the file cannot be read; None where it can. Raises what is no fault of the file."""
    try:
        with Spool(taken.settings.spool_folder, str(uuid_utils.uuid7())) as spool:
            try_reading(_reading(taken.parameters, [file]), taken.settings, spool)
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


# Whether it may be sent


def hold_if_unsure(prepared: Prepared, *, is_attended: bool = False) -> None:
    """
    Raises DoubtError or VolumeError where the plan rests on a guess that nobody has seen.

    *is_attended*: a person confirms the run, with the doubts above the question.
    """
    held = [doubt for doubt in prepared.doubts if doubt.holds]
    if held and not is_attended:
        raise DoubtError(". ".join(doubt.text for doubt in held) + ". Nothing was sent")
    check_volume(prepared, is_attended=is_attended)


def check_volume(prepared: Prepared, *, is_attended: bool = False) -> None:
    """
    Raises VolumeError where the plan holds more new rows than were expected.

    What somebody expects decides where it was said. Else, where no person confirms the run
    (*is_attended*), the recent nights of the same series do (see alerts.volume_doubt). A ledger
    that is not the one of the earlier nights is no question of numbers: only a person at the
    terminal may go on with it, who is asked, so never where there is nothing to ask about.
    """
    new = prepared.plan.to_send
    if prepared.lost_ledger is not None and not (is_attended and new):
        raise LostLedgerError(f"{prepared.lost_ledger}. Nothing was sent")
    expected = prepared.parameters.expect_at_most
    if expected is not None:
        if new > expected:
            raise VolumeError(
                f"{new} new rows would be sent, more than the {expected} expected; nothing was "
                "sent. Look at the file and at the plan (`check`), or expect more"
            )
        return
    if is_attended or not prepared.parameters.volume_guard or prepared.volume_doubt is None:
        return
    raise VolumeError(
        f"{prepared.volume_doubt}; nothing was sent. Look at the file and at the plan (`check`); "
        f"`--expect-at-most {new}` releases it"
    )
