"""The plan: every row in exactly one kind, for the right reason."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobmojito_batch.columns import FAULTS, OPENING_KEY, ORDINAL, POSITION_KEY
from jobmojito_batch.plan import (
    ACCOUNT,
    IS_INCOMPLETE,
    KIND,
    PLACE,
    POSITION,
    Kind,
    Plan,
    Pricing,
    find_places,
    in_part,
    make_plan,
    position_warnings,
    sort_rows,
)

PRICING = Pricing(credits_per_candidate=0.25, requests_per_second=2.0, max_in_flight=8)
PARTS = 3
"""Whatever the number of parts, the plan is the same."""
Row = tuple[str, str, str | None]


def planned(
    rows: list[Row],
    *,
    states: dict[tuple[str, str], str] | None = None,
    unresolved: tuple[str, ...] = (),
    limit: int | None = None,
) -> Plan:
    """Rows of (position key, e-mail, faults); states of (position key, e-mail) in the ledger."""
    frame = pl.DataFrame(
        {
            ORDINAL: range(len(rows)),
            POSITION_KEY: [row[0] for row in rows],
            OPENING_KEY: [row[0] for row in rows],
            "candidate_email": [row[1] for row in rows],
            FAULTS: [row[2] for row in rows],
            ACCOUNT: ["a"] * len(rows),
        },
        schema_overrides={
            ORDINAL: pl.UInt32,
            FAULTS: pl.String,
            POSITION_KEY: pl.String,
            OPENING_KEY: pl.String,
            "candidate_email": pl.String,
            ACCOUNT: pl.String,
        },
    )
    frame = frame.with_columns(pl.lit(value=False).alias(IS_INCOMPLETE))
    places = find_places(frame.lazy()).with_columns(
        (pl.col(PLACE).cast(pl.Int64) + 100).alias(POSITION),
        pl.lit(value=False).alias("has_id"),
        pl.col(POSITION_KEY).is_in(list(unresolved)).alias("is_unresolved"),
    )
    ids = dict(places.select(POSITION_KEY, POSITION).iter_rows())
    history = pl.DataFrame(
        [(ids[key], email, state, False, "r") for (key, email), state in (states or {}).items()],
        schema={
            "position_id": pl.Int64,
            "candidate_email": pl.String,
            "state": pl.String,
            "is_in_flight": pl.Boolean,
            "held_by": pl.String,
        },
        orient="row",
    )
    parts = [
        sort_rows(frame.lazy().filter(in_part(part, PARTS)), places, history.lazy())
        for part in range(PARTS)
    ]
    return make_plan(parts, places, pricing=PRICING, limit=limit)


def kinds(plan: Plan) -> list[str]:
    return plan.rows.collect()[KIND].to_list()


def test_the_first_good_row_of_an_invitation_is_sent_the_others_repeat_it() -> None:
    plan = planned([("n", "a", "bad"), ("n", "a", None), ("n", "a", None), ("n", "a", "bad")])

    assert kinds(plan) == ["invalid", "to_send", "duplicate", "invalid"]
    assert plan.rows.collect()["first"].to_list() == [None, None, 1, None]


def test_one_person_for_two_positions_is_two_invitations() -> None:
    assert kinds(planned([("n", "a", None), ("c", "a", None)])) == ["to_send", "to_send"]


def test_what_the_ledger_has_is_not_sent() -> None:
    rows: list[Row] = [("n", "a", None), ("n", "b", None), ("n", "c", None), ("n", "d", None)]
    states = {("n", "a"): "settled", ("n", "b"): "unknown", ("n", "c"): "claimed"}

    assert kinds(planned(rows, states=states)) == ["already_done", "unknown", "unknown", "to_send"]


def test_an_unresolved_position_is_kept_back() -> None:
    assert kinds(planned([("n", "a", None), ("c", "b", None)], unresolved=("n",))) == [
        "unresolved",
        "to_send",
    ]


def test_a_limit_counts_only_what_would_be_sent() -> None:
    rows: list[Row] = [("n", "a", "bad"), ("n", "b", None), ("n", "c", None)]

    plan = planned(rows, limit=1)

    assert kinds(plan) == ["invalid", "to_send", "over_limit"]
    assert plan.credits == 0.25


_rows = st.lists(
    st.tuples(st.sampled_from(["n", "c"]), st.sampled_from("abc"), st.sampled_from([None, "bad"])),
    max_size=30,
)


@given(_rows, st.integers(0, 5) | st.none())
def test_every_row_is_in_exactly_one_kind_and_every_clean_person_is_reached(
    rows: list[Row], limit: int | None
) -> None:
    plan = planned(rows, limit=limit)

    assert sum(plan.counts.values()) == len(rows)
    sent = {
        (row[0], row[1])
        for row, kind in zip(rows, kinds(plan), strict=True)
        if kind in {Kind.TO_SEND, Kind.OVER_LIMIT}
    }
    assert sent == {(key, email) for key, email, faults in rows if faults is None}


def test_rows_that_disagree_about_a_place_are_warned_of() -> None:
    frame = pl.LazyFrame(
        {
            ORDINAL: [0, 1],
            FAULTS: [None, None],
            POSITION_KEY: ["name:nurse", "name:nurse"],
            "position_location": ["London", "Paris"],
        },
        schema_overrides={FAULTS: pl.String},
    )

    (warning,) = position_warnings(frame)

    assert "'nurse'" in warning
    assert "London, Paris" in warning


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param(["Nurse", "NURSE"], "it is one", id="one-position"),
        pytest.param(["Sales-Manager", "Sales Manager"], "they are 2 positions", id="punctuation"),
        pytest.param(["Účtovník", "Uctovnik"], "they are 2 positions", id="accents"),
    ],
)
def test_two_spellings_of_a_position_are_warned_of(names: list[str], words: str) -> None:
    keys = [name.lower() for name in names]
    frame = pl.LazyFrame(
        {
            ORDINAL: [0, 1],
            FAULTS: [None, None],
            POSITION_KEY: [f"name:{key}" for key in keys],
            OPENING_KEY: keys,
            "position_name": names,
        },
        schema_overrides={FAULTS: pl.String},
    )

    (warning,) = position_warnings(frame)

    assert words in warning
