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


def given(run: Run, name: str, suffix: str = ".csv") -> Path:
    """A copy of a field input, called people.csv."""
    [source] = FIELD.glob(f"{name}-*")
    path = run.folder / f"people{suffix}"
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
        "resume of Ann (1).pdf; cover letter of Ann.pdf; certificates of Ann.pdf",
        "1234567890 1234567890 1234567890 1234567890 1234567890",
        "Please find my curriculum vitae attached to the e-mail that I sent to you on Monday.",
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


def test_one_resume_of_several_people_is_warned_of(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file that two cells name, and a text that one person has for two positions."""
    (a_run.folder / "ann.txt").write_text("Ann's own résumé of many years")
    rows = [a_row(f"p{n}@example.org").replace(RESUME, "ann.txt") for n in range(2)]
    rows += [a_row("own@example.org"), a_row("own@example.org", position="Cook")]
    path = write_input(a_run.folder, rows)

    found = doubts_of(path, capsys)

    [doubt] = [one for one in found if one["kind"] == "résumé"]
    assert str(doubt["sentence"]).startswith("2 people share one résumé")
    assert doubt["rows"] == [2, 3]
    assert not doubt["holds"]
    assert doubts_of(path, capsys, "--set", "candidate_resume!=The same for all") == []


def test_a_resume_in_html_is_cut_with_its_tags(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is sent is shorter: the tags are out."""
    text = f"<p>{RESUME}</p><p>"
    cut = text + "y" * (32_767 - len(text))
    path = write_input(a_run.folder, [a_row("a@example.org").replace(RESUME, cut)])

    [doubt] = doubts_of(path, capsys)

    assert "exactly 32,767 characters" in str(doubt["sentence"])


def test_rows_of_two_inputs_are_named_with_their_own(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A résumé that both have, one that is cut in the second, an id with a name in each."""
    cut = "x" * 32_767
    header = f"{HEADERS},position_external_id"
    inputs = {
        "a.csv": [f"{a_row('z@example.org', position='Cook').replace(RESUME, 'A' * 50)},R-1",
                  f"{a_row('a@example.org', position='Nurse')},R-2"],
        "b.csv": [f"{a_row('b@example.org', position='Porter')},R-2",
                  f"{a_row('c@example.org', position='Cook').replace(RESUME, cut)},R-1"],
    }  # fmt: skip
    for name, rows in inputs.items():
        (a_run.folder / name).write_text("\n".join([header, *rows]) + "\n")

    doubts = doubts_of(a_run.folder / "a.csv", capsys, str(a_run.folder / "b.csv"))

    told = {str(doubt["sentence"]).partition(" ")[2][:20]: doubt for doubt in doubts}
    shared = told["people share one rés"]
    assert (shared["source"], shared["rows"]) == ("", [])
    assert str(shared["sentence"]).endswith("(row 3 of a.csv, row 2 of b.csv)")
    lost = told["résumé has exactly 3"]
    assert (lost["source"], lost["rows"]) == ("b.csv", [3])
    names = told["position id 'R-2' has"[:20]]
    assert (names["source"], names["rows"]) == ("a.csv", [3])


ENDED = "somebody was turned down, has withdrawn or has been hired"


@pytest.mark.parametrize(
    ("header", "cells", "says"),
    [
        (
            "Do not contact",
            ("", "Yes"),
            "'Do not contact': 1 row says that nobody is to write to them",
        ),
        ("GDPR consent", ("yes", "no"), "'GDPR consent': 1 row says that there is no consent"),
        (
            "Status",
            ("Withdrawn", "Rejected"),
            f"'Status': 2 rows say that {ENDED}",
        ),
        (
            "Bewerbungsstatus",
            ("Neu", "Abgelehnt"),
            f"'Bewerbungsstatus': 1 row says that {ENDED}",
        ),
        ("Status", ("Active", "New"), None),
    ],
)
def test_what_speaks_against_inviting_somebody_is_told(
    header: str,
    cells: tuple[str, str],
    says: str | None,
    a_run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [a_row(f"p{n}@example.org", team=cell) for n, cell in enumerate(cells)]
    path = write_input(a_run.folder, rows)
    path.write_text(path.read_text().replace("team", header))

    told = [doubt for doubt in doubts_of(path, capsys) if doubt["kind"] == "objection"]

    assert [str(doubt["sentence"]).partition(";")[0] for doubt in told] == ([says] if says else [])
    assert not any(doubt["holds"] for doubt in told)


def test_files_called_after_people_are_sent_and_the_others_are_named(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal by name; in JSON and summary there are counts alone."""
    cvs = a_run.folder / "cvs"
    (cvs / "Poe Al").mkdir(parents=True)
    for name in ("CV_Jana_Novak.md", "mueller-zoe (1).txt", "Lee_Ann.txt", "Poe Al/CV.txt", "x.md"):
        (cvs / name).write_text(f"The résumé of {name}, {RESUME}")
    (cvs / "out.txt").symlink_to(a_run.folder / "people.csv")
    rows = [
        a_row(f"{n}@example.org", name=name).replace(RESUME, "")
        for n, name in enumerate(["Zoë Müller", "Ann Lee", "Ann Lee", "Al Poe", "Jana Nováková"])
    ]
    path = write_input(a_run.folder, rows)

    code = a_run.invite(path, "--resumes", str(cvs))
    capsys.readouterr()
    main(["check", str(path), "--resumes", str(cvs)])
    shown = capsys.readouterr().out
    main(["check", str(path), "--resumes", str(cvs), "--json"])
    told = capsys.readouterr().out

    assert code == 1
    outcomes = [row["outcome"] for row in a_run.results]
    assert outcomes == ["invited", "invalid", "invalid", "invited", "invalid"]
    codes = [row["error_code"] for row in a_run.results if row["error_code"]]
    assert codes == ["resume_unreadable", "resume_unreadable", "missing_field"]
    assert (
        "résumés 2 found by name, 1 person without, 2 people in doubt, 2 files nobody claims, "
        "1 for two people, 1 not looked at" in " ".join(shown.split())
    )
    for line in ("row 6 Jana Nováková ~ CV_Jana_Novak.md", "nobody's   x.md",
                 "Lee_Ann.txt: row 3 Ann Lee, row 4 Ann Lee"):  # fmt: skip
        assert line in shown
    counts = a_run.summary["resumes"]
    assert counts == json.loads(told)["resumes"]
    assert (counts["people_found"], counts["people_without"], counts["files_unclaimed"]) == (
        2,
        1,
        2,
    )
    assert not any(word in told + json.dumps(a_run.summary) for word in ("Nov", "Lee", "x.md"))


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

    found = doubts_of(path, capsys, "--set", "position_name=Tester")
    [idle] = [doubt for doubt in found if doubt["kind"] == "value"]
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


# Formats


@pytest.mark.parametrize("name", ["11", "17", "21", "22"])
def test_a_file_is_read_for_what_it_is(name: str, a_run: Run) -> None:
    """Compressed, with UUIDs, HTML called .xls, a JSON array: everybody is invited."""
    [source] = FIELD.glob(f"{name}-*")
    path = a_run.folder / source.name.partition("-")[2]
    path.write_bytes(source.read_bytes())

    assert a_run.invite(path) == 0

    stem = path.name.partition(".")[0]
    assert (a_run.folder / f"{stem}.results.{'xlsx' if name == '21' else 'csv'}").is_file()
    assert a_run.creates == (2 if name in {"11", "21"} else 3)


# Encodings


@pytest.mark.parametrize(
    ("name", "people", "position"),
    [
        pytest.param("05", ["Иван Петров", "Мария Иванова"], "Инженер", id="windows-1251"),
        pytest.param("06", ["Şükrü Öztürk", "Ayşe Doğan"], "Yazılımcı", id="windows-1254"),
        pytest.param("13", ["François Lefèvre", "Jürgen Groß"], "Développeur", id="encoded-twice"),
    ],
)
def test_letters_are_sent_as_they_were_written(
    name: str, people: list[str], position: str, a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_MIN_RESUME_CHARACTERS", "3")

    assert a_run.invite(given(a_run, name)) == 0

    assert [row["candidate_name"] for row in a_run.results] == people
    assert {row["position_name"] for row in a_run.results} == {position}


def test_an_encoding_that_nobody_knows_is_held_until_it_is_said(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_run.folder / "people.csv"
    rows = [a_row("a@example.com", name="Ana Grđan", country="US")]
    path.write_bytes("\n".join([HEADERS, *rows]).replace("é", "e").encode("cp1250"))

    assert a_run.invite(path) == 2
    held = capsys.readouterr()
    assert "--encoding Windows-1250" in held.err
    assert "--encoding Windows-1252" in held.err
    assert "Gr" not in held.err + held.out
    assert a_run.creates == 0

    assert a_run.invite(path, "--encoding", "windows 1250") == 0
    assert a_run.results[0]["candidate_name"] == "Ana Grđan"


def test_a_person_sees_the_readings_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "people.csv"
    rows = [a_row("a@example.com", name="Ana Grđan", country="US")]
    path.write_bytes("\n".join([HEADERS, *rows]).replace("é", "e").encode("cp1250"))

    main(["check", str(path)])

    seen = capsys.readouterr().out
    assert "Windows-1250: Grđan" in seen
    assert "Windows-1252: Grðan" in seen
    assert doubts_of(path, capsys)[0].keys() >= {"kind", "option"}
    assert "examples" not in doubts_of(path, capsys)[0]


def test_an_encoding_that_is_none_is_one_sentence(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_input(a_run.folder, [a_row("a@example.com")])

    assert a_run.invite(path, "--encoding", "windows-1259") == 2
    assert "--encoding windows-1259: no encoding of that name" in capsys.readouterr().err


def test_an_encoding_stands_in_the_mapping_file(a_run: Run) -> None:
    path = a_run.folder / "people.csv"
    path.write_bytes(
        "\n".join([HEADERS, a_row("a@example.com", name="Иван")]).encode("koi8_r", "ignore")
    )
    mapping = a_run.folder / "mapping.toml"
    mapping.write_text('[columns]\n[reading]\nencoding = "KOI8-R"\n')

    assert a_run.invite(path, "--mapping", str(mapping)) == 0
    assert a_run.results[0]["candidate_name"] == "Иван"


def test_cells_that_were_encoded_twice_are_counted(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(given(a_run, "13"))])

    assert "cells were encoded twice (such as Ã© for é), which is undone" in capsys.readouterr().out


# What a sheet says beside its values


def to_csv(run: Run) -> tuple[str, str]:
    """Results that the tests can read, of a workbook."""
    return "--results", str(run.folder / "people.results.csv")


def test_rows_that_a_filter_hides_are_not_invited_and_are_said(
    a_run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = given(a_run, "04", ".xlsx")

    assert a_run.invite(path, *to_csv(a_run)) == 0

    assert [row["row"] for row in a_run.results] == ["2", "4"]
    assert any("3 rows are hidden in the sheet" in text for text in a_run.summary["doubts"])
    [doubt] = doubts_of(path, capsys)
    assert doubt["rows"] == [3, 5, 6]
    mapping = tmp_path / "reading.toml"
    main(["check", str(path), "--hidden-rows", "--save-mapping", str(mapping)])
    assert a_run.invite(path, *to_csv(a_run), "--mapping", str(mapping)) == 0
    assert a_run.outcomes == {"already_done": 2, "invited": 3}


def test_a_job_merged_over_two_people_is_both_of_theirs(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "23", ".xlsx"), *to_csv(a_run)) == 0

    names = [row["position_name"] for row in a_run.results]
    assert names == ["Tester", "Tester", "Backend Developer", "Backend Developer"]


def test_an_error_cell_is_said_to_be_one(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "24", ".xlsx"), *to_csv(a_run)) == 1

    good, bad = a_run.results
    assert (good["outcome"], bad["outcome"]) == ("invited", "invalid")
    assert "candidate_email: the cell holds an error (#N/A)" in bad["error_message"]
    assert "position_location: the cell holds an error (#REF!)" in bad["error_message"]


def test_a_formula_that_was_never_calculated_is_said_to_be_one(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "25", ".xlsx"), *to_csv(a_run)) == 1

    said = a_run.results[0]["error_message"]
    assert "candidate_email: the cell holds a formula that was never calculated; open" in said
    assert a_run.creates == 0
