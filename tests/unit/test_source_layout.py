"""What an input looked like, as the ledger keeps it with a run."""

import pytest

from jobmojito_batch.pipeline.source_layout import DURATION, TEMPLATE, Layout, from_json, to_json

CELLS = {"0": "Ann Lee", "1": "of the row"}


def a_layout(given: dict[str, str], **fields: int) -> Layout:
    layout = Layout(
        source="people.csv",
        headers=("Name", "Template"),
        delimiter=",",
        fields={"candidate_name": 0, **fields},
        carried=(),
        dropped=(),
        given=given,
    )
    [kept] = from_json(to_json([layout]))
    return kept


@pytest.mark.parametrize(
    ("given", "cells", "value"),
    [
        ({}, CELLS, "of the row"),
        ({TEMPLATE: "of --set"}, CELLS, "of the row"),
        ({TEMPLATE: "of --set"}, CELLS | {"1": " "}, "of --set"),
        ({f"{TEMPLATE}!": "of every row"}, CELLS, "of every row"),
        ({DURATION: "600"}, {}, None),
    ],
)
def test_what_a_row_cost_goes_by_what_set_gave_it(
    given: dict[str, str], cells: dict[str, str], value: str | None
) -> None:
    assert a_layout(given, **{TEMPLATE: 1}).value_in(cells, TEMPLATE) == value


def test_a_layout_of_an_older_program_has_no_values() -> None:
    text = to_json([a_layout({})]).replace(', "given": {}', "")

    assert from_json(text) == [a_layout({})]
