"""Clean text columns → canonical ones, beside them the rules that a row breaks and its keys."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import polars as pl

from jobmojito_batch.columns import FAULTS, OPENING_KEY, POSITION_KEY, RESUME_FILE
from jobmojito_batch.normalise import countries, email, languages
from jobmojito_batch.normalise.dates import DateOrder
from jobmojito_batch.normalise.fields import (
    COUNTRIES,
    EMAIL,
    LANGUAGE,
    LINKEDIN,
    MERCHANT,
    RESUME_PROBLEM,
    VALUED,
)
from jobmojito_batch.normalise.rules import EXTERNAL_ID, JUDGED, POSITION_ID, canonical, faults
from jobmojito_batch.normalise.text import casefolded
from jobmojito_batch.normalise.values import parsed

NOTHING: Final = pl.lit(None, dtype=pl.String)
NO_ORDERS: Final[Mapping[str, DateOrder]] = MappingProxyType({})
_LOOKED_UP: Final = (*COUNTRIES, LANGUAGE)
_UUID: Final = "(?i)^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_PROFILE: Final = (
    r"(?i)^(?:https?://)?(?:[a-z]{2,3}\.|mobile\.)?linkedin\.com/in/([^/?#\s]+)(?:[/?#]\S*)?$"
)


def judged(
    frame: pl.LazyFrame,
    present: Collection[str],
    max_resume_characters: int,
    date_orders: Mapping[str, DateOrder] = NO_ORDERS,
    min_resume_characters: int = 0,
) -> pl.LazyFrame:
    """Clean text columns → canonical ones, with faults and keys beside them."""
    absent = [field for field in JUDGED if field not in present]
    frame = frame.with_columns(NOTHING.alias(field) for field in absent)
    if RESUME_PROBLEM not in frame.collect_schema().names():
        frame = frame.with_columns(NOTHING.alias(RESUME_PROBLEM))
    looked_up = [field for field in _LOOKED_UP if field in present]
    read = [field for field in present if field in {EMAIL, *VALUED}]
    replaced = [*looked_up, *read]
    frame = frame.with_columns(_looked_up(field).alias(canonical(field)) for field in looked_up)
    if LINKEDIN in present:
        frame = frame.with_columns(_linkedin(pl.col(LINKEDIN)))
    if MERCHANT in present:
        frame = frame.with_columns(_one_spelling(pl.col(MERCHANT)))
    return (
        frame.with_columns(_read(field, date_orders).alias(canonical(field)) for field in read)
        .with_columns(
            faults(present, max_resume_characters, min_resume_characters).alias(FAULTS), *_keys()
        )
        .with_columns(pl.col(canonical(field)).alias(field) for field in replaced)
        .drop(*(canonical(field) for field in replaced), *absent, RESUME_FILE)
    )


def _looked_up(field: str) -> pl.Expr:
    """The code of a country or language; null where no name fits."""
    text = pl.col(field)
    return languages.code(text) if field == LANGUAGE else countries.code(text)


def _read(field: str, date_orders: Mapping[str, DateOrder]) -> pl.Expr:
    text = pl.col(field)
    if field == EMAIL:
        return email.address(text)
    return parsed(field, text, date_order=date_orders.get(field, DateOrder.UNDECIDED))


def _linkedin(text: pl.Expr) -> pl.Expr:
    """The address of a profile in one form; what is none stays, the contract asks for nothing."""
    return text.str.replace(_PROFILE, "https://www.linkedin.com/in/${1}")


def _one_spelling(text: pl.Expr) -> pl.Expr:
    """A UUID in lower case: two spellings of a merchant are one account, and one invitation."""
    return pl.when(text.str.contains(_UUID)).then(text.str.to_lowercase()).otherwise(text)


def _keys() -> tuple[pl.Expr, pl.Expr]:
    """What makes two rows one position, and two positions one opening (spec section 2)."""
    opening = casefolded(pl.col("position_name"))
    position = pl.coalesce(
        pl.concat_str(pl.lit("id:"), pl.col(POSITION_ID).str.to_lowercase()),
        pl.concat_str(pl.lit("ext:"), pl.col(EXTERNAL_ID)),
        pl.concat_str(pl.lit("name:"), opening),
    )
    return position.alias(POSITION_KEY), opening.alias(OPENING_KEY)
