"""An empty ledger for each life: one engine a process, its file put back to how it was when new."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

from jobmojito_batch.ledger.database import open_engine

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_given: Final[list[Path]] = []
"""Where this process was told to keep its ledger."""


def folder_for_ledgers() -> "tempfile.TemporaryDirectory[str]":
    """A folder in memory where the system has such; it goes with whoever made it."""
    return tempfile.TemporaryDirectory(
        prefix="jobmojito-prove-",
        dir=_MEMORY if _MEMORY.is_dir() else None,
        ignore_cleanup_errors=True,
    )


def keep_ledger_in(folder: Path) -> None:
    """Have this process keep its ledger there: one that is ended from outside removes nothing."""
    folder.mkdir()
    _given.append(folder)


def fresh_ledger() -> Engine:
    """
    The engine of this process, on a ledger as new; who had the last one is done with it.

    Statements are compiled once for an engine, and that was a third of the time of a life. Nothing
    is flushed: nobody switches the machine off, and processes die only in simulated time.
    """
    engine, folder = _engine()
    engine.dispose()
    for old in folder.glob("ledger.sqlite*"):
        old.unlink()
    shutil.copy(folder / "empty.sqlite", folder / "ledger.sqlite")
    return engine


@functools.cache
def _engine() -> tuple[Engine, Path]:
    folder = _given[-1] if _given else _own_folder()
    engine = open_engine(f"sqlite:///{folder / 'ledger.sqlite'}")
    assert engine is not None  # noqa: S101 - create is on
    event.listen(engine, "connect", _do_not_flush)
    engine.dispose()  # its write-ahead log goes into the file
    shutil.copy(folder / "ledger.sqlite", folder / "empty.sqlite")
    return engine, folder


def _own_folder() -> Path:
    folder = folder_for_ledgers()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _do_not_flush(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.execute("PRAGMA synchronous = OFF")
