"""What passes the rules and looks odd all the same: warnings of the plan, never faults."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import FAULTS, ROW
from jobmojito_batch.normalise import domain_slips

EXAMPLES: Final = 3
EMAIL: Final = "candidate_email"
_CLOSES: Final = "interview_available_till"
_SECONDS: Final = "max_duration"
_SHORTEST_INTERVIEW_SECONDS: Final = 60
"""Whoever writes less has written minutes: the platform's own is 1200 (reference, 1.1)."""
_NOWHERE: Final = r"\.invalid$"
"""No host may have it (RFC 2606); systems write it into the address of a person they erased."""


def warnings_of(prepared: Path, *, today: date) -> tuple[str, ...]:
    """What is odd in the rows of *prepared* that break no rule."""
    scan = pl.scan_parquet(prepared)
    present = scan.collect_schema().names()
    good = scan.filter(pl.col(FAULTS).is_null())
    return tuple(_warnings(good, present, today))


def _warnings(good: pl.LazyFrame, present: list[str], today: date) -> Iterator[str]:
    if EMAIL in present:
        yield from _slips(good)
        nowhere = pl.col(EMAIL).str.contains(_NOWHERE)
        yield from _said(
            good.filter(nowhere), "e-mail{s} at .invalid, where no mail arrives: who is invited?"
        )
    if _CLOSES in present:
        is_over = pl.col(_CLOSES).str.slice(0, 10) < today.isoformat()
        yield from _said(
            good.filter(is_over),
            f"row{{s}} whose {_CLOSES} is over: the interview would be closed before it is opened",
        )
    if _SECONDS in present:
        seconds = pl.col(_SECONDS).cast(pl.Float64, strict=False)
        yield from _said(
            good.filter(seconds < _SHORTEST_INTERVIEW_SECONDS),
            f"row{{s}} with less than a minute: {_SECONDS} is in seconds",
        )


def _said(rows: pl.LazyFrame, what: str) -> Iterator[str]:
    """Of the *rows*, if there are any, how many and the first of them."""
    at = rows.select(ROW).collect(engine="streaming")[ROW]
    if len(at):
        yield f"{len(at)} {what.format(s='s' if len(at) > 1 else '')} {_where(at, len(at))}"


def _slips(good: pl.LazyFrame) -> Iterator[str]:
    """Domains that look like a slip of a common one: the address may be right."""
    addressed = good.select(pl.col(EMAIL).str.extract(r"@(.*)$").alias("domain"), ROW)
    domains = addressed.group_by("domain").len().collect(engine="streaming")
    meant = domain_slips(domains["domain"].drop_nulls())
    slips = domains.filter(pl.col("domain").is_in(list(meant)))
    for domain, count in slips.sort("len", "domain", descending=[True, False]).iter_rows():
        first = addressed.filter(pl.col("domain") == domain).select(ROW).head(EXAMPLES)
        yield (
            f"{count} e-mail{'s' if count > 1 else ''} at {domain}: {meant[domain]} may be meant "
            f"{_where(first.collect(engine='streaming')[ROW], count)}"
        )


def _where(rows: pl.Series, count: int) -> str:
    """The first of *count* rows, as a person counts them."""
    first = rows.head(EXAMPLES)
    more = ", …" if count > len(first) else ""
    return f"(row{'s' if count > 1 else ''} {', '.join(map(str, first))}{more})"
