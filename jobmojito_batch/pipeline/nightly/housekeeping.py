"""After a run: files leave the inbox, old nights go, and what there is to tell is put together."""

import logging
import platform
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from jobmojito_batch.alerts import MOST_NAMED, Alert, AlertKind, Night, Trouble, alerts_of
from jobmojito_batch.client import TokenSource
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.errors import LostLedgerError, VolumeError, told
from jobmojito_batch.events import Event, emit
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.inbox import Inbox, remove_old_nights
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.nightly.archive_inputs import DONE, done_file, done_key, put_away_file
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.prepare import Planned, merchant_for, settings_for
from jobmojito_batch.pipeline.run_log import log_end
from jobmojito_batch.pipeline.series import series_of
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import Summary
from jobmojito_batch.urls import shown

STOP_AGAIN: Final = frozenset(
    {
        ErrorCode.UNAUTHORIZED.value,
        ErrorCode.FORBIDDEN.value,
        ErrorCode.INSUFFICIENT_CREDITS.value,
        ErrorCode.SERVICE_PAUSED.value,
    }
)
"""Why a run stopped that waiting does not mend."""
TRIED_AGAIN: Final = timedelta(days=7)
"""How long a file stays whose rows failed without a fault of theirs, so that nights try again."""


def finish(
    parameters: InviteParameters,
    *,
    taken: SelectedInputs | None,
    planned: Planned | None = None,
    conclusion: Summary | None = None,
    error: Exception | None = None,
    has_begun: bool = False,
    now: datetime | None = None,
    settings: Settings | None = None,
    earlier_tries: Collection[str] = (),
) -> list[Alert]:
    """
    Let settled files leave the inbox, remove old nights, note trouble; gives what to tell.

    Exactly one of *conclusion* and *error* is given; *has_begun*: the ledger may hold claims of the
    run. *taken* is None if taking itself failed, *planned* if it did not come so far;
    *earlier_tries*: runs of this night, which are no earlier nights. Never raises: what cannot be
    done now is logged, and done by the next night.
    """
    now = now or datetime.now(UTC)
    log_end(conclusion, error)
    tonight = _tonight(parameters, taken, planned, conclusion, error, now=now, has_begun=has_begun)
    history: list[Night] = []
    try:
        if taken is not None and taken.night is not None and conclusion is None:
            taken.night.give_back(*taken.night_files)
        settings = taken.settings if taken is not None else settings or settings_for(parameters)
        ledger = Ledger.open_existing(settings.ledger_url)
        if ledger is None:  # nothing was ever sent from here
            return _alerts(tonight, history, settings)
        try:
            series = taken.series if taken else _series_again(parameters, settings, ledger)
            nights = ledger.nights.of_series(series, but=tonight.run_id)
            history = [night for night in nights if night.run_id not in earlier_tries]
            if tonight.trouble is not None:
                ledger.nights.add_trouble(series, tonight.trouble, at=now.replace(tzinfo=None))
            if taken is not None and planned is not None and conclusion is not None:
                _settle_files(taken, planned, conclusion, ledger, now)
            if taken is not None and conclusion is not None:
                _remove_old(taken, ledger, now)
        finally:
            ledger.close()
    except Exception as exc:  # noqa: BLE001 - the run is over; this only tidies up
        # What ended the run ends this too: one fault is told once.
        level = logging.WARNING if error is None else logging.DEBUG
        emit(Event.NIGHT_UNTIDY, level=level, error=type(exc).__name__)
    return _alerts(tonight, history, settings)


def _alerts(tonight: Night, history: list[Night], settings: Settings | None) -> list[Alert]:
    wanted = settings.alert_kinds if settings is not None else frozenset()
    return alerts_of(tonight, history, reports_good=AlertKind.REPORT in wanted)


def _series_again(parameters: InviteParameters, settings: Settings, ledger: Ledger) -> str:
    """The series of a run whose inputs could not be taken. Raises BatchError."""
    settings = as_spelt_in(ledger, settings)
    token = TokenSource(settings).current()
    return series_of(parameters, settings, merchant_for(token, None, settings))


