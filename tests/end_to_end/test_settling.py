"""Lost answers, crashes and two runs at once: looked up, never sent again blind."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from jobmojito_batch.cli import main
from jobmojito_batch.ledger.schema import runs
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import RunRequest, conclude, deliver, prepare
from jobmojito_batch.plan import Kind
from jobmojito_batch.sandbox import Fault, RunningSandbox, Scenario, creates_per_invitation
from tests.helpers import (
    BOTH_LEDGERS,
    PATIENCE_SECONDS,
    Run,
    a_row,
    friendly,
    most_in_a_second,
    people,
    read_results,
    starts_of,
    wait_until,
    write_input,
)

Start = Callable[..., Run]


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, either_ledger_url: str
) -> Iterator[Start]:
    """A command line against a sandbox, with a ledger of either kind."""
    with ExitStack() as stack:

        def run(scenario: Scenario | None = None) -> Run:
            sandbox = stack.enter_context(RunningSandbox(scenario or friendly()))
            return Run(tmp_path, sandbox, monkeypatch, either_ledger_url)

        yield run


LOST_AFTER = [
    pytest.param(Fault(call=(2,), disconnect="after"), id="hung-up"),
    pytest.param(Fault(call=(2,), disconnect="midway"), id="half-an-answer"),
    pytest.param(Fault(call=(2,), disconnect="meanwhile"), id="hung-up-at-once"),
    pytest.param(Fault(call=(2,), status=500, when="after"), id="500"),
    pytest.param(Fault(call=(2,), status=504, when="after"), id="504"),
    pytest.param(Fault(call=(2,), status=409, when="after"), id="409"),
    pytest.param(Fault(call=(2,), garbage="html"), id="html"),
    pytest.param(Fault(call=(2,), garbage="huge"), id="huge"),
    pytest.param(Fault(call=(2,), garbage="redirect"), id="redirect"),
]


@pytest.mark.parametrize("fault", LOST_AFTER)
def test_what_happened_without_an_answer_is_found_and_not_sent_again(
    start: Start, tmp_path: Path, fault: Fault
) -> None:
    """The link is minted for what is there."""
    run = start(friendly(faults=(fault,)))

    code = run.settle(write_input(tmp_path, people(4)))

    assert (code, run.outcomes, run.calls) == (0, {"invited": 4}, 4)
    assert all(row["interview_url"].startswith("http://127.0.0.1") for row in run.results)
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
    assert run.summary["settled"]["found"] == 1


LOST_BEFORE = [
    pytest.param(Fault(call=(2,), disconnect="before"), id="hung-up"),
    pytest.param(Fault(call=(2,), status=500), id="500"),
    pytest.param(Fault(call=(2,), status=546), id="546"),
]


@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_what_provably_did_not_happen_is_sent_once_more(
    start: Start, tmp_path: Path, fault: Fault
) -> None:
    """After the settle time, not before."""
    run = start(friendly(faults=(fault,)))

    code = run.settle(write_input(tmp_path, people(4)))

    assert (code, run.outcomes, run.calls) == (0, {"invited": 4}, 5)
    lost = next(e.email for e in run.sandbox.log if e.call == 2 and e.event == "received")
    times = [e.time for e in run.sandbox.log if e.email == lost and e.event == "received"
             and e.endpoint.startswith("job-interview-create")]  # fmt: skip
    first, second = map(datetime.fromisoformat, times)
    assert (second - first).total_seconds() >= 1.0
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


@BOTH_LEDGERS
def test_what_an_earlier_run_lost_is_sent_once_more_with_no_other_row_of_its_position(
    start: Start, tmp_path: Path
) -> None:
    """The row is there, so the run that finds that it did not happen sends it."""
    run = start(friendly(faults=(Fault(call=(1,), disconnect="before"),)))
    path = write_input(tmp_path, people(1))
    assert (run.invite(path), run.outcomes) == (3, {"unknown": 1})

    assert (run.settle(path), run.outcomes, run.calls) == (0, {"invited": 1}, 2)


def test_a_doubt_of_somebody_forgotten_is_not_taken_for_what_did_not_happen(
    start: Start, tmp_path: Path
) -> None:
    """There is no address to look up, so nothing shows: it stays unknown, and nobody is sent."""
    run = start(friendly(faults=(Fault(call=(1,), disconnect="after"),)))
    path = write_input(tmp_path, people(3))
    assert run.invite(path) == 3
    assert main(["forget", "p0@example.com", "--yes"]) == 0

    for _ in range(2):
        run.settle(path)

    assert [row["outcome"] for row in run.results] == ["unknown", "not_sent", "not_sent"]
    assert run.calls == 1


def test_somebody_forgotten_whose_row_had_failed_breaks_no_run(
    start: Start, tmp_path: Path
) -> None:
    """What is kept of them prevents a second invitation; the others are sent."""
    run = start(friendly(faults=(Fault(email="p1@example.com", status=422),)))
    path = write_input(tmp_path, people(3))
    assert run.invite(path) == 1
    assert main(["forget", "p1@example.com", "--yes"]) == 0

    run.settle(write_input(tmp_path, people(4)))

    assert [row["outcome"] for row in run.results] == [
        "already_done", "already_done", "already_done", "invited"
    ]  # fmt: skip
    assert run.calls == 4


def test_lost_twice_and_never_there_is_failed(start: Start, tmp_path: Path) -> None:
    run = start(friendly(faults=(Fault(email="p1@example.com", disconnect="before"),)))

    code = run.settle(write_input(tmp_path, people(3)))

    assert (code, run.outcomes, run.calls) == (1, {"invited": 2, "failed": 1}, 4)
    assert run.results[1]["error_code"] == "no_answer"
    assert run.results[1]["attempts"] == "2"


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        pytest.param({"attempt": 1}, "2 lost calls: nothing was created; they were sent once more",
                     id="once"),
        pytest.param({}, "4 lost calls: nothing was created; 2 of them sent once more", id="twice"),
    ],
)  # fmt: skip
def test_the_end_says_how_many_lost_calls_were_sent_once_more(
    start: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lost: dict[str, Any],
    says: str,
) -> None:
    """The second call of a row is looked up too, and no third follows it."""
    emails = ("p1@example.com", "p2@example.com")
    run = start(friendly(faults=(Fault(emails=emails, disconnect="before", **lost),)))

    run.settle(write_input(tmp_path, people(3)))

    assert (run.calls, run.summary["settled"]["sent_again"]) == (5, 2)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("disconnect", ["before", "after"])
def test_a_lost_first_call_holds_its_position_until_it_is_settled(
    start: Start, tmp_path: Path, disconnect: str
) -> None:
    run = start(friendly(faults=(Fault(call=(1,), disconnect=disconnect),)))
    rows = [*people(4), *people(2, position="Cook", start=4)]

    code = run.settle(write_input(tmp_path, rows))

    assert (code, run.outcomes) == (0, {"invited": 6})
    opened = [str(e.position_name) for e in run.sandbox.log if e.position_created]
    assert sorted(opened) == ["Cook", "Nurse"]
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


@pytest.mark.parametrize("status", [401, 403])
def test_without_leave_to_look_a_row_stays_unknown(
    start: Start, tmp_path: Path, status: int
) -> None:
    faults = (
        Fault(call=(1,), disconnect="after"),
        Fault(endpoint="merchant-result-list", status=status),
    )
    run = start(friendly(faults=faults))
    path = write_input(tmp_path, people(3))

    assert run.settle(path) == 3
    assert run.outcomes == {"unknown": 1, "not_sent": 2}
    assert "refused" in run.results[0]["error_message"]
    assert run.settle(path) == 3
    assert run.calls == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_conflict_is_looked_up_at_once(
    start: Start, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time changes nothing about a 409, so nobody waits for the settle time."""
    run = start(friendly(faults=(Fault(call=(2,), status=409, when=when),)))
    monkeypatch.setenv("JOBMOJITO_SETTLE_SECONDS", "600")

    code = run.settle(write_input(tmp_path, people(3)))

    expected = {"invited": 3} if when == "after" else {"invited": 2, "failed": 1}
    assert (code, run.outcomes) == (int(when == "before"), expected)
    assert when == "after" or "conflict" in {row["error_code"] for row in run.results}


