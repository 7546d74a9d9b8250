"""What a résumé file may be called: the same keys for a person and for their file."""

import polars as pl
import pytest

from jobmojito_batch.normalise import FILE, KEY, TRUST, Trust, keys_of_files, keys_of_people


def fits(
    file: str, *, name: str = "Jana Nováková", email: str = "", id_: str = "", folder: str = ""
) -> Trust | None:
    """What the file is called after, by what is trusted most; None where it is not theirs."""
    people = pl.DataFrame(
        {
            "candidate_name": [name],
            "candidate_email": [email or None],
            "candidate_external_id": [id_ or None],
        },
        schema=dict.fromkeys(
            ("candidate_name", "candidate_email", "candidate_external_id"), pl.String
        ),
    )
    files = pl.DataFrame({FILE: [0], "stem": [file], "folder": [folder]})
    keys = keys_of_people(people.lazy(), []).collect()
    found = keys.join(keys_of_files(files), on=KEY)[TRUST].sort()
    return Trust(found[0]) if len(found) else None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Jana Nováková", "Novakova_Jana"),
        ("Jana Nováková", "CV - Jana Nova\u0301kova\u0301"),  # as a Mac writes it
        ("Jana Nováková", "JANA.NOVAKOVA.final.v2"),
        ("Jana Nováková", "jana novakova resume (1)"),
        ("Jana Nováková", "Jana Nováková - Copy (2)"),
        ("Jana Nováková", "2024-05-03_Životopis_Nováková,Jana_SK"),
        ("Jana Nováková", "JanaNovakovaCV2024"),
        ("Jana Nováková", "novakovajana"),
        ("NOVÁKOVÁ, Jana", "Jana Nováková Curriculum Vitae new"),
        ("Jörg Müller", "Lebenslauf_Joerg_Mueller"),
        ("Jörg Müller", "Jorg Muller"),
        ("Joerg Mueller", "Jörg Müller"),
        ("Søren Åkesson", "Soeren Akesson"),
        ("Søren Åkesson", "Soren Aakesson"),
        ("Łukasz Groß", "lukasz-gross"),
        ("Ing. Peter Kováč, PhD.", "Peter_Kovac"),
        ("Wei Ing", "Wei Ing"),
        ("Jane New", "Jane_New_CV"),
        ("April May", "April May"),
        ("Null Nová", "Null Nova"),
        ("Інна Шевченко", "Шевченко Інна"),
    ],
)
def test_a_file_is_called_after_a_person(name: str, file: str) -> None:
    assert fits(file, name=name) is Trust.NAME


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Jana Nováková", "Jana Novak"),
        ("Jana Nováková", "Jana"),
        ("Jana Nováková", "CV"),
        ("Jana Nováková", "Jana Nováková cover letter"),
        ("Michal Novák", "Michael Novak"),
        ("Joe Manuel", "Jo Manul"),
        ("Jana Marie Nováková", "Jana Nováková"),
        ("Wei Ing", "Wei"),
        ("Peter Novák", "Jan Peter Novák"),
        ("???", "CV"),
    ],
)
def test_what_is_only_like_a_name_is_not_theirs(name: str, file: str) -> None:
    assert fits(file, name=name) is None


@pytest.mark.parametrize(
    ("file", "trust"),
    [
        ("A-7", Trust.ID),
        ("a-7 (1)", Trust.ID),
        ("A_7", Trust.ID_FOLDED),
        ("CV_A-7", Trust.ID_FOLDED),
        ("Jana.N@example.org", Trust.EMAIL),
        ("jana_n_at_example_org", Trust.EMAIL_FOLDED),
        ("resume jana.n@example.org", Trust.EMAIL_FOLDED),
        ("A-7 Jana Nováková", Trust.NAME_AND_ID),
        ("8347238_Jana Nováková", Trust.NAME),
    ],
)
def test_ids_and_addresses_are_trusted_more(file: str, trust: Trust) -> None:
    assert fits(file, email="jana.n@example.org", id_="A-7") is trust


@pytest.mark.parametrize(("file", "id_"), [("CV 2024", "2024"), ("resume 2", "2"), ("v2", "2")])
def test_a_year_or_number_of_a_copy_is_no_id(file: str, id_: str) -> None:
    assert fits(file, id_=id_) is None
    assert fits(id_, id_=id_) is Trust.ID


def test_a_file_that_says_nothing_is_called_after_its_folder() -> None:
    assert fits("CV final (1)", folder="Nováková Jana") is Trust.NAME
    assert fits("2024", id_="A-7", folder="A-7") is Trust.ID
    assert fits("certificate", folder="Nováková Jana") is None
