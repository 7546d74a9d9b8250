"""Corrections: an overlay beside the input; what is checked anew is what a whole check says."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Change,
    CheckedInput,
    CheckedRow,
    Corrections,
    Step,
    replaced,
    several,
)
from tests.helpers import HEADERS, a_row

COUNTRY = 2
EMAIL = 1
ROWS = (
    a_row("a@example.com"),
    a_row("b@example.com", country="Atlantis"),
    a_row("c@example.com", country="Atlantis"),
    a_row("no address"),
    a_row("d@example.com"),
    a_row("d@example.com"),
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text("\n".join([HEADERS, *ROWS]) + "\n", encoding="utf-8")
    return file


def asked(export: Path, corrections: Path | None = None) -> InviteParameters:
    kept = str(corrections) if corrections is not None else None
    return InviteParameters(inputs=[str(export)], corrections=kept)


@pytest.fixture
def checked(export: Path) -> Iterator[CheckedInput]:
    with closing(CheckedInput.of(asked(export))) as made:
        yield made


def all_rows(checked: CheckedInput) -> dict[int, CheckedRow]:
    kinds = ("invalid", "to_send", "duplicate")
    return {row.row: row for kind in kinds for row in checked.rows(kind, 0, 100)}


def apply(checked: CheckedInput, step: Step) -> None:
    checked.correct({(one.row, one.column): one.after for one in step.changes})


def test_a_faulty_cell_is_named_by_its_header_and_row(checked: CheckedInput) -> None:
    assert checked.counts == {"invalid": 3, "to_send": 2, "duplicate": 1}
    row = checked.row(3)
    assert row is not None
    [cell] = row.cells
    assert (cell.header, cell.text) == ("candidate_country_code", "Atlantis")
    assert "no country" in cell.message


@pytest.mark.parametrize(
    "step",
    [
        Step(changes=(Change(3, COUNTRY, "Atlantis", "DE"),)),
        Step(changes=(Change(3, COUNTRY, "Atlantis", "Lemuria"),)),
        Step(changes=(Change(5, EMAIL, "no address", "a@example.com"),)),
        Step(changes=(Change(2, EMAIL, "a@example.com", ""),)),
        Step(changes=(Change(6, EMAIL, "d@example.com", "e@example.com"),)),
        Step(changes=(Change(3, COUNTRY, "Atlantis", "DE"), Change(4, COUNTRY, "Atlantis", "AT"))),
        Step(left_out=(6,)),
        Step(left_out=(2, 3)),
    ],
)
def test_what_is_checked_anew_is_what_a_whole_check_says(
    export: Path, checked: CheckedInput, tmp_path: Path, step: Step
) -> None:
    before = all_rows(checked)
    file = tmp_path / "corrections.jsonl"
    Corrections().with_step(step).write(file)

    if step.changes:
        apply(checked, step)
    checked.leave_out(step.left_out)

    with closing(CheckedInput.of(asked(export, file))) as whole:
        assert all_rows(checked) == all_rows(whole)
        assert checked.counts.get("left_out", 0) == len(step.left_out)
    checked.correct({(one.row, one.column): one.before for one in step.changes})
    checked.leave_out(step.left_out, back=True)
    assert all_rows(checked) == before


def test_the_steps_are_undone_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "corrections.jsonl"
    first = Step(changes=(Change(3, COUNTRY, "Atlantis", "DE"),))
    second = Step(changes=(Change(3, COUNTRY, "DE", None),), left_out=(9,))
    Corrections().with_step(first).with_step(second).write(file)

    kept = Corrections.read(file)

    assert kept.steps == (first, second)
    assert kept.cells == {(3, COUNTRY): None}
    assert kept.left_out == [9]
    assert kept.undone().cells == {(3, COUNTRY): "DE"}
    assert kept.undone().undone() == Corrections() == Corrections.read(tmp_path / "none")


def test_corrections_that_are_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "corrections.jsonl"
    file.write_text('{"changes": [[1]]}\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="no corrections"):
        Corrections.read(file)


def test_an_input_of_nothing_but_resumes_has_no_fault_that_several_cells_share(
    tmp_path: Path,
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("candidate_resume\nA short one\nA short one\n", encoding="utf-8")

    with closing(CheckedInput.of(asked(file))) as checked:
        assert checked.common_faults(3) == []


def test_one_text_takes_the_place_of_another_in_a_column(checked: CheckedInput) -> None:
    step = replaced(checked.column(COUNTRY), COUNTRY, "Atlantis", "AT")

    assert [change.row for change in step.changes] == [3, 4]
    assert checked.common_faults(3) == [(COUNTRY, "Atlantis", 2)]
    apply(checked, step)
    assert checked.counts["invalid"] == 1
    assert several([Change(3, COUNTRY, "", None)]) is None


def test_the_corrected_file_has_the_layout_of_the_input(
    export: Path, checked: CheckedInput, tmp_path: Path
) -> None:
    apply(checked, Step(changes=(Change(3, COUNTRY, "Atlantis", "DE"),)))
    checked.leave_out([5])
    target = tmp_path / "corrected.csv"

    checked.write_corrected(target)

    text = target.read_text(encoding="utf-8-sig").splitlines()
    assert text[0] == HEADERS
    assert text[2] == a_row("b@example.com", country="DE")
    assert len(text) == len(ROWS)
    with closing(CheckedInput.of(asked(target))) as again:
        assert again.counts == {"invalid": 1, "to_send": 3, "duplicate": 1}
    assert export.read_text(encoding="utf-8").splitlines()[2] == ROWS[1]
    assert pl.read_csv(export).height == len(ROWS)
