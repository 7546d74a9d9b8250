"""`followup` from the command line, after a real `invite`: rows of inputs, runs, everybody."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.columns import FOLLOWUP_COLUMNS
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.sandbox import RunningSandbox, Scenario
from jobmojito_batch.sandbox.request_record import Endpoint
from tests.helpers import Run, a_row, friendly, people, read_results, write_input


def test_the_rows_of_a_file_are_followed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row once and in order: invited, invalid, a duplicate, one that is new to the ledger."""
    rows = [*people(6), a_row("no-address"), a_row("p0@example.com"), a_row("new@example.com")]
    with RunningSandbox(Scenario(latency=0.0)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, rows[:8]))
        path = write_input(tmp_path, rows)
        creates = sum(entry.endpoint == Endpoint.CREATE for entry in sandbox.log)
        sandbox.state.advance(timedelta(days=20))

        code = main(["followup", str(path), "--json"])

        told = json.loads(capsys.readouterr().out)
        found = read_results(tmp_path / "people.followup.csv")
        assert code == ExitCode.OK
        assert [row["row"] for row in found] == [str(number) for number in range(2, 11)]
        assert [row["outcome"] for row in found[6:]] == ["invalid", "duplicate", "not_sent"]
        assert [bool(row["stage"]) for row in found] == [True] * 6 + [False] * 3
        assert sum(told["stages"].values()) == told["invitations"] == 6
        assert told["funnel"]["invited"] == 6
        assert found[0]["team"] == "blue"
        columns = list(found[0])
        at = columns.index("interview_url") + 1
        assert tuple(columns[at : at + 8]) == FOLLOWUP_COLUMNS
        assert creates == sum(entry.endpoint == Endpoint.CREATE for entry in sandbox.log)
        assert main(["followup", "--renew-links", "--stage", "not_started,started"]) == ExitCode.OK
        everybody = read_results(tmp_path / "live.followup.csv")
        assert {row["stage"] for row in everybody} <= {"not_started", "started"}
        links = {row["candidate_email"]: row["interview_url"] for row in found}
        for row in everybody:
            if row["interview_url"] and not row["decision"]:
                assert row["interview_url"] != links[row["candidate_email"]] or (
                    "renew" not in row["what_to_do"]
                )


@pytest.mark.parametrize(
    "command", [["followup"], ["letters", "--to", "drafts", "--from", "hr@example.org"]]
)
def test_the_last_run_is_asked_for_by_that_word_and_another_account_is_said(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, [a_row("ann@example.com")]))
        assert main([*command, "--run", "last", "--environment", "test"]) != ExitCode.OK
        assert "(environment live), and this is" in capsys.readouterr().err
        assert main([*command, "--run", "last"]) == ExitCode.OK


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stage", "asleep"], "there is no stage asleep"),
        (["--run", "nothing"], "--run nothing"),
        (["people.csv", "--run", "x"], "keep one of them"),
        (["--reports", "pdf"], "--yes"),
        (["missing.csv"], "missing.csv"),
        (["-o", "x.docx"], ".docx"),
    ],
)
def test_what_makes_no_sense_is_exit_2_in_a_sentence(
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JOBMOJITO_API_TOKEN", "made-up")
    monkeypatch.setenv("JOBMOJITO_LEDGER", "ledger.sqlite")

    assert main(["followup", *options]) == ExitCode.USAGE

    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
