"""Values that fill a member that the input lacks or leaves blank (`--set`)."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from jobmojito_batch.columns import FAULTS, OVERFLOW, RESUME_FILE
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.normalise.clean_cells import clean_cells
from jobmojito_batch.normalise.fields import MEMBERS
from jobmojito_batch.normalise.headers import near_matches
from jobmojito_batch.normalise.judged import NOTHING, judged
from jobmojito_batch.normalise.rules import explain

EVERY_ROW: Final = "!"
"""Behind a field that is filled: the value goes into every row, whatever its cell says."""


def filled(texts: Mapping[str, pl.Expr], fills: Mapping[str, str]) -> dict[str, pl.Expr]:
    """The members that the input or a fill gives, in the contract's order."""
    texts_now = {}
    for field in MEMBERS:
        if f"{field}{EVERY_ROW}" in fills:
            texts_now[field] = pl.lit(fills[f"{field}{EVERY_ROW}"])
        elif field in texts and field in fills:
            texts_now[field] = texts[field].fill_null(pl.lit(fills[field]))
        elif field in texts:
            texts_now[field] = texts[field]
        elif field in fills:
            texts_now[field] = pl.lit(fills[field])
    return texts_now


def canonical_fills(fills: Mapping[str, str], max_resume_characters: int) -> dict[str, str]:
    """The fills as canonical text, by the rules of a row that has nothing else."""
    if not fills:
        return {}
    asked = fills
    fills = {field.removesuffix(EVERY_ROW): value for field, value in asked.items()}
    for field in fills:
        if field not in MEMBERS:
            hint = near_matches(field, MEMBERS)
            raise SettingsError(f"--set {field}=…: there is no such field{hint}")
    row = pl.LazyFrame({OVERFLOW: [None]}, schema={OVERFLOW: pl.String})
    cells = {field: pl.lit(value) for field, value in fills.items()}
    frame = clean_cells(row, cells).with_columns(NOTHING.alias(RESUME_FILE))
    [read] = judged(frame, fills, max_resume_characters).collect().to_dicts()
    for fault in explain(
        read[FAULTS] or "", read, raw=fills, max_resume_characters=max_resume_characters
    ):
        # What the one row lacks may be in the input.
        if fault.field in fills:
            raise SettingsError(f"--set {fault.message}")
    return {name: read[name.removesuffix(EVERY_ROW)] for name in asked}
