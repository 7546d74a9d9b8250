"""Results that people can use: their own columns, links to send, files that nobody loses."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.columns import LEADING_COLUMNS, TECHNICAL_COLUMNS
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import RESUME, Run, friendly, read_results


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def test_the_inputs_columns_stand_in_their_place_as_they_were(a_run: Run) -> None:
    """Of several inputs all, as they come first; no résumé; what did not pass as it was written."""
    folder = a_run.folder
    (folder / "a.csv").write_text(
        "Ref No,E-mail,Name,CV,status,candidate_country_code,Ref No,position_name,outcome\n"
        f" 007 ,not an e-mail,Ann Lee,{RESUME},hot,SK,x,,mine\n"
    )
    (folder / "b.csv").write_text(
        "candidate_email,Name,CV,Country,Team,status\n"
        f"a@b@c.com, bo  lee ,{RESUME},Narnia,=1,cold\n"
    )

    place = ("position_location=Wien", "position_country_code=AT", "mojito_language_code=de")
    filled = [part for value in (*place, "position_name=Nurse") for part in ("--set", value)]
    target = folder / "r.csv"
    code = a_run.invite(folder / "a.csv", str(folder / "b.csv"), "-o", str(target), *filled)

    results = read_results(target)
    own = ["Ref No", "E-mail", "Name", "input.status", "candidate_country_code", "input.Ref No"]
    own += ["input.outcome", "Country", "Team"]
    assert code == 1
    assert list(results[0]) == [*LEADING_COLUMNS, *own, *TECHNICAL_COLUMNS]
    assert [[row[name] for name in own] for row in results] == [
        [" 007 ", "not an e-mail", "Ann Lee", "hot", "SK", "x", "mine", "", ""],
        ["", "", " bo  lee ", "cold", "", "", "", "Narnia", "'=1"],
    ]
    shown = [(row["outcome"], row["candidate_name"], row["candidate_email"]) for row in results]
    assert shown == [("invalid", "Ann Lee", "not an e-mail"), ("invalid", "bo lee", "a@b@c.com")]
    again = folder / "again.parquet"
    run_id = results[0]["run_id"]
    assert main(["results", run_id, "-o", str(again)]) == 0
    assert pl.read_parquet(again)["candidate_email"].to_list() == ["not an e-mail", "a@b@c.com"]


HEADERS = "Nr;E-mail;Vorname;Name;Land;Lebenslauf;Job title;Job location;Job country;Sprache"


def export_of(run: Run, *rows: str, name: str = "people.csv") -> Path:
    path = run.folder / name
    path.write_text("\n".join([HEADERS, *rows]) + "\n", encoding="utf-8")
    return path


def of_person(number: int, mail: str = "") -> str:
    address = mail or f"p{number}@example.com"
    return f"{number};{address};Ann;Lee {number};SK;{RESUME};Nurse;Wien;AT;German"


def sheet(path: Path, name: str) -> list[dict[str, str]]:
    return pl.read_excel(path, sheet_name=name).to_dicts()


def test_the_workbook_says_whom_to_send_a_link_new_or_earlier(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    target = a_run.folder / "r.xlsx"
    a_run.invite(export_of(a_run, of_person(1)))
    export = export_of(a_run, of_person(1), of_person(2), of_person(3, "nobody"))
    capsys.readouterr()

    a_run.invite(export, "-o", str(target))

    assert "2 people have a link (1 new, 1 earlier)" in capsys.readouterr().err
    links = [row["Link"] for row in sheet(target, "To send")]
    assert [list(row.values())[:5] for row in sheet(target, "To send")] == [
        ["Ann", f"Ann Lee {n}", f"p{n}@example.com", "de", "Nurse"] for n in (1, 2)
    ]
    assert [row["New or earlier"] for row in sheet(target, "To send")] == ["earlier", "new"]
    every = sheet(target, "All rows")
    assert [row["interview_url"] for row in every] == [*links, None]
    assert every[0]["settled_at"][:16].replace("T", " ") in sheet(target, "To send")[0]["Link made"]
    about = pl.read_excel(target, sheet_name="About", has_header=False).rows()
    assert ("Links", "1 new, 1 earlier") in [row[:2] for row in about]
    assert ("already_done", "1") in [row[:2] for row in about]
    assert any(f"followup --run {every[0]['run_id']}" in str(row[1]) for row in about)


def test_results_that_come_back_are_known_and_invite_nobody_twice(a_run: Run) -> None:
    """As a workbook, and as CSV; the cells of a person stay theirs however often."""
    book = a_run.folder / "r.xlsx"
    a_run.invite(export_of(a_run, of_person(1), of_person(2), of_person(3, "no")), "-o", str(book))
    results = a_run.folder / "r.csv"
    main(["results", "last", "-o", str(results)])
    text = results.read_text("utf-8-sig").replace(",no,", ",p2@example.com,")
    results.write_text(text.replace("Lee 3", "Lee 2"), "utf-8")

    codes = [
        a_run.invite(path, "-o", str(a_run.folder / f"again{path.suffix}"))
        for path in (book, results)
    ]

    assert (codes, a_run.calls) == ([1, 0], 2)
    again = pl.read_excel(a_run.folder / "again.xlsx", sheet_name="All rows")
    first = pl.read_excel(book, sheet_name="All rows")
    assert again.columns == first.columns
    own = ["Nr", "E-mail", "Vorname", "Name", "Land", "Sprache"]
    assert again.select(own).equals(first.select(own))
    assert again["outcome"].to_list() == ["already_done", "already_done", "invalid"]
    assert again["interview_url"].to_list() == first["interview_url"].to_list()
    outcomes = [row["outcome"] for row in read_results(a_run.folder / "again.csv")]
    assert outcomes == ["already_done", "already_done", "duplicate"]


def test_a_file_that_somebody_changed_is_kept_beside_the_new_one(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results and errors; what is as it was written is replaced, and nothing is said."""
    export = export_of(a_run, of_person(1), of_person(2, "nobody"))
    a_run.invite(export)
    a_run.invite(export)
    assert list(a_run.folder.glob("*.kept-*")) == []
    assert "kept" not in capsys.readouterr().err
    for name in ("people.results.csv", "people.results.errors.csv"):
        with (a_run.folder / name).open("a") as file:
            file.write("my notes\n")

    a_run.invite(export)

    kept = sorted(a_run.folder.glob("*.kept-*"))
    assert [path.read_text().endswith("my notes\n") for path in kept] == [True, True]
    said = capsys.readouterr().err
    assert all(f"kept          {path}" in said for path in kept)
    assert a_run.summary["files"]["kept"] == [str(kept[1]), str(kept[0])]
    assert "my notes" not in (a_run.folder / "people.results.csv").read_text()
    errors = a_run.folder / "people.results.errors.csv"
    errors.write_text("half corrected")
    main(["check", str(export), "--errors", str(errors)])
    main(["check", str(export), "--errors", str(errors)])
    assert "half corrected" in [path.read_text() for path in a_run.folder.glob("*.kept-*")]
    assert len(list(a_run.folder.glob("*.kept-*"))) == 3


def test_the_newest_run_is_written_again_as_its_inputs_were(
    a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several workbooks a workbook, named after the first and the day."""
    monkeypatch.chdir(a_run.folder)
    cells = [line.split(";") for line in (HEADERS, of_person(1, "nobody"))]
    for name in ("a.xlsx", "b.xlsx"):
        pl.DataFrame(cells[1:], schema=cells[0], orient="row").write_excel(a_run.folder / name)
    (a_run.folder / "out").mkdir()
    monkeypatch.chdir(a_run.folder / "out")

    a_run.invite(a_run.folder / "a.xlsx", str(a_run.folder / "b.xlsx"))
    main(["results", "last"])

    day = dt.datetime.now().astimezone().date()
    run_id = sheet(Path(f"a-{day}.results.xlsx"), "All rows")[0]["run_id"]
    assert sorted(path.name for path in Path().iterdir()) == sorted(
        f"{stem}.results{end}"
        for stem in (f"a-{day}", run_id)
        for end in (".xlsx", ".errors.xlsx", ".summary.json")
    )
