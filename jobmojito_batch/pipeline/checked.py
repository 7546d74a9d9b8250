"""
An input that a person looks at and corrects: its rows by kind, and what is wrong with which cell.

All rows are prepared and planned once, as for `check`. A correction then prepares its own rows
anew, and plans those that have one of their addresses; what compares other rows (several people of
one address, ids with two names) shows when the whole input is checked again, before it is sent.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX, FAULTS, ORDINAL, ROW
from jobmojito_batch.ledger import Ledger, account_of
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.checked_rows import NEVER_ALIKE, CheckedRow
from jobmojito_batch.pipeline.corrected_file import write_corrected
from jobmojito_batch.pipeline.corrections import Cells, with_cells
from jobmojito_batch.pipeline.plan_stage import Rows, kinds_among, light_of
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.prepare import plan_input
from jobmojito_batch.pipeline.rows_anew import RowsAnew
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.plan import EMAIL, KIND

LEFT_OUT: Final = "left_out"
"""The kind of a row that a person does not want to be sent; the others are those of the plan."""


class CheckedInput:
    """One input, checked. The caller closes it."""

    def __init__(self, planned: Planned) -> None:
        self.planned = planned
        self._layout = planned.inputs.layouts[0]
        self._rows_anew = RowsAnew(planned)
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
        return cls(plan_input(parameters))

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
            if name in NEVER_ALIKE:
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
        return self.planned.parameters.positions is not None or self._rows_anew.may_say_of_files(
            columns
        )

    def correct(self, cells: Cells) -> None:
        """Cells say something else now: their rows are checked anew."""
        self._cells |= cells
        chosen = self._light.filter(pl.col(ROW).is_in({row for row, _ in cells}))
        fresh = self._rows_anew.rows(chosen[ORDINAL], self._cells_of(chosen[ORDINAL]))
        for ordinal in chosen[ORDINAL]:
            self._refused.pop(ordinal, None)
        self._refused |= self._rows_anew.refused(fresh)
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
        left_out = self._light.filter(pl.col(KIND) == LEFT_OUT)[ROW]
        write_corrected(target, self.planned, self._cells, left_out)

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
        with Ledger.existing(planned.settings.ledger_url) as ledger:
            kinds = kinds_among(rows, ledger, planned.spool)
        return kinds.select(ORDINAL, pl.col(KIND).cast(pl.String))

    def _account_of(self, merchant: str | None) -> str:
        settings = self.planned.settings
        own = merchant or self.planned.accounts.merchant
        return account_of(settings.base_url, own, settings.environment)

    def _cells_of(self, ordinals: pl.Series) -> dict[tuple[int, int], str | None]:
        rows = set(self._light.filter(pl.col(ORDINAL).is_in(ordinals.implode()))[ROW])
        return {cell: text for cell, text in self._cells.items() if cell[0] in rows}

    def _prepared(self, ordinals: pl.Series) -> list[dict[str, Any]]:
        """Rows as they are now, in order."""
        old = ordinals.filter(~ordinals.is_in(list(self._anew)))
        unchanged = {
            row[ORDINAL]: row for row in self._rows_anew.at(old).collect().iter_rows(named=True)
        }
        return [self._anew.get(ordinal) or unchanged[ordinal] for ordinal in ordinals]

    def _shown(self, chosen: pl.DataFrame) -> list[CheckedRow]:
        kinds = dict(chosen.select(ORDINAL, KIND).iter_rows())
        most = self.planned.settings.max_resume_characters
        return [
            CheckedRow.of(row, kinds[row[ORDINAL]], self._layout, self._refused, most)
            for row in self._prepared(chosen[ORDINAL])
        ]
