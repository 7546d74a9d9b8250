"""The first step: files become rows, rows become a plan. Nothing is sent."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import uuid_utils

from jobmojito_batch.alerts import Night, lost_ledger, volume_doubt
from jobmojito_batch.client import TokenSource, make_room, merchant_of
from jobmojito_batch.intake import input_files
from jobmojito_batch.ledger import Ledger, named
from jobmojito_batch.parameters import InviteParameters, ShardParameters
from jobmojito_batch.pipeline.account import AccountView, account_warnings, view_account
from jobmojito_batch.pipeline.accounts import account_of, as_spelt_in, known_elsewhere
from jobmojito_batch.pipeline.layout import Layout
from jobmojito_batch.pipeline.planning import Rows, names_of, plan_rows, reasons
from jobmojito_batch.pipeline.preview import Preview, preview_of
from jobmojito_batch.pipeline.reading import Inputs, read_rows
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.pipeline.taken import Taken, UnreadableFile
from jobmojito_batch.pipeline.targets import Targets, find_targets
from jobmojito_batch.plan import Kind, Plan, Pricing
from jobmojito_batch.records import Fault, InputDoubt
from jobmojito_batch.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that is ready to be shown, or carried out."""

    run_id: str
    started_at: datetime
    parameters: InviteParameters
    settings: Settings = field(repr=False)
    merchant: str
    tokens: TokenSource | None
    """None where nothing will be sent and no token is set."""
    inputs: Inputs
    preview: Preview = field(repr=False)
    account: AccountView | None
    """What the API says of the account; None where it was not asked."""
    account_warnings: tuple[str, ...]
    targets: Targets
    spool: Spool = field(repr=False)
    rows: int
    plan: Plan
    position_names: tuple[str, ...]
    """The positions that would be created, as their first row writes them."""
    reasons: dict[str, int]
    """Rows that will not be sent, by error code; the first fault of a row counts."""
    refused_by_model: dict[int, Fault] = field(repr=False)
    """Rows that passed the rules and not the request model, by ordinal."""
    ledger: Ledger | None = field(repr=False)
    """None where there is none yet and nothing will be sent."""
    taken: Taken | None = field(default=None, repr=False)
    """What the inputs were taken from; None for inputs that were given as they are."""
    history: tuple[Night, ...] = ()
    """Earlier nights of the series, the latest first."""
    volume_doubt: str | None = None
    """Why the plan does not look like a night of its series, as a sentence."""
    lost_ledger: str | None = None
    """Why the ledger is not that of the earlier nights, as a sentence."""
    known_elsewhere: InputDoubt | None = None
    """Rows that look new and are known under another base URL."""

    @property
    def series(self) -> str:
        """What the nights that this run is compared with have in common; empty for none."""
        return self.taken.series if self.taken is not None else ""

    @property
    def known(self) -> int:
        """Rows that the ledger has an invitation for."""
        return self.plan.counts[Kind.ALREADY_DONE] + self.plan.counts[Kind.UNKNOWN]

    @property
    def unreadable_files(self) -> tuple[UnreadableFile, ...]:
        """Files of the inbox that could not be read and are not in this run."""
        return self.taken.unreadable if self.taken is not None else ()

    @property
    def doubts(self) -> tuple[InputDoubt, ...]:
        """What the plan is not sure of, those that hold an unattended run first."""
        elsewhere = [self.known_elsewhere] if self.known_elsewhere is not None else []
        return tuple(sorted([*elsewhere, *self.inputs.doubts], key=lambda doubt: not doubt.holds))

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

    def close(self) -> None:
        """Remove the prepared rows and let go of the ledger."""
        self.spool.remove()
        if self.ledger is not None:
            self.ledger.close()


