"""The cells of fields as clean text, a column for each (see text.py)."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from jobmojito_batch.columns import FIRST_NAME, LAST_NAME
from jobmojito_batch.normalise.fields import CHOICES, MULTILINE, TAGS
from jobmojito_batch.normalise.headers import FIELDS, NAME
from jobmojito_batch.normalise.text import cleaned, said

_NAMES: Final = frozenset({NAME, FIRST_NAME, LAST_NAME})
_NO_LABELS: Final = "[]"


def clean_cells(
    frame: pl.LazyFrame, cells: Mapping[str, pl.Expr], *, undoes_entities: bool = True
) -> pl.LazyFrame:
    """*frame* with a column of clean text for each field of *cells*."""
    ordered = [field for field in FIELDS if field in cells]
    return frame.with_columns(
        cleaned(cells[field], multiline=field in MULTILINE, undoes_entities=undoes_entities).alias(
            field
        )
        for field in ordered
    ).with_columns(_said(field) for field in ordered)


def _said(field: str) -> pl.Expr:
    """The text of a field, or null; labels of which there is none (`[]`) are nothing said, too."""
    text = said(
        pl.col(field),
        none_is_a_value="none" in CHOICES.get(field, ()),
        is_name=field in _NAMES,
    )
    return pl.when(text != _NO_LABELS).then(text) if field == TAGS else text
