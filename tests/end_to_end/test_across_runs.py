"""
What rows of another day say against each other is parted as in one input.

Nobody is interviewed for another job than the row says, nobody has another person's link, and a job
that is written with and without its id is one.
"""

import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import HEADERS, Run, a_row, friendly

ANN = "ann@example.com"
BOB = "bob@example.com"
AGENCY = "jobs@agency.example"


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def a_day(run: Run, *rows: str) -> Path:
    """An export with ids of positions and people; rows end with both."""
    path = run.folder / "people.csv"
    headers = f"{HEADERS},position_external_id,candidate_external_id"
    path.write_text("\n".join([headers, *rows]) + "\n", encoding="utf-8")
    return path


def ann(position: str, job_id: str = "", person: str = "1") -> str:
    return f"{a_row(ANN, name='Ann Lee', position=position)},{job_id},{person}"


def bob(position: str, job_id: str = "") -> str:
    return f"{a_row(BOB, name='Bob Ray', position=position)},{job_id},2"


def at_agency(name: str, person: str = "", position: str = "Nurse") -> str:
    return f"{a_row(AGENCY, name=name, position=position)},,{person}"


def plan_of(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    capsys.readouterr()
    main(["check", str(path), "--json", *options])
    plan: dict[str, object] = json.loads(capsys.readouterr().out)
    return plan


def doubts_of(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Those about ids."""
    doubts = plan_of(path, capsys)["doubts"]
    assert isinstance(doubts, list)
    return [doubt for doubt in doubts if doubt["kind"] == "id"]


def positions_of(run: Run) -> list[str]:
    return [row["position_def_set_id"] for row in run.results]


def confirmed(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A person at a terminal who says yes."""
    monkeypatch.setattr("jobmojito_batch.cli.commands.inviting.is_interactive", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    return main(["invite", str(path), "--no-prefect", "--no-settle"])


# One requisition with another title on another day


def test_an_id_with_another_name_on_another_day_is_held(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is interviewed as a developer whose row says tester, and nobody pays for it unseen."""
    assert a_run.invite(a_day(a_run, ann("Developer", "J1"))) == 0
    tuesday = a_day(a_run, ann("Tester", "J1"), bob("Tester", "J1"))

    assert a_run.invite(tuesday) == 2

    assert a_run.creates == 1
    [doubt] = doubts_of(tuesday, capsys)
    assert doubt["holds"]
    sentence = str(doubt["sentence"])
    assert "'J1'" in sentence
    assert "'Developer'" in sentence
    assert "'Tester'" in sentence
    assert "2 rows" in sentence
    assert '--set "position_name!=Developer"' in str(doubt["option"])


def test_one_who_confirms_it_has_two_positions_and_is_not_asked_again(
    a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run.invite(a_day(a_run, ann("Developer", "J1")))
    [developer] = positions_of(a_run)
    tuesday = a_day(a_run, ann("Tester", "J1"), bob("Tester", "J1"))

    assert confirmed(tuesday, monkeypatch) == 0
    assert a_run.outcomes == {"invited": 2}
    assert developer not in positions_of(a_run)

    wednesday = a_day(a_run, ann("Tester", "J1"), ann("Developer", "J1"), bob("Tester", "J1"))
    assert a_run.invite(wednesday) == 0
    assert a_run.outcomes == {"already_done": 3}


def test_a_requisition_that_was_renamed_keeps_its_people_by_its_old_name(a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Developer", "J1")))
    tuesday = a_day(a_run, ann("Senior Dev (m/w/d)", "J1"), bob("Senior Dev (m/w/d)", "J1"))

    assert a_run.invite(tuesday, "--set", "position_name!=Developer") == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}
    assert len(set(positions_of(a_run))) == 1


def test_a_table_of_jobs_names_a_requisition_that_was_renamed_for_good(a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Developer", "J1")))
    tuesday = a_day(a_run, ann("Senior Developer", "J1"), bob("Cook", "J2"))
    jobs = a_run.folder / "jobs.csv"
    jobs.write_text("position_external_id,position_name\nJ1,Developer\nJ2,Cook\n")

    assert a_run.invite(tuesday, "--map", "position_name=", "--positions", str(jobs)) == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}


def test_without_the_column_of_ids_positions_go_by_their_names(a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Developer", "J1")))
    tuesday = a_day(a_run, ann("Developer", "J1"), bob("Tester", "J1"))

    assert a_run.invite(tuesday, "--map", "position_external_id=") == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}
    assert len(set(positions_of(a_run))) == 2


def test_spellings_of_one_name_hold_nothing(a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Developer", "J1")))

    assert a_run.invite(a_day(a_run, ann("DEVELOPER ", "J1"), bob("developer", "J1"))) == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}


def test_an_id_with_two_names_in_one_input_is_the_same_on_the_next_day(a_run: Run) -> None:
    """Who was invited under the id is not new where another name stands beside it."""
    a_run.invite(a_day(a_run, ann("Developer", "J1"), bob("Tester", "J1")))

    for day in ([ann("Developer", "J1")], [bob("Tester", "J1")]):
        assert a_run.invite(a_day(a_run, *day)) == 0
        assert a_run.outcomes == {"already_done": 1}
    assert a_run.invite(a_day(a_run, bob("Architect", "J1"))) == 2
    assert a_run.creates == 2


def test_a_name_under_which_people_were_invited_by_the_id_is_one_of_its_names(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older version sent a renamed requisition by its id: its people stay as they are."""
    a_run.invite(a_day(a_run, ann("Developer", "J1"), bob("Developer", "J1")))
    with sqlite3.connect(a_run.ledger) as ledger:
        ledger.execute("UPDATE run_rows SET position_name = 'Senior Dev' WHERE ordinal = 1")
    ledger.close()
    tuesday = a_day(a_run, ann("Senior Dev", "J1"), bob("Senior Dev", "J1"))

    assert a_run.invite(tuesday) == 0

    assert a_run.outcomes == {"already_done": 2}
    [doubt] = doubts_of(tuesday, capsys)
    assert not doubt["holds"]


# One job with its id on one day and without on another


@pytest.mark.parametrize(("first", "second"), [("J1", ""), ("", "J1")])
def test_a_job_with_and_without_its_id_is_one(first: str, second: str, a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Dev", first)))

    assert a_run.invite(a_day(a_run, ann("Dev", second), bob("Dev", second))) == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}
    assert a_run.calls == 2
    assert a_run.invite(a_day(a_run, ann("Dev", first), bob("Dev", first))) == 0
    assert a_run.outcomes == {"already_done": 2}


def test_a_name_of_two_ids_is_neither(a_run: Run) -> None:
    """Where the API made two positions of one name, a row without an id is none of them."""
    a_run.invite(a_day(a_run, ann("Dev", "J1")))
    with sqlite3.connect(a_run.ledger) as ledger:
        ledger.execute(
            "INSERT INTO positions (id, account, opening_key, position_def_set_id) "
            "SELECT 99, account, opening_key, 'other' FROM positions"
        )
        ledger.execute("INSERT INTO position_aliases SELECT account, 'ext:J2', 99 FROM positions "
                       "WHERE id != 99")  # fmt: skip
    ledger.close()

    assert a_run.invite(a_day(a_run, ann("Dev"))) == 0
    assert a_run.outcomes == {"already_applied": 1}


def test_a_new_id_beside_a_name_that_has_another_is_another_requisition(a_run: Run) -> None:
    a_run.invite(a_day(a_run, ann("Dev", "J1")))

    a_run.invite(a_day(a_run, ann("Dev", "J2")))

    assert a_run.calls == 2


# What the plan says is created


def test_a_job_with_and_without_its_id_in_one_input_is_one_position(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_day(a_run, ann("Dev", "J1"), bob("Dev"), ann("Dev"))

    plan = plan_of(path, capsys)

    assert plan["positions"] == {"to_create": 1, "known": 0, "names_to_create": ["Dev"]}
    assert a_run.invite(path) == 0
    assert a_run.outcomes == {"invited": 2, "duplicate": 1}
    assert a_run.calls == 2


def test_a_name_of_two_ids_is_counted_once_and_said(
    a_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_day(a_run, ann("Dev", "J1"), bob("Dev", "J2"))

    plan = plan_of(path, capsys)

    assert plan["positions"] == {"to_create": 1, "known": 0, "names_to_create": ["Dev"]}
    assert "'Dev' stands beside 2 position ids ('J1', 'J2')" in str(plan["warnings"])


# Another person at an address that the ledger knows


@pytest.mark.parametrize("position", ["Nurse", "Cook"])
def test_another_person_at_a_known_address_is_not_invited(position: str, a_run: Run) -> None:
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1")))

    assert a_run.invite(a_day(a_run, at_agency("Bob Ray", "2", position=position))) == 1

    [row] = a_run.results
    assert row["error_code"] == "several_people"
    assert "in an earlier run" in row["error_message"]
    assert row["interview_url"] == ""
    assert a_run.creates == 1


@pytest.mark.parametrize(
    "name", ["LEE, Ann", "Ann Marie Lee", "ÀNN LÉE", pytest.param("Dr. Ann Lee", id="a-title")]
)
def test_a_person_written_otherwise_is_the_same(name: str, a_run: Run) -> None:
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1")))
    quoted = f'"{name}"'

    assert a_run.invite(a_day(a_run, at_agency(quoted, "1"), at_agency(quoted, "1", "Cook"))) == 0

    assert a_run.outcomes == {"already_done": 1, "invited": 1}


def test_another_id_of_a_person_for_one_position_is_another_person(a_run: Run) -> None:
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1")))

    assert a_run.invite(a_day(a_run, at_agency("Ann Lee", "2"))) == 1
    assert a_run.results[0]["error_code"] == "several_people"


def test_ids_that_are_counted_anew_in_each_export_tell_nobody_apart(a_run: Run) -> None:
    rows = [a_row(f"p{n}@example.com") for n in range(6)]
    a_run.invite(a_day(a_run, *(f"{row},,{n + 1}" for n, row in enumerate(rows))))

    assert a_run.invite(a_day(a_run, *(f"{row},,{n + 7}" for n, row in enumerate(rows)))) == 0
    assert a_run.outcomes == {"already_done": 6}


def test_who_has_an_invitation_of_their_own_keeps_it_whoever_shares_the_address(
    a_run: Run,
) -> None:
    """An older version invited two people at one address: neither is to be repaired every night."""
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1"), at_agency("Ann Lee", "1", "Cook")))
    with sqlite3.connect(a_run.ledger) as ledger:
        ledger.execute("UPDATE run_rows SET candidate_name = 'Bob Ray' WHERE ordinal = 1")
    ledger.close()

    assert a_run.invite(a_day(a_run, at_agency("Ann Lee", "1"))) == 0
    assert a_run.outcomes == {"already_done": 1}


def test_who_was_forgotten_has_no_name_to_compare(a_run: Run) -> None:
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1")))
    main(["forget", AGENCY, "--yes"])

    assert a_run.invite(a_day(a_run, at_agency("Bob Ray", "2"))) == 0
    assert a_run.outcomes == {"already_done": 1}


def test_a_row_that_was_kept_without_a_name_has_none_to_compare(a_run: Run) -> None:
    a_run.invite(a_day(a_run, at_agency("Ann Lee", "1")))
    with sqlite3.connect(a_run.ledger) as ledger:
        ledger.execute("UPDATE run_rows SET candidate_name = NULL, candidate_external_id = NULL")
    ledger.close()

    assert a_run.invite(a_day(a_run, at_agency("Bob Ray", "2"))) == 0
    assert a_run.outcomes == {"already_done": 1}