def prepare(
    parameters: InviteParameters,
    *,
    will_send: bool,
    now: datetime | None = None,
    settings: Settings | None = None,
    taken: Taken | None = None,
) -> Prepared:
    """
    Read, normalise, check, plan. The caller closes what it gets.

    *taken* is what the parameters were made concrete from: its settings and token are used, and the
    plan is compared with the nights of its series.

    Where nothing will be sent, no token is needed and no ledger is made. Raises SettingsError,
    InputError, LedgerError.
    """
    if taken is not None:
        settings, tokens = taken.settings, taken.tokens
    else:
        settings = settings or settings_for(parameters)
        tokens = token_source(settings, will_send=will_send)
    if will_send:
        make_room(settings.max_in_flight)
    token = tokens.current() if tokens is not None else None
    run_id = str(uuid_utils.uuid7())
    files = [file.path for file in input_files(parameters.inputs)]
    targets = find_targets(parameters, files, run_id)
    ledger = (Ledger.open if will_send else Ledger.open_existing)(settings.ledger_url)
    spool: Spool | None = None
    try:
        settings = as_spelt_in(ledger, settings)
        if ledger is not None and will_send:
            ledger.settle_orphans()
        spool = Spool(settings.spool_folder, run_id)
        inputs = read_rows(parameters, settings, spool)
        merchant = merchant_for(token, ledger, settings)
        rows = Rows.of(
            spool.prepared,
            lambda own: account_of(settings.base_url, own or merchant, settings.environment),
        )
        if will_send:
            targets.check_writable(rows=rows.count)
        plan = plan_rows(rows, ledger, spool, pricing=_pricing(settings), limit=parameters.limit)
        started_at = now or datetime.now(UTC)
        account = view_account(settings, tokens) if tokens is not None and plan.to_send else None
        warnings = account_warnings(
            account, token, credits_=plan.credits, seconds=plan.seconds, now=started_at
        )
        history = _history_of(taken, ledger)
        counts = plan.counts
        doubt = volume_doubt(
            new=plan.to_send,
            known=counts[Kind.ALREADY_DONE] + counts[Kind.UNKNOWN],
            history=history,
        )
        lost = _lost_ledger(taken, ledger, settings)
        elsewhere = known_elsewhere(
            rows, plan, ledger, settings, is_expected=parameters.expect_at_most is not None
        )
        preview = preview_of(
            spool.prepared,
            inputs.layouts,
            rows.refused_by_model,
            max_resume_characters=settings.max_resume_characters,
        )
    except BaseException:
        if spool is not None:
            spool.remove()
        if ledger is not None:
            ledger.close()
        raise
    return Prepared(
        run_id=run_id,
        started_at=started_at,
        parameters=parameters,
        settings=settings,
        merchant=merchant,
        tokens=tokens,
        inputs=inputs,
        preview=preview,
        account=account,
        account_warnings=warnings,
        targets=targets,
        spool=spool,
        rows=rows.count,
        plan=plan,
        position_names=names_of(plan.keys_to_create, rows),
        reasons=reasons(rows, plan),
        refused_by_model=rows.refused_by_model,
        ledger=ledger,
        taken=taken,
        history=history,
        volume_doubt=doubt,
        lost_ledger=lost,
        known_elsewhere=elsewhere,
    )


def token_source(settings: Settings, *, will_send: bool) -> TokenSource | None:
    """Where tokens come from; None where none is set and nothing will be sent."""
    return TokenSource(settings) if will_send or settings.has_token else None


def _history_of(taken: Taken | None, ledger: Ledger | None) -> tuple[Night, ...]:
    if taken is None or ledger is None:
        return ()
    return tuple(ledger.nights(taken.series))


def _lost_ledger(taken: Taken | None, ledger: Ledger | None, settings: Settings) -> str | None:
    """
    Whether the folders of earlier days are of runs of which the ledger knows none.

    However few rows are new tonight: this run would be one that it knows, and the next one would
    pass.
    """
    runs = taken.earlier_runs() if taken is not None else {}
    if not runs or (ledger is not None and ledger.knows_any(runs.keys())):
        return None
    return lost_ledger(
        runs=len(runs),
        example=str(max(runs.values())),
        ledger=named(settings.ledger_url),
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
    known = ledger.merchants(settings.base_url, settings.environment)
    return known[0] if len(known) == 1 else ""
