"""
Under which base URL the ledger knows an account, and whether it knows the rows under another.

Account is base URL, merchant and environment: another spelling of the URL makes everybody new, and
everybody would be paid for again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import polars as pl

from jobmojito_batch.client import merchant_of
from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY
from jobmojito_batch.env_files import own_path
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger, merchant_in, named
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.account import (
    MOST_MERCHANTS,
    Accounts,
    AccountView,
    account_warnings,
    token_warnings,
    view_accounts,
)
from jobmojito_batch.pipeline.plan_stage import Rows, planned_slices, to_send_by_account
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.plan import ACCOUNT, EMAIL, PLACE, Kind, Plan, at_ordinals
from jobmojito_batch.records import InputDoubt
from jobmojito_batch.settings import (
    Settings,
    canonical_url,
    may_be_one_service,
    settings_sources,
)

LOOKED_AT: Final = 5_000
"""Rows to send that are looked for under another URL: one that is found is enough."""


def as_spelt_in(ledger: Ledger | None, settings: Settings) -> Settings:
    """The settings with the base URL as the ledger has it, which may be older than the one way."""
    known = ledger.lookups.base_urls(settings.environment) if ledger is not None else []
    if settings.base_url in known:
        return settings
    same = [url for url in known if canonical_url(url) == settings.base_url]
    return settings.model_copy(update={"base_url": same[0]}) if same else settings


def accounts_of(
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


@contextmanager
def known_ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger, for what comes after sending. Raises BatchError if there is none."""
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            raise BatchError("there is no ledger yet, so nobody has a link: run `invite` first")
        yield ledger


def merchant_for(token: str | None, ledger: Ledger | None, settings: Settings) -> str:
    """The token's merchant; without a token the only one that the ledger knows for this URL."""
    if token is not None or ledger is None:
        return merchant_of(token) if token is not None else ""
    known = ledger.lookups.merchants(settings.base_url, settings.environment)
    return known[0] if len(known) == 1 else ""


def not_taken(parameters: InviteParameters, settings: Settings) -> InputDoubt | None:
    """
    A doubt where a file in the current folder names the account or the ledger, and is not heard.

    With another ledger nobody is known: who relied on the file would pay for everybody again.
    """
    asked = [name for name in ("ledger", "base_url") if getattr(parameters, name) is None]
    names = settings_sources().refused(*asked)
    if not names:
        return None
    return InputDoubt(
        kind="settings",
        source=".env",
        sentence=f"{' and '.join(names)} in the current folder {'are' if names[1:] else 'is'} not "
        f"taken from there, and nothing else says it: the run would be at {settings.base_url} with "
        f"the ledger {named(settings.ledger_url)}, which may know nobody of earlier runs",
        option=f"put it into {own_path()}, or say --env-file .env where you wrote the file",
        holds=True,
    )


def known_elsewhere(
    rows: Rows, plan: Plan, ledger: Ledger | None, settings: Settings, *, is_expected: bool
) -> InputDoubt | None:
    """
    A doubt where rows to send are known under another base URL that may be the same service.

    It holds a run that nobody attends, save where somebody has said how many new rows there are.
    """
    if ledger is None or not plan.to_send:
        return None
    for url in ledger.lookups.base_urls(settings.environment):
        if url == settings.base_url or not may_be_one_service(url, settings.base_url):
            continue
        count = _known_under(url, rows, plan, ledger, settings)
        if count:
            return InputDoubt(
                kind="base URL",
                source="",
                sentence=(
                    f"{count} of the rows look new under the base URL {settings.base_url}, and the "
                    f"ledger knows them under {url}: if that is the same service, they would be "
                    "paid for again"
                ),
                option=f"set JOBMOJITO_BASE_URL={url}, or --environment LABEL for another service",
                holds=not is_expected,
            )
    return None


def _known_under(url: str, rows: Rows, plan: Plan, ledger: Ledger, settings: Settings) -> int:
    """How many of the first of the rows to send the ledger has under another base URL."""
    slices = planned_slices(plan, [Kind.TO_SEND.value])
    to_send = next(part for part in slices if part.height).head(LOOKED_AT)
    emails = at_ordinals(rows.light, to_send[ORDINAL], EMAIL)
    places = plan.places.select(PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)
    wanted = to_send.join(emails, on=ORDINAL).join(places, on=PLACE)
    known = 0
    for (account,), mine in wanted.group_by(ACCOUNT):
        other = url + str(account).removeprefix(settings.base_url)
        known += _known_in(other, mine, ledger)
    return known


def _known_in(account: str, wanted: pl.DataFrame, ledger: Ledger) -> int:
    keys = wanted[POSITION_KEY].unique().to_list()
    known, _ = ledger.lookups.known_positions(account, keys, [])
    if not known:
        return 0
    ids = pl.DataFrame(
        {
            POSITION_KEY: list(known),
            "position_id": [position.position_id for position in known.values()],
        },
        schema={POSITION_KEY: wanted.schema[POSITION_KEY], "position_id": pl.Int64},
    )
    asked = wanted.join(ids, on=POSITION_KEY).select("position_id", EMAIL)
    return ledger.lookups.history(asked).height
