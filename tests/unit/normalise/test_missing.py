"""What no column gives: the column that looks like it, and names of which one half is there."""

import polars as pl
import pytest

from jobmojito_batch.normalise import half_names, map_headers, missing_columns
from jobmojito_batch.records import InputDoubt, Table

REST = ("E-mail", "Country", "CV", "Job location", "Job country", "Interview language")


def a_table(*headers: str) -> Table:
    frame = pl.LazyFrame({f"cell:{i}": ["x"] for i in range(len(headers))})
    return Table(source="people.csv", headers=headers, frame=frame)


def halves(*headers: str) -> tuple[InputDoubt, ...]:
    table = a_table(*headers, "Job title", *REST)
    return half_names(table, map_headers(table.headers), given=())


@pytest.mark.parametrize(
    ("headers", "option"),
    [
        pytest.param(
            ("Vorname", "Nachname / Firma"),
            '--map "Nachname / Firma=candidate_last_name"',
            id="more-words",
        ),
        pytest.param(
            ("Last name", "Given"), '--map "Given=candidate_first_name"', id="fewer-words"
        ),
        pytest.param(
            ("Prénom", "Nom de famille actuel"),
            '--map "Nom de famille actuel=candidate_last_name"',
            id="another-language",
        ),
    ],
)
def test_half_a_name_is_asked_about_where_the_other_half_may_be_there(
    headers: tuple[str, ...], option: str
) -> None:
    [doubt] = halves(*headers)

    assert doubt.holds
    assert doubt.option.startswith(option)


def test_half_a_name_is_a_warning_where_nothing_looks_like_the_other() -> None:
    [doubt] = halves("Last name", "Date first interviewed", "Recruiter first name")

    assert not doubt.holds


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(("First name", "Last name"), id="english"),
        pytest.param(("Name", "Maiden surname"), id="a-full-name"),
        pytest.param(("Nombre", "Primer apellido", "Segundo apellido"), id="two-surnames"),
        pytest.param(("Nombres", "Apellidos"), id="several"),
        pytest.param(("Prénom", "Nom d'usage", "Nom de naissance"), id="the-name-in-use"),
        pytest.param(("Person : First", "Person : Last"), id="icims"),
    ],
)
def test_both_halves_or_the_whole_are_no_doubt(headers: tuple[str, ...]) -> None:
    assert halves(*headers) == ()


def test_a_column_of_another_field_is_not_proposed() -> None:
    """A position for each first name is what would come of it."""
    table = a_table("Name", "First name", "Last name", *REST)

    [doubt] = missing_columns(table, map_headers(table.headers), given=())

    assert doubt.lacks == "position_name"
    assert doubt.option.startswith('--map "HEADER=position_name"')
