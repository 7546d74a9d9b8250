"""What comes back can be mended as a person does it, and only that is sent again."""

import csv
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import fastexcel
import pytest
import xlsxwriter

from jobmojito_batch.publish.workbook import FAULTY_COLOUR
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


def rows_of_sheet(path: Path, name: int | str = 0) -> list[list[str]]:
    book = fastexcel.read_excel(path)
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
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


def test_of_a_workbook_the_rows_to_correct_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the wrong cells coloured and the rows' numbers, which are no columns when it is back."""
    path = tmp_path / "people.xlsx"
    save_as_workbook([row.split(";") for row in (HEADER, *ROWS)], path)
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        assert run.invite(path, *SET) == 1
        errors = tmp_path / "people.results.errors.xlsx"
        header, *rows = rows_of_sheet(errors)
        coloured = coloured_cells(errors)

        assert header == [*HEADER.split(";"), "error_code", "error_field", "error_message", "row"]
        assert [(row[2], row[7], row[-1]) for row in rows] == [
            ("lubomir(at)example.sk", "Slovensko", "3"),
            ("zoe@example.com", "Wonderland", "4"),
            ("", "Česko", "5"),
        ]
        assert coloured == ["C2", "H3", "C4"]

        corrected = tmp_path / "corrected.xlsx"
        save_as_workbook(mended([header, *rows]), corrected)
        assert run.invite(corrected, *SET, "-o", str(tmp_path / "people.results.csv")) == 0
        assert run.outcomes == {"invited": 3}
        assert "input.row" not in run.results[0]
        assert not errors.exists()


def test_an_errors_file_of_the_other_kind_that_is_an_input_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier run's is removed beside the same results; what is handed in never is."""
    first = tmp_path / "people.csv"
    first.write_text("\n".join([HEADER, ROWS[0]]), encoding="utf-8")
    corrected = tmp_path / "people.results.errors.xlsx"
    save_as_workbook([HEADER.split(";"), ROWS[4].split(";")], corrected)
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        results = ("-o", str(tmp_path / "people.results.csv"))
        assert run.invite(first, str(corrected), *SET, *results) == 0
        assert corrected.exists()
        run.invite(first, *SET, *results)

    assert not corrected.exists()


def coloured_cells(path: Path) -> list[str]:
    """The places of the cells that have a colour of their own."""
    with zipfile.ZipFile(path) as book:
        styles = book.read("xl/styles.xml").decode()
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    fills = re.findall(r"<fill>.*?</fill>", styles)
    formats = re.findall(r"<xf [^>]*?fillId=\"(\d+)\"", styles.partition("<cellXfs")[2])
    coloured = {n for n, fill in enumerate(formats) if FAULTY_COLOUR[1:] in fills[int(fill)]}
    cells = re.findall(r'<c r="([A-Z]+\d+)"(?: s="(\d+)")?', sheet)
    return [place for place, style in cells if style and int(style) in coloured]


@needs_libreoffice
def test_the_results_open_in_a_spreadsheet_program_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV and XLSX alike; nothing of a person runs as a formula; the workbook is as it was made."""
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
    opened = tmp_path / "opened"
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--infilter=CSV:44,34,76", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir",
         str(opened), str(tmp_path / "people.results.csv"), str(tmp_path / "again.results.xlsx")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    from_csv = rows_of_sheet(opened / "people.results.xlsx")
    from_xlsx = rows_of_sheet(opened / "again.results.xlsx", "All rows")

    names = from_csv[0].index("candidate_name")
    assert from_csv[1][names] == '\'=HYPERLINK("x") +cmd'
    assert from_xlsx[1][names] == '=HYPERLINK("x") +cmd'
    assert from_csv[2][names] == from_xlsx[2][names] == "Zoë Öz"
    ids = from_csv[0].index("candidate_external_id")
    assert from_xlsx[1][ids] == "007"
    _assert_is_at_hand(opened / "again.results.xlsx", columns=len(from_xlsx[0]))
    with zipfile.ZipFile(tmp_path / "again.results.xlsx") as book:  # no window, so none is saved
        for number in (1, 2):
            header = b'<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            assert header in book.read(f"xl/worksheets/sheet{number}.xml")


def _assert_is_at_hand(path: Path, *, columns: int) -> None:
    """Sheets and filters; what a person reads is in sight, the rest is folded."""
    with zipfile.ZipFile(path) as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        sheets = [book.read(f"xl/worksheets/sheet{n}.xml").decode() for n in (1, 2)]
    assert names == ["To send", "All rows", "About"]
    for sheet, last in zip(sheets, (8, columns), strict=True):
        end = re.search(r'<autoFilter ref="A1:([A-Z]+)3"', sheet)
        assert end is not None
        assert _number_of(end[1]) == last
    cols = [
        (dict(re.findall(r'(\w+)="([^"]*)"', col))) for col in re.findall(r"<col [^>]*>", sheets[1])
    ]
    widths = [
        float(col["width"]) for col in cols for _ in range(int(col["min"]), int(col["max"]) + 1)
    ]
    assert sum(widths[:5]) * 7.3 < 1366 - 300  # LibreOffice's bar and the row numbers
    folded = [col for col in cols if col["hidden"] == "true"]
    assert int(folded[0]["min"]) == columns - 14
    assert all(col["outlineLevel"] == "1" for col in folded)


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
