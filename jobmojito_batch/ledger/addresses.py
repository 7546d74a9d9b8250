"""Where a ledger lies: its URL, as a file and for people; taking one apart loads SQLAlchemy."""

from pathlib import Path
from typing import TYPE_CHECKING

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.file_names import NO_TEXT, as_text, is_text

if TYPE_CHECKING:
    from sqlalchemy import URL


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for another database. Raises LedgerError."""
    parsed = parsed_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("JOBMOJITO_LEDGER: an SQLite ledger must be a file; claims outlive a run")
    return Path(parsed.database)


def named(url: str) -> str:
    """The URL for people: without its password and whatever else it tells the driver."""
    return parsed_url(url).set(query={}).render_as_string(hide_password=True)


def parsed_url(url: str) -> "URL":
    """The URL in its parts. Raises LedgerError, which does not quote it."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if not is_text(url):
        raise LedgerError(f"JOBMOJITO_LEDGER, {as_text(url)}: {NO_TEXT}, or name another place")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        parsed = None
    # A password with an @ in it would be taken for a host, and be told as one.
    if parsed is None or (not parsed.drivername.startswith("sqlite") and url.count("@") > 1):
        raise LedgerError(
            "JOBMOJITO_LEDGER: this is no path and no database URL such as "
            "sqlite:////folder/ledger.sqlite or postgresql+psycopg://user@host/name; "
            "in a password write @ as %40, : as %3A, / as %2F"
        )
    return parsed
