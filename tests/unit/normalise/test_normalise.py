"""Normalising: canonical text, the rules a row breaks, the keys; on tiny frames."""

import json
from functools import cache
from typing import Any

import polars as pl
import pytest
from babel.core import get_global
from hypothesis import given, settings
from hypothesis import strategies as st

from jobmojito_batch.columns import FAULTS, OPENING_KEY, POSITION_KEY
from jobmojito_batch.contract import LANGUAGE_CODES, CreateRequest
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.normalise import RULES, explain, map_headers, normalise, to_members
from jobmojito_batch.normalise.text import casefolded, cleaned, tidy, visible
from jobmojito_batch.records import Table

Case = tuple[str, str | None, str]
"""A field, its cell, and what has to become of it."""

GOOD: dict[str, str | None] = {
    "candidate_name": "Ann Lee",
    "candidate_email": "ann@example.com",
    "candidate_country_code": "SK",
    "candidate_resume": "Ten years.",
    "position_name": "Nurse",
    "position_location": "London",
    "position_country_code": "GB",
    "mojito_language_code": "en",
}


def rows_of(*rows: dict[str, str | None], fills: dict[str, str] | None = None) -> pl.DataFrame:
    headers = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = {
        f"cell:{number}": pl.Series([row.get(name) for row in rows], dtype=pl.String)
        for number, name in enumerate(headers)
    }
    frame = pl.LazyFrame(cells).with_columns(
        pl.int_range(2, pl.len() + 2, dtype=pl.UInt32).alias("row"),
        pl.lit(None, pl.String).alias("overflow"),
    )
    table = Table(source="people.csv", headers=headers, frame=frame)
    return normalise(
        table, map_headers(headers), fills=fills or {}, max_resume_characters=100
    ).collect()


def one(**cells: str | None) -> dict[str, str | None]:
    return rows_of(GOOD | cells).row(0, named=True)


@cache
def read_together(cases: tuple[Case, ...]) -> dict[tuple[str, str | None], dict[str, Any]]:
    """A good row for each case with its one cell, all in one frame: a frame is what takes time."""
    frame = rows_of(*(GOOD | {field: cell} for field, cell, _ in cases))
    rows = frame.iter_rows(named=True)
    return {(field, cell): row for (field, cell, _), row in zip(cases, rows, strict=True)}


def test_a_good_row_breaks_no_rule_and_stays_as_it_is() -> None:
    row = one()

    assert row[FAULTS] is None
    assert {name: row[name] for name in GOOD} == GOOD
    assert (row[POSITION_KEY], row[OPENING_KEY]) == ("name:nurse", "nurse")


CANONICAL: tuple[Case, ...] = (
    ("candidate_email", " ANN@Example.COM ", "ann@example.com"),
    ("candidate_email", "Ann Lee <ann@example.com>", "ann@example.com"),
    ("candidate_email", "mailto:ann@example.com", "ann@example.com"),
    ("candidate_email", "ann@bücher.example", "ann@xn--bcher-kva.example"),
    ("candidate_email", "ann+tag@sub.example.com", "ann+tag@sub.example.com"),
    ("candidate_name", "  Ann \t\u200b Lee\n", "Ann Lee"),
    ("candidate_name", "Zoe\u0308", "Zoë"),
    ("candidate_resume", "one\r\ntwo\rthree ", "one\ntwo\nthree"),
    ("candidate_country_code", "Slovakia", "SK"),
    ("candidate_country_code", "Slovenská republika", "SK"),
    ("candidate_country_code", "svk", "SK"),
    ("candidate_country_code", "703", "SK"),
    ("candidate_country_code", "Deutschland", "DE"),
    ("candidate_country_code", "UK", "GB"),
    ("candidate_country_code", "U.S.A.", "US"),
    ("candidate_country_code", "Türkiye", "TR"),
    ("candidate_country_code", "Czech Republic", "CZ"),
    ("mojito_language_code", "English", "en"),
    ("mojito_language_code", "en-US", "en"),
    ("mojito_language_code", "pt-BR", "br"),
    ("mojito_language_code", "pt", "pt"),
    ("mojito_language_code", "nb", "no"),
    ("mojito_language_code", "tl", "fil"),
    ("mojito_language_code", "Slovenčina", "sk"),
    ("seniority_level", "Entry level", "entry-level"),
    ("result_view", "Minimal with score", "minimal_with_score"),
    ("include_rapport_question", "Ja", "true"),
    ("include_rapport_question", "nie", "false"),
    ("questions_random_subset", "0,5", "0.5"),
    ("candidate_external_id", "007", "007"),
    ("candidate_external_id", "'=1+1", "=1+1"),
)


