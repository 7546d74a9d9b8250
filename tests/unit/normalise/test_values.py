"""Values as people write them, and as the API takes them; what may mean two things is no value."""

import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobmojito_batch.normalise import (
    DateOrder,
    date_order,
    domain_slips,
    explain,
    map_headers,
    normalise,
)
from jobmojito_batch.normalise.dates import read_date, readings_of
from jobmojito_batch.normalise.known_names import FILE
from jobmojito_batch.records import Table
from tests.names import as_written

GOOD = {
    "candidate_name": "Ann Lee",
    "candidate_email": "ann@example.com",
    "candidate_country_code": "SK",
    "candidate_resume": "Nurse",
    "position_def_set_id": "p-1",
}


def read(field: str, *cells: str, order: DateOrder = DateOrder.UNDECIDED) -> pl.DataFrame:
    """A frame of good rows with *cells* in one field."""
    columns = {**GOOD, field: ""}
    frame = pl.LazyFrame(
        {
            "row": range(2, 2 + len(cells)),
            **{
                f"cell:{i}": list(cells) if name == field else [value] * len(cells)
                for i, (name, value) in enumerate(columns.items())
            },
            "overflow": [None] * len(cells),
        },
        schema_overrides={"row": pl.UInt32, "overflow": pl.String},
    )
    table = Table(source="x.csv", headers=tuple(columns), frame=frame)
    return normalise(
        table,
        map_headers(table.headers),
        fills={},
        max_resume_characters=1000,
        date_orders={"interview_available_till": order},
    ).collect()


COUNTRIES = {
    "SK": "Slovakia|Slovak Republic|Slovensko|SVK|703|sk|Slowakei|Slovaquie|Słowacja|Eslovaquia|"
    "Slovacchia|Eslováquia|Slowakije|Slovakia (SK)|SK - Slovakia|SVK Slovakia",
    "GB": "UK|U.K.|Great Britain|United Kingdom|England|Großbritannien|Velká Británie|"
    "Veľká Británia|Wielka Brytania|Royaume-Uni|Reino Unido|Regno Unito|Verenigd Koninkrijk",
    "CZ": "Czechia|Czech Republic|Česko|Česká republika|Tschechien|Czechy|Tchéquie|Chequia|ČR",
    "DE": "Deutschland|Germany|Německo|Nemecko|Niemcy|Allemagne|Alemania|Germania|Alemanha|"
    "Duitsland|GER|276|Германия|Німеччина|Γερμανία|ألمانيا|גרמניה|ドイツ|德国|德國|독일|Almanya|Saksa",
    "US": "USA|U.S.A.|US|United States|United States of America|Vereinigte Staaten|Spojené státy|"
    "Stany Zjednoczone|États-Unis|Estados Unidos|Stati Uniti|Verenigde Staten|840",
    "TR": "Türkiye|Turkey|Turkiye|Turecko|Turcja|Turquie|Turquía|Turchia|Turquia|Turkije",
    "KR": "韓國|한국|대한민국|韩国|"
    "South Korea|Korea, Republic of|Republic of Korea|Südkorea|Jižní Korea|Corée du Sud",
    "GN": "Guinea|GIN",
    "AT": "Österreich|Austria|Rakousko|Rakúsko|Autriche|Oostenrijk|040",
    "GE": "Georgia|Georgia (GE)",
    "NE": "Niger",
    "AE": "UAE|United Arab Emirates",
}


@pytest.mark.parametrize("code", COUNTRIES)
def test_countries_are_known_by_all_their_names(code: str) -> None:
    names = COUNTRIES[code].split("|")
    rows = read("candidate_country_code", *names)

    assert dict(zip(names, rows["candidate_country_code"], strict=True)) == dict.fromkeys(
        names, code
    )


@pytest.mark.parametrize(
    "text",
    [
        "Congo", "Korea", "Virgin Islands", "Georgia (US)", "Europe", "EU", "Bratislava, Slovakia",
        "Slovakia or Czechia", "421", "40", "D", "Slovenka",
    ],
)  # fmt: skip
def test_what_may_be_two_countries_or_none_is_not_guessed(text: str) -> None:
    assert read("candidate_country_code", text)["faults"].to_list() == [
        "unknown_country:candidate_country_code"
    ]


def test_an_ambiguous_country_is_explained_with_the_choices() -> None:
    [fault] = explain(
        "unknown_country:candidate_country_code",
        {},
        raw={"candidate_country_code": "Congo"},
        max_resume_characters=1,
    )

    assert "CD or CG" in fault.message


