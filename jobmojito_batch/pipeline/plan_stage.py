"""
The prepared rows of a run → its plan, in parts of bounded size.

What lies on the disk is scanned, by the streaming engine where it aggregates; what the ledger knows
of the input's positions is fetched once, into a file beside the rows, and joined part by part.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import ValidationError

from jobmojito_batch.columns import FAULTS, OPENING_KEY, ORDINAL, POSITION_KEY, SOURCE, ErrorCode
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.ledger import HISTORY_SCHEMA, Ledger
from jobmojito_batch.normalise import fault_in, to_members
from jobmojito_batch.pipeline.known_places import with_ledger
from jobmojito_batch.pipeline.preview import MEMBERS, REFUSED_BY_MODEL
from jobmojito_batch.pipeline.requisitions import NOTHING_PARTED, Parted
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    EMAIL,
    IS_INCOMPLETE,
    KIND,
    PLACE,
    POSITION,
    POSITION_NAME,
    Kind,
    Plan,
    Pricing,
    account_expr,
    at_ordinals,
    find_places,
    in_part,
    make_plan,
    position_warnings,
    sort_rows,
)
from jobmojito_batch.publish import write_parquet
from jobmojito_batch.records import Fault

SLICE_ROWS: Final = 5_000
"""Rows with all their cells that are held at a time."""
SAMPLE_ROWS: Final = 1_000
"""Rows that are held against the request model before anything is sent."""
PART_ROWS: Final = 250_000
"""Rows with the columns of planning that are held at a time."""
_LACKS_ALONE: Final = rf"^(?:{ErrorCode.MISSING_FIELD}:\S+ ?)+$"
"""FAULTS of a row that lacks something and has nothing wrong."""
FEW_ROWS: Final = 20_000
"""As many invitations are looked up one by one; for more, those of their positions are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The prepared rows, and what planning looks at."""

    prepared: Path
    count: int
    light: pl.LazyFrame
    """ORDINAL, FAULTS, IS_INCOMPLETE, ACCOUNT, POSITION_KEY, OPENING_KEY, candidate_email."""
    refused_by_model: dict[int, Fault]
    """Rows that passed the rules and not the request model, by ordinal."""
    of_results: Collection[str] = ()
    """The sources that are our own results, handed back."""
    parted: Parted = NOTHING_PARTED
    """The external ids that are several positions."""

    @classmethod
    def of(
        cls,
        prepared: Path,
        account_of: Callable[[str | None], str],
        of_results: Collection[str] = (),
        parted: Parted = NOTHING_PARTED,
    ) -> "Rows":
        """
        The rows of a prepared file; *account_of* tells the account of a merchant_id.

        *of_results* are the sources that are our own results.
        """
        refused = _refused_by_model(prepared)
        return cls(
            prepared=prepared,
            count=pl.scan_parquet(prepared).select(pl.len()).collect().item(),
            light=light_of(pl.scan_parquet(prepared), refused, account_of, of_results),
            refused_by_model=refused,
            of_results=of_results,
            parted=parted,
        )


def slices(prepared: Path, *, only: list[str]) -> Iterator[pl.DataFrame]:
    """The prepared rows, SLICE_ROWS at a time, with those of the columns that there are."""
    frame = pl.scan_parquet(prepared)
    present = frame.collect_schema().names()
    frame = frame.select([name for name in only if name in present])
    height = pl.scan_parquet(prepared).select(pl.len()).collect().item()
    for start in range(0, height, SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS).collect()


def planned_slices(plan: Plan, kinds: Collection[str]) -> Iterator[pl.DataFrame]:
    """The planned rows of some kinds in input order, those of PART_ROWS rows at a time."""
    height = plan.rows.select(pl.len()).collect().item()
    for start in range(0, max(height, 1), PART_ROWS):
        yield plan.rows.slice(start, PART_ROWS).filter(pl.col(KIND).is_in(kinds)).collect()


def _refused_by_model(prepared: Path) -> dict[int, Fault]:
    """
    Rows among the first that pass every rule and yet not the request model.

    The rules say all that the model does (a property of the tests), and a row is held against the
    model before it is sent. This is a net below both: a gap that many rows fall through is seen
    while nothing is sent, and reported like any other fault.
    """
    first = islice(slices(prepared, only=[ORDINAL, FAULTS, *MEMBERS]), 1)
    return refused_among(rows.head(SAMPLE_ROWS) for rows in first)


def refused_among(frames: Iterable[pl.DataFrame]) -> dict[int, Fault]:
    """The same of rows with ORDINAL, FAULTS and members."""
    refused: dict[int, Fault] = {}
    alike: dict[Fault, Fault] = {}  # one object for all rows with a fault
    for rows in frames:
        for row in rows.filter(pl.col(FAULTS).is_null()).drop(FAULTS).iter_rows(named=True):
            ordinal = row.pop(ORDINAL)
            try:
                CreateRequest.model_validate(to_members(row))
            except ValidationError as exc:
                fault = fault_in(exc)
                refused[ordinal] = alike.setdefault(fault, fault)
    return refused


def light_of(
    frame: pl.LazyFrame,
    refused: Collection[int],
    account_of: Callable[[str | None], str],
    of_results: Collection[str] = (),
) -> pl.LazyFrame:
    """What planning looks at of prepared rows: no résumé, no original cells."""
    has = frame.collect_schema().names()
    faults = pl.col(FAULTS)
    if refused:
        is_refused = pl.col(ORDINAL).is_in(list(refused))
        faults = pl.when(is_refused).then(pl.lit(REFUSED_BY_MODEL)).otherwise(FAULTS)
    is_incomplete = pl.lit(value=False)
    if of_results:
        lacks_alone = pl.col(FAULTS).str.contains(_LACKS_ALONE) & pl.col(EMAIL).is_not_null()
        is_ours = pl.col(SOURCE).is_in(list(of_results)) & pl.col(POSITION_KEY).is_not_null()
        is_incomplete = (is_ours & lacks_alone).fill_null(value=False)
    return frame.select(
        ORDINAL,
        pl.when(~is_incomplete).then(faults).alias(FAULTS),
        is_incomplete.alias(IS_INCOMPLETE),
        POSITION_KEY,
        OPENING_KEY,
        pl.col(EMAIL) if EMAIL in has else pl.lit(None, pl.String).alias(EMAIL),
        account_expr(account_of, has_column="merchant_id" in has),
    )


def plan_rows(
    rows: Rows, ledger: Ledger | None, spool: Spool, *, pricing: Pricing, limit: int | None
) -> Plan:
    """The plan of the prepared rows; its rows lie in the spool."""
    places = with_ledger(find_places(rows.light), ledger)
    history = _history(rows, places, ledger, spool)
    parts = max(1, math.ceil(rows.count / PART_ROWS))
    plan = make_plan(
        (
            sort_rows(
                rows.light.filter(in_part(part, parts)),
                places,
                history.filter(in_part(part, parts)),
            )
            for part in range(parts)
        ),
        places,
        pricing=pricing,
        limit=limit,
        warnings=position_warnings(pl.scan_parquet(rows.prepared)),
    )
    spool.planned.touch(mode=0o600)
    plan.rows.sink_parquet(spool.planned, compression="lz4")
    return replace(plan, rows=pl.scan_parquet(spool.planned))


def kinds_among(rows: Rows, ledger: Ledger | None, spool: Spool) -> pl.DataFrame:
    """The kinds of a few rows (`sort_rows`), with all that have one of their addresses."""
    places = with_ledger(find_places(rows.light), ledger)
    return sort_rows(rows.light, places, _history(rows, places, ledger, spool))


def to_send_by_account(plan: Plan) -> dict[str, int]:
    """How many rows would be sent for each account."""
    if plan.places[ACCOUNT].n_unique() <= 1:
        return dict.fromkeys(plan.places[ACCOUNT].unique(), plan.to_send)
    places = plan.places.lazy().select(PLACE, ACCOUNT)
    counted = (
        plan.rows.filter(pl.col(KIND) == Kind.TO_SEND.value)
        .join(places, on=PLACE)
        .group_by(ACCOUNT)
        .len()
        .collect(engine="streaming")
    )
    return dict(counted.iter_rows())


# What the ledger knows


def _history(rows: Rows, places: pl.DataFrame, ledger: Ledger | None, spool: Spool) -> pl.LazyFrame:
    """What became of the invitations of the good rows (HISTORY_SCHEMA), and of others."""
    known = places.filter(pl.col(POSITION) >= 0)
    if ledger is None or known.is_empty():
        return pl.LazyFrame(schema=HISTORY_SCHEMA)
    wanted = (
        rows.light.filter(pl.col(FAULTS).is_null())
        .join(known.lazy(), on=[ACCOUNT, POSITION_KEY])
        .select(pl.col(POSITION).alias("position_id"), EMAIL)
    )
    if rows.count <= FEW_ROWS:
        return ledger.lookups.history(wanted.collect(engine="streaming")).lazy()
    ids = known[POSITION].unique().to_list()
    parts = math.ceil(rows.count / PART_ROWS)
    in_parts = (
        wanted.filter(in_part(part, parts)).collect(engine="streaming") for part in range(parts)
    )
    spool.history.touch(mode=0o600)
    write_parquet(
        spool.history,
        chain(ledger.lookups.history_of(ids), ledger.lookups.forgotten_among(ids, in_parts)),
        HISTORY_SCHEMA,
    )
    return pl.scan_parquet(spool.history)


# What a person is told


def names_of(keys: tuple[str, ...], rows: Rows) -> tuple[str, ...]:
    """Positions as their first row writes them; one that has no name by its external id."""
    scan = pl.scan_parquet(rows.prepared)
    if POSITION_NAME not in scan.collect_schema().names():
        return tuple(key.partition(":")[2] for key in keys)
    first = (
        scan.filter(pl.col(FAULTS).is_null() & pl.col(POSITION_NAME).is_not_null())
        .group_by(POSITION_KEY)
        .agg(pl.col(ORDINAL).min())
        .collect(engine="streaming")
    )
    named = first.join(at_ordinals(scan, first[ORDINAL], POSITION_NAME), on=ORDINAL)
    names = dict(named.select(POSITION_KEY, POSITION_NAME).iter_rows())
    return tuple(names.get(key) or key.partition(":")[2] for key in keys)


def people_to_send(rows: Rows, plan: Plan) -> int:
    """The addresses among the rows that would be sent."""
    sent = plan.rows.filter(pl.col(KIND) == Kind.TO_SEND.value).select(ORDINAL)
    people = rows.light.join(sent, on=ORDINAL, how="semi").select(pl.col(EMAIL).n_unique())
    return int(people.collect(engine="streaming").item())


def reasons(rows: Rows, plan: Plan) -> dict[str, int]:
    """Rows that will not be sent, by error code; the first fault of a row counts."""
    counts: Counter[str] = Counter()
    leading = (
        rows.light.select(pl.col(FAULTS).str.split(" ").list.first().drop_nulls())
        .group_by(FAULTS)
        .len()
        .collect(engine="streaming")
    )
    for name, count in leading.iter_rows():
        counts[name.partition(":")[0]] += count
    if rows.of_results:
        counts[ErrorCode.MISSING_FIELD.value] += _incomplete(rows, plan)
    for kind, code in CODE_OF.items():
        if plan.counts[kind]:
            counts[code.value] += plan.counts[kind]
    return dict(sorted((+counts).items(), key=lambda pair: (-pair[1], pair[0])))


def _incomplete(rows: Rows, plan: Plan) -> int:
    """Rows of our own results that lack something and are not done."""
    invalid = plan.rows.filter(pl.col(KIND) == Kind.INVALID.value).select(ORDINAL)
    lacking = rows.light.filter(IS_INCOMPLETE).join(invalid, on=ORDINAL, how="semi")
    return int(lacking.select(pl.len()).collect(engine="streaming").item())
