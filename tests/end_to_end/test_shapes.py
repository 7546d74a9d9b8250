"""Exports whose lines are not all candidates: those are sent, and the rest is said."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import RESUME, Run, friendly

HEADS = "Candidate Name;E-mail;Country;Résumé;Job Title;Job Location;Job Country;Language"
FIELD = Path(__file__).parents[1] / "exports" / "field"


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


def table_in(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def read_text(run: Run, name: str) -> list[str]:
    return (run.folder / name).read_text(encoding="utf-8-sig").splitlines()


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


# Rows with more cells than the header


def test_the_errors_file_keeps_every_cell_and_can_be_handed_in_again(a_run: Run) -> None:
    """An unquoted comma makes a cell too many; joined again by hand, the row is sent."""
    a_run.invite(given(a_run, "12"))
    errors = a_run.folder / "people.results.errors.csv"
    header, broken, *others = table_in(errors)
    as_it_is = a_run.invite(errors, "-o", str(a_run.folder / "again.csv"))
    joined = [*broken[:3], f"{broken[3]},{broken[4]}", *broken[5:9], "", *broken[9:]]
    joined[5:8] = [text.strip() for text in joined[5:8]]
    corrected = a_run.folder / "corrected.csv"
    write_table(corrected, [header, joined, *([*row[:7], "English", *row[8:]] for row in others)])
    sent = a_run.invite(corrected, "-o", str(a_run.folder / "people.results.csv"))

    assert header[7:] == ["Language", "", "error_code", "error_field", "error_message"]
    assert broken[2:9] == ["Slovenia", "Ten years", " five of them in Berlin", " Tester",
                           "Remote", "Slovenia", "English"]  # fmt: skip
    assert as_it_is == 1
    assert table_in(a_run.folder / "again.errors.csv")[1][:9] == broken[:9]
    assert sent == 0
    assert a_run.results[0]["candidate_name"] == "Ana Novak"


def test_a_last_column_without_a_header_is_no_overflow_when_it_comes_back(a_run: Run) -> None:
    """Most rows fill it: it is a column of the input, in its errors file too."""
    path = a_run.folder / "people.csv"
    row = f"Ann;a@example.org;SK;{RESUME};Nurse;Graz;AT;en;note"
    path.write_text(f"{HEADS};\n{row}\n{row.replace('a@', 'b at ')}\n")

    assert a_run.invite(path) == 1
    header, bad = (line.split(";") for line in read_text(a_run, "people.results.errors.csv"))
    corrected = a_run.folder / "corrected.csv"
    corrected.write_text("\n".join([";".join(header), ";".join(bad).replace("b at ", "b@")]))
    assert a_run.invite(corrected, "-o", str(a_run.folder / "people.results.csv")) == 0
    assert (header[8:10], bad[8:10]) == ([" ", "error_code"], ["note", "invalid_email"])
    assert a_run.results[0]["column 9"] == "note"


# Below the rows


def test_the_footer_of_a_report_is_no_candidate(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert a_run.invite(given(a_run, "20")) == 0

    assert a_run.outcomes == {"invited": 3}
    [note] = a_run.summary["notes"]
    assert note.startswith("people.csv: 5 rows from row 7 on are left out: the footer of a report")
    assert note in capsys.readouterr().err


# A header among the rows


def test_the_header_of_a_joined_export_is_no_candidate(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert a_run.invite(given(a_run, "18")) == 0

    assert [row["row"] for row in a_run.results] == ["2", "3", "5", "6"]
    assert a_run.outcomes == {"invited": 4}
    [note] = a_run.summary["notes"]
    assert note == "people.csv: row 4 is left out: it is the header again"
    assert note in capsys.readouterr().err


def joined(header: str, again: str) -> str:
    row = f"Ann Lee;a@example.org;SK;{RESUME};Nurse;Graz;AT;en"
    other = f"Bo Lee;b@example.org;SK;{RESUME};Nurse;Graz;AT;en"
    return f"{header}\n{row}\n\n{again}\n{other}\n{again}\n"


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(HEADS.upper(), id="another-case"),
        pytest.param(HEADS.replace("E-mail", " e mail:").replace("é", "e"), id="other-signs"),
        pytest.param("\ufeff" + HEADS.replace("Candidate Name", '"Candidate Name"'), id="quoted"),
        pytest.param(HEADS.replace(";Language", ";"), id="without-the-last"),
    ],
)
def test_a_repeated_header_is_known_however_it_is_written(again: str, a_run: Run) -> None:
    path = a_run.folder / "people.csv"
    path.write_text(joined(HEADS, again))

    assert a_run.invite(path) == 0
    assert [row["row"] for row in a_run.results] == ["2", "5"]
    assert a_run.summary["notes"] == [
        "people.csv: 2 rows are left out: they are the header again (rows 4, 6)"
    ]


def test_reports_that_were_joined_with_titles_and_footers_are_read(a_run: Run) -> None:
    path = a_run.folder / "people.csv"
    report = (
        f"Report of May\n\n{HEADS}\nAnn;a@example.org;SK;{RESUME};Nurse;Graz;AT;en\n\nTotal: 1\n"
    )
    path.write_text(report + report.replace("a@", "b@") + report.replace("a@", "c@"))

    assert a_run.invite(path) == 0
    assert [row["row"] for row in a_run.results] == ["4", "10", "16"]
    assert "4 rows are left out: they are the end of a joined report" in a_run.summary["notes"][-1]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(
            HEADS.replace("E-mail", "-").replace("Country;", "E-mail;", 1).replace("-", "Country"),
            id="another-order",
        ),
        pytest.param("Nachname;Telefon;E-Mail-Adresse;Land;Stelle", id="of-another-export"),
        pytest.param(f"{HEADS};Source", id="a-column-more"),
        pytest.param(f"ID;{HEADS}", id="a-column-before"),
    ],
)
def test_another_header_among_the_rows_is_refused_by_its_number(
    again: str, a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_run.folder / "people.csv"
    path.write_text(joined(HEADS, again))

    assert a_run.invite(path) == 2
    assert "people.csv: row 4 is a header again" in capsys.readouterr().err
    assert a_run.creates == 0


def test_the_people_above_a_better_header_are_no_preamble(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of two joined exports has fewer columns; its people were left out."""
    path = a_run.folder / "people.csv"
    path.write_text(f"Name;E-mail;Job\nAnn Lee;a@example.org;Nurse\n\n{HEADS}\nBo;b@example.org\n")

    assert a_run.invite(path) == 2
    assert "row 4 is a header again" in capsys.readouterr().err


def test_a_person_with_a_headers_word_for_a_job_stays_invalid(a_run: Run) -> None:
    path = a_run.folder / "people.csv"
    path.write_text(f"{HEADS}\nAnn;no address;Land;{RESUME};Position;Office;SK;en\n")

    assert a_run.invite(path) == 1
    assert a_run.outcomes == {"invalid": 1}


def test_nothing_but_headers_has_no_rows(a_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_run.folder / "people.csv"
    path.write_text(f"{HEADS}\n{HEADS}\n")

    assert a_run.invite(path) == 2
    assert "no rows below the header" in capsys.readouterr().err


# Lines


def test_lines_that_are_quoted_as_one_cell_are_sent(a_run: Run) -> None:
    assert a_run.invite(given(a_run, "26")) == 0

    assert a_run.outcomes == {"invited": 2}
    assert ["each line was quoted as one cell" in note for note in a_run.summary["notes"]] == [True]
