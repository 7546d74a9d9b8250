"""After a run: its files leave the inbox, old nights go, trouble is noted, alerts are made."""

import logging
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from jobmojito_batch.alerts import Alert, AlertKind, Night, alerts_of
from jobmojito_batch.client import TokenSource
from jobmojito_batch.events import Event, emit
from jobmojito_batch.inbox import remove_old_nights
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.nightly.archive_inputs import settle_files
from jobmojito_batch.pipeline.nightly.night_end import NightEnd
from jobmojito_batch.pipeline.run_log import log_end
from jobmojito_batch.pipeline.series import series_of
from jobmojito_batch.settings import Settings


def finish(end: NightEnd, *, earlier_tries: Collection[str] = ()) -> list[Alert]:
    """
    Let settled files leave the inbox, remove old nights, note trouble; gives what to tell.

    *earlier_tries*: runs of this night, which are no earlier nights. Never raises: what cannot be
    done now is logged, and done by the next night.
    """
    log_end(end.conclusion, end.error)
    tonight = end.as_night()
    settings = end.taken.settings if end.taken is not None else end.settings
    nights: list[Night] = []
    try:
        if end.taken is not None and end.taken.night is not None and end.conclusion is None:
            end.taken.night.give_back(*end.taken.night_files)
        if settings is not None:
            with Ledger.existing(settings.ledger_url) as ledger:
                if ledger is not None:  # else nothing was ever sent from here
                    series = end.taken.series if end.taken else _series_again(end, settings, ledger)
                    nights = ledger.nights.of_series(series, but=tonight.run_id)
                    if tonight.trouble is not None:
                        at = end.at.replace(tzinfo=None)
                        ledger.nights.add_trouble(series, tonight.trouble, at=at)
                    _tidy(end, ledger)
    except Exception as exc:  # noqa: BLE001 - the run is over; this only tidies up
        # What ended the run ends this too: one fault is told once.
        level = logging.WARNING if end.error is None else logging.DEBUG
        emit(Event.NIGHT_UNTIDY, level=level, error=type(exc).__name__)
    history = [night for night in nights if night.run_id not in earlier_tries]
    wanted = settings.alert_kinds if settings is not None else frozenset()
    return alerts_of(tonight, history, reports_good=AlertKind.REPORT in wanted)


def _series_again(end: NightEnd, settings: Settings, ledger: Ledger) -> str:
    """The series of a run whose inputs could not be taken. Raises BatchError."""
    settings = as_spelt_in(ledger, settings)
    return series_of(end.parameters, settings, TokenSource(settings).current(), None)


def _tidy(end: NightEnd, ledger: Ledger) -> None:
    if end.taken is None or end.conclusion is None:
        return
    if end.planned is not None:
        settle_files(end.taken, end.planned, end.conclusion, ledger, end.at)
    _remove_old(end, ledger)


def _remove_old(end: NightEnd, ledger: Ledger) -> None:
    """What the nights before `keep_days` left: their folders, and cells in the ledger."""
    taken = end.taken
    days = taken.parameters.keep_days if taken is not None else None
    if taken is None or days is None:
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
        taken.series, before=end.at.replace(tzinfo=None) - timedelta(days=days)
    )
    emit(Event.NIGHT_REMOVED, files=removed, rows=rows)
