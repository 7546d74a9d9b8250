"""What comes back can be mended as a person does it, and only that is sent again."""

import csv
import shutil
import subprocess
from pathlib import Path

import fastexcel
import pytest
import xlsxwriter

from jobmojito_batch.sandbox import RunningSandbox, creates_per_invitation
from tests.helpers import Run, friendly

HEADER = "Meno;Priezvisko;E-mail;Telefón;ID;Pozícia;Miesto práce;Krajina;Životopis"
ROWS = (
    "Šimon;Ďurica;simon@example.sk;+421 900 1;007;Účtovník;Žilina;Slovensko;Účtovník, 5 rokov",
    "Ľubomír;Žáček;lubomir(at)example.sk;+421 900 2;008;Účtovník;Žilina;Slovensko;Šéf",
    "Zoë;O'Neil;zoe@example.com;-;009;Účtovník;Žilina;Wonderland;Nurse",
    "Jiří;Dvořák;;00420 1;010;Účtovník;Žilina;Česko;Řidič",
    "Ann;Lee;ann@example.com;+1 (555) 010-9999;0x11;Účtovník;Žilina;UK;=SUM(1)",
)
SET = ("--set", "position_country_code=SK", "--set", "mojito_language_code=sk")
MENDED = {
    "lubomir(at)example.sk": "lubomir@example.sk",
    "Wonderland": "Ireland",
}
MISSING = "jiri@example.cz"

needs_libreoffice = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed here"
)


def convert(path: Path, suffix: str) -> Path:
    """*path* as LibreOffice opens it and saves it; its CSV filter: semicolon, quotes, UTF-8."""
    profile = path.parent / "profile"
    reads = ["--infilter=CSV:59,34,76"] if path.suffix == ".csv" else []
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{profile}", "--headless", *reads,
         "--convert-to", suffix, "--outdir", str(path.parent), str(path)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return path.with_suffix(f".{suffix}")


def mended(rows: list[list[str]]) -> list[list[str]]:
    """The rows as a person corrects them."""
    header, *others = [[MENDED.get(cell, cell) for cell in row] for row in rows]
    address = header.index("E-mail")
    for row in others:
        row[address] = row[address] or MISSING
    return [header, *others]


def rows_of_sheet(path: Path) -> list[list[str]]:
    sheet = fastexcel.read_excel(path).load_sheet(0, header_row=None, skip_rows=0, dtypes="string")
    return [[cell or "" for cell in row] for row in sheet.to_polars().rows()]


def save_as_workbook(rows: list[list[str]], path: Path) -> None:
    workbook = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    sheet = workbook.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    workbook.close()


def save_as_csv(rows: list[list[str]], path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(".xlsx", marks=needs_libreoffice, id="through-a-spreadsheet-program"),
        pytest.param(".csv", id="in-a-text-editor"),
    ],
)
def test_only_the_corrected_rows_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Phones and accents survive the way there and back, in a text editor leading zeros too."""
    path = tmp_path / "people.csv"
    path.write_bytes("\n".join([HEADER, *ROWS]).encode("cp1250"))
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        assert run.invite(path, *SET) == 1
        assert run.outcomes == {"invited": 2, "invalid": 3}

        errors = tmp_path / "people.results.errors.csv"
        if ending == ".xlsx":
            rows = rows_of_sheet(convert(errors, "xlsx"))
            corrected = tmp_path / "corrected.xlsx"
            save_as_workbook(mended(rows), corrected)
        else:
            with errors.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.reader(file, delimiter=";"))
            corrected = tmp_path / "corrected.csv"
            save_as_csv(mended(rows), corrected)
        code = run.invite(corrected, *SET, "-o", str(tmp_path / "people.results.csv"))
        results = run.results

        assert code == 0
        assert run.outcomes == {"invited": 3}
        assert run.calls == 5
        assert set(creates_per_invitation(sandbox.log).values()) == {1}
        assert [row["candidate_name"] for row in results] == [
            "Ľubomír Žáček", "Zoë O'Neil", "Jiří Dvořák",
        ]  # fmt: skip
        assert [row["Telefón"][-3:] for row in results] == ["0 2", "'-", "0 1"]
        if ending == ".csv":  # a spreadsheet program makes numbers of them as it opens a CSV
            assert [row["candidate_external_id"] for row in results] == ["008", "009", "010"]
        assert not errors.exists()

        assert run.invite(path, *SET) == 1
        assert run.outcomes == {"already_done": 2, "invalid": 3}
        assert run.calls == 5


@needs_libreoffice
def test_the_results_open_in_a_spreadsheet_program_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV and XLSX alike; nothing of a person runs as a formula."""
    rows = (
        HEADER,
        '=HYPERLINK("x");+cmd;ann@example.com;+421 900 1;007;@SUM;-2+3;UK;Nurse',
        "Zoë;Öz;zoe@example.com;'+49;1e5;Nurse;Žilina;UK;Nurse",
    )
    path = tmp_path / "people.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(path, *SET, "-o", str(tmp_path / "people.results.csv"))
        run.invite(path, *SET, "-o", str(tmp_path / "again.results.xlsx"))
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--infilter=CSV:44,34,76", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir",
         str(tmp_path / "opened"), str(tmp_path / "people.results.csv")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    from_csv = rows_of_sheet(tmp_path / "opened" / "people.results.xlsx")
    from_xlsx = rows_of_sheet(convert(tmp_path / "again.results.xlsx", "ods"))

    names = from_csv[0].index("candidate_name")
    assert from_csv[1][names] == '\'=HYPERLINK("x") +cmd'
    assert from_xlsx[1][names] == '=HYPERLINK("x") +cmd'
    assert from_csv[2][names] == from_xlsx[2][names] == "Zoë Öz"
    ids = from_csv[0].index("candidate_external_id")
    assert from_xlsx[1][ids] == "007"
