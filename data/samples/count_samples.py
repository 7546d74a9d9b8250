"""
Counts the rows of the sample files by kind, from the files alone.

    .venv/bin/python data/samples/count_samples.py

It shares no code with make_samples.py or the program, so that the numbers in README.md
rest on a second opinion.
"""

import csv
from collections import Counter
from email.utils import parseaddr
from pathlib import Path

import polars as pl
from babel import Locale

HERE = Path(__file__).parent
NULLS = {"", "n/a"}

# Column in the CSV, in the workbook, and what the row misses without it.
PLACES = {
    "email": ("Email Address", "E-Mail"),
    "country": ("Country", "Country"),
    "resume": ("Resume", "CV"),
    "position": ("Job Title", "Position"),
    "position country": ("Job Country", "Position country"),
    "language": ("Interview Language", "Language"),
}
COUNTRIES = {
    form.casefold()
    for language in ("en", "de", "sk")
    for code, name in Locale(language).territories.items()
    if len(code) == 2 and code.isalpha()
    for form in (code, name)
} | {"uk", "svk", "prt", "slovak republic", "czech republic", "viet nam"}
LANGUAGES = {
    **dict.fromkeys(("English", "English (US)", "en"), "en"),
    **dict.fromkeys(("German", "Deutsch", "de-AT"), "de"),
    **dict.fromkeys(("Slovak", "Slovenčina", "sk"), "sk"),
    **dict.fromkeys(("Spanish", "Español"), "es"),
    **dict.fromkeys(("French", "fr-FR"), "fr"),
}


def email_of(cell: str) -> str:
    """The address in a cell, without `mailto:` or a display name, lower-cased."""
    return parseaddr(cell.removeprefix("mailto:"))[1].lower()


def kind_of(row: dict[str, str], seen: set[tuple[str, str]]) -> str:
    """What becomes of a row before anything is sent."""
    faults = []
    if row["email"] in NULLS:
        faults.append("invalid: missing_field candidate_email")
    elif row["email"].count("@") > 1:
        faults.append("invalid: several_emails")
    if row["country"].casefold() not in COUNTRIES:
        faults.append("invalid: unknown_country")
    if row["resume"] in NULLS:
        faults.append("invalid: missing_field candidate_resume")
    if row["position country"].casefold() not in COUNTRIES:
        faults.append("invalid: unknown_country of the position")
    if row["language"] not in LANGUAGES:
        faults.append("invalid: unknown_language")
    if faults:
        return " + ".join(faults)
    invitation = (row["position"], email_of(row["email"]))
    if invitation in seen:
        return "duplicate"
    seen.add(invitation)
    return "valid"


def report(name: str, rows: list[dict[str, str]], numbers: list[int]) -> None:
    seen: set[tuple[str, str]] = set()
    kinds = [kind_of(row, seen) for row in rows]
    print(f"{name}: {len(rows)} rows, numbers {numbers[0]} to {numbers[-1]}")
    for kind, count in Counter(kinds).most_common():
        places = [n for n, k in zip(numbers, kinds, strict=True) if k == kind]
        print(f"  {count:3} {kind}", "" if kind == "valid" else f"(row {places})")
    valid = [row for row, kind in zip(rows, kinds, strict=True) if kind == "valid"]
    print(f"      people among the valid: {len({e for _, e in seen})}")
    for position, count in Counter(row["position"] for row in valid).most_common():
        all_rows = sum(row["position"] == position for row in rows)
        print(f"      {position}: {all_rows} rows, {count} valid")


def read_csv() -> tuple[list[dict[str, str]], list[int]]:
    """Rows with the numbers a spreadsheet shows: a blank line counts."""
    with (HERE / "candidates.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    named = [(n, dict(zip(header, x))) for n, x in enumerate(lines, 2) if x]
    rows = [{to: row[at] for to, (at, _) in PLACES.items()} for _, row in named]
    return rows, [n for n, _ in named]


def read_xlsx() -> tuple[list[dict[str, str]], list[int]]:
    sheet = pl.read_excel(HERE / "candidates.xlsx", infer_schema_length=0)
    named = sheet.fill_null("").to_dicts()
    rows = [{to: row[at] for to, (_, at) in PLACES.items()} for row in named]
    return rows, list(range(2, len(rows) + 2))


def main() -> None:
    report("candidates.csv", *read_csv())
    report("candidates.xlsx", *read_xlsx())
    frame = pl.read_parquet(HERE / "candidates.parquet")
    people = frame["candidate_email"].n_unique()
    invitations = frame.select("candidate_email", "position_name").n_unique()
    print(f"candidates.parquet: {frame.height} rows, {invitations} invitations,")
    print(f"      {people} people, {frame['position_name'].n_unique()} positions")
    for column, kind in frame.schema.items():
        print(f"      {column}: {kind}, {frame[column].null_count()} null")


if __name__ == "__main__":
    main()
