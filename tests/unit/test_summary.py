"""The one model that all is told from: what its JSON has, and its sentence."""

import json
from typing import Any

import pytest

from jobmojito_batch.columns import Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.summary import Latencies, Summary
from tests.helpers import a_summary

OF_EVERY_RUN = [
    "schema_version", "run_id", "sources", "environment", "started_at", "ended_at", "exit_code",
    "rows", "outcomes", "reasons", "positions", "new_by_position", "calls", "retries", "lookups",
    "credits_estimated", "sending_seconds", "rate_reached", "latency_seconds",
]  # fmt: skip
KNOWN_AT_ITS_END = [
    "settled", "unreadable_files", "unreadable", "notes", "not_taken", "left_aside", "doubts",
    "resumes", "host",
]  # fmt: skip


def test_the_json_has_its_keys_in_order_and_all_ten_outcomes() -> None:
    written = a_summary(outcomes={"failed": 2}).as_json()

    assert list(written) == [*OF_EVERY_RUN, *KNOWN_AT_ITS_END, "files"]
    assert list(written["outcomes"].items()) == [
        (one.value, 2 * (one == "failed")) for one in Outcome
    ]
    assert (written["started_at"], written["exit_code"]) == ("2026-01-01T00:00:00Z", 0)
    assert written["latency_seconds"] == {"p50": None, "p90": None, "p99": None, "max": None}
    assert json.loads(json.dumps(written)) == written


def test_what_is_told_and_never_written_is_not_in_the_json() -> None:
    told = {"stop_message": "no credits", "credits_before": 9.0, "idle": {"place": "/inbox"}}

    assert a_summary(**told).as_json() == a_summary().as_json()


def test_of_a_run_that_crashed_only_what_the_ledger_knows_is_written() -> None:
    begun = a_summary()
    summary = Summary(
        run_id=begun.run_id,
        environment=begun.environment,
        started_at=begun.started_at,
        ended_at=None,
        exit_code=ExitCode.STOPPED,
        retries=None,
    )

    assert list(summary.as_json()) == [*OF_EVERY_RUN, "files"]
    assert (summary.as_json()["ended_at"], summary.as_json()["retries"]) == (None, None)


@pytest.mark.parametrize("more", [{}, {"a_later_key": [1, {"b": None}]}])
def test_what_the_ledger_keeps_is_written_again_as_it_was(more: dict[str, Any]) -> None:
    kept = a_summary(rows=1, outcomes={"invited": 1}, files={"results": "a.csv"}).as_json() | more

    again = Summary.kept(json.dumps(kept))

    assert again is not None
    assert again.as_json() == kept


def test_keys_that_an_older_version_did_not_keep_are_not_made_up() -> None:
    kept = a_summary().as_json()
    for key in ("host", "doubts"):
        del kept[key]

    again = Summary.kept(json.dumps(kept))

    assert again is not None
    assert again.as_json() == kept


@pytest.mark.parametrize("text", [None, "", "{}", "[", '{"exit_code": 77}'])
def test_a_summary_that_cannot_be_read_is_none(text: str | None) -> None:
    assert Summary.kept(text) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({}, "0 rows: nothing to do; about 0 credits", id="nothing"),
        pytest.param(
            {"rows": 1, "outcomes": {"not_sent": 1}}, "1 row: 1 not sent; about 0 credits", id="one"
        ),
        pytest.param(
            {
                "rows": 5, "outcomes": {"failed": 2, "invited": 3}, "credits_estimated": 0.75,
                "unreadable_files": 1,
            },
            "5 rows: 3 invited, 2 failed; about 0.75 credits; 1 file could not be read "
            "(see failed/)",
            id="some",
        ),
        pytest.param(
            {"idle": {"place": "/in"}}, "0 rows: the inbox /in holds no new rows; nothing was sent",
            id="idle",
        ),
        pytest.param(
            {
                "idle": {"place": "/in", "without_rows": 1, "done_before": 2, "waiting": 1},
                "unreadable_files": 2, "not_taken": ["a.rar", "2 .pdf"],
            },
            "0 rows: the inbox /in holds no new rows; nothing was sent; 1 file without rows; "
            "2 files done before, under this or another name; 1 file not whole yet; 2 files that "
            "could not be read (see failed/); not taken for their suffix: a.rar, 2 .pdf",
            id="idle-with-files",
        ),
    ],
)  # fmt: skip
def test_the_sentence_has_the_counts_that_there_are(given: dict[str, Any], sentence: str) -> None:
    assert a_summary(**given).sentence == sentence


@pytest.mark.parametrize(
    ("before", "left"), [(None, None), (10.0, 9.25), (0.5, 0.0)], ids=["unknown", "some", "none"]
)
def test_what_is_left_is_never_below_nothing(before: float | None, left: float | None) -> None:
    assert a_summary(credits_before=before, credits_estimated=0.75).credits_left == left


def test_latencies_and_files_that_there_are_not_are_not_told() -> None:
    summary = a_summary(files={"results": "a.csv"}, exit_code=ExitCode.STOPPED)

    assert Latencies(p50=1.0, max=2.0).known() == {"p50": 1.0, "max": 2.0}
    assert list(summary.files.written()) == [("results", "a.csv")]
