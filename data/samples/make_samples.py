"""
Makes candidates.csv, candidates.xlsx and candidates.parquet from the tables in source/.

    .venv/bin/python data/samples/make_samples.py

The same sources give the same bytes each time, the workbook and the Parquet file as
long as XlsxWriter and polars stay the same version. What is in the files, and what to
expect of each row, is in README.md.
"""

import csv
import io
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import xlsxwriter

HERE = Path(__file__).parent
SOURCE = HERE / "source"

BLANK_LINE_AFTER = 20
"""Data rows before the CSV's empty line, such as exports pasted together have."""

CSV_HEADERS = (
    "Application ID",
    "Candidate Name",
    "Email Address",
    "Phone",
    "Country",
    "LinkedIn URL",
    "Job Title",
    "Job Location",
    "Job Country",
    "Interview Language",
    "Resume",
    "Stage",
    "Source",
    "Applied On",
    "Recruiter Email",
    "Recruiter Comment",
)
XLSX_WIDTHS = {
    "First name": 14,
    "Last name": 20,
    "E-Mail": 34,
    "Phone": 20,
    "Country": 16,
    "Position": 34,
    "Location": 12,
    "Position country": 16,
    "Language": 14,
    "CV": 60,
    "Notes": 40,
    "Applied on": 12,
    "Years of experience": 19,
    "Rating": 8,
}
"""The headers of the workbook, in order, and how wide their columns are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One job: what every row of it says, and the settings the Parquet file adds."""

    name: str
    location: str
    country_code: str
    language_code: str
    seniority_level: str
    interview_attempts: int
    include_rapport_question: bool
    tags: tuple[str, ...]


