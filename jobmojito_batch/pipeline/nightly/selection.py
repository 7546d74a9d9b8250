"""What a run takes: the inbox becomes inputs, of which some cannot be used, and a day's folder."""

import errno
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import uuid_utils

from jobmojito_batch.client import TokenSource
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.events import Event, emit, warn
from jobmojito_batch.file_names import stem_of
from jobmojito_batch.inbox import (
    Found,
    Inbox,
    NightFolder,
    Sleep,
    final_name,
    find_whole,
    open_inbox,
    sha256_of,
)
from jobmojito_batch.intake import (
    NoRowsError,
    input_files,
    is_input_name,
    left_lying,
    local_path,
)
from jobmojito_batch.ledger import Ledger, is_alive, this_owner
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.conclude import conclude_idle
from jobmojito_batch.pipeline.jobs import content_of_jobs
from jobmojito_batch.pipeline.left_out import AsideFile, UnreadableFile
from jobmojito_batch.pipeline.nightly.archive_inputs import (
    DONE,
    FAILED,
    done_key,
    note_done,
    put_away_file,
)
from jobmojito_batch.pipeline.nightly.path_templates import day_of, with_dates
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile
from jobmojito_batch.pipeline.nightly.volume_guard import SeriesComparison, compare
from jobmojito_batch.pipeline.output_paths import endings, suffix_for
from jobmojito_batch.pipeline.prepare import (
    Planned,
    ReadyToSend,
    merchant_for,
    plan_run,
    prepare,
    settings_for,
)
from jobmojito_batch.pipeline.reading import are_of_candidates, try_reading
from jobmojito_batch.pipeline.run_log import log_plan
from jobmojito_batch.pipeline.series import series_of
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import Summary
from jobmojito_batch.urls import is_url, shown

