"""Opening the ledger: SQLite with a flush for every commit, or PostgreSQL."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Engine,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.file_names import NO_TEXT, as_text, is_text
from jobmojito_batch.ledger import postgresql
from jobmojito_batch.ledger.schema import (
    SCHEMA_VERSION,
    UPGRADES,
    make_fit_for_server,
    meta,
    metadata,
)

if TYPE_CHECKING:  # loaded where the ledger is on a server
    from sqlalchemy.dialects import postgresql as postgresql_dialect

MOVED_TO: Final = "moved_to"
"""In `meta` of a ledger whose rows are in another database now (ledger.migrate)."""
BUSY_SECONDS: Final = 30
"""How long a writer waits for another process's commit."""
MOST_LOG_BYTES: Final = 16 * 1024 * 1024
"""What SQLite's write-ahead log may keep on the disk once it is empty."""
LOOKUP_CHUNK: Final = 500
"""Values in one IN list; SQLite takes 32,766, shorter lists stay in the statement cache."""

T = TypeVar("T")
Clock = Callable[[], datetime]
"""UTC without a zone, as the ledger keeps times."""


def utc_now() -> datetime:
    """The wall clock, UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Long lists of values, cut for IN (…): LOOKUP_CHUNK at a time."""
    for start in range(0, len(values), LOOKUP_CHUNK):
        yield values[start : start + LOOKUP_CHUNK]


@dataclass(frozen=True, slots=True)
class Database:
    """What the parts of an open ledger read and write through; each raises LedgerError."""

    engine: Engine
    clock: Clock = utc_now
    _shared: Engine = field(init=False, repr=False)
    _own: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Made once: to give an engine its options takes longer than most statements.
        shared = self.engine.execution_options(immediate=True)
        object.__setattr__(self, "_shared", shared)
        object.__setattr__(self, "_own", shared.execution_options(is_own=True))

    @contextmanager
    def reading(self, doing: str = "reading") -> Iterator[Connection]:
        """A connection to look things up."""
        with translated(doing), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, doing: str = "writing") -> Iterator[Connection]:
        """A transaction that takes the ledger's write lock at once: others wait."""
        with translated(doing), self._shared.begin() as connection:
            yield connection

    @contextmanager
    def adding(self, doing: str = "writing") -> Iterator[Connection]:
        """A transaction that writes a run's own rows and nothing shared: a server locks nothing."""
        with translated(doing), self._own.begin() as connection:
            yield connection


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Database errors become a LedgerError in one line, without the statement's values."""
    try:
        yield
    except SQLAlchemyError as exc:
        seen = str(getattr(exc, "orig", None) or type(exc).__name__).splitlines()[0]
        raise LedgerError(
            f"the ledger: {doing} failed ({seen}). Nothing more is sent without it: check the "
            "disk, the permissions and JOBMOJITO_LEDGER, then run again"
        ) from None


def open_engine(url: str, *, create: bool = True) -> Engine | None:
    """
    An engine on the ledger, its schema made or checked; None if it is absent and not *create*.

    A new SQLite file gets mode 600 before SQLite writes to it. Raises LedgerError.
    """
    path = sqlite_path(url)
    if path is not None:
        if not path.exists() and not create:
            return None
        _prepare_file(path)
    with translated("opening"):
        engine = _engine(url)
    try:
        with translated("opening"), writing(engine) as connection:
            is_wanted = create or path is not None or inspect(connection).has_table(meta.name)
            if is_wanted:
                _check(connection, url)
    except BaseException:
        engine.dispose()
        raise
    if not is_wanted:
        engine.dispose()
        return None
    return engine


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for another database. Raises LedgerError."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("JOBMOJITO_LEDGER: an SQLite ledger must be a file; claims outlive a run")
    return Path(parsed.database)


def named(url: str) -> str:
    """The URL for people: without its password and whatever else it tells the driver."""
    return _parsed(url).set(query={}).render_as_string(hide_password=True)


def _parsed(url: str) -> URL:
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


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes the ledger's write lock at once: nobody else writes meanwhile."""
    with engine.execution_options(immediate=True).begin() as connection:
        yield connection


def inserting(dialect_name: str, table: Table) -> "postgresql_dialect.Insert | sqlite.Insert":
    """The database's own INSERT, which can become an update if the row is there."""
    if dialect_name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_there  # noqa: PLC0415 - 0.1 s

    return insert_there(table)


def overwrite_what_is_erased(connection: Connection) -> None:
    """Have SQLite write zeros over what this connection takes out of its pages."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _prepare_file(path: Path) -> None:
    """
    Make the file if it is absent, with mode 600.

    One that is there is not opened here: closing any descriptor of a file takes this process's
    locks on it away, those of SQLite connections too. Another process would then take itself for
    the last one, fold the log in and remove it under them, and the file would be damaged.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # SQLite gives its -wal and -shm files the mode of the database file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as exc:
        raise LedgerError(
            f"the ledger {path}: cannot be opened for writing ({exc.strerror}). "
            "Set JOBMOJITO_LEDGER to a file in a folder of yours"
        ) from None


