"""The tables of following up: made by the upgrade, pruned, moved, read for estimates."""

import asyncio
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from jobmojito_batch.ledger import Charge, Ledger
from jobmojito_batch.ledger.migrate import move
from jobmojito_batch.pipeline.followup.summary import FollowUpSummary
from jobmojito_batch.pipeline.prices import kind_of, with_learned_price
from jobmojito_batch.plan import ACCOUNT, KIND, PLACE, Kind, Plan
from tests.followups import Town

TABLES = ("followups", "followup_looks", "credit_charges")


def looked(town: Town) -> FollowUpSummary:
    return asyncio.run(town.follow_up(credits=True))


def test_a_ledger_of_version_3_is_upgraded_with_its_data(tmp_path: Path, ledger_url: str) -> None:
    town = Town(tmp_path, url=ledger_url)
    town.enrol(3)
    town.invite()
    ledger = Ledger.open(ledger_url)
    with ledger.database.writing() as connection:
        for table in TABLES:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE run_rows DROP COLUMN mojito_language_code"))
        connection.execute(text("UPDATE meta SET value = '3' WHERE key = 'schema_version'"))
    ledger.close()
    town.pass_days(9)

    first, second = looked(town), looked(town)

    assert first.invitations == second.invitations == 3
    assert first.changed == 3
    assert second.changed == 0


def test_what_is_pruned_has_no_score_and_keeps_its_stage(tmp_path: Path, ledger_url: str) -> None:
    town = Town(tmp_path, url=ledger_url)
    town.enrol(6)
    town.invite()
    town.pass_days(20)
    looked(town)
    ledger = Ledger.open(ledger_url)
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE runs SET series = 's'"))

    ledger.nights.blank_cells("s", before=town.world.now().replace(tzinfo=None))

    every = [of.last for of in ledger.followups.of_token(town.settings.base_url, "", "live")]
    ledger.close()
    assert len(every) == 6
    assert all(last is not None and last.score is None and last.rows is None for last in every)
    assert all(last is not None and last.interview_result_id is None for last in every)


def test_a_moved_ledger_goes_on_from_where_it_was(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(5)
    town.invite()
    looked(town)
    target = f"sqlite:///{tmp_path / 'moved.sqlite'}"

    counts = move(town.settings.ledger_url, target)

    assert counts["followups"] == 5
    assert counts["followup_looks"] == 1
    moved = Ledger.open(target)
    assert len(moved.followups.of_token(town.settings.base_url, "", "live")) == 5
    moved.close()


def a_plan(account: str) -> Plan:
    rows = pl.DataFrame(
        {"_ordinal": [0, 1, 2], PLACE: [0, 0, 0], KIND: [Kind.TO_SEND.value] * 3},
        schema={"_ordinal": pl.UInt32, PLACE: pl.UInt32, KIND: pl.String},
    )
    places = pl.DataFrame(
        {PLACE: [0], ACCOUNT: [account]}, schema={PLACE: pl.UInt32, ACCOUNT: pl.String}
    )
    counts = dict.fromkeys(Kind, 0) | {Kind.TO_SEND: 3}
    return Plan(
        rows=rows.lazy(), places=places, counts=counts, keys_to_create=(), positions_to_reuse=1,
        credits=0.75, seconds=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(("evidence", "credits_"), [(19, 0.75), (20, 2.75)])
def test_an_estimate_goes_by_what_rows_really_cost_where_enough_is_known(
    tmp_path: Path, evidence: int, credits_: float
) -> None:
    """Two of the three rows are of the template that cost 1.25; of the third nothing is known."""
    town = Town(tmp_path)
    town.enrol(evidence)
    town.invite()
    ledger = Ledger.open(town.settings.ledger_url)
    at = town.world.now().replace(tzinfo=None) - timedelta(days=1)
    charges = [
        Charge(f"{of}-{event}", of + 1, event, cost, at, kind_of("t1", "600"))
        for of in range(evidence)
        for event, cost in (("pre_screening", 0.25), ("interview", 1.0))
    ]
    ledger.followups.add_charges("a", charges)
    ledger.followups.add_charges("a", charges)
    prepared = tmp_path / "prepared.parquet"
    pl.DataFrame(
        {
            "_ordinal": [0, 1, 2],
            "interview_template_id": ["t1", "t1", None],
            "max_duration": ["600.0", "600", None],
        },
        schema_overrides={"_ordinal": pl.UInt32},
    ).write_parquet(prepared)

    plan = with_learned_price(a_plan("a"), prepared, ledger, credits_per_candidate=0.25)

    ledger.close()
    assert plan.credits == pytest.approx(credits_)
    assert plan.learned_from == (evidence if credits_ > 1 else 0)
