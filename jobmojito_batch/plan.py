"""
Rows and history in, a plan out: what would be sent, what is done, in doubt, invalid, a repeat.

Pure. The plan is a value: shown, it is the dry run; carried out, it is the batch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    FAULTS,
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ErrorCode,
    Outcome,
)

ACCOUNT: Final = "account"
PLACE: Final = "place"
"""UInt32: the number of a position among those of the input (one per account and key)."""
POSITION: Final = "position"
"""Int64: the ledger's id of the position, or -1 - place where the ledger has none yet."""
KIND: Final = "kind"
FIRST: Final = "first"
"""The ordinal of the row that a duplicate repeats."""
IS_INCOMPLETE: Final = "is_incomplete"
"""A row of our own results, which hold no résumé: it can be done, and cannot be sent."""
HELD_BY: Final = "held_by"
IS_IN_FLIGHT: Final = "is_in_flight"
MAY_GO: Final = "may_go"
"""Boolean: whether a row is sent when its turn comes; one in doubt is looked up first."""
EMAIL: Final = "candidate_email"
POSITION_NAME: Final = "position_name"
NAMED_PLACES: Final = ("position_location", "position_country_code", "mojito_language_code")

DEFAULT_CALL_SECONDS: Final = 5.0
"""What a call is taken to last where the ledger has not seen any: an assumption, shown as such."""


class Kind(StrEnum):
    """What the plan makes of a row; all but TO_SEND are outcomes already."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    ALREADY_DONE = "already_done"
    UNKNOWN = "unknown"
    UNRESOLVED = "unresolved"
    """Its position's first call was lost; nobody may open the position again before it settles."""
    OVER_LIMIT = "over_limit"
    TO_SEND = "to_send"


KINDS: Final = pl.Enum([kind.value for kind in Kind])

