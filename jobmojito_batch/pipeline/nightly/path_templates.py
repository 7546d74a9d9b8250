"""Dates in paths: what `{date}` and `{yesterday}` stand for on the day of a run. Pure."""

import re
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters

_DATE: Final = re.compile(r"\{(date|yesterday)(?::([^{}]*))?\}")
_ISO: Final = "%Y-%m-%d"
_PATHS: Final = ("results", "errors", "summary", "results_folder", "resumes", "positions")


def zone_of(name: str | None) -> tzinfo | None:
    """The time zone of that name; None, the machine's, for none. Raises SettingsError."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"--time-zone {name}: there is no such time zone; they look like Europe/Bratislava"
        ) from None


def day_of(now: datetime, time_zone: str | None) -> date:
    """The date that *now* is on in the time zone. Raises SettingsError."""
    return now.astimezone(zone_of(time_zone)).date()


def moment_name(now: datetime, time_zone: str | None) -> str:
    """A moment as runs are called: `2026-11-24 03:30`, as the day's folder has it."""
    try:
        zone = zone_of(time_zone)
    except SettingsError:  # the run itself says what is wrong with it
        zone = None
    return f"{now.astimezone(zone):%Y-%m-%d %H:%M}"


def with_dates(parameters: InviteParameters, day: date) -> InviteParameters:
    """The parameters with the dates of that day in their paths."""
    given = {
        name: dated(text, day) for name in _PATHS if (text := getattr(parameters, name)) is not None
    }
    inputs = [dated(text, day) for text in parameters.inputs]
    return parameters.model_copy(update={**given, "inputs": inputs})


def dated(text: str, day: date) -> str:
    """
    *text* with `{date}` (2026-11-24) and `{date:%Y%m%d}` of *day*, `{yesterday}` of the day before.

    Other braces are left as they are.
    """
    days = {"date": day, "yesterday": day - timedelta(days=1)}
    return _DATE.sub(lambda match: days[match[1]].strftime(match[2] or _ISO), text)
