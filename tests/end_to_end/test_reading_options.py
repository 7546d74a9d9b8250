"""`--positions`, `--save-mapping`, `--freeze-mapping`, `check --errors`: how an export is read."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fastexcel
import pytest
import xlsxwriter

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import RESUME, Run, friendly

JOBS = """\
ID;Name;Location;Country;Language;Description;Budget
R-1;Nurse;London;Great Britain;English;Cares for people.;5
R-2;Cook;Rome;Italy;Italian;Cooks.;6
R-3;Pilot;Oslo;Norway;English;Flies.;7
"""


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def people_for(folder: Path, *jobs: str, headers: str = "Job Title") -> Path:
    """One person for each of the jobs, of whom nothing but the job's name or id is known."""
    folder.mkdir(exist_ok=True)
    lines = [f"Candidate Name,Email,Country,Resume,{headers}"]
    lines += [f"Ann Lee,p{n}@example.org,SK,{RESUME},{job}" for n, job in enumerate(jobs)]
    path = folder / "people.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def jobs_in(folder: Path, text: str = JOBS) -> Path:
    path = folder / "jobs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def checked(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    main(["check", str(path), "--json", *options])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# Positions


def test_a_table_of_jobs_fills_what_the_rows_leave_blank(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse,", ",R-2", headers="Job Title,Job ID")
    table = str(jobs_in(a_run.folder))

    assert a_run.invite(path, "--positions", table) == 0

    assert [row["position_name"] for row in a_run.results] == ["Nurse", "Cook"]
    said = capsys.readouterr().err
    assert "Description → position_description" in said
    assert "positions jobs.csv: nobody claims 'Budget'" in said
    assert "1 of its 3 jobs are nobody's here (row 4)" in said


def test_jobs_that_the_table_lacks_are_said_and_stay_as_they_are(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse", "Guard", "guard")

    plan = checked(capsys, path, "--positions", str(jobs_in(a_run.folder)))

    [doubt] = plan["doubts"]
    assert "2 rows are of jobs that jobs.csv does not have ('Guard')" in doubt["sentence"]
    assert not doubt["holds"]
    assert plan["classes"]["invalid"] == 2
    assert plan["would_send"] == 1


@pytest.mark.parametrize(
    ("job", "said"),
    [
        pytest.param("Cook,R-1", "whose job has another name or id", id="contradiction"),
        pytest.param("Twin,", "several of by that name", id="two-jobs-of-one-name"),
        pytest.param("Guard,", "row 5: position_country_code: 'Germoney'", id="a-broken-value"),
    ],
)
def test_a_job_that_is_not_clear_holds_the_run(
    job: str, said: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse,", job, headers="Job Title,Job ID")
    more = "R-4;Guard;Bonn;Germoney;de;;\nR-5;Twin;Bonn;DE;de;;\nR-6;Twin;Köln;DE;de;;\n"
    table = jobs_in(a_run.folder, JOBS + more)

    assert a_run.invite(path, "--positions", str(table)) == 2

    assert said in capsys.readouterr().err.splitlines()[-1]
    assert a_run.creates == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(JOBS + "R-1;Nurse;Leeds;GB;en;;\n", "rows 2, 5 are one job", id="twice"),
        pytest.param("Budget;Team\n5;blue\n", "no column gives position_external_id", id="no-key"),
        pytest.param(None, "no such file", id="not-there"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence_before_anything_is_sent(
    text: str | None, said: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse")
    table = a_run.folder / "jobs.csv"
    if text is not None:
        jobs_in(a_run.folder, text)

    assert a_run.invite(path, "--positions", str(table)) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("jobmojito-batch: --positions ")
    assert said in last
    assert a_run.creates == 0


def test_a_content_is_done_with_only_as_that_table_of_jobs_filled_it(
    a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file comes again: with the same table it is done, with another it is read."""
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = a_run.folder / "inbox"
    ran = []
    for place in ("London", "London", "Leeds"):
        people_for(box, "Nurse")
        table = jobs_in(a_run.folder, JOBS.replace("London", place))
        a_run.invite(box, "--inbox", "--positions", str(table))
        ran.append(len(list((box / "done").rglob("*.results*.csv"))))

    assert ran == [1, 1, 2]
    assert a_run.creates == 1
    assert [path.name for path in (box / "done").rglob("*.note.txt")] == ["people-2.csv.note.txt"]


def test_a_broken_table_leaves_the_files_of_an_inbox_where_they_are(
    a_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    box = a_run.folder / "inbox"
    path = people_for(box, "Nurse")
    twice = jobs_in(a_run.folder, JOBS + "R-1;Nurse;Leeds;GB;en;;\n")
    inside = jobs_in(box)

    codes = [a_run.invite(box, "--inbox", "--positions", str(one)) for one in (twice, inside)]

    assert codes == [2, 2]
    assert "it lies in the inbox" in capsys.readouterr().err
    assert path.exists()
    assert inside.exists()


# Mappings


def a_workbook(path: Path, rows: Sequence[str], *, headers: str) -> Path:
    """People on one of two sheets that both look like candidates."""
    book = xlsxwriter.Workbook(path)
    for name in ("Old", "New"):
        sheet = book.add_worksheet(name)
        for number, line in enumerate([headers, *rows]):
            sheet.write_row(number, 0, line.split(","))
    book.close()
    return path


def test_a_saved_mapping_gives_the_same_plan_with_all_that_was_said(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns, values, sheet, résumés and positions; and a header that only the jobs have."""
    headers = "Wer,Email,Country,candidate_resume_file,Rolle hier,Notes"
    people = [
        f"Ann Lee,p{n}@example.org,,cv.txt,{job},x" for n, job in enumerate(["Nurse", "Cook"])
    ]
    path = a_workbook(a_run.folder / "people.xlsx", people, headers=headers)
    (a_run.folder / "cvs").mkdir()
    (a_run.folder / "cvs" / "cv.txt").write_text(RESUME)
    saved = a_run.folder / "kept" / "our.toml"
    saved.parent.mkdir()
    said = [
        "--map", "Wer=candidate_name", "--map", "Rolle hier=position_name", "--map", "Notes=",
        "--map", "Budget=max_duration", "--set", "candidate_country_code=SK",
        "--set", "interview_attempts!=2", "--sheet", "New",
        "--resumes", str(a_run.folder / "cvs"), "--positions", str(jobs_in(saved.parent)),
    ]  # fmt: skip

    first = checked(capsys, path, *said, "--save-mapping", str(saved))
    again = checked(capsys, path, "--mapping", str(saved), "--freeze-mapping")

    assert first["would_send"] == 2
    assert again == first
    assert 'positions = "jobs.csv"' in saved.read_text()
    main(["check", str(path), "--mapping", str(saved), "--save-mapping", str(saved)])
    assert (
        f"saved         {saved}: 7 columns, 2 values, sheet, resumes, positions; --mapping {saved}"
        in capsys.readouterr().err
    )
    assert checked(capsys, path, "--mapping", str(saved)) == first


def test_an_option_goes_before_what_the_mapping_says(a_run: Run) -> None:
    path = people_for(a_run.folder, "Nurse")
    saved = a_run.folder / "our.toml"
    saved.write_text(
        '[values]\nposition_country_code = "GB"\nmojito_language_code = "en"\n'
        '"position_location!" = "London"\ninterview_attempts = 2\nis_embedded = false\n'
        '[reading]\npositions = "not-there.csv"\n'
    )
    other = jobs_in(a_run.folder, "Name\nNurse\n")

    options = ["--mapping", str(saved), "--positions", str(other)]
    assert a_run.invite(path, *options, "--set", "position_location=Leeds") == 0
    assert a_run.creates == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a table [columns]"),
        ("[columns\n", "is no TOML file"),
        ("[colums]\na = 'b'\n[values]\n", "there is no colums; there are columns, values"),
        ("[columns]\na = 3\n", "columns a: input should be a valid string"),
        ("[values]\ntags = ['a']\n", "[values] tags: write the value in quotes"),
        ("[reading]\nshet = 'New'\n", "there is no [reading] shet; there are sheet"),
        ("[reading]\nsheet = 3\n", "sheet"),
        ("[reading]\nheaders = ['a']\n", "headers 0: input should be a valid list"),
    ],
)
def test_a_mapping_file_that_makes_no_sense_is_one_sentence(
    text: str, said: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = a_run.folder / "our.toml"
    saved.write_text(text)

    assert main(["check", str(people_for(a_run.folder, "Nurse")), "--mapping", str(saved)]) == 2

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jobmojito-batch: --mapping {saved}: ")
    assert said in line


def saved_for(run: Run, capsys: pytest.CaptureFixture[str]) -> tuple[Path, list[str]]:
    """People, and the options that a mapping saved for them makes."""
    path = people_for(run.folder, "Nurse,x", headers="Job Title,Team")
    saved = run.folder / "our.toml"
    checked(capsys, path, "--save-mapping", str(saved), "--positions", str(jobs_in(run.folder)))
    return path, ["--mapping", str(saved)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Team", "Team,Mail of boss", "'Mail of boss' (carried) is new"),
        ("Email", "E-Mail-Adresse", "'E-Mail-Adresse' (candidate_email) is new, 'Email' (cand"),
        (",Team", "", "'Team' is gone"),
    ],
)
def test_headers_that_changed_since_the_mapping_was_saved_hold_the_run(
    old: str, new: str, said: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path, options = saved_for(a_run, capsys)
    path.write_text(path.read_text().replace(old, new, 1))

    [doubt] = checked(capsys, path, *options)["doubts"]
    code = a_run.invite(path, *options)

    assert doubt["kind"] == "headers"
    assert said in doubt["sentence"]
    assert doubt["holds"]
    assert (code, a_run.creates) == (2, 0)
    assert main(["check", str(path), *options, "--freeze-mapping"]) == 2
    [line] = capsys.readouterr().err.splitlines()[-1:]
    assert line.startswith("jobmojito-batch: people.csv: its headers are not those of the mapping")


def test_headers_in_another_order_and_what_was_saved_again_are_no_doubt(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path, options = saved_for(a_run, capsys)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(",".join(reversed(line.split(","))) for line in lines) + "\n")
    turned = checked(capsys, path, *options, "--freeze-mapping")["doubts"]
    path.write_text(path.read_text().replace("Team", "Squad"))
    checked(capsys, path, *options, "--save-mapping", options[1])

    assert turned == []
    assert checked(capsys, path, *options, "--freeze-mapping")["doubts"] == []
    path.write_text(path.read_text().replace("Squad", "Team"))
    assert checked(capsys, path, *options, "--freeze-mapping")["doubts"] == []


def test_a_mapping_written_by_hand_is_frozen_by_its_columns(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse")
    saved = a_run.folder / "our.toml"
    lines = [f'"{header}" = "{field}"' for header, field in (
        ("Candidate Name", "candidate_name"), ("Email", "candidate_email"),
        ("Country", "candidate_country_code"), ("Resume", "candidate_resume"),
        ("Job Title", "position_name"),
    )]  # fmt: skip
    options = ["--mapping", str(saved), "--positions", str(jobs_in(a_run.folder))]
    codes = []
    for text in (lines, lines[1:], [*lines, '"Phone" = ""']):
        saved.write_text("\n".join(["[columns]", *text]) + "\n")
        codes.append(main(["check", str(path), *options, "--freeze-mapping"]))

    said = capsys.readouterr().err
    assert codes == [0, 2, 2]
    assert "'Candidate Name' is new" in said
    assert "'Phone' is gone" in said
    assert main(["check", str(path), "--freeze-mapping"]) == 2


def test_a_frozen_mapping_sends_the_good_files_of_an_inbox(
    a_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_INBOX_STABLE_SECONDS", "0")
    path, options = saved_for(a_run, capsys)
    box = a_run.folder / "inbox"
    box.mkdir()
    (box / "good.csv").write_text(path.read_text())
    (box / "bad.csv").write_text(path.read_text().replace("Team", "Squad"))

    assert a_run.invite(box, "--inbox", *options, "--freeze-mapping") == 1

    [reason] = (box / "failed").rglob("bad.csv.error.txt")
    assert "'Squad' is new, 'Team' is gone" in reason.read_text()
    assert a_run.creates == 1


# The rows to correct


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_check_writes_the_rows_to_correct_as_invite_would(
    suffix: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse", "Guard", "", "Cook")
    path.write_text(path.read_text().replace("p3@example.org", "nobody, '=1+1'", 1))
    table = ["--positions", str(jobs_in(a_run.folder))]
    checks, invites = a_run.folder / f"a{suffix}", a_run.folder / f"b{suffix}"

    code = main(["check", str(path), *table, "--errors", str(checks)])
    said = capsys.readouterr().err
    a_run.invite(path, *table, "--errors", str(invites))

    assert code == 1
    assert f"errors        {checks}: 3 rows to correct" in said
    found = [grid(one) for one in (checks, invites)]
    assert found[0] == found[1]
    assert len(found[0]) == 4
    row = ["row"] if suffix == ".xlsx" else []
    assert found[0][0][-3 - len(row) :] == ["error_code", "error_field", "error_message", *row]


def grid(path: Path) -> list[list[str]]:
    if path.suffix == ".csv":
        return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    sheet = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string")
    return [[cell or "" for cell in row] for row in sheet.to_polars().rows()]


def test_check_says_that_there_is_no_row_to_correct(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = people_for(a_run.folder, "Nurse")
    errors = a_run.folder / "e.csv"

    options = ["--positions", str(jobs_in(a_run.folder)), "--errors", str(errors), "--json"]
    assert main(["check", str(path), *options]) == 0

    assert "no row is to be corrected" in capsys.readouterr().err
    assert not errors.exists()


# What carried columns look like


def test_carried_columns_that_look_like_a_field_are_offered_a_few_at_a_time(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is missing is said by its doubt alone."""
    look = ["Seniority", "Department", "Template", "Job Locaton", "Welcome mesage", "Pay, Salary"]
    headers = ",".join(["Job Title", *(f'"{one}"' for one in look), "Recruiter mail", "Owner"])
    path = people_for(a_run.folder, "Nurse,,,,,,,,", headers=headers)
    path.write_text(path.read_text().replace("Email", "E-mailadress", 1))

    plan = checked(capsys, path, "--positions", str(jobs_in(a_run.folder)))

    offered = [note for note in plan["notes"] if note.startswith("people.csv: ")]
    assert offered[0] == (
        "people.csv: 'Seniority' looks like seniority_level: "
        '--map "Seniority=seniority_level" if it is'
    )
    assert len(offered) <= 6
    assert not any("mail" in note or "Owner" in note for note in offered)
    [doubt] = plan["doubts"]
    assert '--map "E-mailadress=candidate_email"' in doubt["option"]


# The header's row


UNKNOWN_HEADERS = """\
Name,E-Mail
Bob Hill,hr@example.org
Wer,Womit
Ann Lee,p1@example.org
"""


def _with_resume(text: str, folder: Path) -> list[str]:
    path = folder / "odd.csv"
    path.write_text(text, encoding="utf-8")
    fields = {"candidate_country_code": "SK", "candidate_resume": RESUME, "position_name": "Nurse"}
    fields |= {"position_location": "Brno", "position_country_code": "CZ"}
    given = [f"{name}={value}" for name, value in (fields | {"mojito_language_code": "en"}).items()]
    return [str(path), *(word for one in given for word in ("--set", one))]


def test_the_row_of_the_header_can_be_said(a_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = _with_resume(UNKNOWN_HEADERS, a_run.folder)
    mapped = ["--map", "Wer=candidate_name", "--map", "Womit=candidate_email"]

    assert main(["invite", *words, "--header-row", "3", *mapped, "--yes", "--no-prefect"]) == 0
    assert "header in row 3" in capsys.readouterr().err
    created = [entry.email for entry in a_run.sandbox.log if entry.event == "created"]
    assert created == ["p1@example.org"]


def test_the_row_of_a_sheets_header_can_be_said(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_run.folder / "odd.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, line in enumerate(UNKNOWN_HEADERS.splitlines()):
            sheet.write_row(row, 0, line.split(","))
    words = [str(path), *_with_resume(UNKNOWN_HEADERS, a_run.folder)[1:]]
    mapped = ["--map", "Wer=candidate_name", "--map", "Womit=candidate_email"]

    main(["check", *words, "--header-row", "3", *mapped, "--json"])

    assert json.loads(capsys.readouterr().out)["rows"] == 1


@pytest.mark.parametrize("row", ["9", "5"])
def test_a_row_without_text_is_no_header(
    row: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _with_resume(UNKNOWN_HEADERS, a_run.folder)

    assert main(["check", *words, "--header-row", row]) == 2
    assert f"odd.csv: --header-row {row}: there is no text in that row" in capsys.readouterr().err
