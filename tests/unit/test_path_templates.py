"""Dates in paths."""

from datetime import UTC, date, datetime

import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.nightly.path_templates import dated, day_of, with_dates

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("/exports/{date}/a.csv", "/exports/2026-11-24/a.csv"),
        ("{date:%Y%m%d}.csv", "20261124.csv"),
        ("{date:%Y/%m}/{date:%d}.csv", "2026/11/24.csv"),
        ("{yesterday}.csv", "2026-11-23.csv"),
        ("{yesterday:%d.%m.%Y}.csv", "23.11.2026.csv"),
        ("s3://bucket/in/{date}/", "s3://bucket/in/2026-11-24/"),
        ("{other} {} {dates} {date", "{other} {} {dates} {date"),
        ("no date.csv", "no date.csv"),
    ],
)
def test_a_date_in_a_path_is_that_of_the_day(text: str, becomes: str) -> None:
    assert dated(text, TUESDAY) == becomes


def test_yesterday_may_be_in_another_year() -> None:
    assert dated("{yesterday}", date(2027, 1, 1)) == "2026-12-31"


def test_dates_work_in_every_path_that_is_asked_for() -> None:
    parameters = InviteParameters(
        inputs=["{date}.csv"],
        results="{date}.r.csv",
        errors="{date}.e.csv",
        summary="{date}.json",
        results_folder="{date:%Y}",
        resumes="cv/{date}",
        values={"welcome_message": "{date}"},
    )

    found = with_dates(parameters, TUESDAY)

    assert found.inputs == ["2026-11-24.csv"]
    assert (found.results, found.errors) == ("2026-11-24.r.csv", "2026-11-24.e.csv")
    assert (found.summary, found.results_folder) == ("2026-11-24.json", "2026")
    assert found.resumes == "cv/2026-11-24"
    assert found.values == {"welcome_message": "{date}"}


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", 24), ("Europe/Bratislava", 25), ("America/New_York", 24)]
)
def test_the_day_is_that_of_the_time_zone(zone: str, day: int) -> None:
    assert day_of(datetime(2026, 11, 24, 23, 30, tzinfo=UTC), zone) == date(2026, 11, day)


@pytest.mark.parametrize("zone", ["Bratislava", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none_is_said(zone: str) -> None:
    with pytest.raises(SettingsError, match="--time-zone"):
        day_of(datetime(2026, 11, 24, tzinfo=UTC), zone)
