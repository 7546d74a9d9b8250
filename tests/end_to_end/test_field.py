"""
Inputs built after trouble that people reported in public, and neighbours of them: what is right.

What a careful person would never send is not sent, and the sentence says what to do.
"""

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import xlsxwriter

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import HEADERS, RESUME, Run, a_row, friendly, people, write_input

FIELD = Path(__file__).parents[1] / "exports" / "field"
TAIL = "Slovenia,A résumé of somebody who has tested web shops for ten years,Tester,Remote,SI,en"
HEADS = "Candidate Name,Email,Country,Resume,Job Title,Job Location,Job Country,Language"


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def given(run: Run, name: str) -> Path:
    """A copy of a field input, called people.csv."""
    [source] = FIELD.glob(f"{name}-*")
    path = run.folder / "people.csv"
    path.write_bytes(source.read_bytes())
    return path


def doubts_of(
    path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> list[dict[str, object]]:
    capsys.readouterr()
    main(["check", str(path), "--json", *options])
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["doubts"]
    return found


# Ids


def test_a_number_that_a_spreadsheet_rounded_makes_no_position(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = given(a_run, "01")

    assert a_run.invite(path) == 0

    assert [row["position_name"] for row in a_run.results] == ["Tester", "Tester", "Developer"]
    assert {row["candidate_external_id"] for row in a_run.results} == {"", "12/5"}
    ids = [doubt for doubt in doubts_of(path, capsys) if doubt["kind"] == "id"]
    assert len(ids) == 2
    assert "'Job ID' hold no id ('2.02511E+13'" in str(ids[0]["sentence"])
    assert not any(doubt["holds"] for doubt in ids)


@pytest.mark.parametrize("word", ["TBD", "0", "n/d", "1.2E+11", "unknown"])
def test_a_word_for_no_id_makes_no_position_of_two(word: str, a_run: Run) -> None:
    """Two requisitions that have none yet are not one."""
    rows = [f"{a_row('a@example.com', position='Nurse')},{word}",
            f"{a_row('b@example.com', position='Cook')},{word}"]  # fmt: skip
    path = a_run.folder / "people.csv"
    path.write_text("\n".join([f"{HEADERS},position_external_id", *rows]) + "\n")

    assert a_run.invite(path) == 0

    assert len({row["position_def_set_id"] for row in a_run.results}) == 2


def test_one_id_with_two_names_is_two_positions(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = given(a_run, "02")

    assert a_run.invite(path) == 0

    assert len({row["position_def_set_id"] for row in a_run.results}) == 2
    [doubt] = doubts_of(path, capsys)
    assert "the position id 'R-100' has 2 names" in str(doubt["sentence"])


def test_spellings_of_one_name_under_one_id_stay_one_position(a_run: Run) -> None:
    rows = [f"{a_row('a@example.com', position='Nurse')},R-1",
            f"{a_row('b@example.com', position='NURSE ')},R-1"]  # fmt: skip
    path = a_run.folder / "people.csv"
    path.write_text("\n".join([f"{HEADERS},position_external_id", *rows]) + "\n")

    assert a_run.invite(path) == 0

    assert len({row["position_def_set_id"] for row in a_run.results}) == 1


def test_an_id_in_a_quoted_formula_is_its_text(a_run: Run) -> None:
    a_run.invite(given(a_run, "16"))

    assert "00123" in {row["candidate_external_id"] for row in a_run.results}
    assert not any(row["candidate_external_id"].startswith("=") for row in a_run.results)


# Résumés


def test_what_is_no_resume_is_not_sent(a_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBMOJITO_MIN_RESUME_CHARACTERS")

    assert a_run.invite(given(a_run, "03")) == 1

    assert {row["error_code"] for row in a_run.results} == {"resume_unreadable"}
    assert a_run.creates == 0


@pytest.mark.parametrize(
    "cell",
    [
        "https://drive.example.com/file/d/1a2b3c4d5e6f7g8h9i0j/view?usp=sharing&x=12345",
        "www.example.com/people/ann/documents/curriculum-vitae-2026.pdf?download=1",
        "UEsDBBQABgAIAAAAIQDfpNJsWgEAACAFAAATAAgCW0NvbnRlbnRfVHlwZXNdLnhtbCCiBAIooAAC",
        "Yes",
        "siehe Anhang",
        "12345",
        "curriculum vitae of Ann Lee with all her certificates.pdf",
    ],
)
def test_neighbours_of_it_are_not_sent_however_low_the_floor(cell: str, a_run: Run) -> None:
    path = write_input(a_run.folder, [a_row("a@example.com").replace(RESUME, f'"{cell}"')])

    assert a_run.invite(path) == 1

    assert a_run.results[0]["error_code"] == "resume_unreadable"
    assert a_run.creates == 0


def test_the_floor_is_a_setting(a_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_input(a_run.folder, [a_row("a@example.com").replace(RESUME, "Ten years of care")])
    monkeypatch.delenv("JOBMOJITO_MIN_RESUME_CHARACTERS")
    short = a_run.invite(path)
    monkeypatch.setenv("JOBMOJITO_MIN_RESUME_CHARACTERS", "10")

    assert (short, a_run.invite(path)) == (1, 0)


def test_a_file_name_in_the_resume_cell_is_looked_for_beside_the_input(a_run: Run) -> None:
    (a_run.folder / "ann cv.txt").write_text(RESUME)
    path = write_input(a_run.folder, [a_row("a@example.com").replace(RESUME, "ann cv.txt")])

    assert a_run.invite(path) == 0
    assert a_run.creates == 1


def test_a_resume_of_just_the_length_at_which_excel_cuts_is_warned_of(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doubts_of(given(a_run, "27"), capsys)

    [doubt] = [one for one in found if one["kind"] == "résumé"]
    assert "exactly 32,767 characters" in str(doubt["sentence"])
    assert not doubt["holds"]


# People


def test_one_address_of_several_people_invites_none_of_them(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "08")) == 1

    assert {row["error_code"] for row in a_run.results} == {"several_people"}
    assert "row 3 of people.csv has this address" in a_run.results[0]["error_message"]
    assert a_run.creates == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("Ann Lee", "LEE, Ann", id="another-order"),
        pytest.param("Ann Lee", "Ann Marie Lee", id="a-middle-name"),
        pytest.param("Zoë Müller", "zoe muller", id="accents"),
    ],
)
def test_one_person_written_in_two_ways_is_a_duplicate(first: str, second: str, a_run: Run) -> None:
    rows = [a_row("a@example.com", name=first), a_row("A@example.com", name=f'"{second}"')]

    assert a_run.invite(write_input(a_run.folder, rows)) == 0
    assert a_run.outcomes == {"invited": 1, "duplicate": 1}


def test_one_person_for_two_positions_is_two_invitations(a_run: Run) -> None:
    rows = [a_row("a@example.com"), a_row("a@example.com", position="Cook")]

    assert a_run.invite(write_input(a_run.folder, rows)) == 0
    assert a_run.outcomes == {"invited": 2}


def test_a_surname_may_be_null_and_no_name_is_a_dash(a_run: Run) -> None:
    a_run.invite(given(a_run, "15"))

    assert a_run.results[0]["candidate_name"] == "Jennifer Null"
    assert a_run.invite(write_input(a_run.folder, [a_row("x@example.com", name="-")])) == 1


# Words


def test_entities_are_undone_and_make_no_second_position(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "14")) == 1  # one résumé is RTF

    names = [row["candidate_name"] for row in a_run.results]
    assert names == ["Seán O'Brien", "Zoë Müller", 'Tom "Tommy" Lee']
    assert len({row["position_def_set_id"] for row in a_run.results} - {""}) == 1


def test_a_letter_that_was_lost_makes_the_row_invalid(a_run: Run) -> None:
    rows = [a_row("a@example.com", name="Zo\ufffd M\ufffdller")]

    assert a_run.invite(write_input(a_run.folder, rows)) == 1
    assert a_run.results[0]["error_field"] == "candidate_name"


def test_a_description_that_may_be_of_the_person_is_asked_about(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doubts_of(given(a_run, "07"), capsys)

    [doubt] = [one for one in found if one["kind"] == "description"]
    assert doubt["holds"]
    assert '--map "description=candidate_resume"' in str(doubt["option"])
    assert a_run.invite(a_run.folder / "people.csv") == 2


def test_beside_a_positions_own_headers_a_description_is_the_positions(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_run.folder / "people.csv"
    path.write_text(f"{HEADS},Description\nAnn Lee,a@example.com,{TAIL},Tests shops.\n")

    assert doubts_of(path, capsys) == []


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-mail (required)", "candidate_email"),
        ("Country *", "candidate_country_code"),
        ("Résumé:", "candidate_resume"),
        ("Job Location [city]", "position_location"),
        ("Email {primary}", "candidate_email"),
    ],
)
def test_what_stands_in_brackets_does_not_hide_a_header(
    header: str, field: str, a_run: Run
) -> None:
    path = write_input(a_run.folder, people(1))
    path.write_text(path.read_text().replace(field, header, 1))

    assert a_run.invite(path) == 0


def test_a_recruiter_in_brackets_is_still_no_candidate(a_run: Run) -> None:
    path = write_input(a_run.folder, people(1))
    path.write_text(path.read_text().replace("candidate_email", "Email (recruiter)", 1))

    assert a_run.invite(path) == 2
    assert a_run.creates == 0


# Values for all rows


def test_a_set_that_fills_nothing_is_said_and_one_for_every_row_is_taken(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, people(2, position="Head of Sales"))

    [idle] = doubts_of(path, capsys, "--set", "position_name=Tester")
    code = a_run.invite(path, "--set", "position_name!=Tester")

    assert "--set position_name=Tester fills nothing" in str(idle["sentence"])
    assert '--set "position_name!=Tester"' in str(idle["option"])
    assert code == 0
    with (a_run.folder / "people.results.csv").open(encoding="utf-8-sig") as file:
        assert {row["position_name"] for row in csv.DictReader(file)} == {"Tester"}


# Workbooks that would take the process along


def a_bomb(path: Path) -> Path:
    """A workbook whose sheet is 600 MB of blanks; it packs to less than one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(600):
                sheet.write(b" " * 1_000_000)
    return path


@pytest.mark.parametrize("kind", ["a-cell-in-the-last-corner", "a-bomb"])
def test_a_workbook_that_would_end_the_process_is_one_sentence_and_the_others_go_on(
    kind: str, a_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The native reader aborts (exit 134), and the good files beside it are never sent."""
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = a_run.folder / "inbox"
    box.mkdir()
    bad = box / "bad.xlsx"
    if kind == "a-bomb":
        a_bomb(bad)
    else:
        bad.write_bytes(next(FIELD.glob("10-*")).read_bytes())
    checked = main(["check", str(bad)])
    said = capsys.readouterr().err
    write_input(box, people(2), "good.csv")

    code = main(["invite", str(box), "--inbox", "--yes", "--no-prefect"])

    assert checked == 2
    assert said.startswith("jobmojito-batch: bad.xlsx: ")
    assert len(said.splitlines()) == 1
    assert code == 1
    assert a_run.creates == 2
    assert len(list((box / "failed").rglob("bad.xlsx.error.txt"))) == 1


def test_a_cell_far_right_of_a_short_list_is_read(a_run: Run) -> None:
    """A note in column ZZ is odd, and no reason to refuse the list."""
    path = a_run.folder / "people.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    for number, line in enumerate([HEADERS, *people(2)]):
        sheet.write_row(number, 0, line.split(","))
    sheet.write_string(1, 701, "note")
    book.close()

    assert a_run.invite(path, "--results", str(a_run.folder / "people.results.csv")) == 0
    assert a_run.creates == 2