def test_an_enrolment_from_before_the_claim_is_already_applied(
    start: Start, tmp_path: Path
) -> None:
    known = {"email": "p1@example.com", "position": "Nurse", "hours_ago": 24}
    fault = Fault(email="p1@example.com", disconnect="after")
    run = start(friendly(faults=(fault,), positions=({"name": "Nurse"},), enrolments=(known,)))

    code = run.settle(write_input(tmp_path, people(3)))

    assert (code, run.outcomes) == (0, {"invited": 2, "already_applied": 1})


@pytest.mark.parametrize("clock_offset", [-300, 300])
def test_a_clock_that_differs_does_not_make_new_enrolments_old(
    start: Start, tmp_path: Path, clock_offset: int
) -> None:
    """The Date header tells by how much."""
    run = start(friendly(faults=(Fault(call=(2,), disconnect="after"),), clock_offset=clock_offset))

    code = run.settle(write_input(tmp_path, people(3)))

    assert (code, run.outcomes) == (0, {"invited": 3})


@pytest.mark.parametrize("token_wants", ["profile_interview_id", "profile_id"])
def test_the_link_is_minted_by_whichever_id_the_api_wants(
    start: Start, tmp_path: Path, token_wants: str
) -> None:
    run = start(friendly(faults=(Fault(call=(2,), disconnect="after"),), token_wants=token_wants))

    run.settle(write_input(tmp_path, people(3)))

    assert run.outcomes == {"invited": 3}
    assert all(row["interview_url"] for row in run.results)


