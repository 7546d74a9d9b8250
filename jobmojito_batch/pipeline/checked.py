"""
An input that a person looks at and corrects: its rows by kind, and what is wrong with which cell.

All rows are prepared and planned once, as for `check`. A correction then prepares its own rows
anew, and plans those that have one of their addresses; what compares other rows (several people of
one address, ids with two names) shows when the whole input is checked again, before it is sent.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import (
    CELL_PREFIX,
    FAULTS,
    FIRST_NAME,
    LAST_NAME,
    ORDINAL,
    OVERFLOW,
    OVERFLOW_SEPARATOR,
    RESUME_FILE,
    ROW,
    SOURCE,
)
from jobmojito_batch.ledger import Ledger, account_of
from jobmojito_batch.normalise import (
    DATE,
    NAME,
    RESUME,
    RESUME_PROBLEM,
    DateOrder,
    date_order,
    normalise,
)
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.contradictions import SEVERAL_PEOPLE
from jobmojito_batch.pipeline.corrections import with_cells
from jobmojito_batch.pipeline.plan_stage import (
    SLICE_ROWS,
    Rows,
    kinds_among,
    light_of,
    refused_among,
)
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.prepare import plan_run
from jobmojito_batch.pipeline.preview import EMAIL, MEMBERS, faults_of
from jobmojito_batch.pipeline.run_request import RunRequest
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.plan import KIND
from jobmojito_batch.publish import write_table
from jobmojito_batch.records import Fault, HeaderMap, Table

LEFT_OUT: Final = "left_out"
"""The kind of a row that a person does not want to be sent; the others are those of the plan."""
LONGEST_CELL: Final = 20_000
"""Characters of a cell that is shown to be corrected; a longer one is corrected in the file."""
_STANDS_FOR: Final = {NAME: (FIRST_NAME, LAST_NAME), RESUME: (RESUME_FILE,)}

Cells = Mapping[tuple[int, int], str | None]
"""What cells say now, by row and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyCell:
    """A cell at fault, as it may be corrected."""

    column: int
    header: str
    text: str = field(repr=False)
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRow:
    """A row as a person sees it."""

    row: int
    kind: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    position: str
    cells: tuple[FaultyCell, ...] = ()
    messages: tuple[str, ...] = ()
    """Faults that no cell can be corrected for."""