def _engine(url: str) -> Engine:
    parsed = _parsed(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if not is_sqlite:
        parsed = postgresql.with_driver(parsed)
        make_fit_for_server()
    options = {} if is_sqlite else postgresql.engine_options()
    try:
        engine = create_engine(parsed, hide_parameters=True, **options)
    except (NoSuchModuleError, ImportError):
        extra = "; pip install 'jobmojito-batch[postgresql]'" if not is_sqlite else ""
        raise LedgerError(
            f"JOBMOJITO_LEDGER: no driver for {parsed.drivername} is installed{extra}"
        ) from None
    if not is_sqlite:
        event.listen(engine, "do_connect", postgresql.Connector())
    event.listen(engine, "connect", _on_connect if is_sqlite else postgresql.on_connect)
    event.listen(engine, "begin", _on_begin if is_sqlite else postgresql.on_begin)
    return engine


def _is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) or 0  # the low byte says what an extended one is
    return isinstance(error, sqlite3.OperationalError) and code & 0xFF == sqlite3.SQLITE_BUSY


# SQLite itself waits neither for one who writes while a file becomes one with a write-ahead log,
# nor for a last connection that folds its log in (sqlite.org/wal.html, section 8).
@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(BUSY_SECONDS),
    reraise=True,
)
def _on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    # Before the first page is written, so that free pages can be given back (docs/ledger.md).
    cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A log that grew while somebody read is cut at the next checkpoint, not kept at its size.
    cursor.execute(f"PRAGMA journal_size_limit = {MOST_LOG_BYTES}")
    cursor.execute("PRAGMA synchronous = FULL")  # every commit is flushed: a claim outlives a crash
    cursor.execute("PRAGMA fullfsync = ON")  # macOS: past the disk's own cache; no effect elsewhere
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    statement = "BEGIN IMMEDIATE" if immediate else "BEGIN"
    driver: Any = connection.connection.driver_connection
    try:  # by the driver itself: SQLAlchemy takes ten times as long to say a word
        driver.execute(statement)
    except sqlite3.Error as exc:
        raise DBAPIError(statement, None, exc, hide_parameters=True) from exc


def _check(connection: Connection, url: str) -> None:
    is_server = connection.dialect.name == "postgresql"
    if is_server:
        postgresql.check_server(connection)
    _check_schema(connection, url)
    if is_server:
        postgresql.check_privileges(connection)


def _check_schema(connection: Connection, url: str) -> None:
    inspector = inspect(connection)
    if not inspector.has_table(meta.name):
        if inspector.get_table_names():
            raise LedgerError(
                f"{named(url)}: this database is not a ledger of ours; "
                "set JOBMOJITO_LEDGER to another one"
            )
        metadata.create_all(connection)
        connection.execute(insert(meta).values(key="schema_version", value=str(SCHEMA_VERSION)))
        return
    facts = {row.key: row.value for row in connection.execute(select(meta))}
    if MOVED_TO in facts:
        raise LedgerError(
            f"this ledger was moved to {facts[MOVED_TO]}; set JOBMOJITO_LEDGER to that"
        )
    ledger_version = facts.get("schema_version")
    if ledger_version in {str(version) for version in UPGRADES}:
        _upgrade(connection, int(str(ledger_version)))
    elif ledger_version != str(SCHEMA_VERSION):
        raise LedgerError(
            f"the ledger has schema version {ledger_version}, this program knows {SCHEMA_VERSION}; "
            "use the program version that made it (there is no way back but a backup), or another "
            "ledger"
        )


_RUNNING: Final = "SELECT run_id, owner{lease} FROM runs WHERE state = 'running'"
"""Of a schema that may lack columns that ours has."""


def _refuse_living(connection: Connection, ledger_version: int) -> None:
    from jobmojito_batch.ledger.leases import is_alive  # noqa: PLC0415 - it writes through this one

    lease = ", lease_until" if ledger_version > 1 else ""
    query = text(_RUNNING.format(lease=lease))
    typed = query.columns(lease_until=DateTime()) if lease else query
    for run in connection.execute(typed):
        if is_alive(run.owner, run.lease_until if lease else None, utc_now()):
            raise LedgerError(
                f"the ledger has schema version {ledger_version}, and run {run.run_id} of an "
                f"older program goes on: version {SCHEMA_VERSION} begins when it has ended. Let it "
                "end, then run this again"
            )


def _upgrade(connection: Connection, ledger_version: int) -> None:
    """
    Lead an older schema to ours, step by step, in the transaction that found it.

    Raises LedgerError while a run of the older program lives: it would meet tables it does not
    know.
    """
    _refuse_living(connection, ledger_version)
    for version in range(ledger_version, SCHEMA_VERSION):
        for statement in UPGRADES[version]:
            connection.execute(text(statement))
    metadata.create_all(connection)
    connection.execute(
        update(meta).where(meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION))
    )
