"""A table of jobs beside the candidates: whose columns are the job's, whose job is which."""

from typing import Any

import polars as pl
import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.normalise import (
    JOB_PROBLEM,
    JOB_ROW,
    SEVERAL_JOBS,
    DateOrder,
    Jobs,
    job_faults,
    jobs_of,
    map_headers,
    map_job_headers,
    normalise,
)
from jobmojito_batch.records import Table

ID, NAME, PLACE = "position_external_id", "position_name", "position_location"


def a_table(headers: str, *rows: str) -> Table:
    cells = [row.split("|") for row in rows]
    columns = {
        f"cell:{i}": pl.Series([row[i] or None for row in cells], dtype=pl.String)
        for i in range(len(headers.split("|")))
    }
    frame = pl.LazyFrame(columns).with_columns(pl.lit(None, pl.String).alias("overflow"))
    frame = frame.with_row_index("row", offset=2)
    return Table(source="jobs.csv", headers=tuple(headers.split("|")), frame=frame)


def jobs(headers: str, *rows: str) -> Jobs:
    table = a_table(headers, *rows)
    return jobs_of(table, map_job_headers(table.headers))


def filled(of: Jobs, headers: str, *rows: str, **fills: str) -> list[dict[str, Any]]:
    table = a_table(headers, *rows)
    frame = normalise(
        table, map_headers(table.headers), fills=fills, max_resume_characters=100, jobs=of
    )
    return frame.collect().to_dicts()


SOME = ("ID|Name|Location", "R-1|Nurse|London", "R-2|Cook|Rome", "|Pilot|Oslo")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Name", NAME),
        ("Job title", NAME),
        ("ID", ID),
        ("Job ID", ID),
        ("Country", "position_country_code"),
        ("Land", "position_country_code"),
        ("Description", "position_description"),
        ("Language", "mojito_language_code"),
        ("interview_template_id", "interview_template_id"),
        ("Candidate name", None),
        ("Country of residence", None),
        ("Email", None),
        ("candidate_country_code", None),
        ("Hiring manager", None),
        ("Recruiter ID", None),
        ("Full name", None),
        ("Budget", None),
    ],
)
def test_a_bare_header_is_the_jobs_and_none_is_a_candidates(header: str, field: str | None) -> None:
    found = map_job_headers([header, "Arbeitsort"]).fields

    assert found.get(field or "") == (0 if field else None)
    assert not any(name.startswith("candidate") for name in found)


def test_a_header_that_says_it_is_of_a_job_goes_before_a_bare_one() -> None:
    assert map_job_headers(["Name", "Job title"]).fields == {NAME: 1}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        pytest.param("|nurse ", 2, id="by-name-as-names-are-one"),
        pytest.param("|N\u00dcRSE", None, id="another-letter"),
        pytest.param("R-2|", 3, id="by-id"),
        pytest.param("R-2|COOK", 3, id="by-both"),
        pytest.param("R-9|Pilot", 4, id="the-table-gives-that-job-no-id"),
        pytest.param("R-9|Nurse", None, id="another-requisition-of-that-name"),
        pytest.param("TBD|Cook", 3, id="an-id-that-is-none"),
        pytest.param("|", None, id="no-job"),
    ],
)
def test_a_rows_job_is_found_by_its_id_or_else_its_name(row: str, found: int | None) -> None:
    [got] = filled(jobs(*SOME), "position_external_id|position_name", row)

    assert (got[JOB_ROW], got[JOB_PROBLEM]) == (found, None)
    assert (got[PLACE] is not None) == (found is not None)


def test_an_id_of_one_job_and_the_name_of_another_fill_nothing() -> None:
    for row in ("R-1|Cook", "R-1|Painter"):
        [got] = filled(jobs(*SOME), "position_external_id|position_name", row)

        assert (got[JOB_ROW], got[PLACE]) == (None, None)
        assert got[JOB_PROBLEM] == "other"


def test_a_name_that_two_jobs_have_fills_nothing() -> None:
    two = jobs("ID|Name|Location", "R-1|Nurse|London", "R-2|nurse|Rome")

    by_name, by_id = filled(two, "position_external_id|position_name", "|Nurse", "R-2|Nurse")

    assert (by_name[JOB_PROBLEM], by_name[PLACE], by_name[ID]) == (SEVERAL_JOBS, None, None)
    assert (by_id[JOB_PROBLEM], by_id[PLACE]) == (None, "Rome")


@pytest.mark.parametrize(
    ("cell", "fills", "place"),
    [
        pytest.param("Leeds", {PLACE: "Bonn"}, "Leeds", id="the-rows-own"),
        pytest.param("", {PLACE: "Bonn"}, "London", id="then-the-jobs"),
        pytest.param("", {f"{PLACE}!": "Bonn"}, "Bonn", id="before-all-a-value-for-every-row"),
    ],
)
def test_a_value_is_the_rows_own_then_the_jobs_then_that_of_all(
    cell: str, fills: dict[str, str], place: str
) -> None:
    [got] = filled(jobs(*SOME), "position_name|position_location", f"Nurse|{cell}", **fills)

    assert got[PLACE] == place


def test_what_the_job_leaves_blank_is_filled_for_all() -> None:
    of = jobs("Name|Location", "Nurse|")

    assert filled(of, "position_name", "Nurse", **{PLACE: "Bonn"})[0][PLACE] == "Bonn"


def test_a_job_given_for_all_rows_is_looked_up_too() -> None:
    rows = filled(jobs(*SOME), "Email", "a@example.org", **{NAME: "Nurse"})

    assert [row[PLACE] for row in rows] == ["London"]


def test_a_row_found_by_name_has_the_jobs_id_in_its_key() -> None:
    rows = filled(jobs(*SOME), "position_name|position_external_id", "Nurse|", "|R-1")

    assert [row["position_key"] for row in rows] == ["ext:R-1", "ext:R-1"]


def test_a_job_that_is_there_twice_counts_once_where_all_of_it_is_one() -> None:
    same = jobs("Name|Location", "Nurse|London", "NURSE|London", "|", "Cook|Rome")

    assert same.frame["row"].to_list() == [2, 5]
    with pytest.raises(SettingsError, match=r"rows 2, 3 .*'nurse'.* different position_location"):
        jobs("Name|Location", "Nurse|London", "NURSE|Leeds")


def test_dates_of_the_table_have_its_own_order_of_day_and_month() -> None:
    table = a_table("Name|interview_available_till", "Nurse|03/04/2027", "Cook|25/12/2027")
    mapping = map_job_headers(table.headers)

    of = jobs_of(table, mapping, date_orders={"interview_available_till": DateOrder.DAY_FIRST})

    [got] = filled(of, "position_name", "Nurse")
    assert got["interview_available_till"] == "2027-04-03"


def test_a_value_of_the_table_that_is_none_is_said_with_its_row() -> None:
    of = jobs("Name|Country|Language", "Nurse|Germoney|en", "Cook|Italy|")

    said = job_faults(of, 100)
    assert list(said) == [2]
    assert "'Germoney' is no country" in said[2]
