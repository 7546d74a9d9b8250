"""
What rows say against each other, and what cells are not what they look like: found once for all.

Rows that contradict each other are never silently one (spec section 5). Found by scans over the
prepared rows, group by group; only where something is found are the rows written again.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ROW,
    SOURCE,
    ErrorCode,
)
from jobmojito_batch.normalise import (
    CUT_BY_EXCEL,
    EVERY_ROW,
    IDS,
    PEOPLE_PROBLEM,
    is_no_id,
    is_of_application,
    words_of_name,
)
from jobmojito_batch.pipeline.layout import Layout
from jobmojito_batch.records import InputDoubt

EMAIL: Final = "candidate_email"
NAME: Final = "candidate_name"
CANDIDATE_ID: Final = "candidate_external_id"
POSITION_ID: Final = "position_external_id"
POSITION_NAME: Final = "position_name"
RESUME: Final = "candidate_resume"
EXAMPLES: Final = 3
SEVERAL_PEOPLE: Final = f"{ErrorCode.SEVERAL_PEOPLE}:{EMAIL}"
GROUP_ROWS: Final = 10_000


def settle_contradictions(
    prepared: Path, layouts: Sequence[Layout], fills: Mapping[str, str]
) -> tuple[InputDoubt, ...]:
    """
    Part what rows make one against their own words; gives what a person is told of it.

    An external id with several names is no id of these rows: each name is a position. Rows of one
    address with different people become invalid, `several_people`.
    """
    there = pl.scan_parquet(prepared).collect_schema().names()
    doubts = [*_ids_that_are_none(prepared, layouts), *_idle_fills(prepared, layouts, fills)]
    doubts += _cut_resumes(prepared) if RESUME in there else []
    frame = pl.scan_parquet(prepared)
    is_changed = False
    if {POSITION_ID, POSITION_NAME} <= set(there):
        ids, told = _ids_with_several_names(prepared)
        doubts += told
        if ids:
            frame, is_changed = frame.with_columns(_without(ids)), True
    people = _several_people(prepared, layouts) if {EMAIL, NAME} <= set(there) else {}
    if people:
        frame, is_changed = _with_several_people(frame, people), True
    if is_changed:
        fresh = prepared.with_suffix(".settled.parquet")
        fresh.touch(mode=0o600)
        frame.sink_parquet(fresh, row_group_size=GROUP_ROWS, compression="lz4", engine="streaming")
        fresh.replace(prepared)
    return tuple(doubts)


# Ids


def _ids_that_are_none(prepared: Path, layouts: Sequence[Layout]) -> Iterator[InputDoubt]:
    """Cells of ids that tell nobody apart, said once a column."""
    for layout in layouts:
        for field in IDS:
            if field not in layout.fields:
                continue
            number = layout.fields[field]
            cell = pl.col(f"{CELL_PREFIX}{number}").str.strip_chars()
            found = (
                pl.scan_parquet(prepared)
                .filter((pl.col(SOURCE) == layout.source) & is_no_id(cell))
                .select(ROW, cell.alias("cell"))
                .collect(engine="streaming")
            )
            if found.is_empty():
                continue
            seen = ", ".join(f"'{text}'" for text in found["cell"].unique(maintain_order=True)[:3])
            goes = "its name" if field.startswith("position") else "the address"
            yield InputDoubt(
                kind="id",
                source=layout.source,
                sentence=f"{found.height} cell{'s' if found.height > 1 else ''} of "
                f"'{layout.headers[number]}' hold no id ({seen}: rounded or made a date by a "
                f"spreadsheet, or a word for none); {field} is left out there, so what it named "
                f"goes by {goes}",
                option="format the column as text and export again, to have the ids",
                rows=tuple(found[ROW][:EXAMPLES]),
                holds=False,
            )


def _ids_with_several_names(prepared: Path) -> tuple[list[str], list[InputDoubt]]:
    """The external ids that rows give several names to."""
    named = (
        pl.scan_parquet(prepared)
        .filter(pl.col(POSITION_ID).is_not_null() & pl.col(POSITION_NAME).is_not_null())
        .group_by(POSITION_ID)
        .agg(
            pl.col(OPENING_KEY).n_unique().alias("names"),
            pl.col(POSITION_NAME).unique().sort().alias("spelled"),
            pl.col(ROW).min(),
            pl.col(SOURCE).first(),
        )
        .filter(pl.col("names") > 1)
        .sort(ROW)
        .collect(engine="streaming")
    )
    doubts = [
        InputDoubt(
            kind="id",
            source=source,
            sentence=f"the position id '{id_}' has {names} names "
            f"({', '.join(repr(name) for name in spelled[:EXAMPLES])}"
            f"{', …' if names > EXAMPLES else ''}): each name is a position of its own here, and "
            "the id is not sent",
            option="correct the id, or the names, where they are meant to be one",
            rows=(row,),
            holds=False,
        )
        for id_, names, spelled, row, source in named.iter_rows()
    ]
    return named[POSITION_ID].to_list(), doubts


def _without(ids: Sequence[str]) -> list[pl.Expr]:
    """The rows of these ids without them; where the id made the position, its name does now."""
    is_one = pl.col(POSITION_ID).is_in(ids).fill_null(value=False)
    by_name = pl.concat_str(pl.lit("name:"), pl.col(OPENING_KEY))
    return [
        pl.when(~is_one).then(POSITION_ID).alias(POSITION_ID),
        pl.when(is_one & pl.col(POSITION_KEY).str.starts_with("ext:"))
        .then(by_name)
        .otherwise(POSITION_KEY)
        .alias(POSITION_KEY),
    ]


# People


def _several_people(prepared: Path, layouts: Sequence[Layout]) -> dict[int, str]:
    """
    Rows whose address another row has for somebody else: ordinal → which row that is.

    By the name, or by an id of the person; who applied twice has two ids of applications.
    """
    with_id = [
        layout.source
        for layout in layouts
        if CANDIDATE_ID in layout.fields
        and not is_of_application(layout.headers[layout.fields[CANDIDATE_ID]])
    ]
    good = pl.scan_parquet(prepared).filter(pl.col(FAULTS).is_null())
    several = good.group_by(EMAIL).len().filter(pl.col("len") > 1).select(EMAIL)
    nothing = pl.lit(None, pl.String)
    id_ = (
        pl.when(pl.col(SOURCE).is_in(with_id)).then(CANDIDATE_ID).otherwise(nothing)
        if with_id
        else nothing
    )
    rows = (
        good.select(
            ORDINAL, SOURCE, ROW, EMAIL, POSITION_KEY, pl.col(NAME).alias("name"), id_.alias("id")
        )
        .join(several, on=EMAIL, how="semi")
        .with_columns(words_of_name(pl.col("name")).alias("words"))
        .drop("name")
        .filter((pl.struct("words", "id").n_unique().over(EMAIL)) > 1)
        .collect(engine="streaming")
        .sort(ORDINAL)
    )
    found: dict[int, str] = {}
    for _, group in rows.group_by(EMAIL, maintain_order=True):
        for one, other in combinations(group.iter_rows(named=True), 2):
            if _are_two(one, other):
                found.setdefault(one[ORDINAL], f"row {other[ROW]} of {other[SOURCE]}")
                found.setdefault(other[ORDINAL], f"row {one[ROW]} of {one[SOURCE]}")
    return found


def _are_two(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """
    Another name, or for one position another id of a candidate.

    A name that only has a word more (a middle name, a title) is the same; two positions have two
    ids of applications.
    """
    mine, theirs = set(one["words"].split()), set(other["words"].split())
    if not (mine <= theirs or theirs <= mine):
        return True
    is_one_position = one[POSITION_KEY] == other[POSITION_KEY]
    return bool(is_one_position and one["id"] and other["id"] and one["id"] != other["id"])


def _with_several_people(frame: pl.LazyFrame, people: Mapping[int, str]) -> pl.LazyFrame:
    """These rows with their fault, and with what is said of them in PEOPLE_PROBLEM."""
    said = pl.LazyFrame(
        {
            ORDINAL: list(people),
            PEOPLE_PROBLEM: [
                f"{where} has this address for somebody else, by the name or the candidate's id; "
                "give each person an address of their own, or leave out the row that is wrong"
                for where in people.values()
            ],
        },
        schema={ORDINAL: pl.UInt32, PEOPLE_PROBLEM: pl.String},
    )
    is_one = pl.col(PEOPLE_PROBLEM).is_not_null()
    return frame.join(said, on=ORDINAL, how="left", maintain_order="left").with_columns(
        pl.when(is_one).then(pl.lit(SEVERAL_PEOPLE)).otherwise(FAULTS).alias(FAULTS)
    )


# Values and résumés


def _idle_fills(
    prepared: Path, layouts: Sequence[Layout], fills: Mapping[str, str]
) -> Iterator[InputDoubt]:
    """`--set` that fills nothing: somebody thought that it would."""
    asked = [name for name in fills if not name.endswith(EVERY_ROW)]
    for field in asked:
        columns = [(layout, layout.fields.get(field)) for layout in layouts]
        if not columns or any(number is None for _, number in columns):
            continue
        blank = pl.any_horizontal(
            [
                (pl.col(SOURCE) == layout.source)
                & (pl.col(f"{CELL_PREFIX}{number}").fill_null("").str.strip_chars() == "")
                for layout, number in columns
            ]
        )
        if pl.scan_parquet(prepared).filter(blank).head(1).collect().is_empty():
            yield InputDoubt(
                kind="value",
                source="",
                sentence=f"--set {field}={fills[field]} fills nothing: no row leaves {field} blank",
                option=f'to put it into every row: --set "{field}!={fills[field]}"',
                holds=False,
            )


def _cut_resumes(prepared: Path) -> Iterator[InputDoubt]:
    """Texts of just the length at which Excel cuts."""
    found = (
        pl.scan_parquet(prepared)
        .filter(pl.col(RESUME).str.len_bytes() >= CUT_BY_EXCEL)
        .filter(
            pl.any_horizontal(
                pl.col(RESUME).str.len_chars() == CUT_BY_EXCEL,
                pl.col(RESUME).str.len_bytes() == CUT_BY_EXCEL,
            )
        )
        .select(SOURCE, ROW)
        .collect(engine="streaming")
    )
    if not found.is_empty():
        count = found.height
        yield InputDoubt(
            kind="résumé",
            source=found[SOURCE][0],
            sentence=f"{count} résumé{'s have' if count > 1 else ' has'} exactly "
            f"{CUT_BY_EXCEL:,} characters, which is where Excel cuts a cell: the rest is missing",
            option="export without Excel, or name the résumé's file in candidate_resume_file",
            rows=tuple(found[ROW][:EXAMPLES]),
            holds=False,
        )
