"""Following up, in this process: a sandbox's world, a ledger, and the file that comes of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobmojito_batch.columns import FOLLOWUP_COLUMNS, TO_SEND_PREFIX
from jobmojito_batch.contract import Status
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.schema import followups, invitations
from jobmojito_batch.pipeline.report import result_frames
from jobmojito_batch.sandbox import Fault, Scenario
from jobmojito_batch.sandbox.lives import Lives
from jobmojito_batch.sandbox.request_record import Endpoint
from jobmojito_batch.sandbox.seeded_random import Chance
from tests.followups import RUN, Town
from tests.helpers import read_results


def look(town: Town, **parameters: Any) -> Any:
    return asyncio.run(town.follow_up(**parameters))


def rows_of(town: Town, name: str = "all.followup.csv") -> list[dict[str, str]]:
    return read_results(town.folder / name)


def truth(town: Town) -> dict[tuple[str, str], str]:
    """The result of each candidate by e-mail and position, as the sandbox knows it."""
    lives = Lives(town.handler.scenario.lives, Chance(town.handler.scenario.seed))
    now = town.world.now()
    return {
        (each.candidate.email, each.position.name): (lives.attempts(each, now)[-1].result_id or "")
        for each in town.enrolled
    }


def test_everybody_is_joined_right_in_few_calls_while_the_lists_change(tmp_path: Path) -> None:
    """The judged walk in small: two rows each, addresses on two positions, 3 % of the rows move."""
    town = Town(tmp_path, Scenario(moved_rows=0.03))
    town.enrol(1200, on=2, twice=20)
    town.invite()
    town.pass_days(8)

    first = look(town)
    calls = town.calls()
    found = {(row["candidate_email"], row["position_name"]): row for row in rows_of(town)}
    town.pass_days(2)
    second = look(town)

    assert first.exit_code == second.exit_code == ExitCode.OK
    assert calls <= 4
    assert town.calls() - calls == 2
    assert sum(first.stages.values()) == first.invitations == 1220 == len(found)
    assert first.stages["unclear"] == second.stages["unclear"] == 0
    assert town.calls(Endpoint.CREATE) == 0
    again = {(row["candidate_email"], row["position_name"]): row for row in rows_of(town)}
    assert {key: row["interview_result_id"] for key, row in again.items()} == truth(town)
    assert all(found[key]["stage"] != "submitted" or row["stage"] == "submitted"
               for key, row in again.items())  # fmt: skip


def test_the_file_has_the_results_columns_with_the_stages_after_the_link(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(3)
    town.invite()

    for suffix in ("csv", "xlsx", "parquet", "jsonl"):
        summary = look(town, run=RUN[:8], results=str(tmp_path / f"a.followup.{suffix}"))
        assert summary.rows_written == 3
        assert (tmp_path / f"a.followup.{suffix}").stat().st_mode & 0o777 == 0o600
    rows = rows_of(town, "a.followup.csv")
    columns = list(rows[0])
    at = columns.index("interview_url") + 1
    assert tuple(columns[at : at + len(FOLLOWUP_COLUMNS)]) == FOLLOWUP_COLUMNS
    assert [row["Team"] for row in rows] == ["blue"] * 3
    assert [row["candidate_email"] for row in rows] == [f"p{n}@example.com" for n in range(3)]


def test_stage_and_changed_choose_rows(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(60)
    town.invite()
    look(town)

    town.pass_days(9)
    changed = look(town, changed=True)
    rows = rows_of(town)
    again = look(town, changed=True)
    chased = look(town, stages=["not_started,failed"])

    assert 0 < changed.rows_written == len(rows) < 60
    assert all(row["stage"] != "not_started" or row["decision"] for row in rows)
    assert again.rows_written == 0
    assert chased.rows_written == chased.stages["not_started"] + chased.stages["failed"]


def test_a_stop_leaves_the_rows_that_it_did_not_reach_said(tmp_path: Path) -> None:
    fault = Fault(endpoint=Endpoint.RESULTS, call=(2, 3), status=401)
    town = Town(tmp_path, Scenario(faults=(fault,)))
    town.enrol(20, on=2)
    town.invite()

    summary = look(town)

    rows = rows_of(town)
    missed = [row for row in rows if row["what_to_do"].startswith("not looked at")]
    assert summary.exit_code == ExitCode.STOPPED
    assert summary.stop_code == "unauthorized"
    assert len(rows) == sum(summary.stages.values()) == 20
    assert len(missed) == summary.not_looked_at == 10
    assert {row["stage"] for row in missed} == {"unclear"}


def test_lists_are_asked_for_again_where_that_may_help(tmp_path: Path) -> None:
    faults = [
        Fault(endpoint=Endpoint.RESULTS, call=(1,), status=500),
        Fault(endpoint=Endpoint.RESULTS, call=(2,), status=429, retry_after="0"),
    ]
    town = Town(tmp_path, Scenario(faults=tuple(faults)))
    town.enrol(5)
    town.invite()

    summary = look(town)

    assert (summary.exit_code, summary.stages["not_started"]) == (ExitCode.OK, 5)
    assert town.calls() == 3


def put(town: Town, of: int, **values: Any) -> None:
    """Change an invitation in the ledger."""
    ledger = Ledger.open(town.settings.ledger_url)
    with ledger.database.writing() as connection:
        connection.execute(invitations.update().where(invitations.c.id == of).values(**values))
    ledger.close()


@pytest.mark.parametrize("knows_definition", [True, False])
def test_what_cannot_be_joined_with_certainty_is_unclear(
    tmp_path: Path, knows_definition: bool
) -> None:
    """Twins of an invitation without an id, an id that is another's, an address not listed."""
    town = Town(tmp_path, Scenario(decisions={Status.AI_ACCEPT: 1.0}))
    town.enrol(4)
    twin = town.world.open_position(town.world.home, "Job 0")
    town.world.enrol(town.enrolled[0].candidate, twin)
    definition = {} if knows_definition else {"interview_def_set_id": None}
    town.invite(profile_interview_id=None, **definition)
    put(town, 2, profile_interview_id="6a6f626d-6f6a-4974-8f2d-000000000000")
    put(town, 3, candidate_email="nobody@example.com")

    summary = look(town)

    told = {row["candidate_email"]: row["what_to_do"] for row in rows_of(town)}
    assert "does not have" in told["nobody@example.com"]
    assert told["p3@example.com"].startswith("nothing yet")
    if knows_definition:
        assert "another enrolment" in told["p1@example.com"]
        assert told["p0@example.com"].startswith("nothing yet")
    else:
        assert "2 enrolments fit" in told["p0@example.com"]
    assert sum(summary.stages.values()) == 4


