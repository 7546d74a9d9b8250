"""person, status and forget: what is known of somebody, where, and what stays elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select

from jobmojito_batch.cli import main
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.schema import metadata
from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, a_row, friendly, write_input

Capture = pytest.CaptureFixture[str]
ANN = "ann@example.com"
ROWS = (
    a_row(ANN, name="Ann Lee", position="Nurse"),
    a_row(ANN, name="Ann Lee", position="Cook", team="ask ANN@example.com"),
    a_row("joann@example.com", name="Jo Ann", team="friend of ann@example.com"),
    a_row("hosea@example.com", name="Hosea", team="not joann@example.com.sk"),
    a_row(f"{ANN};x@example.com", name="Unread"),
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, ROWS))
        yield run


def told(capsys: Capture, *words: str) -> str:
    capsys.readouterr()
    assert main(["person", *words]) == 0
    return capsys.readouterr().out


def told_json(capsys: Capture, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(told(capsys, *words, "--json"))
    return answer


def test_a_person_is_told_of_and_the_link_only_if_asked_for(run: Run, capsys: Capture) -> None:
    link = run.results[0]["interview_url"]

    shown = told(capsys, " Ann Lee <ANN@Example.com>")

    assert shown.startswith(f"{ANN}: 2 invitations\n\nNurse\n  outcome     invited, ")
    assert "\nCook\n" in shown
    assert "people.csv row 2: invited" in shown
    assert "people.csv row 6: invalid, several_emails" in shown
    assert "named also in 1 row of other people" in shown
    assert "Jo Ann" not in shown
    assert "environment live" in shown
    assert "://127.0.0.1" in shown  # the account
    assert link not in shown
    assert link in told(capsys, ANN, "--show-link")


def test_the_json_has_every_stored_fact_of_the_person(run: Run, capsys: Capture) -> None:
    """By each table that is about invitations; one that comes later is asked for, too."""
    answer = told_json(capsys, ANN)
    ledger = Ledger.open(f"sqlite:///{run.ledger}")
    with ledger.database.reading() as connection:
        for table in metadata.sorted_tables:
            if {"candidate_email", "invitation_id"} & set(table.c.keys()):
                for row in connection.execute(select(table)).mappings():
                    is_anns = row.get("candidate_email") == ANN or row.get("invitation_id") in {
                        invitation["id"] for invitation in answer["invitations"]
                    }
                    for name, value in row.items() if is_anns else ():
                        if isinstance(value, str) and name != "cells":
                            assert value in json.dumps(answer, ensure_ascii=False), name
        assert "attempts" in inspect(connection).get_table_names()
    ledger.close()

    assert answer["rows"][0]["cells"]["candidate_name"] == "Ann Lee"
    assert [len(one["attempts"]) for one in answer["invitations"]] == [1, 1]
    assert answer["invitations"][0]["interview_url"] == run.results[0]["interview_url"]
    assert "joann" not in json.dumps(answer).replace("not joann@example.com.sk", "")


def test_nobody_is_an_answer_and_no_address_is_none(run: Run, capsys: Capture) -> None:
    assert "nothing of this person" in told(capsys, "who@example.com")
    assert told_json(capsys, "who@example.com")["is_known"] is False
    Path(run.ledger).rename(run.folder / "elsewhere.sqlite")
    assert "nothing of this person" in told(capsys, ANN)
    assert main(["person", "ann"]) == 2
    assert "no e-mail address" in capsys.readouterr().err


def test_who_was_forgotten_does_not_come_back_with_the_same_file(run: Run, capsys: Capture) -> None:
    people = write_input(run.folder, [a_row("bo@example.com", name="Bo Rasmussen"), *ROWS])
    run.invite(people)
    calls = run.creates
    assert main(["forget", "bo@example.com", "--yes"]) == 0

    run.invite(people)

    assert run.creates == calls
    [bo, *others] = run.results
    assert (bo["outcome"], bo["row"]) == ("already_done", "2")
    assert bo["error_message"].startswith("this person was erased from the ledger")
    assert others[0]["candidate_email"] == ANN
    for file in run.folder.glob("ledger.sqlite*"):
        assert b"bo@example.com" not in file.read_bytes()
        assert b"Rasmussen" not in file.read_bytes()
    assert "rows that were read" not in told(capsys, "bo@example.com")


@pytest.mark.usefixtures("run")
def test_of_the_forgotten_only_a_hash_is_left_and_jobmojito_is_named(
    capsys: Capture,
) -> None:
    stored = told_json(capsys, ANN)["invitations"]

    assert main(["forget", "mailto:Ann@example.com", "--yes"]) == 0

    said = capsys.readouterr().err
    assert "JobMojito still holds this person" in said
    for invitation in stored:
        assert f"candidate {invitation['profile_interview_id']}, position " in said
        assert invitation["position_def_set_id"] in said
    shown = told(capsys, ANN)
    assert "nothing of this person" in shown
    assert "a keyed hash of the address is all that is left" in shown
    assert told_json(capsys, ANN)["invitations"] == []


def test_the_status_says_where_and_of_which_files(run: Run, capsys: Capture) -> None:
    capsys.readouterr()
    main(["status"])
    shown = capsys.readouterr().out
    main(["status", "--json"])
    status = json.loads(capsys.readouterr().out)

    assert shown.splitlines()[0] == f"ledger        sqlite:///{run.ledger}"
    assert "people.csv, live: exit 1" in shown
    assert "5 rows: invalid 1, invited 4; about 1 credits" in shown
    assert max(map(len, shown.splitlines()[1:])) <= 80
    assert status["ledger"] == f"sqlite:///{run.ledger}"
    [of_run] = status["runs"]
    assert (of_run["sources"], of_run["credits"]) == (["people.csv"], 1.0)
    assert status["invitations"] == {"invited": 4}
