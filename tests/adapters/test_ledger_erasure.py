"""People who are erased, and look-ups by text: the same on either database."""

import asyncio
from collections.abc import Iterator

import polars as pl
import pytest

from jobmojito_batch.ledger import (
    Claim,
    ClaimState,
    Ledger,
)
from tests.helpers import OpenLedger
from tests.ledgers import begin, ending, taking

KEY = ("https://api.example|m1|live", "name:nurse")


@pytest.fixture
def ledger(open_ledger: OpenLedger, ledger_url: str) -> Ledger:
    """With a run of one row that mentions its person in other letters, too."""
    ledger: Ledger = open_ledger(ledger_url)
    begin(ledger, "run_1")
    ledger.runs.add_rows(
        [
            {
                "run_id": "run_1", "ordinal": 0, "source": "people.csv", "row": 2,
                "position_id": ledger.runs.ensure_positions([(*KEY, "nurse")])[KEY],
                "candidate_email": "ann_lee@example.com", "candidate_name": "Ann Lee",
                "cells": '{"0": "Ann_Lee@Example.com"}', "outcome": None,
            }
        ]
    )  # fmt: skip
    return ledger


def claimed(ledger: Ledger, run_id: str, *emails: str) -> list[Claim]:
    """What comes of claims that are made together."""

    async def run() -> list[Claim]:
        pen = ledger.writer()
        position_id = ledger.runs.ensure_positions([(*KEY, "nurse")])[KEY]
        claims: list[Claim] = await asyncio.gather(
            *(
                pen.submit(taking(position_id, email, run_id=run_id, ordinal=n))
                for n, email in enumerate(emails)
            )
        )
        for claim in claims:
            if claim.is_mine:
                await pen.submit(ending(claim))
        await pen.close()
        return claims

    return asyncio.run(run())


def test_a_person_who_was_forgotten_is_not_invited_again(ledger: Ledger) -> None:
    """Among others who are claimed at the same time."""
    claimed(ledger, "run_1", "ann_lee@example.com")
    ledger.people.forget("ANN_LEE@example.com")
    begin(ledger, "run-2")

    new, ann, other = claimed(
        ledger, "run-2", "new@example.com", "ann_lee@example.com", "ann.lee@example.com"
    )

    assert (new.is_mine, other.is_mine) == (True, True)
    assert (ann.is_mine, ann.state, ann.run_id) == (False, ClaimState.SETTLED, "run_1")


def test_no_transaction_is_open_while_the_input_is_read(ledger: Ledger) -> None:
    """Masking a large input takes long; a server ends a transaction that does nothing for 20 s."""
    claimed(ledger, "run_1", "ann_lee@example.com")
    ledger.people.forget("ann_lee@example.com")
    position_id = ledger.runs.ensure_positions([(*KEY, "nurse")])[KEY]
    open_meanwhile = []

    def rows_of_the_input() -> Iterator[pl.DataFrame]:
        open_meanwhile.append(ledger.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        yield pl.DataFrame(
            {"position_id": [position_id], "candidate_email": ["ann_lee@example.com"]}
        )

    [found] = ledger.lookups.forgotten_among([position_id], rows_of_the_input())

    assert found["candidate_email"].to_list() == ["ann_lee@example.com"]
    assert open_meanwhile == [0]


@pytest.mark.parametrize(
    ("email", "traces"),
    [
        ("ann_lee@example.com", 2),  # the invitation, and the row with its cells
        ("ANN_LEE@EXAMPLE.COM", 2),
        ("ann-lee@example.com", 0),  # an underscore stands for itself
        ("%@example.com", 0),
        ("lee@example.com", 1),  # a cell that has more than the address is looked at
    ],
)
def test_a_person_is_found_whatever_the_letters(ledger: Ledger, email: str, traces: int) -> None:
    claimed(ledger, "run_1", "ann_lee@example.com")

    assert ledger.people.traces_of(email) == traces


@pytest.mark.parametrize(("beginning", "found"), [("run", True), ("run_", True), ("run%", False)])
def test_a_run_is_found_by_its_beginning(ledger: Ledger, beginning: str, *, found: bool) -> None:
    assert (ledger.runs.find(beginning) is not None) is found


def test_an_ambiguous_beginning_finds_no_run(ledger: Ledger) -> None:
    begin(ledger, "run-2")

    assert ledger.runs.find("run") is None