def made_at(town: Town) -> dict[str, str]:
    """The day on which each link was made, as the sheet of links says."""
    ledger = Ledger.open(town.settings.ledger_url)
    [frame] = result_frames(ledger, RUN, (), with_links=True)
    ledger.close()
    made = frame[f"{TO_SEND_PREFIX}made_at"].str.head(10)
    return dict(zip(frame["interview_url"], made, strict=True))


def test_links_that_are_old_are_renewed_and_said(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(30)
    town.invite()
    look(town)

    town.pass_days(26)
    summary = look(town, renew_links=25)
    rows = rows_of(town)
    again = look(town, renew_links=25)

    pending = [
        row for row in rows if row["stage"] not in {"submitted", "unclear"} and not row["decision"]
    ]
    fresh = [row for row in rows if "interview_token" in row["interview_url"]]
    assert summary.links_renewed == summary.links_due == len(pending) == len(fresh) > 0
    assert all("replaced" in row["what_to_do"] for row in fresh)
    assert again.links_due == 0
    assert town.calls(Endpoint.CREATE) == 0
    assert {made_at(town)[row["interview_url"]] for row in fresh} == {
        f"{town.world.now():%Y-%m-%d}"
    }


def test_reports_are_fetched_once_for_each_result(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(12)
    town.invite()
    town.pass_days(20)

    summary = look(town, reports=str(tmp_path / "pdf"))
    again = look(town, reports=str(tmp_path / "pdf"))

    files = sorted((tmp_path / "pdf").iterdir())
    assert summary.reports_written == summary.stages["submitted"] == len(files) > 0
    assert again.reports_written == 0
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert all(file.name.startswith("X-") for file in files)


def test_forgetting_takes_stage_score_and_decision(tmp_path: Path, ledger_url: str) -> None:
    town = Town(tmp_path, url=ledger_url)
    town.enrol(4)
    town.invite()
    town.pass_days(20)
    look(town, credits=True)

    ledger = Ledger.open(ledger_url)
    ledger.people.forget("p1@example.com")
    with ledger.database.reading() as connection:
        kept = connection.execute(select(invitations.c.id)).all()
        erased = connection.execute(select(followups).where(followups.c.invitation_id == 2)).one()
    left = {of.candidate_email for of in ledger.followups.of_token(
        town.settings.base_url, "", "live")}  # fmt: skip
    rows = ledger.followups.rows_of([2])
    ledger.close()

    assert len(kept) == 4
    assert [name for name, value in erased._mapping.items() if value] == [
        "invitation_id",
        "checked_at",
    ]
    assert left == {"p0@example.com", "p2@example.com", "p3@example.com"}
    assert rows[2].candidate_name is None
    assert look(town).invitations == 3


@pytest.mark.parametrize("seed", range(50))
def test_every_credit_is_explained_and_a_double_charge_is_found(tmp_path: Path, seed: int) -> None:
    victim = f"p{seed % 9}@example.com"
    scenario = Scenario(seed=seed, charged_twice=frozenset({victim}), strange_charges=2)
    town = Town(tmp_path, scenario)
    town.enrol(9, on=2)
    town.invite()
    town.pass_days(12)

    summary = look(town, credits=True)

    counts = summary.credits
    assert counts.total == pytest.approx(counts.invitations + counts.old_unknowns + counts.not_ours)
    assert counts.not_ours == 0.5
    assert (counts.charged_twice, counts.charged_twice_credits) == (1, 0.25)
    assert counts.charged_twice_rows == (f"row {seed % 9 + 2} of people.csv",)
    rows = rows_of(town, "all.credits.csv")
    assert {row["candidate_email"] for row in rows if row["charged_twice"]} == {victim}
    assert len(rows) == counts.charges
