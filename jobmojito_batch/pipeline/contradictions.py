"""
What rows say against each other, and what cells are not what they look like: found once for all.

Rows that contradict each other are never silently one (spec section 5). Found by scans over the
prepared rows, group by group; only where something is found are the rows written again.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
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
    RESUME_IS_CUT,
    is_no_id,
    is_of_application,
    words_of_name,
)
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.pipeline.work_dir import write_again
from jobmojito_batch.records import InputDoubt

EMAIL: Final = "candidate_email"
NAME: Final = "candidate_name"
CANDIDATE_ID: Final = "candidate_external_id"
RESUME: Final = "candidate_resume"
EXAMPLES: Final = 3
_SAID: Final = "said"
SEVERAL_PEOPLE: Final = f"{ErrorCode.SEVERAL_PEOPLE}:{EMAIL}"


def settle_contradictions(
    prepared: Path, layouts: Sequence[Layout], fills: Mapping[str, str]
) -> tuple[InputDoubt, ...]:
    """
    Part what rows make one against their own words; gives what a person is told of it.

    Rows of one address with different people become invalid, `several_people`. External ids with
    several names are parted beside what the ledger knows of them (`requisitions.py`).
    """
    present = pl.scan_parquet(prepared).collect_schema().names()
    doubts = [*_ids_that_are_none(prepared, layouts), *_idle_fills(prepared, layouts, fills)]
    if {RESUME, EMAIL} <= set(present):
        doubts += _cut_resumes(prepared)
        if RESUME not in fills and f"{RESUME}{EVERY_ROW}" not in fills:  # else it is on purpose
            doubts += _shared_resumes(prepared)
    people = _several_people(prepared, layouts) if {EMAIL, NAME} <= set(present) else {}
    if people:
        write_again(prepared, with_several_people(pl.scan_parquet(prepared), people))
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
            no_ids = (
                pl.scan_parquet(prepared)
                .filter((pl.col(SOURCE) == layout.source) & is_no_id(cell))
                .select(ROW, cell.alias("cell"))
                .collect(engine="streaming")
            )
            if no_ids.is_empty():
                continue
            seen = ", ".join(f"'{text}'" for text in no_ids["cell"].unique(maintain_order=True)[:3])
            goes = "its name" if field.startswith("position") else "the address"
            yield InputDoubt(
                kind="id",
                source=layout.source,
                sentence=f"{no_ids.height} cell{'s' if no_ids.height > 1 else ''} of "
                f"'{layout.headers[number]}' hold{'s' if no_ids.height == 1 else ''} no id "
                f"({seen}: rounded or made a date by a spreadsheet, or a word for none); "
                f"{field} is left out there, so what it named goes by {goes}",
                option="format the column as text and export again, to have the ids",
                rows=tuple(no_ids[ROW][:EXAMPLES]),
                holds=False,
            )


# People


def _several_people(prepared: Path, layouts: Sequence[Layout]) -> dict[int, str]:
    """
    Rows whose address another row has for somebody else: ordinal → which row that is.

    By the name, or by an id of the person; who applied twice has two ids of applications.
    """
    good = pl.scan_parquet(prepared).filter(pl.col(FAULTS).is_null())
    several = good.group_by(EMAIL).len().filter(pl.col("len") > 1).select(EMAIL)
    rows = (
        good.select(
            ORDINAL,
            SOURCE,
            ROW,
            EMAIL,
            POSITION_KEY,
            pl.col(NAME).alias("name"),
            id_of_person(layouts),
        )
        .join(several, on=EMAIL, how="semi")
        .with_columns(words_of_name(pl.col("name")).alias("words"))
        .drop("name")
        .filter((pl.struct("words", "id").n_unique().over(EMAIL)) > 1)
        .collect(engine="streaming")
        .sort(ORDINAL)
    )
    other_of: dict[int, str] = {}
    for _, group in rows.group_by(EMAIL, maintain_order=True):
        other_of |= _others_of_an_address(group.to_dicts())
    return other_of


def has_ids_of_people(layout: Layout) -> bool:
    """Whether the input tells people apart by ids: who applied twice has two of applications."""
    return CANDIDATE_ID in layout.fields and not is_of_application(
        layout.headers[layout.fields[CANDIDATE_ID]]
    )


def id_of_person(layouts: Sequence[Layout]) -> pl.Expr:
    """`id`: the external id of a candidate; null where it is none of a person."""
    with_id = [layout.source for layout in layouts if has_ids_of_people(layout)]
    if not with_id:
        return pl.lit(None, pl.String).alias("id")
    return pl.when(pl.col(SOURCE).is_in(with_id)).then(CANDIDATE_ID).alias("id")


Person = Mapping[str, Any]
"""A row of an address: ORDINAL, SOURCE, ROW, POSITION_KEY, `words` of its name, `id`."""


def _others_of_an_address(rows: Sequence[Person]) -> dict[int, str]:
    """
    For each row the first other that is of somebody else; not there where none is.

    Another name, or for one position another id of a candidate. A name that only has a word more
    (a middle name, a title) is the same; two positions have two ids of applications. Compared are
    names and ids as often as they differ, since thousands of rows may share an agency's address.
    """
    names: dict[str, Person] = {}
    ids: dict[str, dict[str, Person]] = {}
    for row in rows:
        names.setdefault(row["words"], row)
        if row["id"]:
            ids.setdefault(row[POSITION_KEY], {}).setdefault(row["id"], row)
    unlike = {words: _first_unlike(words, names) for words in names}
    other_of: dict[int, str] = {}
    for row in rows:
        same_position = ids.get(row[POSITION_KEY], {}) if row["id"] else {}
        others = [unlike[row["words"]], _first_but(row["id"], same_position)]
        different = [other for other in others if other is not None]
        if different:
            other = min(different, key=lambda person: int(person[ORDINAL]))
            other_of[row[ORDINAL]] = f"row {other[ROW]} of {other[SOURCE]}"
    return other_of


def _first_unlike(words: str, names: Mapping[str, Person]) -> Person | None:
    return next((row for theirs, row in names.items() if is_somebody_else(words, theirs)), None)


def is_somebody_else(words: str, others: str) -> bool:
    """Whether names (`words_of_name`) are of two people: one may only have words more."""
    mine, theirs = set(words.split()), set(others.split())
    return not (mine <= theirs or theirs <= mine)


def _first_but(id_: str, ids: Mapping[str, Person]) -> Person | None:
    return next((row for other, row in ids.items() if other != id_), None)


def with_several_people(frame: pl.LazyFrame, people: Mapping[int, str]) -> pl.LazyFrame:
    """These rows with their fault, and with what is said of them in PEOPLE_PROBLEM."""
    said = pl.LazyFrame(
        {
            ORDINAL: list(people),
            _SAID: [
                f"{where} has this address for somebody else, by the name or the candidate's id; "
                "give each person an address of their own, or leave out the row that is wrong"
                for where in people.values()
            ],
        },
        schema={ORDINAL: pl.UInt32, _SAID: pl.String},
    )
    before = [PEOPLE_PROBLEM] if PEOPLE_PROBLEM in frame.collect_schema().names() else []
    is_one = pl.col(_SAID).is_not_null()
    return (
        frame.join(said, on=ORDINAL, how="left", maintain_order="left")
        .with_columns(
            pl.when(is_one).then(pl.lit(SEVERAL_PEOPLE)).otherwise(FAULTS).alias(FAULTS),
            pl.coalesce(_SAID, *before).alias(PEOPLE_PROBLEM),
        )
        .drop(_SAID)
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
    """Cells of just the length at which Excel cuts."""
    cut = pl.scan_parquet(prepared).filter(RESUME_IS_CUT).select(SOURCE, ROW)
    rows = cut.collect(engine="streaming")
    for (source,), some in rows.group_by(SOURCE, maintain_order=True):
        count = some.height
        yield InputDoubt(
            kind="résumé",
            source=str(source),
            sentence=f"{count} résumé{'s have' if count > 1 else ' has'} exactly "
            f"{CUT_BY_EXCEL:,} characters, which is where Excel cuts a cell: the rest is missing",
            option="export without Excel, or name the résumé's file in candidate_resume_file",
            rows=tuple(some[ROW][:EXAMPLES]),
            holds=False,
        )


def _shared_resumes(prepared: Path) -> Iterator[InputDoubt]:
    """
    One text for several people: a cell filled down, a file named twice, a note.

    Texts and addresses go by their hashes: two of one hash would cost a needless warning.
    """
    rows = pl.scan_parquet(prepared).select(
        ROW,
        SOURCE,
        pl.col(RESUME).hash().alias("text"),
        pl.when(pl.col(FAULTS).is_null()).then(pl.col(EMAIL).hash()).alias("who"),
    )
    who = pl.col("who")
    of_texts = rows.group_by("text").agg(who.min(), who.max().alias("other"))
    texts = of_texts.filter(who != pl.col("other")).select("text").collect(engine="streaming")
    if texts.is_empty():
        return
    shared = rows.join(texts.lazy(), on="text", how="semi").drop_nulls("who")
    sharers = shared.select("text", "who", ROW, SOURCE).collect(engine="streaming")
    first = sharers.sort(SOURCE, ROW)
    people, count = sharers["who"].n_unique(), sharers["text"].n_unique()
    is_of_one = first[SOURCE].n_unique() == 1
    of_each = first.unique(SOURCE, keep="first", maintain_order=True).head(EXAMPLES)
    places = ", ".join(
        f"row {row} of {source}" for row, source in of_each.select(ROW, SOURCE).iter_rows()
    )
    yield InputDoubt(
        kind="résumé",
        source=first[SOURCE][0] if is_of_one else "",
        sentence=f"{people} people share {'one résumé' if count == 1 else f'{count} résumés'}, the "
        "same text for each of them; all but one of them would be screened as somebody else"
        f"{'' if is_of_one else f' ({places})'}",
        option="look at these rows: a cell that was filled down, a file that is named twice, or a "
        "text that is no résumé",
        rows=tuple(first[ROW][:EXAMPLES]) if is_of_one else (),
        holds=False,
    )
