"""The file of metrics, as the reference parser of OpenMetrics reads it."""

import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as as_node_exporter_reads

from jobmojito_batch.client.ping import PingError, ping
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import BatchError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.pipeline.metrics import KINDS, PREFIX, EndedRun, MetricsFile, Unknowns
from jobmojito_batch.pipeline.series import series_label
from jobmojito_batch.summary import PositionCounts, Summary

NOW = datetime(2026, 11, 26, 3, 30, tzinfo=UTC)
PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")

Samples = dict[str, dict[tuple[str, ...], float]]


def samples_of(path: Path) -> Samples:
    """By name; by the values of the labels that tell a series's samples apart."""
    found: Samples = {}
    families: Callable[[str], Iterator[Any]] = text_string_to_metric_families
    for family in families(path.read_text("utf-8")):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("environment") in {"live", "test"}
            key = tuple(value for _, value in sorted(labels.items()))
            found.setdefault(sample.name.removeprefix(PREFIX), {})[key] = sample.value
    return found


def summary(**changes: object) -> Summary:
    outcomes = {Outcome.INVITED: 7, Outcome.INVALID: 2, Outcome.UNKNOWN: 1}
    given = {
        "run_id": "run",
        "environment": "live",
        "started_at": NOW,
        "ended_at": NOW + timedelta(seconds=90),
        "exit_code": ExitCode.UNSETTLED,
        "rows": 10,
        "outcomes": outcomes,
        "calls": 9,
        "retries": 1,
        "lookups": 2,
        "credits_estimated": 2.0,
        "positions": PositionCounts(created=3),
        "not_taken": ("list.pdf",),
    }
    return Summary.model_validate(given | changes)


