"""check, template, mapping and résumé files, as a person uses them."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from docx import Document

from jobmojito_batch.cli import main
from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunRequest, plan_run
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, friendly

Capture = pytest.CaptureFixture[str]
SET = [
    f"--set={pair}"
    for pair in (
        "candidate_country_code=SK",
        "candidate_resume=Nurse.",
        "position_name=Nurse",
        "position_location=Žilina",
        "position_country_code=SK",
        "mojito_language_code=sk",
    )
]


def checked(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code = main(["check", *arguments])
    return code, capsys.readouterr().out


def checked_json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(checked(capsys, *arguments, "--json")[1])
    return plan


def test_the_preview_shows_how_the_file_was_read(tmp_path: Path, capsys: Capture) -> None:
    """Encoding, delimiter and header row, every column, the reasons with rows, the first faults."""
    path = tmp_path / "people.csv"
    path.write_bytes(
        "Report\n\nMeno;Priezvisko;E-mail;Krajina;Poznámka;E-mail náborára\n"
        "Šimon;Ďurica;s@example.sk;Congo;;hr@firm.example\n"
        "Ľubomír;Žáček;;SK;;hr@firm.example\n"
        "Ružena;Malá;r@gmial.com;SK;;hr@firm.example\n".encode("cp1250")
    )

    code, shown = checked(capsys, str(path), *SET, "--map", "Poznámka=")

    assert code == 1
    for line in (
        "people.csv: CSV, Windows-1250, semicolon, header in row 3",
        "  Meno       → candidate_first_name",
        "  E-mail     → candidate_email",
        "  carried: E-mail náborára",
        "  ignored: Poznámka",
        "  unknown_country candidate_country_code  1   row 4",
        "  missing_field candidate_email           1   row 5",
        "  row 4  candidate_country_code: 'Congo' may be CD or CG; write the two-letter code",
        "positions    1 to create (Nurse), 0 known",
        "note         people.csv: rows 1 to 2 are left out: the header is row 3",
        "warning      1 e-mail at gmial.com: gmail.com may be meant (row 6)",
    ):
        assert line in shown.splitlines(), shown


def test_json_gives_all_of_it(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,team,Position\nAnn,nobody,blue,Sales-Rep\nJo,jo@example.com,,Sales Rep\n"
    )

    plan = checked_json(capsys, str(path), *SET)

    assert plan["inputs"] == [
        {
            "source": "people.csv",
            "detected": {
                "kind": "CSV",
                "encoding": "UTF-8",
                "delimiter": ",",
                "sheet": None,
                "header_row": 1,
            },
            "columns": [
                {"header": "name", "field": "candidate_name"},
                {"header": "email", "field": "candidate_email"},
                {"header": "team", "field": "carried"},
                {"header": "Position", "field": "position_name"},
            ],
            "notes": [],
        }
    ]
    assert plan["faults"] == [
        {
            "error_code": "invalid_email",
            "error_field": "candidate_email",
            "rows": 1,
            "examples": [{"source": "people.csv", "row": 2}],
        }
    ]
    [faulty] = plan["first_faulty_rows"]
    assert (faulty["row"], faulty["faults"][0]["error_code"]) == (2, "invalid_email")
    assert plan["positions"] == {"to_create": 1, "known": 0, "names_to_create": ["Sales Rep"]}


def test_every_fault_is_counted_not_the_first_of_each_row(tmp_path: Path, capsys: Capture) -> None:
    """Who corrects what the plan names is done after one round."""
    path = tmp_path / "people.csv"
    path.write_text("name,email,country\nAnn,nobody,Atlantis\nJo,jo@example.org,Atlantis\n,no,SK\n")

    plan = checked_json(capsys, str(path), *SET)

    assert [
        (fault["error_code"], fault["rows"], [each["row"] for each in fault["examples"]])
        for fault in plan["faults"]
    ] == [
        ("invalid_email", 2, [2, 4]),
        ("unknown_country", 2, [2, 3]),
        ("missing_field", 1, [4]),
    ]
    assert sum(plan["reasons"].values()) == 3


def test_an_unattended_run_quotes_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """Its output is a log: a name that slipped into the country column must not be in it."""
    path = tmp_path / "people.csv"
    path.write_text("name,email,country\nAnn,ann@example.com,Secretname\n")
    with RunningSandbox(friendly()) as sandbox:
        code = Run(tmp_path, sandbox, monkeypatch).invite(path, *SET)

    said = "".join(capfd.readouterr())
    assert code == 1
    assert "unknown_country candidate_country_code" in said
    assert "Secretname" not in said


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_the_template_is_read_as_it_is(tmp_path: Path, capsys: Capture, suffix: str) -> None:
    """Every column of the request, explained, and two rows that are fine."""
    path = tmp_path / f"candidates{suffix}"

    assert main(["template", str(path)]) == 0
    capsys.readouterr()
    plan = checked_json(capsys, str(path))

    assert (plan["rows"], plan["would_send"], plan["faults"], plan["notes"]) == (
        2, 2, [], plan["notes"],
    )  # fmt: skip
    [view] = plan["inputs"]
    fields = {column["header"]: column["field"] for column in view["columns"]}
    assert set(CreateRequest.model_fields) <= set(fields)
    assert all(header == field for header, field in fields.items())


def test_a_template_never_overwrites_a_file(tmp_path: Path) -> None:
    """Somebody may have filled it."""
    path = tmp_path / "candidates.xlsx"
    path.write_text("mine")

    assert main(["template", str(path)]) == 2
    assert main(["template", str(tmp_path / "x.ods")]) == 2
    assert path.read_text() == "mine"


def test_a_saved_mapping_gives_the_same_reading(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "people.csv"
    path.write_text('Wer;Wohin;"A ""quoted"" = header";E-Mail\nAnn;ann@example.com;x;no\n')
    maps = ["--map", "Wer=candidate_name", "--map", "Wohin=candidate_email", "--map", "E-Mail="]
    saved = tmp_path / "our.toml"

    first = checked_json(capsys, str(path), *SET, *maps, "--save-mapping", str(saved))
    again = checked_json(capsys, str(path), *SET, "--mapping", str(saved))

    assert first == again
    assert tomllib.loads(saved.read_text("utf-8"))["columns"] == {
        "Wer": "candidate_name",
        "Wohin": "candidate_email",
        "E-Mail": "",
    }


def test_a_mapping_serves_files_with_different_headers(tmp_path: Path, capsys: Capture) -> None:
    """A header has to be in one of the inputs, not in each."""
    (tmp_path / "a.csv").write_text("Wer,email\nAnn,ann@example.com\n")
    (tmp_path / "b.csv").write_text("Who,email\nJo,jo@example.com\n")
    maps = ["--map", "Wer=candidate_name", "--map", "Who=candidate_name"]

    code, _ = checked(capsys, str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), *SET, *maps)
    assert code == 0
    assert checked(capsys, str(tmp_path / "a.csv"), *SET, *maps)[0] == 2


def make_resumes(folder: Path) -> None:
    folder.mkdir()
    (folder / "ann.txt").write_text("Ann's résumé\n\n\n\nin text", encoding="utf-8")
    document = Document()
    document.add_paragraph("In a document")
    document.save(str(folder / "A-7.docx"))
    (folder / "mo@example.com.md").write_text("# Mo")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    (folder.parent / "secret.txt").write_text("secret")


def resumes_of(path: Path, **options: str) -> dict[str, tuple[str | None, str | None]]:
    """E-mail → résumé and faults."""
    values = dict(pair.removeprefix("--set=").split("=", 1) for pair in SET)
    del values["candidate_resume"]
    parameters = InviteParameters(inputs=[str(path)], values=values, **options)
    planned = plan_run(RunRequest.of(parameters), None)
    try:
        frame = pl.read_parquet(planned.spool.prepared)
    finally:
        planned.close()
    return {
        row["candidate_email"]: (row.get("candidate_resume"), row["faults"])
        for row in frame.iter_rows(named=True)
    }


UNREADABLE = "resume_unreadable:candidate_resume"


def test_resumes_come_from_files_that_cells_name(tmp_path: Path) -> None:
    """Beside the input; a file that is named goes before a text, which stands in for it."""
    make_resumes(tmp_path / "cvs")
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,candidate_resume_file,resume\n"
        "Ann,ann@example.com,cvs/ann.txt,\n"
        "Jo,jo@example.com,cvs\\a-7.DOCX,\n"
        "Own,own@example.com,cvs/ann.txt,Own text\n"
        "Text,text@example.com,cvs/broken.pdf,Own text\n"
        "Bad,bad@example.com,cvs/broken.pdf,\n"
        "Out,out@example.com,../secret.txt,\n"
        "Gone,gone@example.com,cvs/gone.txt,\n"
        "Nobody,none@example.com,,\n"
    )

    assert resumes_of(path) == {
        "ann@example.com": ("Ann's résumé\n\nin text", None),
        "jo@example.com": ("In a document", None),
        "own@example.com": ("Ann's résumé\n\nin text", None),
        "text@example.com": ("Own text", None),
        "bad@example.com": (None, UNREADABLE),
        "out@example.com": (None, UNREADABLE),
        "gone@example.com": (None, UNREADABLE),
        "none@example.com": (None, "missing_field:candidate_resume"),
    }


def test_resumes_are_found_by_id_and_address_in_a_folder(tmp_path: Path) -> None:
    make_resumes(tmp_path / "cvs")
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,external id\n"
        "Anna,ann@example.com,A-6\n"
        "Jo,jo@example.com,A-7\n"
        "Mo,Mo@Example.com,A-8\n"
    )

    found = resumes_of(path, resumes=str(tmp_path / "cvs"))
    assert found == {
        "ann@example.com": (None, "missing_field:candidate_resume"),
        "jo@example.com": ("In a document", None),
        "mo@example.com": ("# Mo", None),
    }
    assert resumes_of(path)["jo@example.com"][0] is None  # nobody said where to look


def test_a_file_that_fits_two_and_two_files_that_fit_one_are_not_guessed_at(
    tmp_path: Path,
) -> None:
    """All people count: one whose row has a text may be whom the file is of."""
    folder = tmp_path / "cvs"
    folder.mkdir()
    for name in ("Lee_Ann.txt", "Bo Li.txt", "bo_li (1).md", "9.txt", "Jo Doe.txt", "Di Roe.txt"):
        (folder / name).write_text(f"résumé in {Path(name).stem}")
    (folder / "Al Poe.doc").write_bytes(b"old")
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,external id,resume\n"
        "Ann Lee,a1@example.com,1,\n"
        "Ann Lee,a2@example.com,2,\n"
        "Bo Li,bo@example.com,3,\n"
        "Jo Doe,jo1@example.com,9,\n"
        "Jo Doe,jo2@example.com,4,\n"
        "Di Roe,di1@example.com,5,\n"
        "Di Roe,di2@example.com,6,Own text\n"
        "Al Poe,al@example.com,7,\n"
    )

    assert resumes_of(path, resumes=str(folder)) == {
        "a1@example.com": (None, UNREADABLE),
        "a2@example.com": (None, UNREADABLE),
        "bo@example.com": (None, UNREADABLE),
        "jo1@example.com": ("résumé in 9", None),
        "jo2@example.com": (None, UNREADABLE),
        "di1@example.com": (None, UNREADABLE),
        "di2@example.com": ("Own text", None),
        "al@example.com": (None, UNREADABLE),
    }


def test_people_are_counted_over_all_inputs(tmp_path: Path) -> None:
    folder = tmp_path / "cvs"
    folder.mkdir()
    (folder / "Ann Lee.txt").write_text("one")
    (folder / "Bo Li.txt").write_text("two")
    for name, text in (
        ("a.csv", "Ann Lee,a1@example.com\n"),
        ("b.csv", "Ann Lee,a2@example.com\nBo Li,bo@example.com\nBo Li,bo@example.com\n"),
    ):
        (tmp_path / name).write_text(f"name,email\n{text}")

    found = resumes_of(tmp_path / "*.csv", resumes=str(folder))

    assert found == {
        "a1@example.com": (None, UNREADABLE),
        "a2@example.com": (None, UNREADABLE),
        "bo@example.com": ("two", None),
    }


def test_many_rows_get_each_their_own_resume(tmp_path: Path) -> None:
    """The rows come in pieces and from several threads; nobody gets another's file."""
    folder = tmp_path / "cvs"
    folder.mkdir()
    lines = ["name,email,candidate_resume_file"]
    for number in range(300):
        (folder / f"{number}.txt").write_text(f"résumé of {number}", encoding="utf-8")
    lines += [f"P{n},p{n}@example.com,{n % 300}.txt" for n in range(30_000)]
    (tmp_path / "people.csv").write_text("\n".join(lines))

    found = resumes_of(tmp_path / "people.csv", resumes=str(folder))
    assert all(
        text == f"résumé of {int(email[1:].partition('@')[0]) % 300}"
        for email, (text, _) in found.items()
    )
    assert len(found) == 30_000


def test_a_problem_of_a_resume_file_is_said_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    make_resumes(tmp_path / "cvs")
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,candidate_resume_file\nAnn,ann@example.com,ann.txt\n"
        "Bad,bad@example.com,broken.pdf\n"
    )
    without = [pair for pair in SET if "resume" not in pair]
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        code = run.invite(path, *without, "--resumes", str(tmp_path / "cvs"))
        results = run.results

    assert code == 1
    assert [row["outcome"] for row in results] == ["invited", "invalid"]
    assert results[1]["error_code"] == "resume_unreadable"
    assert "broken" in results[1]["error_message"]
    assert "ann.txt" not in "".join(capfd.readouterr())


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path, capfd: Capture) -> None:
    path = tmp_path / "people.csv"
    path.write_text("name,email\nAnn,ann@example.com\n")

    assert main(["check", str(path), "--resumes", str(tmp_path / "none")]) == 2
    assert "no such folder" in capfd.readouterr().err


def test_copies_of_odd_files_are_gone_after_the_run(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("name,email\nJürgen,j@example.com\n".encode("cp1252"))
    checked(capsys, str(path), *SET)

    assert not list((tmp_path / "home").rglob("*.utf8.csv"))
    assert stat.S_ISREG(path.stat().st_mode)