OUTCOME_OF: Final = {
    Kind.INVALID: Outcome.INVALID,
    Kind.DUPLICATE: Outcome.DUPLICATE,
    Kind.ALREADY_DONE: Outcome.ALREADY_DONE,
    Kind.UNKNOWN: Outcome.UNKNOWN,
    Kind.UNRESOLVED: Outcome.NOT_SENT,
    Kind.OVER_LIMIT: Outcome.NOT_SENT,
}
CODE_OF: Final = {
    Kind.DUPLICATE: ErrorCode.DUPLICATE_ROW,
    Kind.UNKNOWN: ErrorCode.UNSETTLED,
    Kind.UNRESOLVED: ErrorCode.POSITION_UNRESOLVED,
    Kind.OVER_LIMIT: ErrorCode.LIMIT_REACHED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What estimates rest on."""

    credits_per_candidate: float
    requests_per_second: float
    max_in_flight: int
    seconds_per_call: float = DEFAULT_CALL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do."""

    rows: pl.LazyFrame = field(repr=False)
    """ORDINAL, PLACE, KIND, FIRST, HELD_BY (run id), IS_IN_FLIGHT; by ordinal. 20 bytes a row."""
    places: pl.DataFrame = field(repr=False)
    """The positions of the input: PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY, POSITION."""
    counts: dict[Kind, int]
    keys_to_create: tuple[str, ...]
    """The POSITION_KEY of positions that nothing knows yet, in input order."""
    positions_to_reuse: int
    credits: float
    seconds: float
    warnings: tuple[str, ...] = ()
    learned_from: int = 0
    """How many rows' charges the credits rest on; 0: on the price of the settings."""

    @property
    def positions_to_create(self) -> int:
        """How many positions the run would create."""
        return len(self.keys_to_create)

    @property
    def to_send(self) -> int:
        """How many rows would be sent."""
        return self.counts[Kind.TO_SEND]


def find_places(rows: pl.LazyFrame) -> pl.DataFrame:
    """
    The distinct positions of the good rows in input order: PLACE, ACCOUNT, POSITION_KEY,
    OPENING_KEY.

    `rows` has ORDINAL, ACCOUNT, POSITION_KEY, OPENING_KEY and FAULTS, and streams.
    """
    good = rows.filter(pl.col(FAULTS).is_null())
    named = pl.col(ORDINAL).filter(pl.col(OPENING_KEY).is_not_null())
    places = (
        good.group_by(ACCOUNT, POSITION_KEY)
        .agg(pl.col(ORDINAL).min(), named.min().alias("named"))
        .collect(engine="streaming")
        .sort(ORDINAL)
        .with_row_index(PLACE)
    )
    names = at_ordinals(rows, places["named"], OPENING_KEY)
    return places.join(
        names, left_on="named", right_on=ORDINAL, how="left", maintain_order="left"
    ).select(PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)


def account_expr(account_of: Callable[[str | None], str], *, has_column: bool) -> pl.Expr:
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


def at_ordinals(rows: pl.LazyFrame, ordinals: pl.Series, *columns: str) -> pl.DataFrame:
    """ORDINAL and *columns* of a few rows."""
    wanted = ordinals.drop_nulls().unique().alias(ORDINAL).to_frame()
    return (
        rows.select(ORDINAL, *columns)
        .join(wanted.lazy(), on=ORDINAL, how="semi")
        .collect(engine="streaming")
    )


def in_part(part: int, parts: int) -> pl.Expr:
    """
    Whether a row is one of the *part*-th of *parts*: rows of one invitation are in the same.

    So each part can be planned by itself, and memory depends on its size alone.
    """
    return pl.col(EMAIL).fill_null("").hash() % parts == part


def sort_rows(rows: pl.LazyFrame, places: pl.DataFrame, history: pl.LazyFrame) -> pl.DataFrame:
    """
    Every row of a part in exactly one kind: the columns of Plan.rows, in no order.

    `rows`: ORDINAL, FAULTS, IS_INCOMPLETE, ACCOUNT, POSITION_KEY, candidate_email. `places`: those
    of Plan, and `is_unresolved`. `history`: position_id, candidate_email, state, is_in_flight,
    held_by.
    Duplicates are looked for among the rows that passed the checks, so that a bad first row does
    not take a good second one down with it.
    """
    is_good = pl.col(FAULTS).is_null()
    facts = (PLACE, POSITION, "is_unresolved")
    return (
        rows.join(
            places.lazy().select(ACCOUNT, POSITION_KEY, *facts),
            on=[ACCOUNT, POSITION_KEY],
            how="left",
        )
        .select(
            ORDINAL,
            EMAIL,
            is_good.alias("is_good"),
            IS_INCOMPLETE,
            *(pl.when(is_good).then(name).alias(name) for name in facts),
        )
        .join(history.rename({"position_id": POSITION}), on=[POSITION, EMAIL], how="left")
        .collect(engine="streaming")
        .with_columns(pl.col("is_good") & (~pl.col(IS_INCOMPLETE) | _is_settled()))
        .with_columns(_first_of_its_invitation())
        .select(
            ORDINAL,
            PLACE,
            _kind().cast(KINDS).alias(KIND),
            FIRST,
            pl.col(HELD_BY).cast(pl.Categorical),
            IS_IN_FLIGHT,
        )
    )


def make_plan(
    parts: Iterable[pl.DataFrame],
    places: pl.DataFrame,
    *,
    pricing: Pricing,
    limit: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Plan:
    """
    The plan of rows that were sorted in *parts*.

    `places`: those of Plan, `has_id` and `known_id`.
    """
    rows = pl.concat(parts).sort(ORDINAL).with_columns(_over_limit(limit))
    counts = _counts(rows)
    to_send = counts[Kind.TO_SEND]
    to_create, to_reuse = _positions(rows, places)
    return Plan(
        rows=rows.lazy(),
        places=places,
        counts=counts,
        keys_to_create=to_create,
        positions_to_reuse=to_reuse,
        credits=to_send * pricing.credits_per_candidate,
        seconds=_expected_seconds(to_send, pricing),
        warnings=warnings,
    )


def _first_of_its_invitation() -> pl.Expr:
    is_good = pl.col("is_good")
    first = pl.col(ORDINAL).filter(is_good).min().over(POSITION, EMAIL)
    return pl.when(is_good & (first < pl.col(ORDINAL))).then(first).alias(FIRST)


def _kind() -> pl.Expr:
    """First match wins; a row that is both invalid and a repeat is invalid (spec section 6)."""
    state = pl.col("state").fill_null("")
    return (
        pl.when(~pl.col("is_good"))
        .then(pl.lit(Kind.INVALID.value))
        .when(pl.col(FIRST).is_not_null())
        .then(pl.lit(Kind.DUPLICATE.value))
        .when(_is_settled())
        .then(pl.lit(Kind.ALREADY_DONE.value))
        .when(state != "")
        .then(pl.lit(Kind.UNKNOWN.value))
        .when(pl.col("is_unresolved").fill_null(value=False))
        .then(pl.lit(Kind.UNRESOLVED.value))
        .otherwise(pl.lit(Kind.TO_SEND.value))
    )


def _is_settled() -> pl.Expr:
    return pl.col("state").fill_null("") == "settled"


def _over_limit(limit: int | None) -> pl.Expr:
    if limit is None:
        return pl.col(KIND)
    is_to_send = pl.col(KIND) == Kind.TO_SEND.value
    return (
        pl.when(is_to_send & (is_to_send.cum_sum() > limit))
        .then(pl.lit(Kind.OVER_LIMIT.value, KINDS))
        .otherwise(KIND)
        .alias(KIND)
    )


def _counts(rows: pl.DataFrame) -> dict[Kind, int]:
    counted = dict(rows.group_by(KIND).len().iter_rows())
    return {kind: int(counted.get(kind.value, 0)) for kind in Kind}


def _positions(rows: pl.DataFrame, places: pl.DataFrame) -> tuple[tuple[str, ...], int]:
    """The keys of positions that the rows to send must create, and how many exist."""
    used = (
        places.join(rows.filter(pl.col(KIND) == Kind.TO_SEND.value), on=PLACE, how="semi")
        .group_by(POSITION, maintain_order=True)
        .agg(
            pl.col("has_id").any(),
            pl.col(ACCOUNT, POSITION_KEY).first(),
            pl.coalesce(OPENING_KEY, POSITION_KEY).first().alias("made_by"),
        )
    )
    new = used.filter(~pl.col("has_id"))
    # The API goes by name: of two external ids beside one name it makes one position.
    named = new.unique([ACCOUNT, "made_by"], keep="first", maintain_order=True)
    return tuple(named[POSITION_KEY]), used.height - new.height


def _expected_seconds(to_send: int, pricing: Pricing) -> float:
    by_pace = to_send / pricing.requests_per_second
    by_places = to_send * pricing.seconds_per_call / pricing.max_in_flight
    return max(by_pace, by_places)


def position_warnings(rows: pl.LazyFrame) -> tuple[str, ...]:
    """
    Positions whose rows disagree about place, country or language, and names that look like one.

    `rows`: FAULTS, POSITION_KEY, and those of NAMED_PLACES and position_name that the input has.
    """
    named = rows.filter(
        pl.col(FAULTS).is_null() & pl.col(POSITION_KEY).str.contains("^(?:name|ext):")
    )
    present = rows.collect_schema().names()
    fields: list[str] = [name for name in NAMED_PLACES if name in present]
    warnings = _disagreements(named, fields) if fields else []
    if POSITION_NAME in present:
        warnings += _alike_names(named)
        warnings += _names_of_several_ids(named)
    return tuple(warnings)


def _names_of_several_ids(named: pl.LazyFrame) -> list[str]:
    """Names beside several external ids: positions of their own here, and perhaps one there."""
    several = (
        named.filter(pl.col(POSITION_KEY).str.starts_with("ext:"))
        .group_by(OPENING_KEY)
        .agg(
            pl.col(ORDINAL).min(),
            pl.col(POSITION_NAME).sort_by(ORDINAL).first(),
            pl.col(POSITION_KEY).unique().sort(),
        )
        .filter(pl.col(POSITION_KEY).list.len() > 1)
        .sort(ORDINAL)
        .collect(engine="streaming")
    )
    return [
        f"'{name}' stands beside {len(keys)} position ids "
        f"({_some([repr(key.removeprefix('ext:')) for key in keys])}): the API goes by name, so "
        "they may be one position there, and who is in several rows of it is called for each"
        for name, keys in several.select(POSITION_NAME, POSITION_KEY).iter_rows()
    ]


def _disagreements(named: pl.LazyFrame, fields: list[str]) -> list[str]:
    """Field by field, so that what is held are the distinct pairs of position and value."""
    position_values = [
        (first, number, key, values)
        for number, name in enumerate(fields)
        for key, first, values in _values_of(named, name).iter_rows()
    ]
    return [
        f"position '{key.split(':', 1)[1]}': rows give different {fields[number]} "
        f"({_some(values)}); the API goes by name, so the first row decides for all"
        for _, number, key, values in sorted(position_values)
        if len(values) > 1
    ]


def _values_of(named: pl.LazyFrame, name: str) -> pl.DataFrame:
    """POSITION_KEY, the position's first ordinal, the distinct values of a field in input order."""
    return (
        named.group_by(POSITION_KEY, name)
        .agg(pl.col(ORDINAL).min())
        .collect(engine="streaming")
        .sort(ORDINAL)
        .group_by(POSITION_KEY, maintain_order=True)
        .agg(pl.col(ORDINAL).min(), pl.col(name).drop_nulls())
    )


def _alike_names(named: pl.LazyFrame) -> list[str]:
    """Spellings of one name, which is one position, and names that may have been meant as one."""
    name = pl.col(POSITION_NAME)
    # Accents and punctuation aside: what the API takes for two, and a person may not.
    bare = name.str.normalize("NFKD").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")
    spelled = (
        named.group_by(name, OPENING_KEY)
        .agg(pl.col(ORDINAL).min())
        .sort(ORDINAL)
        .collect(engine="streaming")
        .with_columns(bare.alias("bare"))
    )
    alike = spelled.group_by("bare", maintain_order=True).agg(
        POSITION_NAME, pl.col(OPENING_KEY).n_unique().alias("positions")
    )
    return [
        f"position names {_some(names)} look like one; they are {positions} positions"
        if positions > 1
        else f"position '{names[0]}' is written in {len(names)} ways ({_some(names)}); it is one"
        for _, names, positions in alike.iter_rows()
        if len(names) > 1
    ]


def _some(values: list[str]) -> str:
    return f"{', '.join(values[:4])}{', …' if len(values) > 4 else ''}"  # noqa: PLR2004
