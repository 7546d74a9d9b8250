"""Dates as people write them → ISO. Which of 03/04 is the month is decided per column, or not."""

import re
from datetime import date, time
from enum import StrEnum
from typing import Final

import polars as pl

from jobmojito_batch.normalise.countries import HEADER_LANGUAGES
from jobmojito_batch.normalise.known_names import known_names
from jobmojito_batch.normalise.text import compact, keys_of

_ISO: Final = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})\.?"
    r"(?:[T ,]+(?P<time>.+))?"
)
_DOTS: Final = re.compile(
    r"(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\. ?(?P<year>\d{4})\.?(?:,? (?P<time>.+))?"
)
_EITHER: Final = re.compile(
    r"(?P<first>\d{1,2})(?P<sep>[-/])(?P<second>\d{1,2})(?P=sep)(?P<year>\d{4})(?:,? (?P<time>.+))?"
)
_DAY_AND_NAME: Final = re.compile(
    r"(?:\w+, )?(?P<day>\d{1,2})(?:\.|st|nd|rd|th)?[ -](?:de |of )?(?P<name>[^\W\d_]+)\.?,?[ -]"
    r"(?:de )?(?P<year>\d{4})(?:,? (?P<time>.+))?",
    re.IGNORECASE,
)
_NAME_AND_DAY: Final = re.compile(
    r"(?:\w+, )?(?P<name>[^\W\d_]+)\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})"
    r"(?:,? (?P<time>.+))?",
    re.IGNORECASE,
)
_TIME: Final = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?(?: ?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2}))?",
    re.IGNORECASE,
)
_EITHER_IN_COLUMN: Final = r"^\s*'?(\d{1,2})[-/](\d{1,2})[-/]\d{4}\b"
_MONTHS: Final = 12
_NOON: Final = 12


class DateOrder(StrEnum):
    """How a column writes dates that could be read both ways."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    UNDECIDED = "undecided"
    """No date of the column tells."""
    CONTRADICTORY = "contradictory"
    """Some dates tell the one, some the other."""


def date_order(frame: pl.LazyFrame, column: str) -> DateOrder:
    """The order of a column of text, from the dates in it that can be read one way only."""
    parts = pl.col(column).str.extract_groups(_EITHER_IN_COLUMN)
    first = parts.struct.field("1").cast(pl.Int64, strict=False)
    second = parts.struct.field("2").cast(pl.Int64, strict=False)
    evidence = frame.select(
        (first > _MONTHS).any().alias("day"), (second > _MONTHS).any().alias("month")
    ).collect(engine="streaming")
    match evidence.row(0):
        case (True, True):
            return DateOrder.CONTRADICTORY
        case (True, _):
            return DateOrder.DAY_FIRST
        case (_, True):
            return DateOrder.MONTH_FIRST
    return DateOrder.UNDECIDED


def read_date(text: str, *, order: DateOrder = DateOrder.UNDECIDED) -> str | None:
    """*text* as an ISO date or date-time; None where it is none, or could be two."""
    readings = readings_of(text, order=order)
    return readings[0] if len(readings) == 1 else None


def readings_of(text: str, *, order: DateOrder = DateOrder.UNDECIDED) -> list[str]:
    """The ISO dates that *text* may mean: none, one, or both orders of day and month."""
    for pattern in (_ISO, _DOTS, _DAY_AND_NAME, _NAME_AND_DAY):
        match = pattern.fullmatch(text)
        if match is not None:
            parts = match.groupdict()
            month = parts.get("month") or _month_called(parts["name"])
            reading = _iso(parts["year"], month, parts["day"], parts["time"])
            return [reading] if reading else []
    match = _EITHER.fullmatch(text)
    if match is None:
        return []
    first, second = match["first"], match["second"]
    orders = [(second, first), (first, second)]  # day first, month first
    if order is DateOrder.DAY_FIRST:
        orders = orders[:1]
    elif order is DateOrder.MONTH_FIRST:
        orders = orders[1:]
    readings = [_iso(match["year"], month, day, match["time"]) for month, day in orders]
    return list(dict.fromkeys(reading for reading in readings if reading))


def _iso(year: str, month: str | int | None, day: str, clock: str | None) -> str | None:
    if month is None:
        return None
    try:
        iso = date(int(year), int(month), int(day)).isoformat()
        return iso if clock is None else f"{iso}T{_clock(clock)}"
    except ValueError:
        return None


def _clock(text: str) -> str:
    """A time of day as ISO. Raises ValueError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= _NOON:
            raise ValueError(text)
        hour = hour % _NOON + (_NOON if match["half"].lower() == "p" else 0)
    zone = (match["zone"] or "").upper().replace("UTC", "Z")
    iso = time(hour, int(match["minute"]), int(match["second"] or 0)).isoformat()
    if len(zone) == len("+0100"):
        zone = f"{zone[:3]}:{zone[3:]}"
    return iso + zone


def _month_called(name: str) -> int | None:
    return known_names().months.get(keys_of([name], compact)[0])


def built() -> dict[str, int]:
    """The names of months in the languages of the headers, long and short, looked up anew."""
    from babel import Locale

    named = [
        (name, number)
        for language in HEADER_LANGUAGES
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for number, name in Locale.parse(language).months[context][width].items()
    ]
    keys = keys_of([name for name, _ in named], compact)
    months: dict[str, int] = {}
    meanings: dict[str, set[int]] = {}
    for key, (_, number) in zip(keys, named, strict=True):
        meanings.setdefault(key, set()).add(number)
        months.setdefault(key, number)
    # A name that is two months in two languages is none (`srp`, `list`).
    return {key: number for key, number in months.items() if len(meanings[key]) == 1}
