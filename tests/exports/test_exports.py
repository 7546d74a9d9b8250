"""Real exports and real traps become what the table beside each of them says."""

from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.errors import BatchError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunRequest, plan_run
from tests.exports.expected import FOLDER, SET, becomes
from tests.exports.make_exports import BYTES, CONVERTED, TEXTS, WORKBOOKS

ENDING = ".expected.md"
FILES = sorted(
    path.name for path in FOLDER.iterdir() if path.suffix not in {".py", ".md"} and path.is_file()
)


@pytest.mark.parametrize("name", FILES)
def test_an_export_becomes_its_table(name: str) -> None:
    """Encoding, header row, columns, canonical values, faults and what is said of it."""
    expected = (FOLDER / f"{name}{ENDING}").read_text("utf-8")

    assert becomes(FOLDER / name) == expected


def test_each_export_has_its_table_and_each_table_its_export() -> None:
    tables = {path.name.removesuffix(ENDING) for path in FOLDER.glob(f"*{ENDING}")}

    assert tables == set(FILES)
    assert len(FILES) > 40


def test_the_text_exports_are_what_the_script_writes() -> None:
    made = {name: text.encode(encoding) for name, (encoding, text) in TEXTS.items()} | BYTES

    assert {name: (FOLDER / name).read_bytes() for name in made} == made
    assert {*made, *WORKBOOKS, *CONVERTED, "nested.ndjson", "typed_columns.parquet"} == set(FILES)


# The addresses of people who work for the hiring firm, in any of the exports.
COLLEAGUES = ("firm.example", "acme.example", "firma.example", "firme.example", "bar.example",
              "zorg.example", "hopital.example", "ref@example.com")  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_no_colleague_is_ever_a_candidate(name: str) -> None:
    """The worst case: every invitation sent to the recruiter in the column beside."""
    content = (FOLDER / name).read_bytes()
    try:
        planned = plan_run(
            RunRequest.of(
                InviteParameters(inputs=[str(FOLDER / name)], values=SET, results="unused.csv")
            ),
            None,
        )
    except BatchError:
        return
    try:
        frame = pl.read_parquet(planned.spool.prepared)
    finally:
        planned.close()
    if "candidate_email" in frame.columns:
        addresses = frame["candidate_email"].drop_nulls().to_list()
        assert not [one for one in addresses if one.endswith(COLLEAGUES)]
    assert content == (FOLDER / name).read_bytes()


def test_several_exports_in_one_run_know_their_files(tmp_path: Path) -> None:
    """A folder of different formats: every row has its source, nothing is mixed up."""
    names = ["personio_german.csv", "cell_formats.xlsx", "typed_columns.parquet", "nested.ndjson"]
    for name in names:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    planned = plan_run(
        RunRequest.of(
            InviteParameters(inputs=[str(tmp_path)], values=SET, results=str(tmp_path / "r.csv"))
        ),
        None,
    )
    try:
        frame = pl.read_parquet(planned.spool.prepared)
    finally:
        planned.close()

    assert frame["source"].unique(maintain_order=True).to_list() == sorted(names)
    assert frame.group_by("source", maintain_order=True).len()["len"].to_list() == [2, 2, 2, 2]
    assert frame.filter(pl.col("source") == "personio_german.csv")["candidate_email"].to_list() == [
        "juergen.gross@example.de",
        "cigdem@example.com",
    ]
