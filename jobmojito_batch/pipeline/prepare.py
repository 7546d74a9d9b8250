"""The first step: files become rows, rows become a plan. Nothing is sent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl
import uuid_utils
from pydantic import ValidationError

from jobmojito_batch.alerts import Night, volume_doubt
from jobmojito_batch.client import TokenSource, merchant_of
from jobmojito_batch.columns import FAULTS, OPENING_KEY, ORDINAL, POSITION_KEY, ErrorCode
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.intake import input_files
from jobmojito_batch.ledger import HISTORY_SCHEMA, KnownPosition, Ledger
from jobmojito_batch.normalise import to_members
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.account import AccountView, account_warnings, view_account
from jobmojito_batch.pipeline.layout import Layout
from jobmojito_batch.pipeline.preview import MEMBERS, REFUSED_BY_MODEL, Preview, preview_of
from jobmojito_batch.pipeline.reading import Inputs, read_rows
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.pipeline.taken import Taken
from jobmojito_batch.pipeline.targets import Targets, find_targets
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    EMAIL,
    PLACE,
    POSITION,
    Kind,
    Plan,
    Pricing,
    find_places,
    make_plan,
    position_warnings,
)
from jobmojito_batch.records import Fault
from jobmojito_batch.settings import Settings, load_settings

CHECK_ROWS: Final = 20_000
"""Rows held at a time while the request model looks at them."""


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

    @property
    def series(self) -> str:
        """What the nights that this run is compared with have in common; empty for none."""
        return self.taken.series if self.taken is not None else ""

    @property
    def known(self) -> int:
        """Rows that the ledger has an invitation for."""
        return self.plan.counts[Kind.ALREADY_DONE] + self.plan.counts[Kind.UNKNOWN]

    @property
    def unreadable_files(self) -> tuple[str, ...]:
        """Files of the inbox that could not be read and are not in this run."""
        return self.taken.unreadable if self.taken is not None else ()

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


def account_of(base_url: str, merchant: str, environment: str) -> str:
    """The account of an invitation key: base URL, merchant, environment label (spec section 2)."""
    return f"{base_url}|{merchant}|{environment}"


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
    token = tokens.current() if tokens is not None else None
    run_id = str(uuid_utils.uuid7())
    files = [file.path for file in input_files(parameters.inputs)]
    targets = find_targets(parameters, files, run_id)
    ledger = (Ledger.open if will_send else Ledger.open_existing)(settings.ledger_url)
    spool: Spool | None = None
    try:
        if ledger is not None and will_send:
            ledger.settle_orphans()
        spool = Spool(settings.spool_folder, run_id)
        inputs = read_rows(parameters, settings, spool)
        refused = _refused_by_model(spool.prepared)
        merchant = merchant_for(token, ledger, settings)
        rows = _light_rows(spool.prepared, refused, settings, merchant)
        plan = _plan(rows, ledger, settings, parameters, spool.prepared)
        started_at = now or datetime.now(UTC)
        account = view_account(settings, tokens) if tokens is not None and plan.to_send else None
        warnings = account_warnings(
            account, token, credits_=plan.credits, seconds=plan.seconds, now=started_at
        )
        history = _history_of(taken, ledger)
        doubt = _volume_doubt(plan, history, taken, ledger)
        preview = preview_of(
            spool.prepared,
            inputs.layouts,
            refused,
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
        rows=rows.height,
        plan=plan,
        position_names=_names_of(plan.keys_to_create, spool.prepared),
        reasons=_reasons(rows, plan),
        refused_by_model=refused,
        ledger=ledger,
        taken=taken,
        history=history,
        volume_doubt=doubt,
    )


def token_source(settings: Settings, *, will_send: bool) -> TokenSource | None:
    """Where tokens come from; None where none is set and nothing will be sent."""
    return TokenSource(settings) if will_send or settings.has_token else None


def _history_of(taken: Taken | None, ledger: Ledger | None) -> tuple[Night, ...]:
    if taken is None or ledger is None:
        return ()
    return tuple(ledger.nights(taken.series))


def _volume_doubt(
    plan: Plan, history: tuple[Night, ...], taken: Taken | None, ledger: Ledger | None
) -> str | None:
    counts = plan.counts
    return volume_doubt(
        new=plan.to_send,
        known=counts[Kind.ALREADY_DONE] + counts[Kind.UNKNOWN],
        history=history,
        has_lost_ledger=bool(plan.to_send and not history) and _has_lost_ledger(taken, ledger),
    )


def _has_lost_ledger(taken: Taken | None, ledger: Ledger | None) -> bool:
    """Whether the folders of earlier days are of runs of which the ledger knows none."""
    runs = taken.earlier_runs() if taken is not None else set()
    return bool(runs) and (ledger is None or not ledger.knows_any(runs))


def settings_for(parameters: InviteParameters) -> Settings:
    """The settings with what the parameters override. Raises SettingsError."""
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


def _refused_by_model(prepared: Path) -> dict[int, Fault]:
    """
    Rows that pass every rule and yet not the request model.

    The rules are meant to say all that the model does, so this is a net below them: what it
    catches is reported like any other fault, not sent and not a traceback.
    """
    refused: dict[int, Fault] = {}
    for rows in slices(prepared, only=[ORDINAL, FAULTS, *MEMBERS]):
        for row in rows.filter(pl.col(FAULTS).is_null()).drop(FAULTS).iter_rows(named=True):
            ordinal = row.pop(ORDINAL)
            try:
                CreateRequest.model_validate(to_members(row))
            except ValidationError as exc:
                refused[ordinal] = _fault(exc)
    return refused


def _fault(exc: ValidationError) -> Fault:
    first = exc.errors(include_input=False, include_url=False)[0]
    field_name = str(first["loc"][0]) if first["loc"] else ""
    return Fault(
        code=ErrorCode.INVALID_VALUE.value,
        field=field_name,
        message=f"{field_name}: {first['msg']}; correct the cell",
    )


def slices(prepared: Path, *, only: list[str]) -> Iterator[pl.DataFrame]:
    """The prepared rows, CHECK_ROWS at a time, with those of the columns that there are."""
    frame = pl.scan_parquet(prepared)
    there = frame.collect_schema().names()
    frame = frame.select([name for name in only if name in there])
    height = pl.scan_parquet(prepared).select(pl.len()).collect().item()
    for start in range(0, height, CHECK_ROWS):
        yield frame.slice(start, CHECK_ROWS).collect()


def _light_rows(
    prepared: Path, refused: dict[int, Fault], settings: Settings, merchant: str
) -> pl.DataFrame:
    """What planning looks at: no résumé, no original cells."""
    frame = pl.scan_parquet(prepared)
    there = frame.collect_schema().names()
    wanted = [FAULTS, POSITION_KEY, OPENING_KEY, EMAIL, "merchant_id"]
    return (
        frame.select(ORDINAL, *(name for name in wanted if name in there))
        .collect()
        .with_columns(
            _account(settings, merchant, has_column="merchant_id" in there),
            *([] if EMAIL in there else [pl.lit(None, pl.String).alias(EMAIL)]),
        )
        .with_columns(
            pl.when(pl.col(ORDINAL).is_in(list(refused)))
            .then(pl.lit(REFUSED_BY_MODEL))
            .otherwise(FAULTS)
            .alias(FAULTS)
        )
    )


def _account(settings: Settings, merchant: str, *, has_column: bool) -> pl.Expr:
    """
    The account of each row, a categorical.

    A row with a merchant_id acts for that merchant: its positions and ids are not another's.
    """
    of_token = pl.lit(account_of(settings.base_url, merchant, settings.environment))
    if not has_column:
        return of_token.cast(pl.Categorical).alias(ACCOUNT)
    own = pl.concat_str(
        pl.lit(f"{settings.base_url}|"), "merchant_id", pl.lit(f"|{settings.environment}")
    )
    return pl.coalesce(own, of_token).cast(pl.Categorical).alias(ACCOUNT)


def _plan(
    rows: pl.DataFrame,
    ledger: Ledger | None,
    settings: Settings,
    parameters: InviteParameters,
    prepared: Path,
) -> Plan:
    places, numbered = find_places(rows)
    places = _with_ledger(places, ledger)
    wanted = (
        numbered.filter(pl.col(FAULTS).is_null())
        .join(places.select(PLACE, POSITION), on=PLACE)
        .filter(pl.col(POSITION) >= 0)
        .select(pl.col(POSITION).alias("position_id"), EMAIL)
    )
    history = ledger.history(wanted) if ledger is not None else pl.DataFrame(schema=HISTORY_SCHEMA)
    return make_plan(
        numbered,
        places,
        history,
        pricing=Pricing(
            credits_per_candidate=settings.credits_per_candidate,
            requests_per_second=settings.requests_per_second,
            max_in_flight=settings.max_in_flight,
        ),
        limit=parameters.limit,
        warnings=position_warnings(pl.scan_parquet(prepared)),
    )


def _names_of(keys: tuple[str, ...], prepared: Path) -> tuple[str, ...]:
    """Positions as their first row writes them; one that has no name by its external id."""
    scan = pl.scan_parquet(prepared)
    if "position_name" not in scan.collect_schema().names():
        return tuple(key.partition(":")[2] for key in keys)
    found = (
        scan.filter(pl.col(FAULTS).is_null())
        .group_by(POSITION_KEY)
        .agg(pl.col("position_name").sort_by(ORDINAL).drop_nulls().first())
        .collect(engine="streaming")
    )
    names = dict(found.iter_rows())
    return tuple(names.get(key) or key.partition(":")[2] for key in keys)


def _with_ledger(places: pl.DataFrame, ledger: Ledger | None) -> pl.DataFrame:
    """The positions with what the ledger knows: POSITION, has_id, is_unresolved."""
    known: dict[tuple[str, str], KnownPosition] = {}
    lost: set[tuple[str, str]] = set()
    if ledger is not None:
        for (account,), mine in places.group_by(ACCOUNT):
            found, lost_names = ledger.known_positions(
                str(account),
                mine[POSITION_KEY].to_list(),
                mine[OPENING_KEY].drop_nulls().to_list(),
            )
            known |= {(str(account), key): position for key, position in found.items()}
            lost |= {(str(account), name) for name in lost_names}
    facts = [
        _facts(place, known.get((account, key)), is_lost=(account, name) in lost, key=key)
        for place, account, key, name in places.select(
            PLACE, pl.col(ACCOUNT).cast(pl.String), POSITION_KEY, OPENING_KEY
        ).iter_rows()
    ]
    return places.with_columns(
        pl.Series(POSITION, [fact[0] for fact in facts], pl.Int64),
        pl.Series("has_id", [fact[1] for fact in facts], pl.Boolean),
        pl.Series("is_unresolved", [fact[2] for fact in facts], pl.Boolean),
        pl.Series("known_id", [fact[3] for fact in facts], pl.String),
    )


def _facts(
    place: int, known: KnownPosition | None, *, is_lost: bool, key: str
) -> tuple[int, bool, bool, str | None]:
    is_given = key.startswith("id:")
    if known is None:
        return -1 - place, is_given, is_lost and not is_given, None
    is_open = known.position_def_set_id is not None or known.is_opened or is_given
    return (
        known.position_id,
        is_open,
        not is_open and (is_lost or known.is_unresolved),
        known.position_def_set_id,
    )


def _reasons(rows: pl.DataFrame, plan: Plan) -> dict[str, int]:
    counts: Counter[str] = Counter()
    leading = rows.select(pl.col(FAULTS).str.split(" ").list.first().drop_nulls())
    for name, count in leading.group_by(FAULTS).len().iter_rows():
        counts[name.partition(":")[0]] += count
    for kind, code in CODE_OF.items():
        if plan.counts[kind]:
            counts[code.value] += plan.counts[kind]
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
