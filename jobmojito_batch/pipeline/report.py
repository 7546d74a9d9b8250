"""The ledger's rows as the frames of the results and errors files (spec section 6)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    ERROR_COLUMNS,
    FAULTS,
    FAULTY,
    LEADING_COLUMNS,
    NEEDS_REPAIR,
    ORDINAL,
    OVERFLOW,
    OVERFLOW_SEPARATOR,
    ROW,
    SHOWN_FIELDS,
    TECHNICAL_COLUMNS,
    TO_SEND_PREFIX,
    Outcome,
)
from jobmojito_batch.ledger import SHOWS_LINK, Ledger
from jobmojito_batch.normalise import LANGUAGE, NAME, first_name
from jobmojito_batch.pipeline.source_layout import Layout, error_columns, input_columns

SHOWS_ENROLMENT: Final = tuple(
    outcome.value
    for outcome in (
        Outcome.INVITED,
        Outcome.REVIEW,
        Outcome.REJECTED,
        Outcome.ALREADY_APPLIED,
        Outcome.ALREADY_DONE,
    )
)


_UNSEEN: Final = ("state", "held_by", "invitation_id")
_SEEN_BY_LINKS: Final = ("link_renewed_at", LANGUAGE)


def results_columns(layouts: Sequence[Layout]) -> list[str]:
    """The columns of the results file."""
    return [*LEADING_COLUMNS, *input_columns(layouts)[0], *TECHNICAL_COLUMNS]


def result_frames(
    ledger: Ledger, run_id: str, layouts: Sequence[Layout], *, with_links: bool = False
) -> Iterator[pl.DataFrame]:
    """
    The results of a run in input order, in bounded frames (see publish.write_results).

    *with_links* they have what the sheet of links shows, too.
    """
    unseen = _UNSEEN if with_links else (*_UNSEEN, *_SEEN_BY_LINKS)
    for rows in ledger.results.frames(run_id, without=unseen):
        of_run = rows.with_columns(pl.lit(run_id).alias("run_id"))
        yield laid_out_results(of_run, layouts, with_links=with_links)


def laid_out_results(
    rows: pl.DataFrame, layouts: Sequence[Layout], *, with_links: bool = False
) -> pl.DataFrame:
    """Rows as the ledger has them (RESULT_SCHEMA and `run_id`) as rows of the results file."""
    names, maps = input_columns(layouts)
    links = _to_send(layouts) if with_links else []
    frame = _with_kept_cells(rows, layouts).with_columns(_shown())
    # The input's columns last: one may be called as a column that is looked at.
    return frame.with_columns(_as_written(layouts)).select(
        *LEADING_COLUMNS,
        *_input_cells(layouts, names, maps),
        *TECHNICAL_COLUMNS,
        *links,
    )


def columns_beside(layouts: Sequence[Layout], beside: Sequence[str]) -> list[str]:
    """The columns of the results, with those of *beside* after the link."""
    columns = [_renamed(name, beside) for name in results_columns(layouts)]
    at = columns.index("interview_url") + 1
    return [*columns[:at], *beside, *columns[at:]]


def laid_out_beside(
    rows: pl.DataFrame, layouts: Sequence[Layout], beside: Sequence[str]
) -> pl.DataFrame:
    """`laid_out_results` as columns that *beside* can stand among."""
    return laid_out_results(rows, layouts).rename(lambda name: _renamed(name, beside))


def _renamed(name: str, beside: Sequence[str]) -> str:
    """A column of the input's own that is called like one of ours."""
    return f"input.{name}" if name in beside else name


def _with_kept_cells(rows: pl.DataFrame, layouts: Sequence[Layout]) -> pl.DataFrame:
    """*rows* with the `cell:` columns that the ledger keeps; the others are null."""
    # Read once for all columns: reading them is what takes time.
    numbers = range(max((len(layout.headers) for layout in layouts), default=0))
    if not numbers:
        return rows
    cells = pl.Struct({str(number): pl.String() for number in numbers})
    kept = rows.get_column("cells").str.json_decode(cells).struct.unnest()
    return rows.hstack(kept.rename({str(n): f"{CELL_PREFIX}{n}" for n in numbers}))


