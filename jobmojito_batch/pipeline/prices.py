"""What the rows of a plan will cost by what rows like them really cost (`followup --credits`)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import ORDINAL
from jobmojito_batch.ledger import Ledger, Price
from jobmojito_batch.pipeline.plan_stage import Rows, plan_rows
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.source_layout import DURATION, TEMPLATE
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.plan import ACCOUNT, KIND, PLACE, Kind, Plan, Pricing

FEWEST_ROWS: Final = 20
"""So many rows of a kind need charges before an estimate goes by them."""


def kind_of(template: str | None, duration: str | None) -> str:
    """What decides the price of a row, as one text: its template and its duration."""
    return f"{(template or '').strip()}|{_as_number(duration)}"


def _as_number(text: str | None) -> str:
    try:
        return f"{float(text):g}" if text and text.strip() else ""
    except ValueError:
        return text.strip() if text else ""


def priced_plan(request: RunRequest, rows: Rows, ledger: Ledger | None, spool: Spool) -> Plan:
    """What becomes of the rows, and at what price by what earlier calls did cost."""
    settings = request.settings
    price = settings.credits_per_candidate
    pricing = Pricing(
        credits_per_candidate=price,
        requests_per_second=settings.requests_per_second,
        max_in_flight=settings.max_in_flight,
    )
    plan = plan_rows(rows, ledger, spool, pricing=pricing, limit=request.parameters.limit)
    return with_learned_price(plan, spool.prepared, ledger, credits_per_candidate=price)


def with_learned_price(
    plan: Plan, prepared: Path, ledger: Ledger | None, *, credits_per_candidate: float
) -> Plan:
    """
    The plan, its credits by what rows of the same template and duration really cost.

    Rows of which too little is known are taken at *credits_per_candidate*; where that is all of
    them, the plan stays as it is.
    """
    known = _known_prices(plan, ledger)
    if not known or not plan.to_send:
        return plan
    credits_, learned_from = 0.0, 0
    seen: set[tuple[str, str]] = set()
    for account, template, duration, rows in _kinds(plan, prepared).iter_rows():
        key = account, kind_of(template, duration)
        price = known.get(key)
        each = price.credits / price.rows if price is not None else credits_per_candidate
        credits_ += rows * each
        if price is not None and key not in seen:
            seen.add(key)
            learned_from += price.rows
    if not learned_from:
        return plan
    return replace(plan, credits=round(credits_, 2), learned_from=learned_from)


def _known_prices(plan: Plan, ledger: Ledger | None) -> Mapping[tuple[str, str], Price]:
    if ledger is None:
        return {}
    return {
        (account, price.kind): price
        for account in plan.places[ACCOUNT].unique()
        for price in ledger.followups.prices(account)
        if price.rows >= FEWEST_ROWS
    }


def _kinds(plan: Plan, prepared: Path) -> pl.DataFrame:
    """How many rows of each account, template and duration would be sent."""
    frame = pl.scan_parquet(prepared)
    present = frame.collect_schema().names()
    cells = [
        pl.col(name) if name in present else pl.lit(None, pl.String).alias(name)
        for name in (TEMPLATE, DURATION)
    ]
    places = plan.places.lazy().select(PLACE, ACCOUNT)
    return (
        plan.rows.filter(pl.col(KIND) == Kind.TO_SEND.value)
        .join(places, on=PLACE)
        .join(frame.select(ORDINAL, *cells), on=ORDINAL)
        .group_by(ACCOUNT, TEMPLATE, DURATION)
        .len()
        .collect(engine="streaming")
    )
