"""Copies of a ledger, and a ledger of an older program."""

import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from jobmojito_batch.alerts import Trouble
from jobmojito_batch.cli import main
from jobmojito_batch.columns import Outcome
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import ClaimState, Ledger, this_owner

NOON = datetime(2026, 11, 27, 12)  # noqa: DTZ001 - the ledger keeps UTC without a zone
OLD = Path(__file__).parents[1] / "data" / "ledger-of-schema-3.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger as commit 18e759b made it."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text("utf-8"))
    return path


def version_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT value FROM meta WHERE key = 'schema_version'"
        return str(connection.execute(query).fetchone()[0])


def test_a_ledger_of_18e759b_is_led_to_ours_with_all_it_knows(old: Path) -> None:
    with closing(Ledger.open(f"sqlite:///{old}")) as ledger:
        assert ledger.results.outcomes("run-1") == {
            Outcome.INVITED: 1,
            Outcome.UNKNOWN: 1,
            Outcome.FAILED: 1,
        }
        states = {doubted.candidate_email: doubted.state for doubted in ledger.doubts.all()}
        assert states == {
            "p2@example.com": ClaimState.UNKNOWN,
            "p4@example.com": ClaimState.CLAIMED,  # of a run that died
        }
        assert ledger.results.credits_since(datetime(2026, 11, 1)) == 1.0  # noqa: DTZ001
        nights = ledger.nights.of_series("the series")
        assert {(night.run_id, night.trouble) for night in nights} == {
            ("run-1", None),
            (None, Trouble.VOLUME),
        }
        assert ledger.nights.done_files("the series", ["abc"])["abc"].rows_to_repair == 1
    assert version_of(old) == "4"


def test_nothing_is_upgraded_while_a_run_of_the_older_program_lives(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE runs SET owner = ? WHERE run_id = 'run-2'", (this_owner(),))

    with pytest.raises(LedgerError, match="run-2 of an older program goes on"):
        Ledger.open(f"sqlite:///{old}")
    assert version_of(old) == "3"

    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE runs SET owner = 'old-host|2|0.0' WHERE run_id = 'run-2'")
    Ledger.open(f"sqlite:///{old}").close()
    assert version_of(old) == "4"


def test_a_program_of_before_says_that_there_is_no_way_back(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE meta SET value = '5'")
    with pytest.raises(LedgerError, match=r"version 5, this program knows 4; .* no way back"):
        Ledger.open(f"sqlite:///{old}")


def test_a_backup_is_made_while_others_write_and_can_be_restored(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMOJITO_LEDGER", str(old))
    copy = tmp_path / "copies" / "ledger.sqlite"
    copy.parent.mkdir()
    with closing(Ledger.open(f"sqlite:///{old}")) as ledger:
        assert main(["backup", str(copy)]) == 0
        ledger.nights.add_trouble("later", Trouble.FAULT, at=NOON)
        assert main(["backup", str(copy.parent)]) == 0
        assert main(["backup", str(copy)]) == 0  # a newer one takes its place
    assert [file.name for file in copy.parent.iterdir() if file.suffix != ".sqlite"] == []
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600

    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    copy.rename(old)
    with closing(Ledger.open(f"sqlite:///{old}")) as ledger:
        assert ledger.results.outcomes("run-1")[Outcome.INVITED] == 1
        assert len(ledger.doubts.all()) == 2


def test_a_backup_upgrades_nothing(old: Path, tmp_path: Path) -> None:
    assert main(["backup", str(tmp_path / "copy.sqlite"), "--ledger", str(old)]) == 0
    assert version_of(old) == version_of(tmp_path / "copy.sqlite") == "3"


def test_what_is_no_backup_is_not_replaced(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "people.csv"
    other.write_text("candidate_name\n")
    for target, says in ((other, "no backup"), (old, "the ledger itself")):
        before = target.read_bytes()
        assert main(["backup", str(target), "--ledger", str(old)]) == 2
        assert says in capsys.readouterr().err
        assert target.read_bytes() == before
    old.write_bytes(b"SQLite format 3\0 and no more")
    assert main(["backup", str(tmp_path / "x.sqlite"), "--ledger", str(old)]) == 2
    assert "no backup was made" in capsys.readouterr().err
    assert not (tmp_path / "x.sqlite").exists()


def test_of_a_ledger_on_a_server_the_command_is_said_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBMOJITO_LEDGER", "postgresql+psycopg://me:s3cret@db.example:5432/books")
    assert main(["backup", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        'pg_dump --format=custom --file=ledger.dump "postgresql://me@db.example:5432/books"' in said
    )
    assert "s3cret" not in said