class CheckedInput:
    """One input, checked. The caller closes it."""

    def __init__(self, planned: Planned) -> None:
        self.planned = planned
        self._layout = planned.inputs.layouts[0]
        self._refused = dict(planned.prepared_rows.refused_by_model)
        self._cells: dict[tuple[int, int], str | None] = {}
        self._anew: dict[int, dict[str, Any]] = {}
        """Rows that were prepared anew, by ordinal."""
        numbers = pl.scan_parquet(planned.spool.prepared).select(ORDINAL, ROW)
        self._light = (
            planned.prepared_rows.light.join(numbers, on=ORDINAL)
            .join(planned.plan.rows.select(ORDINAL, pl.col(KIND).cast(pl.String)), on=ORDINAL)
            .collect()
            .sort(ORDINAL)
        )

    @classmethod
    def of(cls, parameters: InviteParameters) -> "CheckedInput":
        """Read, check and plan the input. Raises SettingsError, InputError, LedgerError."""
        request = RunRequest.of(parameters)
        ledger = Ledger.open_existing(request.settings.ledger_url)
        try:
            return cls(plan_run(request, ledger, asks_account=False))
        finally:
            if ledger is not None:
                ledger.close()

    def close(self) -> None:
        """Remove the prepared rows."""
        self.planned.close()

    # What there is

    @property
    def counts(self) -> dict[str, int]:
        """Rows by kind."""
        return dict(self._light.group_by(KIND).len().iter_rows())

    @property
    def layout(self) -> Layout:
        """Its headers and fields."""
        return self._layout

    def rows(self, kind: str, start: int, most: int) -> list[CheckedRow]:
        """Some rows of a kind, in input order."""
        chosen = self._light.filter(pl.col(KIND) == kind).slice(start, most)
        return self._shown(chosen)

    def row(self, number: int) -> CheckedRow | None:
        """The row that a person knows by *number*."""
        shown = self._shown(self._light.filter(pl.col(ROW) == number))
        return shown[0] if shown else None

    def text_of(self, cells: Collection[tuple[int, int]]) -> dict[tuple[int, int], str | None]:
        """What cells (row, column) say; those that there are not are left out."""
        chosen = self._light.filter(pl.col(ROW).is_in({row for row, _ in cells}))
        by_row = {row[ROW]: row for row in self._prepared(chosen[ORDINAL])}
        return {
            (row, column): by_row[row][f"{CELL_PREFIX}{column}"]
            for row, column in cells
            if row in by_row and f"{CELL_PREFIX}{column}" in by_row[row]
        }

    def column(self, number: int) -> Iterator[tuple[int, str | None]]:
        """Row and text of each cell of a column."""
        mine = {cell: text for cell, text in self._cells.items() if cell[1] == number}
        frame = pl.scan_parquet(self.planned.spool.prepared).select(ROW, f"{CELL_PREFIX}{number}")
        yield from with_cells(frame, mine).collect().iter_rows()

    def common_faults(self, most: int) -> list[tuple[int, str, int]]:
        """The faulty cells that occur most: column, text, how often."""
        faulty = self._light.lazy().filter(pl.col(KIND) == "invalid").select(ORDINAL, FAULTS)
        cells = pl.scan_parquet(self.planned.spool.prepared).drop(FAULTS)
        with_faults = with_cells(cells, self._cells).join(faulty, on=ORDINAL)
        counted = []
        for name, number in self._layout.fields.items():
            if name == RESUME:
                continue
            cell = pl.col(f"{CELL_PREFIX}{number}").str.strip_chars()
            repeated = (
                with_faults.filter((pl.col(FAULTS) + " ").str.contains(f":{name} ", literal=True))
                .group_by(cell.fill_null("").alias("cell"))
                .len()
                .filter(pl.col("len") > 1)
                .top_k(most, by="len")
            )
            counted.append(repeated.select(pl.lit(number).alias("column"), "cell", "len"))
        if not counted:  # nothing but résumés
            return []
        both = pl.concat(counted).collect()
        return both.sort("len", "cell", descending=[True, False]).head(most).rows()

    # What changes

    def takes_whole_check(self, columns: Collection[int]) -> bool:
        """Whether cells of these columns say what other files have: all is read again then."""
        of_files = {self._layout.fields.get(name) for name in (RESUME, RESUME_FILE)}
        return self.planned.parameters.positions is not None or (
            self._reads_files and bool(of_files & set(columns))
        )

    def correct(self, cells: Cells) -> None:
        """Cells say something else now: their rows are checked anew."""
        self._cells |= cells
        chosen = self._light.filter(pl.col(ROW).is_in({row for row, _ in cells}))
        fresh = self._prepared_anew(chosen[ORDINAL])
        for ordinal in chosen[ORDINAL]:
            self._refused.pop(ordinal, None)
        self._refused |= refused_among([fresh.select(ORDINAL, FAULTS, *_members(fresh))])
        self._anew |= {row[ORDINAL]: row for row in fresh.iter_rows(named=True)}
        of_results = self.planned.prepared_rows.of_results
        light = light_of(fresh.lazy(), self._refused, self._account_of, of_results).collect()
        with_rows = light.join(chosen.select(ORDINAL, ROW, KIND), on=ORDINAL)
        self._put(with_rows.select(self._light.columns), emails=chosen[EMAIL])

    def leave_out(self, rows: Sequence[int], *, back: bool = False) -> None:
        """Rows are not to be sent, or *back* among the others."""
        if not rows:
            return
        chosen = self._light.filter(pl.col(ROW).is_in(rows))
        kind = pl.lit("" if back else LEFT_OUT).alias(KIND)
        self._put(chosen.with_columns(kind), emails=chosen[EMAIL])

    def has(self, rows: Collection[int]) -> bool:
        """Whether all of these rows are among those that were checked."""
        return self._light.filter(pl.col(ROW).is_in(rows)).height == len(set(rows))

    def write_corrected(self, target: Path) -> None:
        """The input in its own layout, with what was corrected. Raises what `write_table` does."""
        frame = pl.scan_parquet(self.planned.spool.prepared)
        separators = pl.col(OVERFLOW).str.count_matches(OVERFLOW_SEPARATOR, literal=True)
        most = frame.select(separators.max()).collect().item()
        beyond = 0 if most is None else int(most) + 1
        own = len(self._layout.headers)
        spilt = pl.col(OVERFLOW).str.split(OVERFLOW_SEPARATOR)
        laid = with_cells(frame, self._cells).with_columns(
            spilt.list.get(number, null_on_oob=True).alias(f"{CELL_PREFIX}{own + number}")
            for number in range(beyond)
        )
        out = self._light.filter(pl.col(KIND) == LEFT_OUT)[ROW]
        frames = (
            laid.slice(start, SLICE_ROWS).filter(~pl.col(ROW).is_in(out.implode())).collect()
            for start in range(0, self.planned.rows, SLICE_ROWS)
        )
        headers = [*self._layout.headers, *[""] * beyond]
        write_table(target, frames, headers=headers, delimiter=self._layout.delimiter)

    # How

    def _put(self, rows: pl.DataFrame, *, emails: pl.Series) -> None:
        """Light rows in place of older ones, and the kinds of all that share an address."""
        changed = rows[ORDINAL].implode()
        light = pl.concat([self._light.filter(~pl.col(ORDINAL).is_in(changed)), rows])
        touched = pl.concat([emails, rows[EMAIL]]).drop_nulls().unique().implode()
        shares = pl.col(EMAIL).is_in(touched) | pl.col(ORDINAL).is_in(changed)
        among = light.filter(shares.fill_null(value=False) & (pl.col(KIND) != LEFT_OUT))
        kinds = self._kinds(among).rename({KIND: "new_kind"})
        self._light = (
            light.join(kinds, on=ORDINAL, how="left")
            .with_columns(pl.coalesce("new_kind", KIND).alias(KIND))
            .drop("new_kind")
            .sort(ORDINAL)
        )

    def _kinds(self, light: pl.DataFrame) -> pl.DataFrame:
        planned = self.planned
        frame = light.drop(KIND, ROW).lazy()
        rows = Rows(
            prepared=planned.spool.prepared, count=light.height, light=frame, refused_by_model={}
        )
        ledger = Ledger.open_existing(planned.settings.ledger_url)
        try:
            kinds = kinds_among(rows, ledger, planned.spool)
        finally:
            if ledger is not None:
                ledger.close()
        return kinds.select(ORDINAL, pl.col(KIND).cast(pl.String))

    def _account_of(self, merchant: str | None) -> str:
        settings = self.planned.settings
        own = merchant or self.planned.accounts.merchant
        return account_of(settings.base_url, own, settings.environment)

    @cached_property
    def _columns(self) -> list[str]:
        return pl.scan_parquet(self.planned.spool.prepared).collect_schema().names()

    @property
    def _reads_files(self) -> bool:
        return RESUME_PROBLEM in self._columns

    @cached_property
    def _date_orders(self) -> dict[str, DateOrder]:
        if DATE not in self._layout.fields:
            return {}
        cell = f"{CELL_PREFIX}{self._layout.fields[DATE]}"
        return {DATE: date_order(pl.scan_parquet(self.planned.spool.prepared), cell)}

    def _at(self, ordinals: pl.Series) -> pl.LazyFrame:
        """The prepared rows with these ordinals; an ordinal is a place in the file."""
        first, last = int(ordinals.min() or 0), int(ordinals.max() or 0)  # type: ignore[arg-type]
        wanted = ordinals.cast(pl.UInt32).alias(ORDINAL).to_frame().lazy()
        frame = pl.scan_parquet(self.planned.spool.prepared).slice(first, last - first + 1)
        return frame.join(wanted, on=ORDINAL, how="semi")

    def _prepared_anew(self, ordinals: pl.Series) -> pl.DataFrame:
        before = self._at(ordinals).collect().lazy()
        cells = [name for name in self._columns if name.startswith(CELL_PREFIX)]
        frame = with_cells(before.select(ROW, *cells, OVERFLOW), self._cells_of(ordinals))
        layout, settings = self._layout, self.planned.settings
        table = Table(source=layout.source, headers=layout.headers, frame=frame)
        mapping = HeaderMap(fields=layout.fields, carried=layout.carried, dropped=layout.dropped)
        known = before.select(ROW, RESUME, RESUME_PROBLEM) if self._reads_files else None
        fresh = normalise(
            table,
            mapping,
            fills=self.planned.parameters.values,
            max_resume_characters=settings.max_resume_characters,
            min_resume_characters=settings.min_resume_characters,
            date_orders=self._date_orders,
            resumes=None if known is None else lambda rows: _with_resumes_of(rows, known),
        )
        if EMAIL not in self._columns:
            return fresh.join(before.select(ORDINAL, ROW), on=ROW).collect()
        kept = before.select(ORDINAL, ROW, pl.col(FAULTS).alias("had"), pl.col(EMAIL).alias("was"))
        return fresh.join(kept, on=ROW).with_columns(_still_several()).drop("had", "was").collect()

    def _cells_of(self, ordinals: pl.Series) -> dict[tuple[int, int], str | None]:
        rows = set(self._light.filter(pl.col(ORDINAL).is_in(ordinals.implode()))[ROW])
        return {cell: text for cell, text in self._cells.items() if cell[0] in rows}

    def _prepared(self, ordinals: pl.Series) -> list[dict[str, Any]]:
        """Rows as they are now, in order."""
        old = ordinals.filter(~ordinals.is_in(list(self._anew)))
        unchanged = {row[ORDINAL]: row for row in self._at(old).collect().iter_rows(named=True)}
        return [self._anew.get(ordinal) or unchanged[ordinal] for ordinal in ordinals]

    def _shown(self, chosen: pl.DataFrame) -> list[CheckedRow]:
        kinds = dict(chosen.select(ORDINAL, KIND).iter_rows())
        return [
            self._shown_row(row, kinds[row[ORDINAL]]) for row in self._prepared(chosen[ORDINAL])
        ]

    def _shown_row(self, row: dict[str, Any], kind: str) -> CheckedRow:
        faults: Sequence[Fault] = ()
        if kind == "invalid":
            most = self.planned.settings.max_resume_characters
            row = {**row, SOURCE: self._layout.source}
            faults = faults_of(row, self._layout, self._refused, max_resume_characters=most)
        messages: defaultdict[int | None, list[str]] = defaultdict(list)
        for fault in faults:
            for column in self._columns_of(fault.field, row):
                messages[column].append(fault.message)
        return CheckedRow(
            row=row[ROW],
            kind=kind,
            name=self._seen(row, NAME),
            email=self._seen(row, EMAIL),
            position=self._seen(row, "position_name"),
            cells=tuple(
                FaultyCell(
                    column=column,
                    header=self._layout.headers[column],
                    text=row[f"{CELL_PREFIX}{column}"] or "",
                    message=". ".join(said),
                )
                for column, said in messages.items()
                if column is not None
            ),
            messages=tuple(messages.get(None, ())),
        )

    def _columns_of(self, name: str, row: dict[str, Any]) -> list[int | None]:
        """The columns whose cells can be corrected for a field at fault."""
        fields = self._layout.fields
        names = (name,) if name in fields else _STANDS_FOR.get(name, ())
        columns = [fields[part] for part in names if part in fields]
        short = [at for at in columns if len(row[f"{CELL_PREFIX}{at}"] or "") <= LONGEST_CELL]
        return [*short] or [None]

    def _seen(self, row: dict[str, Any], name: str) -> str:
        """A field as it was read, else its cell."""
        if row.get(name):
            return str(row[name])
        names = (name,) if name in self._layout.fields else _STANDS_FOR.get(name, ())
        columns = [self._layout.fields[part] for part in names if part in self._layout.fields]
        return " ".join(row[f"{CELL_PREFIX}{at}"] or "" for at in columns)


def _members(frame: pl.DataFrame) -> list[str]:
    return [name for name in MEMBERS if name in frame.columns]


def _with_resumes_of(rows: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """The résumés that files gave before: they are not read again for another cell."""
    return rows.drop(RESUME).join(known, on=ROW, how="left", maintain_order="left")


def _still_several() -> pl.Expr:
    """A row that said somebody else's address still does, unless its address is another one."""
    had = pl.col("had").str.contains(SEVERAL_PEOPLE, literal=True) & (
        pl.col("was") == pl.col(EMAIL)
    )
    both = pl.concat_str(FAULTS, pl.lit(SEVERAL_PEOPLE), separator=" ", ignore_nulls=True)
    return pl.when(had.fill_null(value=False)).then(both).otherwise(FAULTS).alias(FAULTS)
