"""
Cells that hold a value: numbers, yes and no, choices, dates, JSON. Canonical text, or null where
the cell does not read as one.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final, Never

import polars as pl
from pydantic import BaseModel

from jobmojito_batch.normalise.dates import DateOrder, read_date
from jobmojito_batch.normalise.fields import BOOLEANS, CHOICES, DATE, NUMBERS, OBJECTS, Bounds
from jobmojito_batch.normalise.text import by_distinct, compact, keys_of

_NUMBER: Final = r"^[+-]?(?:\d{1,9}(?:[.,]\d{1,9})?|[.,]\d{1,9})$"
_GROUPED: Final = r"^[+-]?\d{1,3}(?: \d{3})+(?:[.,]\d{1,9})?$"
# `1,200` and `1.200` are twelve hundred to one person and one and a fifth to another.
_AMBIGUOUS_NUMBER: Final = r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"

_TRUE: Final = (
    "true", "t", "yes", "y", "1", "1.0", "x", "on", "✓", "✔", "☑", "checked", "ja", "j", "wahr",
    "áno", "ano", "pravda", "oui", "o", "vrai", "sí", "si", "verdadero", "verdadeiro", "sì", "vero",
    "sim", "tak", "prawda", "igen", "igaz", "waar",
)  # fmt: skip
_FALSE: Final = (
    "false", "f", "no", "n", "0", "0.0", "off", "✗", "✘", "☐", "unchecked", "nein", "falsch",
    "nie", "ne", "nepravda", "non", "faux", "não", "nao", "falso", "nem", "hamis", "nee", "onwaar",
    "fałsz",
)  # fmt: skip


def parsed(field: str, text: pl.Expr, *, date_order: DateOrder = DateOrder.UNDECIDED) -> pl.Expr:
    """The canonical text of a member that holds a value; null where the cell does not read so."""
    if field in NUMBERS:
        return number(text, NUMBERS[field])
    if field in BOOLEANS:
        return boolean(text)
    if field in CHOICES:
        return choice(text, CHOICES[field])
    if field in OBJECTS:
        return by_distinct(text, partial(read_object, model=OBJECTS[field]))
    if field == DATE:
        return by_distinct(text, partial(read_date, order=date_order))
    return tags(text)


def number(text: pl.Expr, bounds: Bounds) -> pl.Expr:
    """A number with a decimal point, `0.5`; a comma is read as one, blanks part thousands."""
    grouped = text.str.contains(_GROUPED)
    text = pl.when(grouped).then(text.str.replace_all(" ", "", literal=True)).otherwise(text)
    plain = (
        text.str.replace(",", ".", literal=True)
        .str.strip_prefix("+")
        .str.replace(r"^(-?)0*(\d)", "${1}${2}")
        .str.replace(r"^(-?)\.", "${1}0.")
        .str.replace(r"(\.\d*?)0+$", "${1}")
        .str.strip_suffix(".")
    )
    amount = plain.cast(pl.Float64, strict=False)
    fits = (amount >= bounds.least) & (
        pl.lit(True) if bounds.most is None else amount <= bounds.most
    )
    if bounds.whole:
        fits &= ~plain.str.contains(".", literal=True)
    reads = text.str.contains(_NUMBER) & ~text.str.contains(_AMBIGUOUS_NUMBER)
    return pl.when(reads & fits).then(plain)


def boolean(text: pl.Expr) -> pl.Expr:
    """`true` or `false`, from yes and no in the languages of the headers."""
    # Not folded: the tick marks would go with the punctuation.
    word = text.str.to_lowercase()
    return (
        pl.when(word.str.contains(_one_of(_TRUE)))
        .then(pl.lit("true"))
        .when(word.str.contains(_one_of(_FALSE)))
        .then(pl.lit("false"))
    )


def _one_of(words: Sequence[str]) -> str:
    escaped = "|".join(word.replace(".", r"\.") for word in words)
    return f"^(?:{escaped})$"


def choice(text: pl.Expr, options: Sequence[str]) -> pl.Expr:
    """One of the contract's words, whatever its case, blanks and hyphens."""
    key = compact(text)
    return pl.coalesce(
        pl.when(key == option_key).then(pl.lit(option))
        for option, option_key in zip(options, keys_of(options, compact), strict=True)
    )


def tags(text: pl.Expr) -> pl.Expr:
    """A JSON array of labels, from one or from labels parted by comma, semicolon or bar."""
    return by_distinct(text, read_tags)


def read_tags(text: str) -> str | None:
    """Labels as a JSON array; None where the cell is a JSON array of something else."""
    if text.startswith("["):
        labels = _loaded(text)
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            return None
    else:
        labels = text.replace(";", ",").replace("|", ",").split(",")
    tidy = [" ".join(label.split()) for label in labels]
    # Each once, in the order in which they stand.
    distinct = list(dict.fromkeys(label for label in tidy if label))
    return _dumped(distinct) if distinct else None


def read_object(text: str, *, model: type[BaseModel] | None = None) -> str | None:
    """A JSON object, which fits the contract's model where there is one; else None."""
    value = _loaded(text)
    if not isinstance(value, dict):
        return None
    if model is not None:
        try:
            model.model_validate(value)
        except ValueError:
            return None
    return _dumped(value)


def _loaded(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON")


def _dumped(value: object) -> str | None:
    """JSON in plain ASCII, which a second cleaning leaves alone; None where it cannot be sent."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):  # 1e999, half a surrogate pair, a tower of brackets
        return None
