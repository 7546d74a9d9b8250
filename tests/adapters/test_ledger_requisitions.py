"""What the ledger knows of ids of positions and of who was invited, on either database."""

from collections.abc import Iterator

import polars as pl
import pytest
from sqlalchemy import insert

from jobmojito_batch.ledger import ClaimState, Ledger, Noted, pair_key
from jobmojito_batch.ledger.schema import invitations
from tests.ledgers import ACCOUNT, NOON, a_position, begin

ANN = "ann@example.com"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    book = Ledger.open(ledger_url)
    yield book
    book.close()


def an_invitation(
    ledger: Ledger,
    position_id: int,
    email: str,
    ordinal: int,
    *,
    held_by: str = "run-1",
    state: ClaimState = ClaimState.SETTLED,
    name: str | None = "Ann Lee",
    position_name: str = "Nurse",
) -> None:
    """An invitation and the row that it was made of."""
    row = {
        "run_id": "run-1", "ordinal": ordinal, "source": "people.csv", "row": ordinal + 2,
        "position_id": position_id, "candidate_email": email, "candidate_name": name,
        "candidate_external_id": "7", "position_name": position_name, "cells": "{}",
    }  # fmt: skip
    ledger.runs.add_rows([row])
    values = {
        "position_id": position_id, "candidate_email": email, "state": state, "run_id": held_by,
        "ordinal": ordinal, "claimed_at": NOON,
    }  # fmt: skip
    with ledger.lookups.database.writing() as connection:
        connection.execute(insert(invitations).values(values))


def test_an_id_leads_to_its_position_and_the_names_that_it_had(ledger: Ledger) -> None:
    begin(ledger)
    nurse = a_position(ledger, "ext:J1", "nurse")
    ledger.runs.note_keys([Noted(ACCOUNT, "name:care nurse", nurse)])
    an_invitation(ledger, nurse, ANN, 0)
    an_invitation(ledger, nurse, "bob@example.com", 1, position_name="Senior Nurse")

    known = ledger.lookups.requisitions(ACCOUNT, ["J1", "J2"])
    called = ledger.lookups.names_of([nurse])

    assert known == {"J1": (nurse, "nurse")}
    assert called.opening_keys == [(nurse, "care nurse")]
    assert sorted(under.name for under in called.invited) == ["Nurse", "Senior Nurse"]
    assert ledger.lookups.requisitions("another account", ["J1"]) == {}


def test_a_key_that_leads_somewhere_stays(ledger: Ledger) -> None:
    nurse, cook = a_position(ledger), a_position(ledger, "name:cook", "cook")
    pair = pair_key("J1", "cook")

    ledger.runs.note_keys([Noted(ACCOUNT, pair, cook), Noted(ACCOUNT, "ext:J1", nurse)])
    ledger.runs.note_keys([Noted(ACCOUNT, pair, nurse), Noted(ACCOUNT, "ext:J1", cook)])

    assert ledger.lookups.keys_among(ACCOUNT, [pair, pair_key("J1", "nurse")]) == {pair}
    assert ledger.lookups.requisitions(ACCOUNT, ["J1"])["J1"].position_id == nurse
    assert sorted(ledger.lookups.beside_ids(ACCOUNT, {"nurse"}, {cook})) == [
        ("cook", cook, pair),
        ("nurse", nurse, "ext:J1"),
    ]


@pytest.mark.parametrize("emails", [None, pl.Series([ANN, "dan@example.com"])])
def test_who_was_invited_is_known_by_the_row_of_the_invitation(
    emails: pl.Series | None, ledger: Ledger
) -> None:
    """Also where an attempt at a shard holds it; not what was refused, nor a row without a name."""
    begin(ledger)
    begin(ledger, "attempt", parent_id="run-1")
    nurse = a_position(ledger)
    an_invitation(ledger, nurse, ANN, 0, held_by="attempt")
    an_invitation(ledger, nurse, "bob@example.com", 1, state=ClaimState.OPEN)
    an_invitation(ledger, nurse, "cy@example.com", 2, name=None)

    people = pl.concat(ledger.lookups.people([ACCOUNT], emails))

    assert people.rows() == [(nurse, ANN, "Ann Lee", "7", "run-1", "people.csv", 2, ACCOUNT)]
    assert list(ledger.lookups.people(["another account"], emails)) == []


def test_a_few_addresses_are_looked_up_by_their_index(ledger: Ledger) -> None:
    begin(ledger)
    nurse = a_position(ledger)
    for number in range(3):
        an_invitation(ledger, nurse, f"p{number}@example.com", number)

    people = pl.concat(ledger.lookups.people([ACCOUNT], pl.Series(["p1@example.com"])))

    assert people["candidate_email"].to_list() == ["p1@example.com"]
