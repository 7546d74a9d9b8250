"""
Under which base URL the ledger knows an account, and whether it knows the rows under another.

Account is base URL, merchant and environment: another spelling of the URL makes everybody new, and
everybody would be paid for again.
"""

from typing import Final

import polars as pl

from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY
from jobmojito_batch.env_files import own_path
from jobmojito_batch.ledger import Ledger, named
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.plan_stage import Rows, planned_slices
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
