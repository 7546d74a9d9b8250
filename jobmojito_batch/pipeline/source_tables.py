"""The tables of the inputs, before anybody knows what their columns are."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import CELL_PREFIX
from jobmojito_batch.intake import input_faults, read_inputs
from jobmojito_batch.normalise import once
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.corrections import Corrections, corrected
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.records import Table

SAMPLE_ROWS: Final = 1_000
"""Rows that are looked at for samples, and for names of résumé files."""
SAMPLES: Final = 3
"""Texts of a column that a person is shown to tell what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stands in an input before anybody knows what its columns are."""

    headers: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...] = field(repr=False)
    """The first texts of each column."""


def look_at(parameters: InviteParameters, spool: Spool) -> Look:
    """Headers and samples of the first input. Raises InputError, SettingsError."""
    table = _tables(parameters, spool, is_ragged=True)[0]
    with input_faults(table.source):
        head = table.frame.head(SAMPLE_ROWS).collect()
    return Look(headers=table.headers, samples=samples_of(head, table.headers))


def tables_of(parameters: InviteParameters, spool: Spool, *, is_ragged: bool) -> list[Table]:
    """The tables with what a person has corrected. Raises InputError, SettingsError."""
    tables = _tables(parameters, spool, is_ragged=is_ragged)
    if parameters.corrections is not None:
        tables = [corrected(tables[0], Corrections.read(Path(parameters.corrections))), *tables[1:]]
    return tables


def _tables(parameters: InviteParameters, spool: Spool, *, is_ragged: bool) -> list[Table]:
    tables = read_inputs(
        parameters.inputs,
        scratch=spool.scratch,
        sheet=parameters.sheet,
        encoding=parameters.encoding,
        overrides=parameters.mapping,
        is_ragged=is_ragged,
        hidden_rows=parameters.hidden_rows,
        header_row=parameters.header_row,
    )
    # A header that was encoded twice is undone, as cells are.
    return [replace(table, headers=tuple(map(once, table.headers))) for table in tables]


def samples_of(frame: pl.DataFrame, headers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The first SAMPLES different texts of each column."""
    cells = (frame[f"{CELL_PREFIX}{number}"] for number in range(len(headers)))
    texts = (cell.drop_nulls().str.strip_chars().unique(maintain_order=True) for cell in cells)
    return tuple(tuple(text.filter(text != "").head(SAMPLES)) for text in texts)