_MOST_TOLD: Final = 5
"""Files whose faults stand in one message."""
_ASIDE: Final = {"folder": "not looked into", "link": "never followed"}
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
) -> SelectedInputs:
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
    tokens = TokenSource(settings)
    ledger = Ledger.open_existing(settings.ledger_url)
    try:
        settings = as_spelt_in(ledger, settings)
        token = tokens.current() if will_send or settings.has_token else None
        taken = SelectedInputs(
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


def _from_inbox(taken: SelectedInputs, ledger: Ledger | None, *, sleep: Sleep) -> SelectedInputs:
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
        found = find_whole(
            inbox,
            is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
            needs_markers=settings.inbox_needs_markers,
            stable_seconds=settings.inbox_stable_seconds,
            sleep=sleep,
        )
        _check_outside(taken.parameters, inbox)
        content = content_of_jobs(taken.parameters, spool.scratch)
        taken = replace(taken, jobs_content=content)
        looked = [_taken_file(inbox, name) for name in found.whole]
        usable = [file for file in looked if isinstance(file, TakenFile)]
        closed = [file for file in looked if isinstance(file, AsideFile)]
        files, done = _without_done(taken, inbox, ledger, usable)
        aside = inbox.aside()
    except BaseException:
        spool.remove()
        raise
    emit(Event.INBOX_TAKEN, files=len(files), done_before=len(done), waiting=found.waiting)
    return replace(
        taken,
        parameters=_reading(taken.parameters, files),
        inbox=inbox,
        files=tuple(files),
        done_before=len(done),
        waiting=found.waiting + len(closed),
        left_aside=(
            *closed,
            *done,
            *_aside(found, aside, needs_markers=settings.inbox_needs_markers),
        ),
        not_taken=left_lying(found.others, are_alone=not found.whole and not found.waiting),
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


def _aside(found: Found, aside: Mapping[str, int], *, needs_markers: bool) -> Iterator[AsideFile]:
    """What lies there and is not taken tonight, but for what its suffix says."""
    growing = "its marker NAME.done is not there" if needs_markers else "it still grows"
    for name in found.growing:
        yield AsideFile(name=name, reason=growing)
    unnamed = 0
    for name in found.unfinished:
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


def _reading(parameters: InviteParameters, files: Iterable[TakenFile]) -> InviteParameters:
    """The parameters with the files as inputs."""
    return parameters.model_copy(update={"inputs": [str(file.path) for file in files]})


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


def _with_night(taken: SelectedInputs) -> SelectedInputs:
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
        ends = (f".results{suffix}", *(f".results{end}" for end in endings(suffix)))
        contents = [file.sha256 for file in taken.files]
        free = night.free_stem(stem, ends, contents=contents, is_alive=is_alive)
        names = tuple(f"{free}{end}" for end in ends)
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


def _parent_of_nights(taken: SelectedInputs) -> Path | None:
    asked = taken.parameters
    if asked.results_folder is not None:
        return Path(asked.results_folder).expanduser()
    return Path(taken.place).expanduser() / DONE if taken.inbox is not None else None


def _name_of_results(taken: SelectedInputs) -> tuple[str, str]:
    """The beginning and the ending of the results file: after the only input, else the day."""
    names = [file.path.name for file in input_files(taken.parameters.inputs)]
    return stem_of(names[0]) if len(names) == 1 else str(taken.day), suffix_for(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """A plan, what it was made of, and the earlier nights of its series."""

    taken: SelectedInputs
    """What was taken but the files that could not be used. Whoever took it closes it."""
    planned: Planned
    comparison: SeriesComparison

    @property
    def warnings(self) -> list[str]:
        """What the inputs as a whole and the earlier nights give to think of."""
        unreadable = [f"cannot be read: {file.text}" for file in self.taken.unreadable]
        return [*unreadable, *self.comparison.warnings]

    def close(self) -> None:
        """Remove the prepared rows."""
        self.planned.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun(PreparedRun):
    """A plan that may be sent."""

    ready: ReadyToSend

    def close(self) -> None:
        """Remove the prepared rows and let go of the ledger."""
        self.ready.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRun:
    """A run whose inbox holds nothing to do."""

    taken: SelectedInputs

    def conclusion(self, now: datetime | None = None) -> Summary:
        """Its end."""
        return conclude_idle(self.taken, str(uuid_utils.uuid7()), now=now or datetime.now(UTC))


R = TypeVar("R", bound=PreparedRun)


def prepare_taken(
    taken: SelectedInputs, *, now: datetime | None = None, is_attended: bool = False
) -> ReadyRun | IdleRun:
    """
    Plan what was taken, to be sent.

    A file of an inbox that cannot be read goes to failed/ with the reason, and so does one that
    leaves a doubt if nobody can be asked (*is_attended*); one without rows goes to done/, and
    the others are prepared without it. Raises what `prepare` raises, and InputError if no file
    of the inbox can be read.
    """

    def attempt(usable: SelectedInputs) -> ReadyRun:
        ready = prepare(usable.request, now=now)
        try:
            comparison = compare(usable, ready.planned, ready.ledger)
        except BaseException:
            ready.close()
            raise
        return ReadyRun(taken=usable, planned=ready.planned, comparison=comparison, ready=ready)

    return _without_unusable(taken, attempt, now=now, is_attended=is_attended)


def check_taken(taken: SelectedInputs) -> PreparedRun | IdleRun:
    """Plan what was taken, to be looked at by a person; nothing is moved or made."""

    def attempt(usable: SelectedInputs) -> PreparedRun:
        ledger = Ledger.open_existing(usable.settings.ledger_url)
        try:
            planned = plan_run(usable.request, ledger)
            try:
                comparison = compare(usable, planned, ledger)
            except BaseException:
                planned.close()
                raise
        finally:
            if ledger is not None:
                ledger.close()
        return PreparedRun(taken=usable, planned=planned, comparison=comparison)

    return _without_unusable(taken, attempt, now=None, is_attended=True)


def _without_unusable(
    taken: SelectedInputs,
    attempt: Callable[[SelectedInputs], R],
    *,
    now: datetime | None,
    is_attended: bool,
) -> R | IdleRun:
    """*attempt* on what was taken, again without the files of an inbox that cannot be used."""
    inbox = taken.inbox
    if inbox is None:
        run = attempt(taken)
        log_plan(run.planned)
        return run
    while taken.files:
        try:
            run = attempt(taken)
        except (InputError, SettingsError) as exc:
            readable = _sorted_out(taken, inbox, now or datetime.now(UTC))
            if readable.files == taken.files:
                raise  # each of them can be read alone: it is something else
            warn(Event.INBOX_UNREADABLE, files=len(readable.unreadable))
            taken = readable
            if taken.unreadable and not taken.files:
                raise _none_readable(taken) from exc
        else:
            as_taken = [file for file in taken.files if _is_as_taken(file)]
            held = {} if is_attended else _held_files(run)
            if len(as_taken) == len(taken.files) and not held:
                log_plan(run.planned)
                return run
            run.close()
            changed = [file for file in taken.files if file not in as_taken]
            taken = replace(
                taken,
                files=tuple(as_taken),
                left_aside=(
                    *taken.left_aside,
                    *(AsideFile(name=one.name, reason="changed while read") for one in changed),
                ),
                parameters=_reading(taken.parameters, as_taken),
                waiting=taken.waiting + len(taken.files) - len(as_taken),
            )
            taken = _put_into_failed(taken, {file: held[file] for file in held if file in as_taken})
            if held and not taken.files:
                raise _none_readable(taken)
    return IdleRun(taken=taken)


def _none_readable(taken: SelectedInputs) -> InputError:
    files = taken.unreadable
    more = f"; and {len(files) - _MOST_TOLD} more" if len(files) > _MOST_TOLD else ""
    return InputError(
        f"{taken.place}: no file could be read; they are in {FAILED}/{taken.day} with the reason "
        f"beside each. {'; '.join(file.text for file in files[:_MOST_TOLD])}{more}"
    )


def _held_files(run: PreparedRun) -> dict[TakenFile, str]:
    """The files of an inbox that leave a doubt nobody can be asked about, each with its reasons."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for doubt in run.planned.doubts:
        if doubt.holds:
            reasons[doubt.source].append(doubt.text)
    return {
        file: "\n".join(reasons[source])
        for file, source in zip(run.taken.files, run.planned.sources, strict=True)
        if source in reasons
    }


def _put_into_failed(taken: SelectedInputs, reasons: Mapping[TakenFile, str]) -> SelectedInputs:
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


def _sorted_out(taken: SelectedInputs, inbox: Inbox, now: datetime) -> SelectedInputs:
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
    return _put_into_failed(with_rows, {file: str(faults[file]) for file in bad})


def _is_empty_export(fault: InputError | SettingsError | None, taken: SelectedInputs) -> bool:
    """Whether the file has nothing wrong but that nobody is in it."""
    return isinstance(fault, NoRowsError) and are_of_candidates(fault.headers, taken.parameters)


def _fault_of(file: TakenFile, taken: SelectedInputs) -> InputError | SettingsError | None:
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
