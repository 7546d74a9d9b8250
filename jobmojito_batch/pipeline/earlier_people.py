"""
Addresses at which an earlier run has invited somebody else.

As within one input (`contradictions.py`): nobody is given another person's link, and nobody is sent
at another's address without a word. Whose name the ledger does not know (they were forgotten, or a
row was kept without) is compared with nobody.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from jobmojito_batch.columns import FAULTS, ORDINAL, POSITION_KEY, SOURCE
from jobmojito_batch.ledger import PEOPLE_SCHEMA, Ledger
from jobmojito_batch.normalise import words_of_name
from jobmojito_batch.pipeline.contradictions import (
    CANDIDATE_ID,
    NAME,
    has_ids_of_people,
    id_of_person,
    is_somebody_else,
    with_several_people,
)
from jobmojito_batch.pipeline.known_places import with_ledger
from jobmojito_batch.pipeline.plan_stage import FEW_ROWS, PART_ROWS, Rows
from jobmojito_batch.pipeline.source_layout import Layout, from_json
from jobmojito_batch.pipeline.work_dir import Spool, write_again
from jobmojito_batch.plan import ACCOUNT, EMAIL, POSITION, find_places, in_part
from jobmojito_batch.publish import write_parquet

FEWEST_COUNTED_ANEW: Final = 3
"""
So many people with another id than before, more than with the same one: the ids count the rows of
an export, and tell nobody apart from one day to the next.
"""
_KNOWN: Final = ("known_run", "known_source", "known_row")


def part_people(rows: Rows, layouts: Sequence[Layout], ledger: Ledger | None, spool: Spool) -> bool:
    """Make rows invalid whose address is somebody else's by the ledger; whether there were any."""
    present = pl.scan_parquet(rows.prepared).collect_schema().names()
    if ledger is None or NAME not in present:
        return False
    places = with_ledger(find_places(rows.light), ledger)
    if places.is_empty() or not _fetch_people(rows, places, ledger, spool):
        return False
    known = pl.scan_parquet(spool.people)
    cells = pl.scan_parquet(rows.prepared).select(
        ORDINAL,
        SOURCE,
        pl.col(NAME).alias("name"),
        id_of_person(layouts) if CANDIDATE_ID in present else pl.lit(None, pl.String).alias("id"),
    )
    parts = max(1, -(-rows.count // PART_ROWS))
    other_of: dict[int, str] = {}
    for part in range(parts):
        mine = (
            rows.light.filter(pl.col(FAULTS).is_null() & in_part(part, parts))
            .join(places.lazy(), on=[ACCOUNT, POSITION_KEY])
            .select(ORDINAL, ACCOUNT, EMAIL, POSITION)
            .join(cells, on=ORDINAL)
        )
        at_known = mine.join(known.filter(in_part(part, parts)), on=[ACCOUNT, EMAIL])
        both = at_known.collect(engine="streaming")
        unlike = both.filter(_may_differ()).select(ORDINAL).unique()
        candidates = both.join(unlike, on=ORDINAL, how="semi")
        others = others_of_rows(_with_ids_of_people(candidates, ledger), _counted_anew(both))
        other_of |= {
            ordinal: f"in an earlier run, row {row} of {source}"
            for ordinal, source, row in others.select(ORDINAL, "known_source", "known_row").rows()
        }
    if other_of:
        write_again(rows.prepared, with_several_people(pl.scan_parquet(rows.prepared), other_of))
    return bool(other_of)


def _fetch_people(rows: Rows, places: pl.DataFrame, ledger: Ledger, spool: Spool) -> bool:
    """Who was invited, into a file beside the rows; whether anybody was."""
    emails = None
    if rows.count <= FEW_ROWS:
        good = rows.light.filter(pl.col(FAULTS).is_null()).select(pl.col(EMAIL).unique())
        emails = good.collect(engine="streaming")[EMAIL].drop_nulls()
    people = ledger.lookups.people(places[ACCOUNT].unique().to_list(), emails)
    first = next(people, None)
    if first is None:
        return False
    spool.people.touch(mode=0o600)

    def frames() -> Iterator[pl.DataFrame]:
        yield first
        yield from people

    write_parquet(spool.people, frames(), {**PEOPLE_SCHEMA, ACCOUNT: pl.String()})
    return True


def _may_differ() -> pl.Expr:
    """A first look that costs little: most names and ids are written as they were."""
    is_other_id = (pl.col(POSITION) == pl.col("position_id")) & (
        pl.col("id") != pl.col("known_external_id")
    )
    return (pl.col("name") != pl.col("known_name")) | is_other_id.fill_null(value=False)


def _counted_anew(both: pl.DataFrame) -> list[str]:
    """The inputs whose ids are others than before for most people of one name and position."""
    same = pl.col("id") == pl.col("known_external_id")
    counts = (
        both.filter(
            (pl.col(POSITION) == pl.col("position_id")) & (pl.col("name") == pl.col("known_name"))
        )
        .group_by(SOURCE)
        .agg(same.sum().alias("same"), (~same).sum().alias("other"))
        .filter((pl.col("other") >= FEWEST_COUNTED_ANEW) & (pl.col("other") > pl.col("same")))
    )
    return counts[SOURCE].to_list()


def _with_ids_of_people(candidates: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The same, without ids that the ledger has of applications."""
    with_id = candidates.filter(pl.col("known_external_id").is_not_null())
    layouts = ledger.runs.layouts_of(with_id["known_run"].unique().to_list())
    of_people = [
        (run_id, layout.source)
        for run_id, text in layouts.items()
        for layout in from_json(text)
        if has_ids_of_people(layout)
    ]
    told = pl.DataFrame(
        of_people, schema={"known_run": pl.String, "known_source": pl.String}, orient="row"
    ).with_columns(pl.lit(value=True).alias("is_of_person"))
    return candidates.join(
        told.unique(), on=["known_run", "known_source"], how="left"
    ).with_columns(pl.when("is_of_person").then("known_external_id").alias("known_external_id"))


def others_of_rows(candidates: pl.DataFrame, counted_anew: Sequence[str] = ()) -> pl.DataFrame:
    """
    ORDINAL of the rows that are of somebody else than an invitation at their address, and which.

    `candidates`: a row beside each invitation at its address: ORDINAL, SOURCE, POSITION, `name`,
    `id`, and those of PEOPLE_SCHEMA. Who has an invitation of their own for the position keeps it.
    """
    words = candidates.with_columns(
        words_of_name(pl.col("name")).alias("words"),
        words_of_name(pl.col("known_name")).alias("known_words"),
    )
    pairs = words.select("words", "known_words").unique()
    judged = pairs.with_columns(
        pl.Series("is_other_name", [is_somebody_else(*pair) for pair in pairs.rows()], pl.Boolean)
    )
    is_own = pl.col(POSITION) == pl.col("position_id")
    is_other_id = (
        is_own
        & (pl.col("id") != pl.col("known_external_id")).fill_null(value=False)
        & ~pl.col(SOURCE).is_in(list(counted_anew))
    )
    return (
        words.join(judged, on=["words", "known_words"])
        .with_columns((pl.col("is_other_name") | is_other_id).alias("is_other"))
        .filter(~(is_own & ~pl.col("is_other")).any().over(ORDINAL))
        .filter("is_other")
        .sort(ORDINAL, "known_run", "known_row")
        .unique(ORDINAL, keep="first", maintain_order=True)
        .select(ORDINAL, *_KNOWN)
    )