def of_series(path: Path, series: str = "abc", environment: str = "live") -> MetricsFile:
    return MetricsFile(path, environment=environment, series=series)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "jobmojito.prom"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_run_is_its_summary_and_the_file_may_be_read_by_others(path: Path) -> None:
    told = summary()
    of_series(path).begins(NOW)
    of_series(path).ends(
        EndedRun(
            at=NOW + timedelta(seconds=90),
            exit_code=ExitCode.UNSETTLED,
            summary=told,
            unknowns=Unknowns(count=1, oldest_seconds=60.0),
        )
    )

    found = samples_of(path)
    rows = {outcome: count for (outcome, _), count in found["last_run_rows"].items()}
    assert rows == {outcome.value: count for outcome, count in told.outcomes.items()}
    assert sum(rows.values()) == told.rows
    assert found["runs_total"] == {("3", "abc"): 1}
    assert found["last_run_calls"] == {("abc",): 9}
    assert found["last_run_credits"] == {("abc",): 2}
    assert found["last_run_seconds"] == {("abc",): 90}
    assert found["last_run_files_not_taken"] == {("abc",): 1}
    assert found["unknown_invitations"] == {(): 1}
    assert found["unknown_age_seconds"] == {(): 60}
    assert found["last_success_timestamp_seconds"] == {("abc",): 0}
    assert found["last_run_start_timestamp_seconds"] == {("abc",): NOW.timestamp()}
    assert path.read_text("utf-8").endswith("# EOF\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    # Node exporter reads the older format, of which this is a part.
    names = {
        sample.name for one in as_node_exporter_reads(path.read_text()) for sample in one.samples
    }
    assert {PREFIX + name for name in found} == names


def test_runs_are_counted_on_and_a_success_is_remembered(path: Path) -> None:
    file = of_series(path)
    for hours, code in enumerate([ExitCode.OK, ExitCode.STOPPED, ExitCode.OK, ExitCode.USAGE]):
        file.ends(EndedRun(at=NOW + timedelta(hours=hours), exit_code=code))

    found = samples_of(path)
    assert found["runs_total"] == {("0", "abc"): 2, ("4", "abc"): 1, ("2", "abc"): 1}
    success = (NOW + timedelta(hours=2)).timestamp()
    assert found["last_success_timestamp_seconds"] == {("abc",): success}
    assert found["last_run_exit_code"] == {("abc",): 2}
    assert "last_run_rows" not in found


def test_a_run_that_never_ends_shows_by_its_beginning(path: Path) -> None:
    file = of_series(path)
    file.begins(NOW)
    file.ends(EndedRun(at=NOW + timedelta(hours=1), exit_code=ExitCode.OK, summary=summary()))
    file.begins(NOW + timedelta(days=1))

    found = samples_of(path)
    start, end = (found[f"last_run_{what}_timestamp_seconds"] for what in ("start", "end"))
    assert start["abc",] > end["abc",]


def test_what_the_next_run_does_not_know_does_not_stay_from_the_last(path: Path) -> None:
    file = of_series(path)
    file.ends(EndedRun(at=NOW, exit_code=ExitCode.OK, summary=summary()))
    file.ends(EndedRun(at=NOW, exit_code=ExitCode.USAGE, is_held=True))
    held = samples_of(path)
    file.ends(EndedRun(at=NOW, exit_code=ExitCode.STOPPED, has_begun=True))
    broken_off = samples_of(path)

    assert "last_run_rows" not in held
    assert (held["last_run_held"], held["last_run_calls"]) == ({("abc",): 1}, {("abc",): 0})
    assert broken_off["last_run_held"] == {("abc",): 0}
    assert "last_run_calls" not in broken_off  # some were made, and nobody has counted them


def test_two_series_share_a_file_and_what_is_no_file_of_ours_is_written_anew(path: Path) -> None:
    path.write_text("jobmojito_batch_runs_total{ 12\n")
    of_series(path).ends(EndedRun(at=NOW, exit_code=ExitCode.OK, summary=summary()))
    of_series(path, "def", "test").ends(EndedRun(at=NOW, exit_code=ExitCode.NEEDS_REPAIR))
    of_series(path).ends(EndedRun(at=NOW, exit_code=ExitCode.OK, summary=summary(rows=0)))
    of_series(path).knows(Unknowns(count=0, oldest_seconds=0.0))

    found = samples_of(path)
    assert found["runs_total"] == {("0", "abc"): 2, ("1", "def"): 1}
    assert {series for _, series in found["last_run_rows"]} == {"abc"}


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(BatchError, match="no plain file"):
        of_series(Path("/dev/null")).begins(NOW)


def test_the_label_of_a_series_tells_nobodys_name() -> None:
    assert series_label(["/exports/ann-lee.csv"]) != series_label(["/exports/bob.csv"])
    assert series_label(["/exports/ann-lee.csv"]).isalnum()


def test_the_page_has_every_name() -> None:
    suffixes = {"counter": "_total", "gauge": ""}
    names = [PREFIX + name + suffixes[kind.type] for name, kind in KINDS.items()]
    assert [name for name in names if name not in PAGE] == []


# The dead man's switch


def asked(answers: int = 200) -> tuple[httpx.MockTransport, list[str]]:
    urls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(answers, headers={"location": "https://elsewhere.example/"})

    return httpx.MockTransport(answer), urls


def test_the_switch_is_asked_and_fail_goes_behind_its_path() -> None:
    transport, urls = asked()
    ping("https://ping.example/secret", is_failure=False, transport=transport)
    ping("https://ping.example/secret/?a=b", is_failure=True, transport=transport)
    ping("http://127.0.0.1:9/x", is_failure=True, transport=transport)

    assert urls == [
        "https://ping.example/secret",
        "https://ping.example/secret/fail?a=b",
        "http://127.0.0.1:9/x/fail",
    ]


@pytest.mark.parametrize(
    ("url", "answers", "says"),
    [
        ("https://ping.example/secret", 404, "it answered 404"),
        ("https://ping.example/secret", 302, "it answered 302"),
        ("http://ping.example/secret", 200, "https://"),
        ("ftp://ping.example/secret", 200, "https://"),
        ("secret", 200, "https://"),
        ("https://[secret", 200, "https://"),
    ],
)
def test_a_switch_that_is_not_reached_is_said_without_its_address(
    url: str, answers: int, says: str
) -> None:
    transport, urls = asked(answers)
    with pytest.raises(PingError, match=says) as caught:
        ping(url, is_failure=False, transport=transport)
    assert "secret" not in str(caught.value)
    assert all("elsewhere" not in one for one in urls)


def test_a_switch_that_hangs_is_left() -> None:
    class Hangs(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            del request
            raise httpx.ReadTimeout("https://ping.example/secret")

    with pytest.raises(PingError, match=r"^ReadTimeout$"):
        ping("https://ping.example/secret", is_failure=False, transport=Hangs())
