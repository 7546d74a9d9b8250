"""
What a ledger on PostgreSQL needs beyond one in a file.

SQLite has one writer at a time, and what the operations promise is proven for that. PostgreSQL gets
the same: a transaction that writes what processes share takes one lock of the ledger first, held
until its commit is seen by all. With READ COMMITTED every statement after it sees what the holder
before wrote. Group commit makes it cheap: many claims and outcomes wait for the lock together.
"""

import time
from typing import Any, Final

from sqlalchemy import URL, Connection, Dialect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger.schema import metadata

MOST_CONNECTIONS: Final = 4
"""Of a process: the writer's, and those that look things up. Fifty workers fit into a server."""
CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 30
"""How long a writer waits for another's commit."""
IDLE_SECONDS: Final = 20
"""After which the server ends a transaction whose process went to sleep: less than others wait."""
STATEMENT_SECONDS: Final = 600
SILENCE_SECONDS: Final = 30
"""After which a connection that nothing comes back on is given up."""
AGAIN_SECONDS: Final = 0.25
MOST_APART_SECONDS: Final = 5.0
"""How far this machine's clock may be from the server's: leases are kept by it."""

_SETTINGS: Final = f"""
    SELECT set_config('lock_timeout', '{LOCK_SECONDS}s', false),
           set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s', false),
           set_config('statement_timeout', '{STATEMENT_SECONDS}s', false),
           set_config('synchronous_commit',
                      replace(current_setting('synchronous_commit'), 'off', 'on'), false)
"""

# Of the schema, since a database may hold several ledgers. The first number is "JOBM".
_LOCK: Final = """
    SELECT pg_advisory_xact_lock(
        1246708301, (SELECT oid::int FROM pg_namespace WHERE nspname = current_schema()))
"""

# Nothing of a transaction stays where its COMMIT was never sent; these may go better next time.
_PASSING: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "53300",  # too_many_connections
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "25P03",  # idle_in_transaction_session_timeout
    }
)


def with_driver(url: URL) -> URL:
    """The URL for the driver that the extra `[postgresql]` brings. Raises LedgerError."""
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "postgresql+psycopg":
        raise LedgerError(
            f"JOBMOJITO_LEDGER: {url.drivername} is not supported; "
            "use a path, sqlite:///… or postgresql+psycopg://host/name"
        )
    return url


def engine_options() -> dict[str, Any]:
    """What create_engine is told: bounded waits, and the isolation that the lock relies on."""
    return {
        "isolation_level": "READ COMMITTED",
        "pool_pre_ping": True,
        "pool_size": MOST_CONNECTIONS,
        "max_overflow": 0,
        "connect_args": {
            "application_name": "jobmojito-batch",
            "connect_timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write",  # of several hosts the one that takes writes
            "keepalives_idle": SILENCE_SECONDS,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": SILENCE_SECONDS * 1000,
        },
    }


def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    """No wait without end, and a commit that returns has reached the disk."""
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
    connection.commit()


class Connector:
    """
    Connects; once it had a server, it waits for it to come back.

    The first time it does not wait: then it is the settings that are wrong.
    """

    def __init__(self) -> None:
        self._has_connected = False

    def __call__(
        self,
        dialect: Dialect,
        _record: object,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> Any:  # noqa: ANN401 - the driver's own
        """A connection of the driver. Raises what the driver raises."""
        give_up_at = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if not self._has_connected or time.monotonic() > give_up_at:
                    raise
                time.sleep(AGAIN_SECONDS)
            else:
                self._has_connected = True
                return connection


def on_begin(connection: Connection) -> None:
    """Have one writer at a time; a transaction that touches only its own run's rows may pass."""
    options = connection.get_execution_options()
    if options.get("immediate", False) and not options.get("is_own", False):
        connection.exec_driver_sql(_LOCK)


def check_server(connection: Connection) -> None:
    """Raise LedgerError if the server cannot keep this ledger."""
    query = (
        "SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('server_encoding')"
    )
    before = time.time()
    now, encoding = connection.execute(text(query)).one()
    after = time.time()
    if encoding != "UTF8":
        raise LedgerError(
            f"the ledger's database has the encoding {encoding}, which cannot hold every name; "
            "make one with ENCODING 'UTF8'"
        )
    apart = max(before - now, now - after)
    if apart > MOST_APART_SECONDS:
        raise LedgerError(
            f"this machine's clock is {apart:.0f} s from that of the ledger's database, and by it "
            "other machines tell who lives; set the clock (NTP), then run again"
        )


def check_privileges(connection: Connection) -> None:
    """Raise LedgerError if the role may not do all that a run does: better now than in it."""
    query = text(
        "SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:tables) "
        "AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') "
        "AND has_table_privilege(oid, 'UPDATE'))"
    )
    lacking = connection.scalar(query, {"tables": list(metadata.tables)})
    if lacking:
        raise LedgerError(
            f"the ledger's role may not read and write {lacking}; "
            "have the owner grant what docs/ledger.md lists"
        )


def may_go_again(exc: DBAPIError) -> bool:
    """Whether what failed before its COMMIT may be tried once more: what failed will pass."""
    state = getattr(exc.orig, "sqlstate", None)
    is_away = isinstance(exc, OperationalError) and state is None  # no server, or no answer of it
    return exc.connection_invalidated or is_away or state in _PASSING
