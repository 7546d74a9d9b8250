"""The files of an inbox that a run takes: whole ones, whose content was not done before."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import uuid_utils

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.inbox import Found, Inbox, Sleep, final_name, find_whole, open_inbox, sha256_of
from jobmojito_batch.intake import is_input_name, left_lying, local_path
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.jobs import content_of_jobs
from jobmojito_batch.pipeline.left_out import AsideFile
from jobmojito_batch.pipeline.nightly.archive_inputs import DONE, done_key, put_away_file
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile, reading
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.urls import is_url

_ASIDE: Final = {
    "folder": "not looked into",
    "link": "never followed",
    "special file": "a pipe, socket or device is never read",
}


def from_inbox(taken: SelectedInputs, ledger: Ledger | None, *, sleep: Sleep) -> SelectedInputs:
    """The whole files of the inbox, those left out whose content was done before."""
    if len(taken.parameters.inputs) != 1:
        raise SettingsError("--inbox: name one folder or prefix, the inbox")
    asked = taken.parameters
    if is_url(taken.place) and taken.will_send and not (asked.results or asked.results_folder):
        raise SettingsError(
            f"{taken.place}: say --results-folder, since results are written on this machine"
        )
    settings = taken.settings
    spool = Spool(settings.spool_folder, str(uuid_utils.uuid7()))
    try:
        inbox = open_inbox(taken.parameters.inputs[0], copies=spool.scratch)
        listing = find_whole(
            inbox,
            is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
            needs_markers=settings.inbox_needs_markers,
            stable_seconds=settings.inbox_stable_seconds,
            sleep=sleep,
        )
        _check_outside(taken.parameters, inbox)
        content = content_of_jobs(taken.parameters, spool.scratch)
        taken = replace(taken, jobs_content=content)
        looked = [_taken_file(inbox, name) for name in listing.whole]
        usable = [file for file in looked if isinstance(file, TakenFile)]
        closed = [*(file for file in looked if isinstance(file, AsideFile)), *_nameless(listing)]
        files, done = _without_done(taken, inbox, ledger, usable)
        aside = inbox.aside()
    except BaseException:
        spool.remove()
        raise
    emit(Event.INBOX_TAKEN, files=len(files), done_before=len(done), waiting=listing.waiting)
    return replace(
        taken,
        parameters=reading(taken.parameters, files),
        inbox=inbox,
        files=tuple(files),
        done_before=len(done),
        waiting=listing.waiting,
        left_aside=(
            *closed,
            *done,
            *_aside(listing, aside, needs_markers=settings.inbox_needs_markers),
        ),
        not_taken=left_lying(listing.others, are_alone=not listing.whole and not listing.waiting),
        spool=spool,
    )


def _check_outside(parameters: InviteParameters, inbox: Inbox) -> None:
    """Raises SettingsError where the table of jobs would be taken for candidates, and moved."""
    positions = parameters.positions
    if positions is None or is_url(inbox.place) or is_url(positions):
        return
    if local_path(positions).absolute().parent == local_path(inbox.place).absolute():
        raise SettingsError(
            f"--positions {positions}: it lies in the inbox, whose files are taken and moved; put "
            "it elsewhere"
        )


def _taken_file(inbox: Inbox, name: str) -> TakenFile | AsideFile:
    """A file with the hash of its content, or why it stays: it is gone or may not be read (yet)."""
    try:
        path = inbox.local(name)
        return TakenFile(name=name, path=path, sha256=sha256_of(path))
    except FileNotFoundError:
        return AsideFile(name=name, reason="it was taken away meanwhile")
    except OSError as exc:
        warn(Event.INBOX_NOT_READABLE)
        why = exc.strerror or type(exc).__name__
        return AsideFile(name=name, reason=f"cannot be opened: {why}", is_closed=True)


def _nameless(listing: Found) -> Iterator[AsideFile]:
    """Exports whose names neither ledger nor results could say."""
    for name in listing.nameless:
        if is_input_name(name, is_marked=False):
            yield AsideFile.in_no_text(name)


def _aside(listing: Found, aside: Mapping[str, int], *, needs_markers: bool) -> Iterator[AsideFile]:
    """What lies there and is not taken tonight, but for what its suffix says."""
    growing = "its marker NAME.done is not there" if needs_markers else "it still grows"
    for name in listing.growing:
        yield AsideFile(name=name, reason=growing)
    unnamed = 0
    for name in listing.unfinished:
        if is_input_name(final_name(name) or "", is_marked=False):
            yield AsideFile(name=name, reason="still being written, by its name")
        else:
            unnamed += 1
    if unnamed:
        yield AsideFile(name=_counted(unnamed, "file"), reason="still being written, by its name")
    for kind, count in aside.items():
        yield AsideFile(name=_counted(count, kind), reason=_ASIDE[kind])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _without_done(
    taken: SelectedInputs, inbox: Inbox, ledger: Ledger | None, files: list[TakenFile]
) -> tuple[list[TakenFile], list[AsideFile]]:
    """
    The files whose content is new, each content once, and those that were put away as done.

    A content that left rows to repair goes again, and so does one that is read in another way
    (`--map`, `--set` and the like): the ledger knows who was invited.
    """
    keys = {file: done_key(file, taken.parameters, taken.jobs_content) for file in files}
    done = ledger.nights.done_files(taken.series, keys.values()) if ledger is not None else {}
    new: dict[str, TakenFile] = {}
    put_away: list[AsideFile] = []
    for file in files:
        before = done.get(keys[file])
        if before is None or before.rows_to_repair:
            first = new.get(file.sha256)
            new[file.sha256] = (
                file if first is None else replace(first, twins=(*first.twins, file.name))
            )
            continue
        when = f"{before.done_at:%Y-%m-%d}"
        put_away.append(AsideFile(name=file.name, reason=f"its content was done on {when}"))
        if taken.will_send:
            put_away_file(
                inbox,
                file,
                f"{DONE}/{taken.day}",
                note=f"the same content as {before.name}, done on {before.done_at:%Y-%m-%d} in "
                f"run {before.run_id or '(no rows)'}; nothing was sent",
            )
    return list(new.values()), put_away