POSITIONS = {
    "backend": Position(
        name="Backend Engineer (Python)",
        location="London",
        country_code="GB",
        language_code="en",
        seniority_level="senior",
        interview_attempts=1,
        include_rapport_question=True,
        tags=("engineering", "python", "2026-q4"),
    ),
    "support": Position(
        name="Technischer Kundenberater (m/w/d)",
        location="Wien",
        country_code="AT",
        language_code="de",
        seniority_level="intermediate",
        interview_attempts=2,
        include_rapport_question=True,
        tags=("support", "2026-q4"),
    ),
    "logistics": Position(
        name="Koordinátor logistiky",
        location="Žilina",
        country_code="SK",
        language_code="sk",
        seniority_level="intermediate",
        interview_attempts=2,
        include_rapport_question=False,
        tags=("operations", "2026-q4"),
    ),
    "sales": Position(
        name="Account Executive Iberia",
        location="Madrid",
        country_code="ES",
        language_code="es",
        seniority_level="intermediate",
        interview_attempts=1,
        include_rapport_question=True,
        tags=("sales", "iberia"),
    ),
    "marketing": Position(
        name="Chargé de projet marketing",
        location="Lyon",
        country_code="FR",
        language_code="fr",
        seniority_level="intermediate",
        interview_attempts=3,
        include_rapport_question=False,
        tags=("marketing",),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One row of the export: a person, a job, and how somebody typed both."""

    kind: str
    """`valid`, or what is wrong with the row."""
    id: str
    first: str
    last: str
    email: str
    """As typed; `clean_email` is what it means."""
    clean_email: str
    phone: str
    country: str
    country_code: str
    linkedin: str
    position: Position
    position_country: str
    language: str
    resume: str
    stage: str
    source: str
    applied: date
    recruiter: str
    years: int
    rating: float
    comment: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def table(file: Path) -> list[dict[str, str]]:
    """The rows of a table with bars between its cells; line 1 names the columns."""
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    columns = [cell.strip() for cell in head.split("|")]
    return [
        dict(zip(columns, (cell.strip() for cell in line.split("|")), strict=True))
        for line in lines
    ]


def resume_of(key: str) -> str:
    """The person's résumé, or nothing where there is none."""
    file = SOURCE / "resumes" / f"{key}.txt"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def applications() -> list[Application]:
    """The rows in the files' order, as typed: the `instead` column overrides."""
    people = {person["key"]: person for person in table(SOURCE / "people.txt")}
    rows = []
    for line in table(SOURCE / "applications.txt"):
        person = people[line["person"]]
        linkedin = person["linkedin"]
        row = Application(
            kind=line["kind"],
            id=line["id"],
            first=person["first"],
            last=person["last"],
            email=person["email"],
            clean_email=person["email"],
            phone=person["phone"],
            country=line["country"],
            country_code=person["country"],
            linkedin=f"https://www.linkedin.example/in/{linkedin}" if linkedin else "",
            position=POSITIONS[line["job"]],
            position_country=line["job country"],
            language=line["language"],
            resume=resume_of(line["person"]),
            stage=line["stage"],
            source=line["source"],
            applied=date.fromisoformat(line["applied"]),
            recruiter=line["recruiter"],
            years=int(line["years"]),
            rating=float(line["rating"]),
            comment=line["comment"],
        )
        field, _, typed = line["instead"].partition("=")
        rows.append(replace(row, **{field: typed}) if field else row)
    return rows


def csv_bytes(rows: list[Application]) -> bytes:
    """As an applicant tracking system exports: UTF-8 without BOM, comma, LF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADERS)
    for number, row in enumerate(rows):
        if number == BLANK_LINE_AFTER:
            text.write("\n")
        writer.writerow(
            (
                row.id,
                row.name,
                row.email,
                row.phone,
                row.country,
                row.linkedin,
                row.position.name,
                row.position.location,
                row.position_country,
                row.language,
                row.resume,
                row.stage,
                row.source,
                row.applied.isoformat(),
                row.recruiter,
                row.comment,
            )
        )
    return text.getvalue().encode()


def xlsx_bytes(rows: list[Application]) -> bytes:
    """As a person keeps them: split names, real dates and numbers, the rest text."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        # Without it the file would carry the time of its making and differ each time.
        book.set_properties({"created": datetime(2026, 11, 10, 9, 0, 0)})
        bold = book.add_format({"bold": True})
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        sheet = book.add_worksheet("Candidates")
        sheet.freeze_panes(1, 0)
        for column, (header, width) in enumerate(XLSX_WIDTHS.items()):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, header, bold)
        for number, row in enumerate(rows, start=1):
            texts = (
                row.first,
                row.last,
                row.email,
                row.phone,
                row.country,
                row.position.name,
                row.position.location,
                row.position_country,
                row.language,
                row.resume,
                row.comment,
            )
            for column, text in enumerate(texts):
                if text:
                    sheet.write_string(number, column, text)
            sheet.write_datetime(number, len(texts), row.applied, day)
            sheet.write_number(number, len(texts) + 1, row.years)
            sheet.write_number(number, len(texts) + 2, row.rating)
    return file.getvalue()


def parquet_bytes(rows: list[Application]) -> bytes:
    """As a data team hands them over: valid rows, the API's names, typed columns."""
    frame = pl.DataFrame(
        [
            {
                "candidate_external_id": row.id,
                "candidate_name": row.name,
                "candidate_email": row.clean_email,
                "candidate_country_code": row.country_code,
                "candidate_linkedin_url": row.linkedin or None,
                "candidate_resume": row.resume,
                "position_name": row.position.name,
                "position_location": row.position.location,
                "position_country_code": row.position.country_code,
                "mojito_language_code": row.position.language_code,
                "seniority_level": row.position.seniority_level,
                "interview_attempts": row.position.interview_attempts,
                "include_rapport_question": row.position.include_rapport_question,
                "tags": list(row.position.tags),
                "applied_on": row.applied,
                "rating": row.rating,
            }
            for row in rows
            if row.kind == "valid"
        ]
    )
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd", compression_level=9)
    return file.getvalue()


def main() -> None:
    rows = applications()
    (HERE / "candidates.csv").write_bytes(csv_bytes(rows))
    (HERE / "candidates.xlsx").write_bytes(xlsx_bytes(rows))
    (HERE / "candidates.parquet").write_bytes(parquet_bytes(rows))


if __name__ == "__main__":
    main()
