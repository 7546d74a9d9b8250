"""From SQLite to PostgreSQL, once: nothing is lost, and nobody goes on with the old file."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.migrate import move
from jobmojito_batch.ledger.schema import metadata
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, friendly, people, write_input


def test_a_ledger_goes_on_where_it_was_moved_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    """Who was invited stays invited, who is unknown stays unknown, new ids do not meet old ones."""
    with RunningSandbox(friendly(faults=(Fault(call=(3,), disconnect="after"),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch)
        run.invite(write_input(tmp_path, people(6)))
        assert run.outcomes == {"invited": 5, "unknown": 1}
        calls = run.calls

        move(f"sqlite:///{run.ledger}", postgresql_url)

        assert counts(postgresql_url)["invitations"] == 6
        with pytest.raises(LedgerError, match="was moved to postgresql"):
            Ledger.open(f"sqlite:///{run.ledger}")
        monkeypatch.setenv("JOBMOJITO_LEDGER", postgresql_url)
        code = run.settle(write_input(tmp_path, people(8)))
        assert (code, run.calls - calls) == (0, 2)
        assert run.outcomes == {"already_done": 5, "invited": 3}


def test_a_ledger_is_moved_only_into_an_empty_one(tmp_path: Path, postgresql_url: str) -> None:
    """And stays usable where it could not be."""
    source = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    for url in (source, postgresql_url):
        ledger = Ledger.open(url)
        ledger.runs.ensure_positions([("account", "name:nurse", "nurse")])
        ledger.close()

    with pytest.raises(LedgerError, match="rows in positions already"):
        move(source, postgresql_url)

    Ledger.open(source).close()
    assert counts(postgresql_url)["positions"] == 1


def counts(url: str) -> dict[str, int]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found
