"""
External ids of positions with several names: in one input, and beside what the ledger knows.

Nobody is interviewed for another job than the row says: each name is a position of its own then,
opened by its name, and the id is not sent. In one input both names are seen at once; a name that an
id has got since an earlier run may be the same job renamed, whose people would be paid for again,
so that a person decides.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from jobmojito_batch.columns import FAULTS, OPENING_KEY, ORDINAL, POSITION_KEY, ROW, SOURCE
from jobmojito_batch.ledger import InvitedUnder, Ledger, pair_key
from jobmojito_batch.normalise import folded_name
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.pipeline.work_dir import write_again
from jobmojito_batch.plan import ACCOUNT, POSITION_NAME, account_expr
from jobmojito_batch.records import InputDoubt

POSITION_ID: Final = "position_external_id"
EXAMPLES: Final = 3
_IS_APART: Final = "is_apart"


class Pair(NamedTuple):
    """An external id beside one of the names that rows give it."""

    account: str
    external_id: str
    name: str
    """Folded, as keys are."""
    written: str
    """As the first row writes it."""
    ordinal: int
    source: str
    row: int
    to_go: int
    """The rows without a fault that go by the id."""


class KnownId(NamedTuple):
    """What the ledger has of an external id."""

    names: frozenset[str]
    """The names that its position was made under; none where nobody knows."""
    invited: frozenset[str] = frozenset()
    """Other names under which people were invited by the id."""
    written: str = ""
    """The name of its position, as a row wrote it."""


class Standing(Enum):
    """What an external id is beside a name."""

    AGREES = auto()
    """The id's own name, or nothing speaks against it."""
    AS_BEFORE = auto()
    """Not the id's own name, but people were invited by the id under it."""
    APART = auto()
    """Known as a position of its own."""
    SEVERAL = auto()
    """New, beside another name of the input: a position of its own."""
    RENAMED = auto()
    """New, beside the name that the ledger has: a position of its own, if a person says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """External ids that are several positions here."""

    doubts: tuple[InputDoubt, ...] = ()
    seen: tuple[Pair, ...] = ()
    """Those that will be known as positions of their own, whoever is asked."""
    asked: tuple[Pair, ...] = ()
    """Those that a person is asked about."""


def standing(pair: Pair, known: KnownId | None, *, is_apart: bool, has_others: bool) -> Standing:
    """
    What an id is beside a name: *is_apart* if the ledger has the pair as a position of its own.

    *has_others*: the input has the id beside other names, too.
    """
    if is_apart:
        return Standing.APART
    if known is None or not known.names:
        return Standing.SEVERAL if has_others else Standing.AGREES
    if pair.name in known.names or not pair.to_go:
        return Standing.AGREES
    return Standing.AS_BEFORE if pair.name in known.invited else Standing.RENAMED


def part_requisitions(
    prepared: Path,
    layouts: Sequence[Layout],
    ledger: Ledger | None,
    account_of: Callable[[str | None], str],
) -> Parted:
    """Part the external ids of prepared rows that have several names, here or in earlier runs."""
    present = pl.scan_parquet(prepared).collect_schema().names()
    if not {POSITION_ID, POSITION_NAME} <= set(present):
        return Parted()
    account = account_expr(account_of, has_column="merchant_id" in present)
    pairs = _pairs(prepared, account)
    known, apart = _known(pairs, ledger)
    by_id: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_id[pair.account, pair.external_id].append(pair)
    standings = {
        pair: standing(pair, known.get(id_), is_apart=pair in apart, has_others=len(of_one_id) > 1)
        for id_, of_one_id in by_id.items()
        for pair in of_one_id
    }
    of_their_own = [
        pair
        for pair, is_ in standings.items()
        if is_ in {Standing.APART, Standing.SEVERAL, Standing.RENAMED}
    ]
    if of_their_own:
        write_again(prepared, _without_ids(pl.scan_parquet(prepared), account, of_their_own))
    layout_of = {layout.source: layout for layout in layouts}
    doubts: list[InputDoubt] = []
    for id_, of_one_id in by_id.items():
        if sum(pair in of_their_own for pair in of_one_id) > 1:
            doubts.append(_told_of_several(of_one_id))
        for pair in of_one_id:
            if standings[pair] is Standing.RENAMED:
                doubts.append(_asked(pair, known[id_], layout_of[pair.source]))
            elif standings[pair] is Standing.AS_BEFORE:
                doubts.append(_told_of_old_name(pair, known[id_]))
    asked = [pair for pair, is_ in standings.items() if is_ is Standing.RENAMED]
    return Parted(
        doubts=tuple(doubts),
        seen=tuple(pair for pair in of_their_own if pair not in asked),
        asked=tuple(asked),
    )


def _pairs(prepared: Path, account: pl.Expr) -> list[Pair]:
    """Each external id beside each of its names, in input order."""
    goes_by_id = pl.col(FAULTS).is_null() & pl.col(POSITION_KEY).str.starts_with("ext:")
    frame = (
        pl.scan_parquet(prepared)
        .filter(pl.col(POSITION_ID).is_not_null() & pl.col(OPENING_KEY).is_not_null())
        .with_columns(account)
        .group_by(ACCOUNT, POSITION_ID, OPENING_KEY)
        .agg(
            pl.col(POSITION_NAME, SOURCE, ROW).sort_by(ORDINAL).first(),
            pl.col(ORDINAL).min(),
            goes_by_id.sum().alias("to_go"),
        )
        .sort(ORDINAL)
        .collect(engine="streaming")
    )
    columns = (
        ACCOUNT, POSITION_ID, OPENING_KEY, POSITION_NAME, ORDINAL, SOURCE, ROW, "to_go"
    )  # fmt: skip
    return [Pair(*values) for values in frame.select(columns).iter_rows()]


def _without_ids(frame: pl.LazyFrame, account: pl.Expr, pairs: Sequence[Pair]) -> pl.LazyFrame:
    """The rows of these pairs by their names; where the id made the position, its name does now."""
    apart = pl.LazyFrame(
        [(pair.account, pair.external_id, pair.name, True) for pair in pairs],
        schema={
            ACCOUNT: pl.String,
            POSITION_ID: pl.String,
            OPENING_KEY: pl.String,
            _IS_APART: pl.Boolean,
        },
        orient="row",
    )
    is_apart = pl.col(_IS_APART).is_not_null()
    by_name = pl.concat_str(pl.lit("name:"), pl.col(OPENING_KEY))
    return (
        frame.with_columns(account)
        .join(apart, on=[ACCOUNT, POSITION_ID, OPENING_KEY], how="left", maintain_order="left")
        .with_columns(
            pl.when(~is_apart).then(POSITION_ID).alias(POSITION_ID),
            pl.when(is_apart & pl.col(POSITION_KEY).str.starts_with("ext:"))
            .then(by_name)
            .otherwise(POSITION_KEY)
            .alias(POSITION_KEY),
        )
        .drop(ACCOUNT, _IS_APART)
    )


# What the ledger knows


def _known(
    pairs: Sequence[Pair], ledger: Ledger | None
) -> tuple[Mapping[tuple[str, str], KnownId], set[Pair]]:
    """What it has of ids, by account and id, and the pairs that are positions of their own."""
    known: dict[tuple[str, str], KnownId] = {}
    apart: set[Pair] = set()
    if ledger is None:
        return known, apart
    by_account: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_account[pair.account].append(pair)
    for account, mine in by_account.items():
        by_key = {pair_key(pair.external_id, pair.name): pair for pair in mine}
        apart |= {by_key[key] for key in ledger.lookups.keys_among(account, list(by_key))}
        ids = list({pair.external_id: None for pair in mine})
        requisitions = ledger.lookups.requisitions(account, ids)
        unlike = {
            requisitions[pair.external_id].position_id
            for pair in mine
            if pair.external_id in requisitions
            and pair not in apart
            and requisitions[pair.external_id].opening_key not in {None, pair.name}
        }
        more = ledger.lookups.names_of(sorted(unlike)) if unlike else None
        for id_, (position_id, opening_key) in requisitions.items():
            own = frozenset({opening_key} if opening_key is not None else ())
            known[account, id_] = KnownId(own)
            if more is not None and position_id in unlike:
                others = {name for other, name in more.opening_keys if other == position_id}
                invited = [under for under in more.invited if under.position_id == position_id]
                known[account, id_] = _with_names(own | others, opening_key, invited)
    return known, apart


def _with_names(
    names: frozenset[str], opening_key: str | None, invited: Sequence[InvitedUnder]
) -> KnownId:
    oldest_first = sorted(invited, key=lambda under: under.first)
    own = (under.name for under in oldest_first if folded_name(under.name) == opening_key)
    return KnownId(
        names,
        frozenset(folded_name(under.name) for under in invited) - names,
        next(own, opening_key or ""),
    )


# What a person is told


def _told_of_several(pairs: Sequence[Pair]) -> InputDoubt:
    first = min(pairs, key=lambda pair: pair.ordinal)
    written = sorted(pair.written for pair in pairs)
    return InputDoubt(
        kind="id",
        source=first.source,
        sentence=f"the position id '{first.external_id}' has {len(pairs)} names "
        f"({', '.join(repr(name) for name in written[:EXAMPLES])}"
        f"{', …' if len(pairs) > EXAMPLES else ''}): each name is a position of its own here, and "
        "the id is not sent",
        option="correct the id, or the names, where they are meant to be one",
        rows=(first.row,),
        holds=False,
    )


def _told_of_old_name(pair: Pair, known: KnownId) -> InputDoubt:
    return InputDoubt(
        kind="id",
        source=pair.source,
        sentence=f"the position id '{pair.external_id}' was made as '{known.written}', and people "
        f"were invited by it as '{pair.written}', too: both are the position "
        f"'{known.written}' here",
        option="where they are two jobs, give each an id of its own",
        rows=(pair.row,),
        holds=False,
    )


def _asked(pair: Pair, known: KnownId, layout: Layout) -> InputDoubt:
    rows = f"{pair.to_go} row{'s' * (pair.to_go != 1)}"
    return InputDoubt(
        kind="id",
        source=pair.source,
        sentence=f"the position id '{pair.external_id}' was '{known.written}' in earlier runs and "
        f"is '{pair.written}' in {rows} here: as another job that is a position of its own, and "
        f"who was invited as '{known.written}' is invited and paid for again",
        option="; ".join(_ways_out(pair, known, layout)),
        rows=(pair.row,),
    )


def _ways_out(pair: Pair, known: KnownId, layout: Layout) -> Iterator[str]:
    """The same job under its old name, or another job: options to copy."""
    keep = f'if it is the same job renamed, keep its name: --set "position_name!={known.written}"'
    if POSITION_NAME in layout.fields:
        header = layout.headers[layout.fields[POSITION_NAME]]
        keep += (
            f", or for a file of several jobs a table for --positions in which "
            f"'{pair.external_id}' is '{known.written}', with --map \"{header}=\""
        )
    yield keep
    another = "if it is another job, give it an id of its own"
    if POSITION_ID in layout.fields:
        header = layout.headers[layout.fields[POSITION_ID]]
        yield f'{another}, or have names decide: --map "{header}="'
    else:
        yield another


NOTHING_PARTED: Final = Parted()