@pytest.mark.parametrize(("field", "cell", "value"), CANONICAL)
def test_a_cell_becomes_canonical(field: str, cell: str, value: str) -> None:
    row = read_together(CANONICAL)[field, cell]

    assert row[FAULTS] is None
    assert row[field] == value


FAULTY: tuple[Case, ...] = (
    ("candidate_email", None, "missing_field:candidate_email"),
    ("candidate_name", "n/a", "missing_field:candidate_name"),
    ("candidate_resume", " - ", "missing_field:candidate_resume"),
    ("position_location", "", "missing_field:position_location"),
    ("candidate_email", "a@example.com; b@example.com", "several_emails:candidate_email"),
    ("candidate_email", "a@example.com\nb@example.com", "several_emails:candidate_email"),
    ("candidate_email", "ann@example", "invalid_email:candidate_email"),
    ("candidate_email", "ann", "invalid_email:candidate_email"),
    ("candidate_email", "a..b@example.com", "invalid_email:candidate_email"),
    ("candidate_email", "ann@ex\u0430mple.com", "invalid_email:candidate_email"),
    ("candidate_email", "\u0430nn@example.com", "invalid_email:candidate_email"),
    ("candidate_email", "noemail@example.com", "invalid_email:candidate_email"),
    ("candidate_email", "No-Reply@example.com", "invalid_email:candidate_email"),
    ("candidate_country_code", "Slovenka", "unknown_country:candidate_country_code"),
    ("candidate_country_code", "Congo", "unknown_country:candidate_country_code"),
    ("mojito_language_code", "Klingon", "unknown_language:mojito_language_code"),
    ("seniority_level", "wizard", "invalid_value:seniority_level"),
    ("interview_attempts", "21", "invalid_value:interview_attempts"),
    ("custom_scoring", "[1]", "invalid_value:custom_scoring"),
    ("candidate_resume", "x" * 101, "resume_too_long:candidate_resume"),
)


@pytest.mark.parametrize(("field", "cell", "rule"), FAULTY)
def test_a_fault_has_its_name_and_a_sentence(field: str, cell: str | None, rule: str) -> None:
    row = read_together(FAULTY)[field, cell]

    assert row[FAULTS] == rule
    (fault,) = explain(rule, row, raw={field: cell}, max_resume_characters=100)
    assert f"{fault.code}:{fault.field}" == rule
    assert len(fault.message) > 20
    if field == "candidate_email" and cell:
        assert cell not in fault.message


def test_an_address_that_nobody_reads_is_called_that() -> None:
    cell = {"candidate_email": "noreply@example.com"}
    row = one(**cell)

    (fault,) = explain(str(row[FAULTS]), row, raw=cell, max_resume_characters=100)
    assert "read by nobody" in fault.message


NAMES_OF_NOBODY: tuple[Case, ...] = (
    ("candidate_name", "???? ????", "lost"),
    ("candidate_name", "Mart?nez, Jos?", "lost"),
    ("candidate_name", "?ukasz Nowak", "lost"),
    ("candidate_name", "Zo\ufffd", "lost"),
    ("position_name", "K?che", "lost"),
    ("position_location", "????", "lost"),
    ("candidate_name", "10023", "no name"),
    ("candidate_name", "+49 170 1234567", "no name"),
    ("candidate_name", "2026-10-01", "no name"),
    ("candidate_name", "ann.lee@example.com", "no name"),
    ("candidate_name", "Ann Lee <ann@example.com>", "no name"),
    ("candidate_name", "https://people.example/ann", "no name"),
)