@BOTH_LEDGERS
def test_a_killed_runs_calls_are_settled_by_the_next_run(start: Start, tmp_path: Path) -> None:
    run = start(friendly(latency=0.3, position_latency=0.0))
    path = write_input(tmp_path, people(12))
    process = run.start(path)
    wait_until(lambda: run.calls >= 4, "4 calls have arrived")
    process.kill()
    process.communicate()

    code = run.settle(path)

    assert code == 0
    assert set(run.outcomes) == {"invited", "already_done"}
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
    assert len(creates_per_invitation(run.sandbox.log)) == 12


def test_a_run_of_another_host_is_left_alone_until_its_lease_is_over(
    start: Start, tmp_path: Path, either_ledger_url: str
) -> None:
    """Nobody can ask for its process; then its calls are looked up, and nobody is invited twice."""
    run = start(friendly(latency=0.3, position_latency=0.0))
    path = write_input(tmp_path, people(8))
    process = run.start(path)
    wait_until(lambda: run.calls >= 4, "4 calls have arrived")
    process.kill()
    process.communicate()
    engine = create_engine(either_ledger_url)
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=4)
    with engine.begin() as connection:
        connection.execute(update(runs).values(owner="another-host|1|0.0", lease_until=until))
    engine.dispose()

    code = run.settle(path)

    assert (code, datetime.now(UTC).replace(tzinfo=None) > until) == (0, True)
    assert set(run.outcomes) <= {"invited", "already_done"}
    assert sum(run.outcomes.values()) == 8
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


