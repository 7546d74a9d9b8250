"""The main job on real input through the command line, against the sandbox."""

import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.columns import LEADING_COLUMNS, TECHNICAL_COLUMNS
from jobmojito_batch.sandbox import Fault, RunningSandbox, Scenario, creates_per_invitation
from tests.helpers import (
    PATIENCE_SECONDS,
    RESUME,
    TOKEN,
    Run,
    a_row,
    friendly,
    people,
    read_results,
    wait_until,
    write_input,
)

Start = Callable[..., Run]
RESULTS = [
    *LEADING_COLUMNS,
    *("candidate_country_code", "position_location", "position_country_code"),
    *("mojito_language_code", "team"),
    *TECHNICAL_COLUMNS,
]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a sandbox with a scenario; gives a Run on it."""
    with ExitStack() as stack:

        def run(scenario: Scenario | None = None) -> Run:
            sandbox = stack.enter_context(RunningSandbox(scenario or friendly()))
            return Run(tmp_path, sandbox, monkeypatch)

        yield run


def test_every_row_comes_back_with_one_outcome(start: Start, tmp_path: Path) -> None:
    run = start(friendly(statuses={"b@example.com": "ai_reject", "c@example.com": "odd"}))
    rows = [
        a_row("a@example.com"),
        a_row("b@example.com"),
        a_row("c@example.com"),
        a_row("A@Example.com"),
        a_row("nobody"),
    ]

    code = run.invite(write_input(tmp_path, rows))

    outcomes = [row["outcome"] for row in run.results]
    assert outcomes == ["invited", "rejected", "review", "duplicate", "invalid"]
    assert code == 1
    assert run.results[0]["interview_url"].startswith("http://127.0.0.1")
    assert list(run.results[0]) == RESULTS
    assert run.summary["rows"] == sum(run.summary["outcomes"].values()) == 5


def test_a_second_run_sends_nothing_and_gives_the_links_again(start: Start, tmp_path: Path) -> None:
    run = start()
    path = write_input(tmp_path, people(4))
    run.invite(path)
    links = [row["interview_url"] for row in run.results]

    code = run.invite(path)

    assert code == 0
    assert run.outcomes == {"already_done": 4}
    assert [row["interview_url"] for row in run.results] == links
    assert run.calls == 4


def test_the_first_row_of_a_position_goes_alone(start: Start, tmp_path: Path) -> None:
    run = start(friendly(position_latency=0.2))

    run.invite(write_input(tmp_path, [*people(12), *people(12, position="Cook", start=12)]))

    assert run.outcomes == {"invited": 24}
    opened = [entry for entry in run.sandbox.log if entry.position_created]
    assert sorted(entry.position_name or "" for entry in opened) == ["Cook", "Nurse"]
    by_id = [entry for entry in run.sandbox.log if entry.position_def_set_id]
    assert len({entry.email for entry in by_id}) == 22
    assert run.summary["positions"] == {"created": 2, "reused": 0}


def test_spellings_of_one_name_are_one_position(start: Start, tmp_path: Path) -> None:
    run = start(friendly(position_latency=0.1))
    rows = [a_row("a@example.com", position="Nurse"), a_row("b@example.com", position=" NURSE ")]

    run.invite(write_input(tmp_path, rows))

    assert sum(bool(entry.position_created) for entry in run.sandbox.log) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(Fault(call=(2,), disconnect="after"), "connection_lost", id="hung-up-after"),
        pytest.param(Fault(call=(2,), disconnect="before"), "connection_lost", id="hung-up-before"),
        pytest.param(Fault(call=(2,), status=500), "server_error", id="500"),
        pytest.param(Fault(call=(2,), status=504), "server_error", id="504"),
        pytest.param(Fault(call=(2,), garbage="html"), "unreadable_answer", id="html"),
        pytest.param(Fault(call=(2,), garbage="truncated"), "unreadable_answer", id="truncated"),
        pytest.param(Fault(call=(2,), garbage="huge"), "unreadable_answer", id="huge"),
        pytest.param(Fault(call=(2,), garbage="redirect"), "unreadable_answer", id="redirect"),
        pytest.param(Fault(call=(2,), hang=3.0), "no_answer", id="late"),
    ],
)
def test_without_a_trustworthy_answer_a_row_is_unknown_and_never_sent_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, code: str
) -> None:
    run = start(friendly(faults=(fault,)))
    monkeypatch.setenv("JOBMOJITO_READ_TIMEOUT_SECONDS", "0.5")
    path = write_input(tmp_path, people(3))

    first = run.invite(path)
    reason = next(row["error_code"] for row in run.results if row["outcome"] == "unknown")
    second = run.invite(path)

    assert (first, second) == (3, 3)
    assert reason == code
    assert run.outcomes == {"already_done": 2, "unknown": 1}
    assert run.calls == 3


def test_a_lost_first_call_keeps_the_rest_of_its_position_back(
    start: Start, tmp_path: Path
) -> None:
    run = start(friendly(faults=(Fault(call=(1,), disconnect="after"),)))
    path = write_input(tmp_path, people(4))

    first = run.invite(path)
    again = run.invite(path)

    assert (first, again) == (3, 3)
    assert run.outcomes == {"unknown": 1, "not_sent": 3}
    assert {row["error_code"] for row in run.results} == {"unsettled", "position_unresolved"}
    assert run.calls == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            Fault(attempt=(1,), status=503, body="platform", code="BOOT_ERROR"), id="boot-error"
        ),
        pytest.param(Fault(attempt=(1,), status=429, retry_after="0"), id="429"),
    ],
)
def test_what_provably_did_not_run_is_sent_again(
    start: Start, tmp_path: Path, fault: Fault
) -> None:
    run = start(friendly(faults=(fault,)))

    code = run.invite(write_input(tmp_path, people(2)))

    assert code == 0
    assert [row["attempts"] for row in run.results] == ["2", "2"]
    assert run.creates == 2
    assert run.summary["retries"] == 2


def test_retry_after_pauses_everybody_in_full(start: Start, tmp_path: Path) -> None:
    run = start(friendly(faults=(Fault(call=(2,), status=429, retry_after="1"),)))

    run.invite(write_input(tmp_path, people(6)), "--max-in-flight", "1")

    times = [
        pl.Series([entry.time]).str.to_datetime(time_zone="UTC").item()
        for entry in run.sandbox.log
        if entry.event == "received" and entry.call and entry.endpoint.startswith("job-interview-c")
    ]
    assert (times[2] - times[1]).total_seconds() >= 1.0
    assert run.outcomes == {"invited": 6}


def test_an_api_that_is_away_at_the_start_is_waited_for(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in mid-run: no row fails for it, whatever the bounds; who looks on is told."""
    run = start()
    path = write_input(tmp_path, people(3))
    monkeypatch.setenv("JOBMOJITO_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("JOBMOJITO_BREAKER_FAILURES", "1")
    port = int(run.sandbox.base_url.split(":")[2].split("/")[0])
    run.sandbox.stop()
    process = run.start(path)
    wait_until(lambda: b"waits" in process.said, "it says that it waits")
    with RunningSandbox(friendly(), port=port) as back:
        run.sandbox = back
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0, said
    assert run.outcomes == {"invited": 3}
    assert b"answers again" in said.partition(b"waits")[2]
    assert b"Ctrl-C" in said.partition(b"answers again")[0]


@pytest.mark.parametrize(
    ("status", "code"),
    [(402, "insufficient_credits"), (403, "forbidden"), (540, "service_paused")],
)
def test_a_stop_leaves_the_rest_not_sent_and_the_next_run_carries_on(
    start: Start, tmp_path: Path, status: int, code: str
) -> None:
    run = start(friendly(faults=(Fault(call=(3,), status=status),)))
    path = write_input(tmp_path, people(6))

    first = run.invite(path, "--max-in-flight", "1")
    reasons = {row["error_code"] for row in run.results if row["outcome"] == "not_sent"}
    assert run.outcomes == {"invited": 2, "not_sent": 4}
    second = run.invite(path)

    assert (first, second) == (4, 0)
    assert reasons == {code}
    assert run.outcomes == {"already_done": 2, "invited": 4}
    assert set(creates_per_invitation(run.sandbox.log).values()) == {1}


def test_a_refused_token_is_read_again_once(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(friendly(tokens=("fresh",)))
    printed = tmp_path / "printed"
    monkeypatch.delenv("JOBMOJITO_API_TOKEN")
    command = f"cat {printed} 2>/dev/null || (echo stale; echo fresh > {printed})"
    monkeypatch.setenv("JOBMOJITO_API_TOKEN_COMMAND", command)

    code = run.invite(write_input(tmp_path, people(3)))

    assert (code, run.outcomes) == (0, {"invited": 3})


def test_a_token_that_stays_refused_stops_the_run(start: Start, tmp_path: Path) -> None:
    run = start(friendly(tokens=("another",)))

    code = run.invite(write_input(tmp_path, people(3)))

    assert (code, run.outcomes) == (4, {"not_sent": 3})
    assert {row["error_code"] for row in run.results} == {"unauthorized"}


def test_the_breaker_stops_after_failures_in_a_row(start: Start, tmp_path: Path) -> None:
    rows = [a_row(f"p{n}@example.com", position=f"Job {n}") for n in range(20)]
    run = start(friendly(faults=(Fault(status=500),)))

    code = run.invite(write_input(tmp_path, rows), "--max-in-flight", "1")

    assert code == 4
    assert run.outcomes == {"unknown": 10, "not_sent": 10}


def test_a_refused_position_field_fails_all_its_rows_with_one_call(
    start: Start, tmp_path: Path
) -> None:
    fault = Fault(position="Nurse", status=422, name="position_name")
    run = start(friendly(faults=(fault,)))
    rows = [*people(5), a_row("z@example.com", position="Cook")]

    code = run.invite(write_input(tmp_path, rows))

    assert (code, run.outcomes) == (1, {"failed": 5, "invited": 1})
    assert run.calls == 2


def test_where_the_first_row_is_refused_for_its_own_sake_the_next_opens(
    start: Start, tmp_path: Path
) -> None:
    fault = Fault(email="p0@example.com", status=422, name="candidate_name")
    run = start(friendly(faults=(fault,)))

    code = run.invite(write_input(tmp_path, people(3)))

    assert (code, run.outcomes) == (1, {"failed": 1, "invited": 2})
    errors = (tmp_path / "people.results.errors.csv").read_text(encoding="utf-8-sig")
    assert "p0@example.com" in errors
    assert RESUME in errors  # the original cells, to correct and send again
    assert errors.count("\n") == 2


def test_an_id_of_the_ledger_that_is_gone_is_opened_again_by_name(
    start: Start, tmp_path: Path
) -> None:
    run = start()
    run.invite(write_input(tmp_path, people(2)))
    port = int(run.sandbox.base_url.split(":")[2].split("/")[0])
    run.sandbox.stop()

    with RunningSandbox(friendly(seed=5), port=port) as emptied:
        run.sandbox = emptied
        code = run.invite(write_input(tmp_path, people(6)))

    assert (code, run.outcomes) == (0, {"already_done": 2, "invited": 4})
    assert sum(bool(entry.position_created) for entry in emptied.log) == 1


def test_an_id_of_the_input_that_is_unknown_fails_its_rows(start: Start, tmp_path: Path) -> None:
    run = start()
    path = tmp_path / "people.csv"
    path.write_text(
        "candidate_name,candidate_email,candidate_country_code,candidate_resume,"
        "position_def_set_id\n"
        + "".join(f"Ann,p{n}@example.com,SK,text,no-such-id\n" for n in range(3))
    )

    code = run.invite(path)

    assert code == 1
    assert {row["error_code"] for row in run.results} == {"not_found"}


def test_a_name_and_its_id_in_one_input_are_one_invitation(start: Start, tmp_path: Path) -> None:
    run = start(friendly(positions=({"name": "Nurse", "id": "11111111-aaaa"},)))
    path = tmp_path / "people.csv"
    path.write_text(
        "candidate_name,candidate_email,candidate_country_code,candidate_resume,position_name,"
        "position_location,position_country_code,mojito_language_code,position_def_set_id\n"
        "Ann,a@example.com,SK,text,Nurse,London,GB,en,\n"
        "Ann,a@example.com,SK,text,,,,,11111111-AAAA\n"
    )

    run.invite(path, "--max-in-flight", "1")

    assert run.creates == 1
    assert sorted(run.outcomes) == ["duplicate", "invited"]


@pytest.mark.parametrize("garbage", ["no_link", "null_link"])
def test_an_accepted_candidate_without_link_gets_one_minted(
    start: Start, tmp_path: Path, garbage: Literal["no_link", "null_link"]
) -> None:
    run = start(friendly(faults=(Fault(call=(2,), garbage=garbage),)))

    assert run.invite(write_input(tmp_path, people(3)), "--max-in-flight", "1") == 0

    assert run.outcomes == {"invited": 3}
    assert all(row["interview_url"] for row in run.results)
    assert run.calls == 3


def test_without_the_ids_that_a_link_needs_a_person_decides(start: Start, tmp_path: Path) -> None:
    run = start(friendly(faults=(Fault(call=(2,), garbage="null_members"),)))

    run.invite(write_input(tmp_path, people(3)), "--max-in-flight", "1")

    assert run.outcomes == {"invited": 2, "review": 1}


def test_caps_bound_what_calls_may_cost(start: Start, tmp_path: Path) -> None:
    run = start()

    code = run.invite(write_input(tmp_path, people(10)), "--max-credits", "1")

    assert (code, run.outcomes) == (4, {"invited": 4, "not_sent": 6})
    assert {row["error_code"] for row in run.results[4:]} == {"credit_cap"}


def test_the_cap_of_a_day_holds_over_runs(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    monkeypatch.setenv("JOBMOJITO_MAX_CREDITS_PER_DAY", "1")
    path = write_input(tmp_path, people(10))
    run.invite(path)

    code = run.invite(path)

    assert (code, run.calls) == (4, 4)


def test_refused_calls_give_their_credits_back(start: Start, tmp_path: Path) -> None:
    faults = tuple(Fault(email=f"p{n}@example.com", status=422) for n in range(5))
    run = start(friendly(faults=faults))

    run.invite(write_input(tmp_path, people(10)), "--max-credits", "1.25")

    assert run.outcomes == {"failed": 5, "invited": 5}


def test_a_limit_leaves_the_rest_and_does_not_change_the_exit_code(
    start: Start, tmp_path: Path
) -> None:
    run = start()

    code = run.invite(write_input(tmp_path, people(5)), "--limit", "2")

    assert (code, run.outcomes) == (0, {"invited": 2, "not_sent": 3})
    assert {row["error_code"] for row in run.results[2:]} == {"limit_reached"}


def test_more_new_rows_than_expected_send_nothing(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()

    code = run.invite(write_input(tmp_path, people(5)), "--expect-at-most", "4")

    assert (code, run.calls) == (2, 0)
    assert "5 new rows" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "jsonl"])
def test_results_come_in_four_formats_for_the_owner_alone(
    start: Start, tmp_path: Path, suffix: str
) -> None:
    run = start()
    target = tmp_path / f"out.{suffix}"

    run.invite(write_input(tmp_path, people(3)), "-o", str(target))

    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "csv": pl.read_csv,
        "xlsx": lambda path: pl.read_excel(path, sheet_name="All rows"),
        "parquet": pl.read_parquet,
        "jsonl": pl.read_ndjson,
    }
    frame = readers[suffix](target)
    assert frame["outcome"].to_list() == ["invited"] * 3
    assert frame.columns == RESULTS
    for name in (target.name, "out.summary.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_runs_files_can_be_written_again(start: Start, tmp_path: Path) -> None:
    run = start()
    run.invite(write_input(tmp_path, [*people(3), a_row("nobody")]))
    first = (tmp_path / "people.results.csv").read_bytes()
    again = tmp_path / "again.csv"

    code = main(["results", run.summary["run_id"], "-o", str(again)])

    assert code == 0
    assert again.read_bytes() == first


def test_environments_do_not_know_one_anothers_invitations(start: Start, tmp_path: Path) -> None:
    run = start()
    path = write_input(tmp_path, people(2))
    run.invite(path, "--environment", "test")

    run.invite(path)

    assert run.calls == 4


def test_an_errors_file_corrected_is_sent_and_nothing_else(start: Start, tmp_path: Path) -> None:
    run = start()
    run.invite(write_input(tmp_path, [a_row("a@example.com"), a_row("b@example", country="DE")]))
    errors = tmp_path / "people.results.errors.csv"
    errors.write_text(errors.read_text("utf-8-sig").replace("b@example", "b@example.com"), "utf-8")

    code = run.invite(errors, "-o", str(tmp_path / "fixed.results.csv"))

    (fixed,) = read_results(tmp_path / "fixed.results.csv")
    assert (code, fixed["outcome"], run.calls) == (0, "invited", 2)
    assert list(fixed) == RESULTS


def test_no_private_word_is_said(
    start: Start,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    faults = (Fault(call=(2,), status=500), Fault(call=(3,), garbage="html"))
    run = start(friendly(faults=faults))

    run.invite(write_input(tmp_path, [*people(4), a_row("nobody", name="Zoë Secretname")]))

    said = "".join(capfd.readouterr()) + caplog.text
    said += (tmp_path / "people.results.summary.json").read_text()
    for word in (TOKEN, "interview_token", "résumé that nobody", "@example.com", "Secretname"):
        assert word not in said
    ledger = (tmp_path / "ledger.sqlite").read_bytes()
    wal = tmp_path / "ledger.sqlite-wal"
    ledger += wal.read_bytes() if wal.exists() else b""
    assert RESUME.encode() not in ledger
    assert TOKEN.encode() not in ledger


def test_nothing_of_a_run_stays_in_the_spool(start: Start, tmp_path: Path) -> None:
    run = start()

    run.invite(write_input(tmp_path, people(2)))

    assert not list((tmp_path / "home" / "cache").rglob("*.parquet"))