@pytest.mark.parametrize(("field", "cell", "reason"), NAMES_OF_NOBODY)
def test_what_nobody_is_called_is_no_name(field: str, cell: str, reason: str) -> None:
    row = read_together(NAMES_OF_NOBODY)[field, cell]

    assert row[FAULTS] == f"invalid_value:{field}"
    (fault,) = explain(row[FAULTS], row, raw={field: cell}, max_resume_characters=100)
    assert reason in fault.message
    assert cell not in fault.message


PEOPLE: tuple[Case, ...] = (
    ("candidate_name", "Ann Lee 2nd", ""),
    ("candidate_name", "Lee, Ann (?)", ""),
    ("candidate_name", "X Æ A-12", ""),
    ("candidate_name", "\u738b\u82b3", ""),
    ("candidate_name", "N@talia", ""),
    ("position_name", "Ready for more? Nurse (m/f/d)", ""),
    ("position_name", "2026", ""),
)


@pytest.mark.parametrize(("field", "cell", "_"), PEOPLE)
def test_odd_names_are_names(field: str, cell: str, _: str) -> None:
    assert read_together(PEOPLE)[field, cell][FAULTS] is None


def test_a_position_that_is_not_sent_may_have_lost_letters() -> None:
    assert one(position_name="K?che", position_def_set_id="p-1")[FAULTS] is None


ERRORS: tuple[Case, ...] = (
    ("candidate_email", "#N/A", "missing_field:candidate_email"),
    ("candidate_email", "#REF!", "invalid_email:candidate_email"),
    ("candidate_name", "#N/A", "invalid_value:candidate_name"),
    ("candidate_name", "#¿NOMBRE?", "invalid_value:candidate_name"),
    ("candidate_country_code", "#NV", "unknown_country:candidate_country_code"),
    ("candidate_resume", "#VALUE!", "resume_unreadable:candidate_resume"),
    ("position_name", "#BEZUG!", "invalid_value:position_name"),
    ("position_location", "#DIV/0 !", "invalid_value:position_location"),
    ("mojito_language_code", "Err:502", "unknown_language:mojito_language_code"),
    ("candidate_external_id", "#SPILL!", "invalid_value:candidate_external_id"),
    ("position_external_id", "#ССЫЛКА!", "invalid_value:position_external_id"),
    ("position_description", "########", "invalid_value:position_description"),
    ("welcome_message", "#NULL!", "invalid_value:welcome_message"),
    ("interview_attempts", "#NUM!", "invalid_value:interview_attempts"),
    ("tags", "#NAME?", "invalid_value:tags"),
)


@pytest.mark.parametrize(("field", "cell", "rule"), ERRORS)
def test_an_error_of_a_spreadsheet_is_no_value(field: str, cell: str, rule: str) -> None:
    row = read_together(ERRORS)[field, cell]

    assert row[FAULTS] == rule
    (fault,) = explain(rule, row, raw={field: cell}, max_resume_characters=100)
    assert f"the cell holds an error ({cell})" in fault.message


def test_half_a_name_that_is_an_error_is_no_name() -> None:
    parts: dict[str, str | None] = {"candidate_first_name": "#N/A", "candidate_last_name": "Novak"}
    given = {name: cell for name, cell in GOOD.items() if name != "candidate_name"}

    [row] = rows_of(given | parts).to_dicts()

    assert row[FAULTS] == "invalid_value:candidate_name"
    (fault,) = explain(row[FAULTS], row, raw=parts, max_resume_characters=100)
    assert "the cell holds an error (#N/A)" in fault.message


@pytest.mark.parametrize("cell", ["C#", "#1 Nurse", "#hiring", "Nurse!", "#Team?", "R#5!"])
def test_a_number_sign_makes_no_error(cell: str) -> None:
    assert one(position_name=cell)[FAULTS] is None


def test_an_error_where_nothing_is_sent_harms_nobody() -> None:
    row = one(position_def_set_id="p-1", position_name="#REF!", position_location="#N/A")

    assert row[FAULTS] is None