LANGUAGES = {
    "en": "en|EN|en-US|en_GB|English|English (US)|Englisch|angličtina|angielski|anglais|inglés|"
    "inglese|inglês|Engels",
    "br": "br|pt-BR|Brazilian Portuguese|Português (Brasil)|Portuguese (Brazil)",
    "pt": "pt|pt-PT|Portuguese|Português",
    "no": "no|nb|nn|Norwegian|Norsk|Bokmål",
    "fil": "fil|tl|Filipino|Tagalog",
    "zh": "zh|zh-CN|Chinese|Mandarin|中文",
    "cs": "cs|cz|Czech|čeština|Tschechisch|český",
    "sk": "sk|Slovak|slovenčina|Slowakisch|slovenština|słowacki",
    "uk": "uk|ua|Ukrainian|українська|ukrajinčina",
    "de": "de|Deutsch|German|němčina|nemčina|niemiecki|allemand|alemán|tedesco|alemão|Duits",
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_languages_become_the_codes_of_the_platform(code: str) -> None:
    names = LANGUAGES[code].split("|")
    rows = read("mojito_language_code", *names)

    assert rows["mojito_language_code"].to_list() == [code] * len(names)


@pytest.mark.parametrize("text", ["Klingon", "Latin", "English, German", "sl", "bahasa", "Breton"])
def test_a_language_that_the_platform_has_not_is_no_language(text: str) -> None:
    rows = read("mojito_language_code", text).with_columns(position_def_set_id=None)

    assert rows["mojito_language_code"].to_list() == [None]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("linkedin.com/in/ann-lee", "https://www.linkedin.com/in/ann-lee"),
        ("http://sk.linkedin.com/in/ann-lee/?trk=x", "https://www.linkedin.com/in/ann-lee"),
        ("https://www.LinkedIn.com/in/Ann/", "https://www.linkedin.com/in/Ann"),
        ("https://example.com/ann", "https://example.com/ann"),
        ("https://www.linkedin.com/pub/ann/1/2/3", "https://www.linkedin.com/pub/ann/1/2/3"),
    ],
)
def test_linkedin_addresses_have_one_form(cell: str, expected: str) -> None:
    rows = read("candidate_linkedin_url", cell)

    assert rows["candidate_linkedin_url"].to_list() == [expected]
    assert rows["faults"].to_list() == [None]


YES = "yes|TRUE|x|1|ja|áno|ano|tak|oui|sí|si|sì|sim|vero|✓"
NO = "no|False|0|nein|nie|ne|non|não|nee|falso|✗"


@pytest.mark.parametrize(("cells", "value"), [(YES, "true"), (NO, "false")], ids=["yes", "no"])
def test_yes_and_no_in_ten_languages(cells: str, value: str) -> None:
    words = cells.split("|")

    assert read("instructional_video", *words)["instructional_video"].to_list() == [value] * len(
        words
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1200", "1200"), ("1 200", "1200"), ("900,5", "900.5"), ("1,200", None), ("20 min", None)],
)
def test_numbers_as_people_write_them(cell: str, value: str | None) -> None:
    """`1,200` is twelve hundred to one person and one and a fifth to another."""
    assert read("max_duration", cell)["max_duration"].to_list() == [value]


DATES = {
    "2026-12-31": "2026-12-31|2026/12/31|2026.12.31|31.12.2026|31. 12. 2026|31.12.2026.|"
    "31/12/2026|12/31/2026|31-12-2026|31 December 2026|31 Dec 2026|Dec 31, 2026|"
    "December 31st, 2026|31. Dezember 2026|31. prosince 2026|31. decembra 2026|31 grudnia 2026|"
    "31 décembre 2026|31 de diciembre de 2026|31 dicembre 2026|31 de dezembro de 2026|"
    "31 december 2026|Thursday, December 31, 2026",
    "2026-12-31T18:00:00": "2026-12-31 18:00|2026-12-31T18:00:00|31.12.2026 18:00|"
    "12/31/2026 6:00 PM|31/12/2026 18:00:00",
    "2026-12-31T18:00:00Z": "2026-12-31T18:00:00Z",
    "2026-12-31T18:00:00+01:00": "2026-12-31T18:00:00+0100|2026-12-31 18:00 +01:00",
    "2026-04-04": "04/04/2026|4/4/2026",
}


@pytest.mark.parametrize("iso", DATES)
def test_dates_that_can_be_read_one_way_become_iso(iso: str) -> None:
    texts = DATES[iso].split("|")

    assert {text: read_date(text) for text in texts} == dict.fromkeys(texts, iso)


@pytest.mark.parametrize(
    "text",
    ["03/04/2026", "31/02/2026", "31.13.2026", "1/2/26", "2026", "soon", "46387", "12:00",
     "13/13/2026",
     "31 foo 2026", "2026-12-31 25:00", "2026-12-31 13:00 PM"],
)  # fmt: skip
def test_what_is_no_date_or_two_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["03/04/2026", "25/04/2026"], DateOrder.DAY_FIRST),
        (["03/04/2026", "04-25-2026"], DateOrder.MONTH_FIRST),
        (["03/04/2026", "04/04/2026", None, "", "x"], DateOrder.UNDECIDED),
        (["25/04/2026", "04/25/2026"], DateOrder.CONTRADICTORY),
        (["31.12.2026", "2026-12-31"], DateOrder.UNDECIDED),
    ],
)
def test_the_order_of_a_column_comes_from_its_own_dates(
    cells: list[str | None], order: DateOrder
) -> None:
    assert date_order(pl.LazyFrame({"cell:0": cells}), "cell:0") is order


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (DateOrder.DAY_FIRST, "2026-04-03"),
        (DateOrder.MONTH_FIRST, "2026-03-04"),
        (DateOrder.UNDECIDED, None),
        (DateOrder.CONTRADICTORY, None),
    ],
)
def test_a_date_that_can_be_read_both_ways_goes_by_its_column(
    order: DateOrder, expected: str | None
) -> None:
    rows = read("interview_available_till", "03/04/2026", "2026-12-31", order=order)

    assert rows["interview_available_till"].to_list() == [expected, "2026-12-31"]
    assert (rows["faults"][0] is None) == (expected is not None)


