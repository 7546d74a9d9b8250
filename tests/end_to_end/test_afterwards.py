"""doctor, forget and status: what a person looks at and does afterwards."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import Fault, RunningSandbox, creates_per_invitation
from tests.helpers import Run, a_row, friendly, people, write_input

Capture = pytest.CaptureFixture[str]


def jwt(*, expires_in: float) -> str:
    claims = json.dumps({"exp": int(time.time() + expires_in)}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


def examined(capsys: Capture) -> tuple[int, dict[str, str]]:
    capsys.readouterr()
    code = main(["doctor", "--json"])
    lines = json.loads(capsys.readouterr().out)["checks"]
    return code, {line["check"]: line["state"] for line in lines}


def test_a_doctor_finds_nothing_where_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        code, states = examined(capsys)

    assert (code, set(states.values())) == (0, {"ok"})
    assert set(states) == {"settings", "token", "API", "balance", "ledger", "Prefect"}


@pytest.mark.parametrize(
    ("name", "value", "check", "state"),
    [
        ("JOBMOJITO_API_TOKEN", "", "token", "fault"),
        ("JOBMOJITO_API_TOKEN", jwt(expires_in=-60), "token", "fault"),
        ("JOBMOJITO_API_TOKEN", jwt(expires_in=3000), "token", "warning"),
        ("JOBMOJITO_API_TOKEN", jwt(expires_in=3 * 86_400), "token", "warning"),
        ("JOBMOJITO_API_TOKEN", "refused", "API", "fault"),
        ("JOBMOJITO_BASE_URL", "http://127.0.0.1:9/functions/v1", "API", "fault"),
        ("JOBMOJITO_LEDGER", "/proc/nowhere/ledger.sqlite", "ledger", "fault"),
    ],
    ids=["no-token", "expired", "expires-soon", "in-days", "refused", "no-api", "no-ledger"],
)
def test_each_fault_has_its_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    name: str,
    value: str,
    check: str,
    state: str,
) -> None:
    tokens = ("made-up-token-of-the-tests",) if value == "refused" else ()
    with RunningSandbox(friendly(tokens=tokens)) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv(name, value)
        code, states = examined(capsys)

    assert states[check] == state
    assert code == (1 if state == "fault" else 0)


def test_a_prefect_that_does_not_answer_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: Prefect reads its settings once."""
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        done = subprocess.run(
            [sys.executable, "-m", "jobmojito_batch", "doctor"],
            env=os.environ | run.environment | {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    assert "http://127.0.0.1:9/api does not answer" in done.stdout


def test_an_empty_account_is_said_and_not_overdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """The balance bounds the run before the API has to."""
    with RunningSandbox(friendly(credits=1.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        code = run.invite(write_input(tmp_path, people(10)))

    assert (code, run.outcomes, run.calls) == (4, {"invited": 4, "not_sent": 6}, 4)
    assert {row["error_code"] for row in run.results[4:]} == {"insufficient_credits"}
    assert "has 1 credits left" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("status", "of_the_row"), [(422, "not_sent"), (400, "not_sent"), (500, "unknown")]
)
def test_the_account_is_asked_where_an_answer_might_mean_empty_credits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, of_the_row: str
) -> None:
    """Nobody documents what empty credits look like; the balance tells what the text does not."""
    scenario = friendly(
        credits=3.0,
        credits_per_candidate=1.0,  # dearer than we think, so the cap by balance comes too late
        credits_status=status,
        credits_message="Something went wrong.",
    )
    with RunningSandbox(scenario) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        code = run.invite(write_input(tmp_path, people(8)), "--max-in-flight", "1")

    assert (code, run.calls) == (4, 4)
    assert [row["outcome"] for row in run.results] == [
        *["invited"] * 3,
        of_the_row,
        *["not_sent"] * 4,
    ]
    assert {row["error_code"] for row in run.results[3:]} == {"insufficient_credits"}


def test_a_conflict_at_an_empty_account_stays_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been created and paid for: it is looked up, and not sent again."""
    faults = (
        Fault(call=(2,), status=409, when="after"),
        Fault(endpoint="merchant-status", status=500, times=1),  # the run is planned without
    )
    empty = {"credits_interview_monthly": 0.0}
    with RunningSandbox(friendly(faults=faults, merchant_status=empty)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(3))
        assert run.settle(path, "--max-in-flight", "1") == 4
        assert [row["outcome"] for row in run.results] == ["invited", "unknown", "not_sent"]
        assert main(["reconcile"]) == 0

    assert set(creates_per_invitation(sandbox.log).values()) == {1}
    assert run.calls == 2


@pytest.mark.parametrize("body", ["jobmojito", "status", "rejected"])
def test_a_200_that_says_credits_are_out_stops_and_the_next_run_sends_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """Nobody is rejected, or sent time and again, for an account that is empty."""
    scenario = friendly(
        credits=0.5,
        credits_status=200,
        credits_body=body,
        credits_message="Not enough credits. Please top up your account.",
        merchant_status={"credits_interview_monthly": 100},  # not even the balance tells
    )
    with RunningSandbox(scenario) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(5))
        code = run.settle(path, "--max-in-flight", "1")
        first, calls = run.results, run.calls
        again = run.settle(path, "--max-in-flight", "1")

    assert (code, calls) == (4, 3)
    assert [row["outcome"] for row in first] == ["invited"] * 2 + ["not_sent"] * 3
    assert {row["error_code"] for row in first[2:]} == {"insufficient_credits"}
    assert {row["status"] + row["reason"] for row in first[2:]} == {""}
    assert (again, run.calls) == (4, 4)
    assert run.outcomes == {"already_done": 2, "not_sent": 3}


@pytest.mark.parametrize(
    ("left", "code", "outcomes"),
    [
        pytest.param(100.0, 0, {"rejected": 1, "invited": 2}, id="the-account-has-credits"),
        pytest.param(0.1, 4, {"unknown": 1, "invited": 1, "not_sent": 1}, id="it-has-none"),
    ],
)
def test_the_account_tells_where_a_rejection_may_be_for_want_of_credits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: float,
    code: int,
    outcomes: dict[str, int],
) -> None:
    """What it really was is looked up by the next run; nobody is sent again for a guess."""
    said = Fault(status=200, body="rejected", message="Applicant has no credits", call=(2,))
    plan = Fault(endpoint="merchant-status", status=500, times=1)  # the run is planned without
    with RunningSandbox(
        friendly(faults=(said, plan), merchant_status={"credits_interview_monthly": left})
    ) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        ended = run.invite(write_input(tmp_path, people(3)), "--max-in-flight", "1")

    assert (ended, run.outcomes) == (code, outcomes)


def test_a_token_that_will_expire_in_the_run_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch)
        monkeypatch.setenv("JOBMOJITO_API_TOKEN", jwt(expires_in=20))
        monkeypatch.setenv("JOBMOJITO_REQUESTS_PER_SECOND", "0.1")
        main(["check", str(write_input(tmp_path, people(30)))])

    assert "before the run is expected to end" in capsys.readouterr().out


def test_status_tells_of_unknowns_their_age_and_what_will_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with RunningSandbox(friendly(faults=(Fault(call=(2,), disconnect="after"),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, people(3)))
    capsys.readouterr()

    main(["status"])
    shown = capsys.readouterr().out
    main(["status", "--json"])
    [doubt] = json.loads(capsys.readouterr().out)["doubts"]

    assert "unknown: 1" in shown
    assert "reconcile" in shown
    assert (doubt["state"], doubt["error_code"]) == ("unknown", "connection_lost")
    assert doubt["age_seconds"] >= 0


def test_a_forgotten_person_is_gone_to_the_bytes_and_not_invited_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, addresses, links and cells; in the file and in its write-ahead log."""
    rows = [*people(3), a_row("erase.me@example.com", name="Zoë Vanished", team="secret-team")]
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, rows)
        run.invite(path)
        link = run.results[3]["interview_url"]

        assert main(["forget", "Erase.Me@example.com", "--yes"]) == 0

        files = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.sqlite*"))
        for word in ("erase.me@example.com", "Zoë Vanished", "secret-team", link):
            assert word.encode() not in files
        assert b"p1@example.com" in files
        assert run.invite(path) == 0
        assert run.outcomes == {"already_done": 4}
        assert run.results[3]["interview_url"] == ""
        assert run.calls == 4
        assert main(["forget", "erase.me@example.com", "--yes"]) == 0


def test_forgetting_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunningSandbox(friendly()) as sandbox:
        Run(tmp_path, sandbox, monkeypatch).invite(write_input(tmp_path, people(1)))

    assert main(["forget", "p0@example.com"]) == 2
    assert b"p0@example.com" in b"".join(f.read_bytes() for f in tmp_path.glob("ledger.sqlite*"))