def test_a_null_word_of_a_lookup_leaves_an_optional_member_blank() -> None:
    row = one(candidate_external_id="#N/A")

    assert (row[FAULTS], row["candidate_external_id"]) == (None, None)


def test_no_labels_are_no_fault() -> None:
    """What a program writes of an empty list."""
    row = one(tags="[]")

    assert (row[FAULTS], row["tags"]) == (None, None)


def test_an_ambiguous_country_is_an_error_with_the_choices() -> None:
    raw = {"candidate_country_code": "Congo"}
    name = "unknown_country:candidate_country_code"

    (fault,) = explain(name, {}, raw=raw, max_resume_characters=100)

    assert "CD" in fault.message
    assert "CG" in fault.message


def test_all_faults_of_a_row_are_named() -> None:
    row = one(candidate_email="x", candidate_country_code="y", candidate_name=None)

    assert (row[FAULTS] or "").split() == [
        "missing_field:candidate_name",
        "invalid_email:candidate_email",
        "unknown_country:candidate_country_code",
    ]


def test_every_rule_has_words() -> None:
    for name in RULES:
        assert explain(name, {}, raw={}, max_resume_characters=1)[0].message


def test_with_a_position_id_the_name_is_not_needed() -> None:
    needed = {name: GOOD[name] for name in list(GOOD)[:4]}

    row = rows_of(needed | {"position_def_set_id": "ABC-1"}).row(0, named=True)

    assert row[FAULTS] is None
    assert row[POSITION_KEY] == "id:abc-1"


@pytest.mark.parametrize("name", ["NURSE", " nurse ", "Nu\u200brse", "Nurse"])
def test_spellings_of_a_name_are_one_key(name: str) -> None:
    assert one(position_name=name)[POSITION_KEY] == "name:nurse"


def test_fills_stand_in_for_what_is_blank() -> None:
    frame = rows_of(GOOD | {"position_location": None}, GOOD, fills={"position_location": "Wien"})

    assert frame["position_location"].to_list() == ["Wien", "London"]


def test_every_language_code_is_itself() -> None:
    frame = rows_of(*(GOOD | {"mojito_language_code": code} for code in LANGUAGE_CODES))

    assert frame["mojito_language_code"].to_list() == list(LANGUAGE_CODES)


def test_the_codes_of_a_country_are_all_read() -> None:
    aliases = {
        alias: codes[0]
        for alias, codes in get_global("territory_aliases").items()
        if len(alias) == 3 and len(codes) == 1 and codes[0] in {"SK", "GB", "US", "CD", "KR", "XK"}
    }
    assert len(aliases) >= 10  # alpha-3 and numeric
    frame = rows_of(*(GOOD | {"candidate_country_code": alias} for alias in aliases))

    assert frame["candidate_country_code"].to_list() == list(aliases.values())


HEADERS = ["Application ID", "Candidate Name", "E-Mail", "Land", "Job Title", "Lebenslauf"]


def test_headers_find_their_fields() -> None:
    mapping = map_headers([*HEADERS, "Phone", "Recruiter Email"])

    assert mapping.fields == {
        "candidate_external_id": 0,
        "candidate_name": 1,
        "candidate_email": 2,
        "candidate_country_code": 3,
        "position_name": 4,
        "candidate_resume": 5,
    }
    assert mapping.carried == (6, 7)


def test_two_columns_of_one_rank_are_an_error_that_names_both() -> None:
    with pytest.raises(InputError, match=r"Email.*E-Mail|E-Mail.*Email"):
        map_headers(["Email", "E-Mail", "Name"])


def test_the_better_rank_wins_and_the_other_is_carried_with_a_note() -> None:
    mapping = map_headers(["candidate_email", "Email"])

    assert mapping.fields["candidate_email"] == 0
    assert mapping.carried == (1,)
    assert mapping.notes


def test_a_recruiter_is_never_a_candidate() -> None:
    with pytest.raises(InputError):
        map_headers(["Recruiter Email", "Hiring Manager", "Owner"])


def test_an_option_beats_the_aliases_and_a_wrong_one_is_named() -> None:
    assert map_headers(["Email", "Post"], overrides={"Post": "position_name"}).fields == {
        "candidate_email": 0,
        "position_name": 1,
    }
    with pytest.raises(SettingsError, match="candidate_email"):
        map_headers(["Email"], overrides={"Email": "candidate_emial"})