def test_reconcile_settles_what_a_run_left(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What happened is settled; what did not is sent by the next run; nothing is sent here."""
    faults = (Fault(call=(2,), disconnect="after"), Fault(call=(3,), disconnect="before"))
    run = start(friendly(faults=faults))
    path = write_input(tmp_path, people(4))
    run.invite(path, "--max-in-flight", "1")
    run_id = run.summary["run_id"]
    calls = run.calls
    capsys.readouterr()

    code = main(["reconcile", "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (code, said["outcomes"], said["did_not_happen"]) == (0, {"invited": 1, "failed": 1}, 1)
    assert run.calls == calls
    main(["results", run_id, "-o", str(tmp_path / "again.csv")])
    outcomes = [row["outcome"] for row in read_results(tmp_path / "again.csv")]
    assert sorted(outcomes) == ["failed", "invited", "invited", "invited"]
    assert run.settle(path) == 0
    assert run.outcomes == {"already_done": 3, "invited": 1}
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


def test_reconcile_that_may_not_look_leaves_all_as_it_is(start: Start, tmp_path: Path) -> None:
    faults = (
        Fault(call=(1,), disconnect="after"),
        Fault(endpoint="merchant-result-list", status=403),
    )
    run = start(friendly(faults=faults))
    run.invite(write_input(tmp_path, people(1)))

    assert main(["reconcile"]) == 3


@BOTH_LEDGERS
@pytest.mark.parametrize("same_file", [True, False])
def test_two_processes_at_once_invite_nobody_twice(
    start: Start, tmp_path: Path, *, same_file: bool
) -> None:
    """One position, opened once; a row that the other holds is waited for."""
    run = start(friendly(latency=0.05, position_latency=0.5))
    rows = people(30)
    one = write_input(tmp_path, rows)
    other = write_input(tmp_path, rows if same_file else people(30, start=30), "other.csv")
    options = ("--rate", "100", "--max-in-flight", "8")
    processes = [run.start_settling(path, *options) for path in (one, other)]
    said = [process.communicate(timeout=PATIENCE_SECONDS)[1].decode() for process in processes]

    left = [
        (row["candidate_email"], row["error_code"], row["error_message"])
        for name in ("people", "other")
        for row in read_results(tmp_path / f"{name}.results.csv")
        if row["outcome"] == "unknown"
    ]
    assert ([process.returncode for process in processes], left) == ([0, 0], []), said
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
    assert sum(bool(entry.position_created) for entry in run.sandbox.log) == 1
    for name in ("people", "other"):
        outcomes = [row["outcome"] for row in read_results(tmp_path / f"{name}.results.csv")]
        assert len(outcomes) == 30
        assert set(outcomes) <= {"invited", "already_done"}
    if same_file:
        assert run.creates == 30


@BOTH_LEDGERS
def test_the_ceiling_holds_over_two_processes(start: Start, tmp_path: Path) -> None:
    """Starts in any second: two paces would make 40 of 20."""
    run = start(friendly(latency=0.01, position_latency=0.0))
    files = [write_input(tmp_path, people(40, start=40 * n), f"f{n}.csv") for n in range(2)]
    processes = [run.start_settling(path, "--rate", "20") for path in files]
    for process in processes:
        process.wait(timeout=PATIENCE_SECONDS)

    results = [row for n in range(2) for row in read_results(tmp_path / f"f{n}.results.csv")]
    starts = starts_of(results)
    assert len(starts) == 80
    assert most_in_a_second(starts) <= 1.02 * 20 + 1


def test_rows_of_a_settled_run_say_so_afterwards(start: Start, tmp_path: Path) -> None:
    run = start(friendly(faults=(Fault(call=(1,), disconnect="after"),)))

    code = run.settle(write_input(tmp_path, [a_row("a@example.com")]))

    (row,) = run.results
    assert (code, row["outcome"], row["error_code"]) == (0, "invited", "")
    assert row["profile_interview_id"]


def test_a_doubt_that_is_settled_after_the_plan_is_already_done(
    start: Start, tmp_path: Path
) -> None:
    """With many rows minutes lie between planning and sending; what happened then counts."""
    run = start(friendly(faults=(Fault(call=(2,), disconnect="after"),)))
    path = write_input(tmp_path, people(3))
    run.invite(path)
    ready = prepare(RunRequest.of(InviteParameters(inputs=[str(path)])))
    assert ready.planned.plan.counts[Kind.UNKNOWN] == 1
    assert main(["reconcile"]) == 0

    conclusion = conclude(ready, asyncio.run(deliver(ready)))

    ready.close()
    assert conclusion.exit_code == 0
    assert run.outcomes == {"already_done": 3}
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}