def with_enrolment(rows: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """The ledger's rows with what a result shows of their invitations: a link where one is due."""
    return rows.with_columns(pl.lit(run_id).alias("run_id")).with_columns(_shown())


def _shown() -> list[pl.Expr]:
    outcome = pl.col("outcome")
    shows = outcome.is_in(SHOWS_ENROLMENT)
    is_old = outcome == Outcome.ALREADY_DONE.value
    has_link = outcome.is_in(SHOWS_LINK) | (is_old & pl.col("invitation_outcome").is_in(SHOWS_LINK))

    def of_invitation(name: str) -> pl.Expr:
        return pl.when(shows).then(pl.col(name)).alias(name)

    return [
        pl.when(has_link).then("interview_url").alias("interview_url"),
        of_invitation("status"),
        of_invitation("reason"),
        of_invitation("interview_def_set_id"),
        of_invitation("profile_interview_id"),
        pl.coalesce(
            pl.when(shows).then("position_def_set_id"),
            "row_position_def_set_id",
            "known_position_def_set_id",
        ).alias("position_def_set_id"),
        *(
            pl.when(is_old).then(f"invitation_{name}").otherwise(name).alias(name)
            for name in ("http_status", "settled_at")
        ),
        pl.when(is_old | outcome.eq(Outcome.UNKNOWN.value) & pl.col("sent_at").is_null())
        .then("invitation_sent_at")
        .otherwise("sent_at")
        .alias("sent_at"),
    ]


def _as_written(layouts: Sequence[Layout]) -> list[pl.Expr]:
    """The fields that are shown; of an invalid row what did not pass as the input has it."""
    return [_as_written_in(layouts, field).alias(field) for field in SHOWN_FIELDS]


def _as_written_in(layouts: Sequence[Layout], field: str) -> pl.Expr:
    value = pl.col(field)
    choices = [
        (layout.source, layout.fields[field]) for layout in layouts if field in layout.fields
    ]
    did_not_pass = (pl.col("outcome") == Outcome.INVALID.value) & (
        value.is_null() | pl.col("error_field").eq(field).fill_null(value=False)
    )
    written = pl.when(did_not_pass).then(_cell(choices))
    return pl.coalesce(written, value) if choices else value


def _to_send(layouts: Sequence[Layout]) -> list[pl.Expr]:
    """What the sheet of links shows beside the columns of the results (publish.TO_SEND_SCHEMA)."""
    firsts = [
        (layout.source, layout.first_name) for layout in layouts if layout.first_name is not None
    ]
    languages = [
        (layout.source, layout.fields[LANGUAGE]) for layout in layouts if LANGUAGE in layout.fields
    ]
    is_new = pl.col("outcome") == Outcome.INVITED.value
    since = pl.when(is_new).then(pl.lit("new")).otherwise(pl.lit("earlier"))
    columns = {
        "first_name": first_name(_cell(firsts) if firsts else None, pl.col(NAME)),
        "language": pl.coalesce(pl.col(LANGUAGE), _cell(languages)),
        "since": pl.when(pl.col("interview_url").is_not_null()).then(since),
        "made_at": pl.coalesce("link_renewed_at", "settled_at").dt.strftime("%Y-%m-%d %H:%M UTC"),
    }
    return [text.alias(f"{TO_SEND_PREFIX}{name}") for name, text in columns.items()]


def _input_cells(
    layouts: Sequence[Layout], names: Sequence[str], maps: Sequence[dict[int, str]]
) -> list[pl.Expr]:
    """The input's own cells, each row's by the layout of its source."""
    choices: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for layout, mine in zip(layouts, maps, strict=True):
        for number, name in mine.items():
            choices[name].append((layout.source, number))
    return [_cell(choices[name]).alias(name) for name in names]


def _cell(choices: Sequence[tuple[str, int]]) -> pl.Expr:
    """The cell of the column that a source has it in: *choices* of source and number."""
    value = pl.lit(None, pl.String)
    for source, number in choices:
        cell = pl.col(f"{CELL_PREFIX}{number}")
        value = pl.when(pl.col("source") == source).then(cell).otherwise(value)
    return value


class Originals:
    """The original cells of the rows of a run whose prepared rows are still here."""

    def __init__(self, prepared: Path) -> None:
        self._frame = pl.scan_parquet(prepared)
        names = self._frame.collect_schema().names()
        cells = [name for name in names if name.startswith(CELL_PREFIX)]
        self._columns = [*cells, OVERFLOW, FAULTS]

    def overflow_cells(self) -> int:
        """The most cells that a row has beyond the last header."""
        separators = pl.col(OVERFLOW).str.count_matches(OVERFLOW_SEPARATOR, literal=True)
        most = self._frame.select(separators.max()).collect(engine="streaming").item()
        return 0 if most is None else int(most) + 1

    def of(self, ordinals: pl.Series) -> pl.DataFrame:
        """The `cell:` columns, OVERFLOW and FAULTS of the rows with these ordinals, in order."""
        wanted = ordinals.cast(pl.UInt32).to_frame("ordinal")
        # An ordinal is a row number, so the rest of the file need not be looked at.
        first, last = wanted["ordinal"][0], wanted["ordinal"][-1]
        rows = (
            self._frame.select(ORDINAL, *self._columns)
            .slice(first, last - first + 1)
            .join(wanted.lazy(), left_on=ORDINAL, right_on="ordinal", how="semi")
            .collect(engine="streaming")
        )
        return wanted.join(
            rows, left_on="ordinal", right_on=ORDINAL, how="left", maintain_order="left"
        ).select(self._columns)


def error_frames(
    ledger: Ledger, run_id: str, layouts: Sequence[Layout], originals: Originals | None
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """
    The headers of the errors file of a run, and its rows in the input's own layout.

    Cells beyond the last header follow in columns without a name, so that none is lost. Without
    *originals* the cells come from the ledger, which keeps no résumé and nothing that may be part
    of one: those stay blank.
    """
    return laid_out(ledger.results.frames(run_id, only=NEEDS_REPAIR), layouts, originals)


def laid_out(
    faulty: Iterable[pl.DataFrame], layouts: Sequence[Layout], originals: Originals | None
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """The same of any rows with `ordinal`, `source`, `row` and ERROR_COLUMNS."""
    headers, maps = error_columns(layouts)
    overflow = originals.overflow_cells() if originals is not None else 0
    places = _faulty_places(layouts, maps, has_faults=originals is not None)

    def frames() -> Iterator[pl.DataFrame]:
        for bad in faulty:
            rows = (
                bad.hstack(originals.of(bad["ordinal"]))
                if originals is not None
                else _with_kept_cells(bad, layouts)
            )
            cells = [_original(layouts, maps, place) for place in range(len(headers))]
            cells += [_beyond(number) for number in range(overflow)]
            named = [cell.alias(f"{CELL_PREFIX}{place}") for place, cell in enumerate(cells)]
            yield rows.select(*named, *ERROR_COLUMNS, ROW, places.alias(FAULTY))

    return [*headers, *[""] * overflow], frames()


def _original(layouts: Sequence[Layout], maps: Sequence[dict[int, int]], place: int) -> pl.Expr:
    """The cell at *place* of the errors file, each row's by the layout of its source."""
    choices = [
        (layout.source, number)
        for layout, mine in zip(layouts, maps, strict=True)
        for number, at in mine.items()
        if at == place
    ]
    return _cell(choices)


def _faulty_places(
    layouts: Sequence[Layout], maps: Sequence[dict[int, int]], *, has_faults: bool
) -> pl.Expr:
    """
    FAULTY of a row: the cells that its broken rules are about (`code:member`, parted by blanks).

    Of what the API refused, and where the prepared rows are gone, the cell of `error_field`.
    """
    refused = pl.format(":{} ", pl.col("error_field"))
    broken = pl.coalesce(pl.col(FAULTS) + " ", refused) if has_faults else refused
    places = [
        pl.when((pl.col("source") == layout.source)
                & broken.str.contains(f":{field} ", literal=True))
        .then(pl.lit(f"{mine[number]} "))
        for layout, mine in zip(layouts, maps, strict=True)
        for field, number in layout.fields.items()
        if number in mine
    ]  # fmt: skip
    return pl.concat_str(pl.lit(""), *places, ignore_nulls=True)


def _beyond(number: int) -> pl.Expr:
    cells = pl.col(OVERFLOW).str.split(OVERFLOW_SEPARATOR)
    return cells.list.get(number, null_on_oob=True)
