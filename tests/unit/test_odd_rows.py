"""Rows that break no rule and that a person would ask about before paying for them."""

from datetime import date
from pathlib import Path

import polars as pl

from jobmojito_batch.columns import FAULTS, ROW
from jobmojito_batch.pipeline.odd_rows import warnings_of

TODAY = date(2026, 11, 27)


def warnings(folder: Path, **columns: list[str | None]) -> tuple[str, ...]:
    rows = len(next(iter(columns.values())))
    faults = pl.Series(FAULTS, [None] * rows, dtype=pl.String)
    frame = pl.DataFrame(columns).with_columns(
        faults, pl.int_range(2, rows + 2, dtype=pl.UInt32).alias(ROW)
    )
    path = folder / "prepared.parquet"
    frame.write_parquet(path)
    return warnings_of(path, today=TODAY)


def test_an_interview_that_is_over_before_it_is_paid_for_is_said(tmp_path: Path) -> None:
    ends = ["2026-11-26", "2026-11-27", "2026-11-26T23:59:59Z", None, "2027-01-01"]

    [said] = warnings(tmp_path, interview_available_till=ends)

    assert said.startswith("2 rows whose interview_available_till is over")
    assert said.endswith("(rows 2, 4)")


def test_minutes_in_the_place_of_seconds_are_said(tmp_path: Path) -> None:
    [said] = warnings(tmp_path, max_duration=["20", "1200", "59.5", "60", None])

    assert said == "2 rows with less than a minute: max_duration is in seconds (rows 2, 4)"


def test_an_address_of_nobody_is_said(tmp_path: Path) -> None:
    [said] = warnings(tmp_path, candidate_email=["gone-17@erased.invalid", "ann@example.com"])

    assert said.startswith("1 e-mail at .invalid")
    assert said.endswith("(row 2)")


def test_ordinary_rows_are_not_warned_of(tmp_path: Path) -> None:
    assert warnings(tmp_path, candidate_email=["ann@example.com", "bob@valid.example"]) == ()
