"""How a run ends when the world does not play along; each time the next run carries on."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobmojito_batch.client.api import limit_pause_seconds
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.publish import results, workbook
from jobmojito_batch.sandbox import Fault, RunningSandbox, creates_per_invitation
from tests.helpers import PATIENCE_SECONDS, Run, friendly, people, wait_until, write_input

Capture = pytest.CaptureFixture[str]


def test_a_network_that_goes_away_in_mid_run_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens for some seconds; rows are neither failed nor sent twice."""
    with RunningSandbox(friendly(latency=0.05)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        process = run.start(write_input(tmp_path, people(60)), "--rate", "20")
        wait_until(lambda: run.creates >= 5, "5 people are invited")
        first = creates_per_invitation(sandbox.log)
    time.sleep(3.0)
    with RunningSandbox(friendly(), port=port) as back:
        process.communicate(timeout=PATIENCE_SECONDS)
        again = creates_per_invitation(back.log)
        run.sandbox = back

        outcomes = run.outcomes
        assert process.returncode in {0, 3}
        assert set(outcomes) <= {"invited", "unknown"}
        assert outcomes["invited"] >= 50
        assert max((first + again).values()) == 1


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:2000] = b"\xff" * 1900
    path.write_bytes(content)


def another_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE something_else (x)")


def no_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but a letter")


@pytest.mark.parametrize("damage", [corrupt, another_database, no_database])
def test_a_ledger_that_cannot_be_used_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture, damage: object
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, people(1)))
        for extra in ("-wal", "-shm"):
            (tmp_path / f"ledger.sqlite{extra}").unlink(missing_ok=True)
        damage(tmp_path / "ledger.sqlite")  # type: ignore[operator]
        calls = run.calls
        capfd.readouterr()

        code = run.invite(write_input(tmp_path, people(5)))

        said = capfd.readouterr().err
        assert (code, run.calls) == (2, calls)
        assert "ledger" in said
        assert "Traceback" not in said


def test_a_ledger_that_somebody_holds_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, people(1)))
        holder = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        process = run.start(write_input(tmp_path, people(4)))
        time.sleep(3.0)
        assert process.poll() is None
        holder.execute("ROLLBACK")
        holder.close()
        process.communicate(timeout=PATIENCE_SECONDS)

        assert process.returncode == 0
        assert run.outcomes == {"already_done": 1, "invited": 3}


def test_every_commit_of_the_ledger_asks_for_a_flush(tmp_path: Path) -> None:
    """Write-ahead log with synchronous FULL: a commit that returned outlives a reboot."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with ledger.database.engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "fullfsync")
        ]
    ledger.close()

    assert found == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({b"ratelimit-remaining": b"0", b"ratelimit-reset": b"7"}, 7.0),
        ({b"x-ratelimit-remaining": b"0", b"x-ratelimit-reset": b"12.5"}, 12.5),
        ({b"ratelimit-remaining": b"3", b"ratelimit-reset": b"7"}, None),
        ({b"ratelimit-remaining": b"0", b"ratelimit-reset": b"-4"}, None),
        ({b"ratelimit-remaining": b"0", b"ratelimit-reset": b"99999"}, None),
        ({b"ratelimit-remaining": b"0"}, None),
        ({b"ratelimit-remaining": b"nan", b"ratelimit-reset": b"soon"}, None),
        ({}, None),
    ],
)
def test_rate_limit_headers_are_learnt_where_they_make_sense(
    headers: dict[bytes, bytes], seconds: float | None
) -> None:
    assert limit_pause_seconds(headers) == seconds


def test_a_reset_may_be_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    headers = {b"x-ratelimit-remaining": b"0", b"x-ratelimit-reset": b"1800000030"}

    assert limit_pause_seconds(headers) == 30.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB: SQLite checkpoints its log at 4, and both runs need their room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here (it takes root)")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_up_under_the_ledger_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_disk: Path
) -> None:
    """No claim, no call: what was under way is settled by the run that has room again."""
    with RunningSandbox(friendly(latency=0.05)) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        ledger = ("--ledger", str(small_disk / "ledger.sqlite"))
        path = write_input(tmp_path, people(60))
        process = run.start(path, "--rate", "20", *ledger)
        wait_until(lambda: run.creates >= 5, "5 people are invited")
        filler = small_disk / "filler"
        fill(filler)
        said = process.communicate(timeout=PATIENCE_SECONDS)[1].decode()
        reached = run.creates
        filler.unlink()

        assert process.returncode == 4
        assert "the ledger: writing failed (database or disk is full)" in said
        assert "Traceback" not in said
        assert 5 <= reached < 60

        assert run.settle(path, *ledger) == 0
        assert set(run.outcomes) == {"invited", "already_done"}
        assert set(creates_per_invitation(sandbox.log).values()) == {1}


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_persons_terminal_shows_sentences_and_no_log_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that stops logs events for the run's page; here they would be noise."""
    with RunningSandbox(friendly(faults=(Fault(status=402, body="jobmojito"),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "jobmojito_batch", "invite"),
                *(str(write_input(tmp_path, people(3))), "--yes"),
            ],
            env=os.environ | run.environment | {"PREFECT_API_URL": "", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode == 4
    assert "stopped       " in ended.stderr
    for event in ("run.stopping", "night.", "inbox.", "WARNING"):
        assert event not in ended.stderr


@pytest.mark.parametrize("option", ["--results", "--errors", "--summary"])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_sent(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file system without room, a folder in its place: told while nothing is paid for."""
    (tmp_path / "folder.csv").mkdir()
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        path = write_input(tmp_path, people(2))
        targets = [str(tmp_path / "folder.csv")]
        targets += ["/dev/full/x.csv", "/proc/x.csv"] if os.name == "posix" else []
        codes = [run.invite(path, option, target) for target in targets]

    assert set(codes) == {2}
    assert run.creates == 0
    assert "Traceback" not in capsys.readouterr().err


def test_more_rows_than_a_sheet_takes_are_said_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunningSandbox(friendly()) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        assert workbook.MOST_ROWS == 2**20 - 1  # a sheet of Excel, less the header
        monkeypatch.setattr(results, "MOST_ROWS", 3)
        path = write_input(tmp_path, people(4))
        code = run.invite(path, "--results", str(tmp_path / "r.xlsx"))

    assert code == 2
    assert "4 rows, but a sheet takes 3; use .csv" in capsys.readouterr().err
    assert run.creates == 0
