"""A copy of a ledger in use: whole, checked, and in one file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from jobmojito_batch.errors import LedgerError, SettingsError
from jobmojito_batch.ledger.addresses import named, sqlite_path
from jobmojito_batch.ledger.database import BUSY_SECONDS

MAGIC: Final = b"SQLite format 3\0"
PAGES: Final = 1_000
"""Copied at a time; others write between two times."""


def back_up(url: str, target: Path) -> None:
    """
    Copy the ledger, as it is at one moment, to *target*, an empty file of the caller's.

    Whatever its schema version is: nothing is upgraded. Raises LedgerError, and SettingsError with
    the command to use where the ledger is no file.
    """
    path = sqlite_path(url)
    if path is None:
        raise SettingsError(_on_a_server(url))
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger yet, and so nothing to back up")
    try:
        with (
            closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy, pages=PAGES)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            _check(copy)
    except sqlite3.Error as exc:
        raise LedgerError(f"{path}: no backup was made ({exc})") from None


def is_backup(path: Path) -> bool:
    """Whether the file is a database, and may be replaced by a newer copy."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _check(copy: sqlite3.Connection) -> None:
    """Raises LedgerError where the copy is damaged, or is no ledger."""
    [integrity] = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if integrity != "ok":
        raise LedgerError(
            f"the copy is damaged ({integrity}), and so may the ledger be: let nothing run"
        )
    tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    if "invitations" not in tables:
        raise LedgerError("the copy holds no invitations: this is no ledger")


def _on_a_server(url: str) -> str:
    parsed = make_url(url)
    login = f"{parsed.username}@" if parsed.username else ""
    port = f":{parsed.port}" if parsed.port else ""
    where = f"postgresql://{login}{parsed.host or ''}{port}/{parsed.database or ''}"
    return (
        f"the ledger {named(url)} is on a server, which has its own way: `pg_dump --format=custom "
        f'--file=ledger.dump "{where}"`, and into an empty database `pg_restore --dbname="{where}" '
        "ledger.dump` (the password in PGPASSFILE). docs/ledger.md says what a restore means"
    )