def _tonight(
    parameters: InviteParameters,
    taken: SelectedInputs | None,
    planned: Planned | None,
    conclusion: Summary | None,
    error: Exception | None,
    *,
    now: datetime,
    has_begun: bool,
) -> Night:
    """The night in counts, and in lines for whoever is told of it."""
    day = taken.day if taken is not None else now.date()
    place = taken.place if taken is not None else ", ".join(map(shown, parameters.inputs))
    facts = where(place)
    new = planned.plan.to_send if planned is not None else 0
    known = planned.known if planned is not None else 0
    if conclusion is None:
        trouble = _trouble_of(error)
        return Night(
            day=day,
            # One that was held was never entered in the ledger: nobody would find it.
            run_id=planned.run_id if planned is not None and trouble is Trouble.FAULT else None,
            exit_code=ExitCode.USAGE,
            trouble=trouble,
            rows=planned.rows if planned is not None else 0,
            new=new,
            known=known,
            cause=told(error) if error is not None else None,
            may_have_sent=has_begun,
            facts=facts,
        )
    return Night(
        day=day,
        run_id=conclusion.run_id,
        exit_code=conclusion.exit_code,
        rows=conclusion.rows,
        new=new,
        known=known,
        seconds=conclusion.seconds,
        outcomes=conclusion.occurring,
        unreadable_files=conclusion.unreadable_files,
        not_taken=conclusion.not_taken,
        closed=tuple(file.name for file in taken.left_aside if file.is_closed) if taken else (),
        cause=conclusion.stop_message,
        stops_again=bool(STOP_AGAIN & conclusion.reasons.keys()),
        token_due=conclusion.token_due,
        errors_file=conclusion.files.errors,
        facts=(*facts, *_facts(conclusion)),
    )


def where(inputs: str) -> tuple[str, ...]:
    """What an alert says first below its sentences: the machine, and the inputs as text."""
    return (f"host: {platform.node()}", *([f"inputs: {inputs}"] if inputs else []))


def _trouble_of(error: Exception | None) -> Trouble:
    if isinstance(error, LostLedgerError):
        return Trouble.LEDGER
    return Trouble.VOLUME if isinstance(error, VolumeError) else Trouble.FAULT


def _facts(conclusion: Summary) -> Iterator[str]:
    """What came of the run, what it cost, where its files lie."""
    yield f"rows: {conclusion.sentence}"
    left = conclusion.credits_left
    says_left = f", about {left:g} left" if left is not None else ""
    yield f"credits: about {conclusion.credits_estimated:g} used{says_left}"
    if conclusion.new_by_position:
        yield f"new people: {_by_position(conclusion.new_by_position)}"
    if conclusion.left_aside:
        staying = (f"{aside.file} ({aside.reason})" for aside in conclusion.left_aside)
        yield f"not taken: {', '.join(staying)}"
    for name, path in conclusion.files.written():
        yield f"{name}: {path}"


def _by_position(counts: dict[str, int]) -> str:
    """Counts by the ids of positions, the first of them one by one."""
    said = [
        f"{count} at {position_id or '(no id)'}"
        for position_id, count in list(counts.items())[:MOST_NAMED]
    ]
    others = list(counts.values())[MOST_NAMED:]
    more = f", {sum(others)} at {len(others)} other positions" if others else ""
    return f"{', '.join(said)}{more}"


def _settle_files(
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


def _remove_old(taken: SelectedInputs, ledger: Ledger, now: datetime) -> None:
    """What the nights before `keep_days` left: their folders, and cells in the ledger."""
    days = taken.parameters.keep_days
    if days is None:
        return
    before = (taken.day - timedelta(days=days)).isoformat()
    removed = 0
    if taken.inbox is not None:
        removed += taken.inbox.remove_old_nights(before=before)
    if taken.parameters.results_folder is not None:
        removed += remove_old_nights(
            Path(taken.parameters.results_folder).expanduser(), before=before
        )
    rows = ledger.nights.blank_cells(
        taken.series, before=now.replace(tzinfo=None) - timedelta(days=days)
    )
    emit(Event.NIGHT_REMOVED, files=removed, rows=rows)