def test_our_own_error_columns_are_ignored() -> None:
    mapping = map_headers(["Email", "error_code", "error_field", "error_message"])

    assert mapping.dropped == (1, 2, 3)


_cells = st.dictionaries(
    st.sampled_from(list(CreateRequest.model_fields)),
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                "SK",
                "en",
                "a@example.com",
                "3",
                "0.5",
                "true",
                '{"name": "x"}',
                "[]",
                "a;b",
                "senior",
            ]
        ),
        st.none(),
    ),
    max_size=12,
)


NASTY = (
    "", " ", "null", "none", "#N/A", "#REF!", "\ufffd", "0", "1", "-1", "20", "21", "0.5", "1e5",
    "1e999", "NaN", "inf", "999", "1000", "1,5", "1 000", "2026-12-31", "31.12.2026", "true", "no",
    "{}", "[]", "[1]", '["a"]', '{"name": "x"}', '{"name": 1}', '{"nobody": "x"}',
    '{"template": "old"}', '{"files": "x"}', "senior", "full", "normal", "required", "SK", "Congo",
    "en", "br", "a@example.com", "a@b.c; d@e.f", "\u200b", "'=1", "ß", "İ", "x" * 99, "\ud7ff",
    "é\u0301",
)  # fmt: skip


def test_whatever_any_member_holds_the_rules_say_all_that_the_request_model_says() -> None:
    """Rows are not held against the model one by one before they are sent, so this has to hold."""
    rows = [GOOD | {name: text} for name in CreateRequest.model_fields for text in NASTY]
    frame = rows_of(*rows).filter(pl.col(FAULTS).is_null())

    assert frame.height > len(CreateRequest.model_fields)
    for row in frame.iter_rows(named=True):
        CreateRequest.model_validate(to_members(row))


_texts = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(" \t\r\n\v\u00a0\u200b\u2028'=\"&;@+-.,<>#éßİſﬁ\u0301\u00ad\u2002"),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(st.lists(_texts, min_size=20, max_size=60))
def test_what_is_left_out_of_cleaning_would_not_change(values: list[str]) -> None:
    """Cells that a look spares the steps are what the steps would make of them."""
    frame, cell = pl.DataFrame({"text": values}), pl.col("text")
    for multiline in (False, True):
        for undoes_entities in (False, True):
            steps = tidy(visible(cell, undoes_entities=undoes_entities), multiline=multiline)
            looked = cleaned(cell, multiline=multiline, undoes_entities=undoes_entities)
            assert frame.select(looked).equals(frame.select(steps))
    folded = frame.select(cell.str.normalize("NFKC").str.to_lowercase().alias("text"))
    once = frame.select(casefolded(cell))
    assert once.equals(once.select(casefolded(cell)))
    assert folded.select(casefolded(cell)).equals(once)


# A frame of many rows costs no more than one of a few: the expressions are what takes time.
@settings(max_examples=15)
@given(st.lists(_cells, min_size=1, max_size=30))
def test_what_passes_the_rules_passes_the_request_model(rows: list[dict[str, str | None]]) -> None:
    frame = rows_of(*(GOOD | row for row in rows))

    for row in frame.filter(pl.col(FAULTS).is_null()).iter_rows(named=True):
        members = {name: row.get(name) for name in CreateRequest.model_fields}
        CreateRequest.model_validate(to_members(members))


@settings(max_examples=12)
@given(st.lists(_cells, min_size=1, max_size=20))
def test_normalising_twice_changes_nothing(rows: list[dict[str, str | None]]) -> None:
    members = list(CreateRequest.model_fields)
    once = rows_of(*(GOOD | row for row in rows)).filter(pl.col(FAULTS).is_null())
    kept = [name for name in members if name in once.columns]
    if once.is_empty():
        return

    twice = rows_of(*once.select(kept).to_dicts())

    assert json.dumps(twice.select(kept).to_dicts()) == json.dumps(once.select(kept).to_dicts())
