"""
The prepared rows of a run → its plan, in parts of bounded size.

What lies on the disk is scanned, by the streaming engine where it aggregates; what the ledger knows
of the input's positions is fetched once, into a file beside the rows, and joined part by part.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import ValidationError

from jobmojito_batch.columns import FAULTS, OPENING_KEY, ORDINAL, POSITION_KEY, ErrorCode
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.ledger import HISTORY_SCHEMA, KnownPosition, Ledger
from jobmojito_batch.normalise import to_members
from jobmojito_batch.pipeline.preview import MEMBERS, REFUSED_BY_MODEL
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.plan import (
    ACCOUNT,
    CODE_OF,
    EMAIL,
    KIND,
    PLACE,
    POSITION,
    POSITION_NAME,
    Plan,
    Pricing,
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
PART_ROWS: Final = 250_000
"""Rows with the columns of planning that are held at a time."""
FEW_ROWS: Final = 20_000
"""As many invitations are looked up one by one; for more, those of their positions are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The prepared rows, and what planning looks at."""

    prepared: Path
    count: int
    light: pl.LazyFrame
    """ORDINAL, FAULTS, ACCOUNT, POSITION_KEY, OPENING_KEY, candidate_email."""
    refused_by_model: dict[int, Fault]
    """Rows that passed the rules and not the request model, by ordinal."""

    @classmethod
    def of(cls, prepared: Path, account_of: Callable[[str | None], str]) -> "Rows":
        """The rows of a prepared file; *account_of* tells the account of a merchant_id."""
        refused = _refused_by_model(prepared)
        return cls(
            prepared=prepared,
            count=pl.scan_parquet(prepared).select(pl.len()).collect().item(),
            light=_light(prepared, refused, account_of),
            refused_by_model=refused,
        )


def slices(prepared: Path, *, only: list[str]) -> Iterator[pl.DataFrame]:
    """The prepared rows, SLICE_ROWS at a time, with those of the columns that there are."""
    frame = pl.scan_parquet(prepared)
    there = frame.collect_schema().names()
    frame = frame.select([name for name in only if name in there])
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
    Rows that pass every rule and yet not the request model.

    The rules are meant to say all that the model does, so this is a net below them: what it
    catches is reported like any other fault, not sent and not a traceback.
    """
    refused: dict[int, Fault] = {}
    alike: dict[Fault, Fault] = {}  # one object for all rows with a fault
    for rows in slices(prepared, only=[ORDINAL, FAULTS, *MEMBERS]):
        for row in rows.filter(pl.col(FAULTS).is_null()).drop(FAULTS).iter_rows(named=True):
            ordinal = row.pop(ORDINAL)
            try:
                CreateRequest.model_validate(to_members(row))
            except ValidationError as exc:
                fault = _fault(exc)
                refused[ordinal] = alike.setdefault(fault, fault)
    return refused


def _fault(exc: ValidationError) -> Fault:
    first = exc.errors(include_input=False, include_url=False)[0]
    field_name = str(first["loc"][0]) if first["loc"] else ""
    return Fault(
        code=ErrorCode.INVALID_VALUE.value,
        field=field_name,
        message=f"{field_name}: {first['msg']}; correct the cell",
    )


def _light(
    prepared: Path, refused: Collection[int], account_of: Callable[[str | None], str]
) -> pl.LazyFrame:
    """What planning looks at: no résumé, no original cells."""
    frame = pl.scan_parquet(prepared)
    has = frame.collect_schema().names()
    faults = pl.col(FAULTS)
    if refused:
        is_refused = pl.col(ORDINAL).is_in(list(refused))
        faults = pl.when(is_refused).then(pl.lit(REFUSED_BY_MODEL)).otherwise(FAULTS)
    return frame.select(
        ORDINAL,
        faults.alias(FAULTS),
        POSITION_KEY,
        OPENING_KEY,
        pl.col(EMAIL) if EMAIL in has else pl.lit(None, pl.String).alias(EMAIL),
        _account(account_of, has_column="merchant_id" in has),
    )


def _account(account_of: Callable[[str | None], str], *, has_column: bool) -> pl.Expr:
    """
    The account of each row.

    A row with a merchant_id acts for that merchant: its positions and ids are not another's.
    """
    of_token = pl.lit(account_of(None))
    if not has_column:
        return of_token.alias(ACCOUNT)
    before, _, after = account_of("\0").partition("\0")
    own = pl.concat_str(pl.lit(before), "merchant_id", pl.lit(after))
    return pl.coalesce(own, of_token).alias(ACCOUNT)


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
        return ledger.history(wanted.collect(engine="streaming")).lazy()
    ids = known[POSITION].unique().to_list()
    parts = math.ceil(rows.count / PART_ROWS)
    in_parts = (
        wanted.filter(in_part(part, parts)).collect(engine="streaming") for part in range(parts)
    )
    spool.history.touch(mode=0o600)
    write_parquet(
        spool.history,
        chain(ledger.history_of(ids), ledger.forgotten_among(ids, in_parts)),
        HISTORY_SCHEMA,
    )
    return pl.scan_parquet(spool.history)


def with_ledger(places: pl.DataFrame, ledger: Ledger | None) -> pl.DataFrame:
    """The positions with what the ledger knows: POSITION, has_id, is_unresolved, known_id."""
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
            PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY
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
    for kind, code in CODE_OF.items():
        if plan.counts[kind]:
            counts[code.value] += plan.counts[kind]
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
