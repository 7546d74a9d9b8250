"""What a run takes: dates in paths, the files of an inbox, the folder of the day."""

import time
from datetime import UTC, datetime

from jobmojito_batch.client import TokenSource
from jobmojito_batch.inbox import Sleep
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.nightly.day_results import with_day_folder
from jobmojito_batch.pipeline.nightly.from_inbox import from_inbox
from jobmojito_batch.pipeline.nightly.path_templates import day_of, with_dates
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.run_request import settings_for
from jobmojito_batch.pipeline.series import inputs_text, series_of
from jobmojito_batch.settings import Settings


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
    with Ledger.existing(settings.ledger_url) as ledger:
        settings = as_spelt_in(ledger, settings)
        token = tokens.current() if will_send or settings.has_token else None
        taken = SelectedInputs(
            parameters=asked,
            settings=settings,
            tokens=tokens,
            series=series_of(parameters, settings, token, ledger),
            day=day,
            will_send=will_send,
            place=inputs_text(asked.inputs),
        )
        if asked.inbox:
            taken = from_inbox(taken, ledger, sleep=sleep)
    try:
        return with_day_folder(taken)
    except BaseException:
        taken.close()
        raise
