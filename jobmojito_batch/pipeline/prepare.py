"""The first step: files become rows, rows become a plan. Nothing is sent."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uuid_utils

from jobmojito_batch.client import make_room
from jobmojito_batch.ledger import Ledger, account_of
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.accounts import accounts_of, as_spelt_in, merchant_for
from jobmojito_batch.pipeline.beside_ledger import rows_beside_ledger
from jobmojito_batch.pipeline.output_paths import Targets, find_targets
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.preview import preview_of
from jobmojito_batch.pipeline.prices import priced_plan
from jobmojito_batch.pipeline.reading import read_rows
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.work_dir import Spool


def prepare(request: RunRequest, *, now: datetime | None = None) -> ReadyToSend:
    """
    Plan a run that will be sent. The caller closes what it gets.

    Raises SettingsError, InputError, LedgerError.
    """
    make_room(request.settings.max_in_flight)
    token = request.tokens.current()
    run = _new_run(request, now)
    ledger = Ledger.open(request.settings.ledger_url)
    try:
        ledger.runs.settle_orphans()
        planned = _plan(request, run, ledger, token, will_send=True)
    except BaseException:
        ledger.close()
        raise
    return ReadyToSend(planned=planned, ledger=ledger)


def plan_run(
    request: RunRequest,
    ledger: Ledger | None,
    *,
    now: datetime | None = None,
    asks_account: bool = True,
) -> Planned:
    """
    Plan a run that is only looked at: without a token and a ledger, too. The caller closes it.

    Without *asks_account* the API is left alone: the plan lacks what the account has left.

    Raises SettingsError, InputError, LedgerError.
    """
    token = request.tokens.current() if request.settings.has_token else None
    run = _new_run(request, now)
    return _plan(request, run, ledger, token, will_send=False, asks_account=asks_account)


def plan_input(parameters: InviteParameters) -> Planned:
    """The same of inputs as they are named; the API is left alone. Raises as `plan_run` does."""
    request = RunRequest.of(parameters)
    with Ledger.existing(request.settings.ledger_url) as ledger:
        return plan_run(request, ledger, asks_account=False)


def planned_again(planned: Planned, ledger: Ledger | None, *, limit: int | None) -> Planned:
    """
    The plan of the same prepared rows anew: others may have sent some of them meanwhile.

    The account is asked. Raises SettingsError, LedgerError.
    """
    token = planned.request.tokens.current() if planned.settings.has_token else None
    parameters = planned.parameters.model_copy(update={"limit": limit})
    request = replace(planned.request, parameters=parameters)
    rows = planned.prepared_rows
    plan = priced_plan(request, rows, ledger, planned.spool)
    merchant, now = planned.accounts.merchant, datetime.now(UTC)
    accounts = accounts_of(request, plan, rows, ledger, token, merchant, now)
    return replace(planned, request=request, plan=plan, accounts=accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewRun:
    run_id: str
    started_at: datetime | None
    """None: once it is planned."""
    targets: Targets


def _new_run(request: RunRequest, now: datetime | None) -> _NewRun:
    """Its id and its files. Raises SettingsError, InputError."""
    run_id = str(uuid_utils.uuid7())
    day = (now or datetime.now(UTC)).astimezone().date()
    targets = find_targets(request.parameters, day)
    return _NewRun(run_id=run_id, started_at=now, targets=targets)


def _plan(
    request: RunRequest,
    run: _NewRun,
    ledger: Ledger | None,
    token: str | None,
    *,
    will_send: bool,
    asks_account: bool = True,
) -> Planned:
    settings = as_spelt_in(ledger, request.settings)
    request = replace(request, settings=settings)
    spool = Spool(settings.spool_folder, run.run_id)
    try:
        inputs = read_rows(request.parameters, settings, spool)
        merchant = merchant_for(token, ledger, settings)
        rows = rows_beside_ledger(
            spool,
            inputs,
            ledger,
            lambda own: account_of(settings.base_url, own or merchant, settings.environment),
        )
        if will_send:
            run.targets.check_writable(rows=rows.count)
        plan = priced_plan(request, rows, ledger, spool)
        started_at = run.started_at or datetime.now(UTC)
        return Planned(
            run_id=run.run_id,
            started_at=started_at,
            request=request,
            targets=run.targets,
            spool=spool,
            inputs=inputs,
            prepared_rows=rows,
            preview=preview_of(
                spool.prepared,
                inputs.layouts,
                rows.refused_by_model,
                max_resume_characters=settings.max_resume_characters,
                today=started_at.date(),
                plan=plan if rows.of_results else None,
            ),
            plan=plan,
            accounts=accounts_of(
                request,
                plan,
                rows,
                ledger,
                token if asks_account else None,
                merchant,
                started_at,
            ),
        )
    except BaseException:
        spool.remove()
        raise
