"""What holds for any input of text, however odd."""

from pathlib import Path
from tempfile import TemporaryDirectory

import fastexcel
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from jobmojito_batch.columns import CELL_PREFIX, RESULT_COLUMNS
from jobmojito_batch.normalise import map_headers, normalise
from jobmojito_batch.publish import write_results
from jobmojito_batch.records import Table

FIELDS = (
    "candidate_name",
    "candidate_email",
    "candidate_country_code",
    "candidate_resume",
    "position_name",
    "mojito_language_code",
    "interview_available_till",
    "instructional_video",
    "tags",
    "Recruiter Email",
    "team",
)
odd = st.sampled_from(
    ["", " ", "n/a", "Congo", "Slovakia", "ann@example.com", "a@b.c; d@e.f", "'=1", "'",
     "03/04/2027",
     "31.12.2027", "yes", "ß", "İ", "e\u0301", "\u200b", "x\ry", "en-US", "hr@firm.example", "null"]
)  # fmt: skip
cells = st.one_of(odd, st.text(max_size=12), st.none())
rows = st.lists(st.tuples(*[cells] * len(FIELDS)), min_size=1, max_size=40)
# A frame of many rows costs no more than one of a few: the expressions are what takes time.
few = settings(max_examples=12)


def normalised(headers: tuple[str, ...], values: list[tuple[str | None, ...]]) -> pl.DataFrame:
    frame = pl.LazyFrame(
        {
            "row": list(range(2, 2 + len(values))),
            **{f"{CELL_PREFIX}{i}": [row[i] for row in values] for i in range(len(headers))},
            "overflow": [None] * len(values),
        },
        schema={
            "row": pl.UInt32,
            **{f"{CELL_PREFIX}{i}": pl.String for i in range(len(headers))},
            "overflow": pl.String,
        },
    )
    table = Table(source="x.csv", headers=headers, frame=frame)
    return normalise(table, map_headers(headers), fills={}, max_resume_characters=1000).collect()


@few
@given(rows, st.permutations(range(len(FIELDS))))
def test_every_row_comes_out_once_and_the_order_of_columns_changes_nothing(
    values: list[tuple[str | None, ...]], order: list[int]
) -> None:
    shuffled = normalised(
        tuple(FIELDS[i] for i in order), [tuple(row[i] for i in order) for row in values]
    )
    straight = normalised(FIELDS, values)

    assert straight["row"].to_list() == list(range(2, 2 + len(values)))
    names = [name for name in straight.columns if not name.startswith(CELL_PREFIX)]
    assert shuffled.select(names).equals(straight.select(names))


@few
@given(rows)
def test_no_address_comes_from_a_column_that_is_no_candidates(
    values: list[tuple[str | None, ...]],
) -> None:
    """Whatever stands in the recruiter's column, and whatever is missing in the candidate's."""
    emptied = [
        tuple("hr@firm.example" if FIELDS[i] == "Recruiter Email" else cell
              for i, cell in enumerate(row))
        for row in values
    ]  # fmt: skip
    with_recruiter = normalised(FIELDS, emptied)["candidate_email"]

    assert with_recruiter.equals(normalised(FIELDS, values)["candidate_email"])


def result_frame(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            name: (
                texts
                if name == "candidate_name"
                else [1] * len(texts)
                if name in {"row", "attempts", "http_status"}
                else [None] * len(texts)
            )
            for name in RESULT_COLUMNS
        },
        schema_overrides={
            name: pl.Int64 if name in {"row", "attempts", "http_status"} else pl.String
            for name in RESULT_COLUMNS
            if name not in {"sent_at", "settled_at"}
        }
        | {"sent_at": pl.Datetime("us", "UTC"), "settled_at": pl.Datetime("us", "UTC")},
    )


# What no XML can hold is left out of a workbook; a CSV takes it.
printable = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Cn"]), max_size=20
)


@settings(max_examples=40)
@given(st.lists(printable, min_size=1, max_size=5))
def test_any_text_comes_back_from_results_files(texts: list[str]) -> None:
    """The same to the sign from XLSX; from CSV with the apostrophe that keeps it from running."""
    with TemporaryDirectory() as folder:
        for name in ("r.csv", "r.xlsx", "r.parquet"):
            write_results(Path(folder) / name, [result_frame(texts)], columns=list(RESULT_COLUMNS))
        csv = pl.read_csv(Path(folder) / "r.csv", infer_schema=False)
        sheet = fastexcel.read_excel(Path(folder) / "r.xlsx").load_sheet(0, dtypes="string")
        xlsx = sheet.to_polars()
        parquet = pl.read_parquet(Path(folder) / "r.parquet")

    assert parquet["candidate_name"].to_list() == texts
    assert [text or "" for text in xlsx["candidate_name"]] == texts
    back = [text or "" for text in csv["candidate_name"]]
    assert all(
        one in {text, f"'{text}"} and (one == text or text[0] in "=@+-")
        for one, text in zip(back, texts, strict=True)
    )
