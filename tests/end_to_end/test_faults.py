"""
Every line of the retry table (reference 4.3), before and after the server committed.

The table below is the policy; docs/faults.md shows it to people and is held against it here.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobmojito_batch.sandbox import Fault, RunningSandbox, Scenario, creates_per_invitation
from tests.helpers import Run, friendly, people, write_input

Start = Callable[..., Run]
DOCS = Path(__file__).parents[2] / "docs" / "faults.md"


class Case(NamedTuple):
    """One way in which the second of three calls goes wrong, and what becomes of its row."""

    name: str
    fault: dict[str, Any]
    without: str
    """Outcome with --no-settle."""
    code: str
    """Its error_code then."""
    settled: str
    """Outcome where unknown rows are looked up."""
    exit_code: int
    """Of the run that settles."""


ROWS = (
    Case("503 BOOT_ERROR", {"status": 503, "code": "BOOT_ERROR", "attempt": 1}, "invited", "", "invited", 0),
    Case("429, Retry-After", {"status": 429, "retry_after": "1", "attempt": 1}, "invited", "", "invited", 0),
    Case("429, Retry-After in the past", {"status": 429, "retry_after": "Mon, 01 Jan 2024 00:00:00 GMT", "attempt": 1}, "invited", "", "invited", 0),
    Case("401", {"status": 401}, "not_sent", "unauthorized", "not_sent", 4),
    Case("403", {"status": 403}, "not_sent", "forbidden", "not_sent", 4),
    Case("402", {"status": 402}, "not_sent", "insufficient_credits", "not_sent", 4),
    Case("540", {"status": 540}, "not_sent", "service_paused", "not_sent", 4),
    Case("400 that says credits are out", {"status": 400, "message": "Insufficient credits"}, "not_sent", "insufficient_credits", "not_sent", 4),
    Case("200 and an error that says credits are out", {"status": 200, "message": "Insufficient credits"}, "not_sent", "insufficient_credits", "not_sent", 4),
    Case("200, status error, reason credits", {"status": 200, "body": "status", "message": "Insufficient credits"}, "not_sent", "insufficient_credits", "not_sent", 4),
    Case("200, ai_reject for want of credits", {"status": 200, "body": "rejected", "message": "Not enough credits. Please top up your account."}, "not_sent", "insufficient_credits", "not_sent", 4),
    Case("200, ai_reject for want of credit risk experience", {"status": 200, "body": "rejected", "message": "No experience in credit risk analysis."}, "rejected", "", "rejected", 0),
    Case("422", {"status": 422, "name": "candidate_name"}, "failed", "refused", "failed", 1),
    Case("413", {"status": 413}, "failed", "too_large", "failed", 1),
    Case("409, nothing created", {"status": 409}, "unknown", "conflict", "failed", 1),
    Case("409, created", {"status": 409, "when": "after"}, "unknown", "conflict", "invited", 0),
    Case("500, nothing created", {"status": 500, "attempt": 1}, "unknown", "server_error", "invited", 0),
    Case("500, created", {"status": 500, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("502, nothing created", {"status": 502, "attempt": 1}, "unknown", "server_error", "invited", 0),
    Case("502, created", {"status": 502, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("503 of a gateway, nothing created", {"status": 503, "body": "html", "attempt": 1}, "unknown", "server_error", "invited", 0),
    Case("503 of a gateway, created", {"status": 503, "body": "html", "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("504, created", {"status": 504, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("520, created", {"status": 520, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("530, nothing created", {"status": 530, "attempt": 1}, "unknown", "server_error", "invited", 0),
    Case("544, created", {"status": 544, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("546, nothing created", {"status": 546, "attempt": 1}, "unknown", "server_error", "invited", 0),
    Case("546, created", {"status": 546, "when": "after"}, "unknown", "server_error", "invited", 0),
    Case("connection closed, nothing created", {"disconnect": "before", "attempt": 1}, "unknown", "connection_lost", "invited", 0),
    Case("connection closed, created", {"disconnect": "after"}, "unknown", "connection_lost", "invited", 0),
    Case("connection closed while it goes on", {"disconnect": "meanwhile"}, "unknown", "connection_lost", "invited", 0),
    Case("half an answer", {"disconnect": "midway"}, "unknown", "connection_lost", "invited", 0),
    Case("answer after the time-out", {"hang": 3.0}, "unknown", "no_answer", "invited", 0),
    Case("slow drip past the time-out", {"slow_drip": 30.0}, "unknown", "no_answer", "invited", 0),
    Case("200 with a page of HTML", {"garbage": "html"}, "unknown", "unreadable_answer", "invited", 0),
    Case("200 cut short", {"garbage": "truncated"}, "unknown", "unreadable_answer", "invited", 0),
    Case("200 and nothing", {"garbage": "empty"}, "unknown", "unreadable_answer", "invited", 0),
    Case("200 of 26 MB", {"garbage": "huge"}, "unknown", "unreadable_answer", "invited", 0),
    Case("200 of another type", {"garbage": "wrong_type"}, "unknown", "unreadable_answer", "invited", 0),
    Case("302", {"garbage": "redirect"}, "unknown", "unreadable_answer", "invited", 0),
)  # fmt: skip


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(scenario: Scenario) -> Run:
            sandbox = stack.enter_context(RunningSandbox(scenario))
            monkeypatch.setenv("JOBMOJITO_READ_TIMEOUT_SECONDS", "1")
            given = Run(tmp_path, sandbox, monkeypatch)
            monkeypatch.setenv("JOBMOJITO_READ_TIMEOUT_SECONDS", "1")
            monkeypatch.setenv("JOBMOJITO_CONNECT_TIMEOUT_SECONDS", "1")
            monkeypatch.setenv("JOBMOJITO_SETTLE_SECONDS", "0.5")
            return given

        yield run


def scenario(case: Case) -> Scenario:
    return friendly(faults=(Fault(email="p1@example.com", **case.fault),))


@pytest.mark.parametrize("case", ROWS, ids=[case.name for case in ROWS])
def test_what_becomes_of_a_row_that_meets_it(start: Start, tmp_path: Path, case: Case) -> None:
    run = start(scenario(case))

    run.invite(write_input(tmp_path, people(3)), "--max-in-flight", "1")

    row = run.results[1]
    assert (row["outcome"], row["error_code"]) == (case.without, case.code)
    assert max(creates_per_invitation(run.sandbox.log).values()) == 1


@pytest.mark.parametrize("case", ROWS, ids=[case.name for case in ROWS])
def test_what_becomes_of_it_where_unknown_rows_are_looked_up(
    start: Start, tmp_path: Path, case: Case
) -> None:
    run = start(scenario(case))

    code = run.settle(write_input(tmp_path, people(3)), "--max-in-flight", "1")

    assert (run.results[1]["outcome"], code) == (case.settled, case.exit_code)
    assert max(creates_per_invitation(run.sandbox.log).values()) == 1


def table() -> str:
    """The policy as docs/faults.md has it."""
    lines = [
        "| what the second call meets | its row, `--no-settle` | `error_code` | its row, looked up |",
        "| --- | --- | --- | --- |",
        *(f"| {c.name} | {c.without} | {c.code} | {c.settled} |" for c in ROWS),
    ]
    return "\n".join(lines)


def test_the_documents_show_this_table() -> None:
    """`python -m tests.end_to_end.test_faults` prints it."""
    assert table() in DOCS.read_text("utf-8")


if __name__ == "__main__":
    print(table())  # noqa: T201
