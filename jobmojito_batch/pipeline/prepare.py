"""The first step: files become rows, rows become a plan. Nothing is sent."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import uuid_utils

from jobmojito_batch.client import TokenSource, make_room, merchant_of
from jobmojito_batch.columns import are_results
from jobmojito_batch.intake import input_files
from jobmojito_batch.ledger import Ledger, account_of, merchant_in
from jobmojito_batch.parameters import InviteParameters, ShardParameters
from jobmojito_batch.pipeline.account import (
    MOST_MERCHANTS,
    Accounts,
    AccountView,
    account_warnings,
    token_warnings,
    view_accounts,
)
from jobmojito_batch.pipeline.accounts import as_spelt_in, known_elsewhere, not_taken
from jobmojito_batch.pipeline.left_out import NOTHING_LEFT_OUT, LeftOut
from jobmojito_batch.pipeline.output_paths import Targets, find_targets
from jobmojito_batch.pipeline.plan_stage import (
    Rows,
    names_of,
    people_to_send,
    plan_rows,
    reasons,
    to_send_by_account,
)
from jobmojito_batch.pipeline.preview import Preview, preview_of
from jobmojito_batch.pipeline.prices import with_learned_price
from jobmojito_batch.pipeline.reading import Inputs, read_rows
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.plan import Kind, Plan, Pricing
from jobmojito_batch.records import InputDoubt
from jobmojito_batch.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run is asked to do, and with what."""

    parameters: InviteParameters
    settings: Settings = field(repr=False)
    tokens: TokenSource = field(repr=False)
    series: str = ""
    """What the runs that this one is compared with have in common; empty for none."""
    left_out: LeftOut = NOTHING_LEFT_OUT

    @classmethod
    def of(cls, parameters: InviteParameters) -> "RunRequest":
        """The request of inputs that are taken as they are named. Raises SettingsError."""
        settings = settings_for(parameters)
        return cls(parameters=parameters, settings=settings, tokens=TokenSource(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run as it is planned: read, checked, counted, and nothing sent."""

    run_id: str
    started_at: datetime
    request: RunRequest
    targets: Targets
    spool: Spool = field(repr=False)
    inputs: Inputs
    prepared_rows: Rows = field(repr=False)
    preview: Preview = field(repr=False)
    plan: Plan
    accounts: Accounts

    @property
    def parameters(self) -> InviteParameters:
        """What was asked for."""
        return self.request.parameters

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self.request.settings

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.prepared_rows.count

    @property
    def known(self) -> int:
        """Rows that the ledger has an invitation for."""
        return self.plan.counts[Kind.ALREADY_DONE] + self.plan.counts[Kind.UNKNOWN]

    @property
    def doubts(self) -> tuple[InputDoubt, ...]:
        """What the plan is not sure of, those that hold an unattended run first."""
        doubts = [*self.accounts.doubts, *self.inputs.doubts]
        return tuple(sorted(doubts, key=lambda doubt: not doubt.holds))

    @property
    def settles(self) -> bool:
        """Whether the run looks its unknown rows up."""
        return self.parameters.settle

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """What became of the columns of each input."""
        return self.inputs.layouts

    @property
    def sources(self) -> list[str]:
        """The names of the inputs."""
        return [layout.source for layout in self.layouts]

    @property
    def position_names(self) -> tuple[str, ...]:
        """The positions that would be created, as their first row writes them."""
        return names_of(self.plan.keys_to_create, self.prepared_rows)

    @property
    def people_to_send(self) -> int:
        """How many people would be invited; one on two positions is one."""
        return people_to_send(self.prepared_rows, self.plan)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows that will not be sent, by error code; the first fault of a row counts."""
        return reasons(self.prepared_rows, self.plan)

    def close(self) -> None:
        """Remove the prepared rows."""
        self.spool.remove()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyToSend:
    """A planned run with the ledger that will hold its claims, and a token that was read."""

    planned: Planned
    ledger: Ledger = field(repr=False)

    @property
    def tokens(self) -> TokenSource:
        """Where the token comes from, and a fresh one."""
        return self.planned.request.tokens

    def close(self) -> None:
        """Remove the prepared rows and let go of the ledger."""
        self.planned.close()
        self.ledger.close()


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


def planned_again(planned: Planned, ledger: Ledger | None, *, limit: int | None) -> Planned:
    """
    The plan of the same prepared rows anew: others may have sent some of them meanwhile.

    The account is asked. Raises SettingsError, LedgerError.
    """
    settings = planned.settings
    token = planned.request.tokens.current() if settings.has_token else None
    parameters = planned.parameters.model_copy(update={"limit": limit})
    request = replace(planned.request, parameters=parameters)
    rows = planned.prepared_rows
    plan = plan_rows(rows, ledger, planned.spool, pricing=_pricing(settings), limit=limit)
    price = settings.credits_per_candidate
    plan = with_learned_price(plan, planned.spool.prepared, ledger, credits_per_candidate=price)
    merchant, now = planned.accounts.merchant, datetime.now(UTC)
    accounts = _accounts(request, plan, rows, ledger, token, merchant, now)
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
    files = [file.path for file in input_files(request.parameters.inputs)]
    day = (now or datetime.now(UTC)).astimezone().date()
    targets = find_targets(request.parameters, files, day)
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
        rows = Rows.of(
            spool.prepared,
            lambda own: account_of(settings.base_url, own or merchant, settings.environment),
            [layout.source for layout in inputs.layouts if are_results(layout.headers)],
        )
        if will_send:
            run.targets.check_writable(rows=rows.count)
        limit = request.parameters.limit
        plan = plan_rows(rows, ledger, spool, pricing=_pricing(settings), limit=limit)
        price = settings.credits_per_candidate
        plan = with_learned_price(plan, spool.prepared, ledger, credits_per_candidate=price)
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
                plan=plan if rows.of_results else None,
            ),
            plan=plan,
            accounts=_accounts(
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


def _accounts(
    request: RunRequest,
    plan: Plan,
    rows: Rows,
    ledger: Ledger | None,
    token: str | None,
    merchant: str,
    now: datetime,
) -> Accounts:
    """The merchants that rows would be sent for, what they lack, and whether they were meant."""
    settings, parameters = request.settings, request.parameters
    views: dict[str | None, AccountView] = {}
    warnings: list[str] = []
    if token is not None and plan.to_send:
        to_send = {
            None if of == merchant else of: count
            for account, count in to_send_by_account(plan).items()
            for of in [merchant_in(account)]
        }
        others = [of for of in to_send if of is not None][:MOST_MERCHANTS]
        views = view_accounts(settings, request.tokens, [None, *others])
        warnings = account_warnings(
            views, to_send, credits_per_candidate=settings.credits_per_candidate
        )
    elsewhere = known_elsewhere(
        rows, plan, ledger, settings, is_expected=parameters.expect_at_most is not None
    )
    return Accounts(
        merchant=merchant,
        views=views,
        warnings=(*warnings, *token_warnings(token, seconds=plan.seconds, now=now)),
        doubts=tuple(filter(None, [not_taken(parameters, settings), elsewhere])),
    )


def _pricing(settings: Settings) -> Pricing:
    return Pricing(
        credits_per_candidate=settings.credits_per_candidate,
        requests_per_second=settings.requests_per_second,
        max_in_flight=settings.max_in_flight,
    )


def settings_for(parameters: InviteParameters | ShardParameters) -> Settings:
    """This machine's settings with what the parameters override. Raises SettingsError."""
    return load_settings(
        environment=parameters.environment,
        ledger=parameters.ledger,
        base_url=parameters.base_url,
        requests_per_second=parameters.rate,
        max_in_flight=parameters.max_in_flight,
        max_credits_per_run=parameters.max_credits,
    )


def merchant_for(token: str | None, ledger: Ledger | None, settings: Settings) -> str:
    """The token's merchant; without a token the only one that the ledger knows for this URL."""
    if token is not None or ledger is None:
        return merchant_of(token) if token is not None else ""
    known = ledger.lookups.merchants(settings.base_url, settings.environment)
    return known[0] if len(known) == 1 else ""