def test_a_date_that_cannot_be_decided_is_explained_with_both_readings() -> None:
    [fault] = explain(
        "invalid_value:interview_available_till",
        {},
        raw={"interview_available_till": "03/04/2026"},
        max_resume_characters=1,
    )

    assert "2026-04-03 or 2026-03-04" in fault.message


@given(st.dates(min_value=__import__("datetime").date(1900, 1, 1)))
def test_a_date_is_one_of_its_readings_in_either_order(day: object) -> None:
    text = f"{day:%d/%m/%Y}"

    assert f"{day:%Y-%m-%d}" in readings_of(text)
    assert read_date(text, order=DateOrder.DAY_FIRST) == f"{day:%Y-%m-%d}"


def test_slips_of_common_domains_are_noticed() -> None:
    slips = [
        "gmial.com",
        "gmail.con",
        "hotmial.com",
        "yaho.com",
        "outlok.com",
        "gmaill.com",
        "gmail.co",
    ]
    meant = domain_slips(slips)

    assert set(meant) == set(slips)
    assert meant["gmial.com"] == "gmail.com"


def test_real_providers_are_no_slips() -> None:
    real = [
        "gmail.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.com",
        "ymail.com",
        "email.cz",
        "seznam.cz",
        "azet.sk",
        "post.sk",
        "wp.pl",
        "o2.pl",
        "onet.pl",
        "yahoo.co.uk",
        "yahoo.fr",
        "hotmail.co.uk",
        "outlook.de",
        "live.com",
        "me.com",
        "proton.me",
        "free.fr",
        "libero.it",
        "example.com",
        "company.com",
        "centrum.cz",
        "centrum.sk",
    ]

    assert domain_slips(real) == {}


@pytest.mark.parametrize(
    "cell",
    ["a@x.com; b@x.com", "a@x.com, b@x.com", "a@x.com/b@x.com", "a@x.com | b@x.com",
     "a@x.com b@x.com", "a@x.com\nb@x.com", "Ann <a@x.com>, Jo <b@x.com>"],
)  # fmt: skip
def test_several_addresses_are_not_guessed_at(cell: str) -> None:
    assert read("candidate_email", cell)["faults"].to_list() == ["several_emails:candidate_email"]


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        (" Ann@Example.COM ", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("[ann@example.com](mailto:ann@example.com)", "ann@example.com"),
        ('=HYPERLINK("mailto:ann@example.com","ann@example.com")', "ann@example.com"),
        ("ann+x@example.com", "ann+x@example.com"),
        ("an\u200bn@example.com", "ann@example.com"),
        ("ann_c1d@indeedemail.com", "ann_c1d@indeedemail.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("иван@почта.com", "иван@xn--80a1acny.com"),
        ("juno.email@example.com", "juno.email@example.com"),
    ],
)
def test_an_address_has_one_form(cell: str, address: str) -> None:
    assert read("candidate_email", cell)["candidate_email"].to_list() == [address]


def test_a_file_in_the_column_of_addresses_is_no_address_and_holds_nobody_up() -> None:
    """Base64 of a row whose cells moved: ten times the letters were a hundred times the time."""
    started = time.process_time()

    faults = read("candidate_email", "JVBERi0x" * 8_000)["faults"].to_list()

    assert faults == ["invalid_email:candidate_email"]
    assert time.process_time() - started < 3


def test_ids_and_phones_stay_text() -> None:
    rows = read(
        "candidate_external_id", "007", "'+1 570 555", "1e5", "12/5", '="00123"', "2026-1001"
    )

    ids = rows["candidate_external_id"].to_list()
    assert ids == ["007", "+1 570 555", "1e5", "12/5", "00123", "2026-1001"]


def test_what_a_spreadsheet_rounded_or_a_word_for_none_is_no_id() -> None:
    cells = [
        "5.55E+09",
        "2,02511E+13",
        "1.2345678901234568E17",
        "05.Dec",
        "Dec-05",
        "2026-10-01",
        "2026-10-01 00:00:00",
        "01.10.2026",
        "10/1/2026",
        "TBD",
        "0",
        "n/d",
        "???",
    ]

    assert read("candidate_external_id", *cells)["candidate_external_id"].null_count() == len(cells)


def test_names_keep_their_case() -> None:
    names = ["McDONALD van der Berg", "anna nováková"]

    assert read("candidate_name", *names)["candidate_name"].to_list() == names


def test_the_names_that_lie_in_a_file_are_those_of_cldr() -> None:
    """Where this fails after an update of babel: `python -m tests.names`."""
    assert FILE.read_text("utf-8") == as_written()
