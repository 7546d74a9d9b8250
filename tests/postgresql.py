"""A schema of its own on a real PostgreSQL server, for a test or a long run; dropped afterwards."""

import functools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

SERVER = os.environ.get("TEST_POSTGRESQL_URL", "postgresql+psycopg://127.0.0.1:5432/test")
"""A database in which the tests may make schemas and roles."""


@functools.cache
def why_not() -> str | None:
    """Why there is no server to test against; None where there is one."""
    engine = create_engine(SERVER, connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as exc:
        return f"no PostgreSQL at {make_url(SERVER).host}: {str(exc).splitlines()[0]}"
    finally:
        engine.dispose()
    return None


@contextmanager
def own_schema() -> Iterator[str]:
    """The URL of an empty schema, which is dropped at the end whatever happened."""
    name = f"jobmojito_test_{uuid.uuid4().hex[:12]}"
    do(f"CREATE SCHEMA {name}")
    try:
        yield f"{SERVER}?options=-csearch_path%3D{name}"
    finally:
        # Those who were killed in the middle of a transaction would hold the drop up.
        do(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class ON oid = relation "
            "WHERE relnamespace = CAST(:name AS regnamespace) AND pid <> pg_backend_pid()",
            name=name,
        )
        do(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def own_database() -> Iterator[str]:
    """
    The URL of a database of its own, for what others' transactions would change.

    As long as any transaction of a database is open, VACUUM keeps the rows that it may still see.
    """
    name = f"jobmojito_test_{uuid.uuid4().hex[:12]}"
    do(f"CREATE DATABASE {name}")
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        do(f"DROP DATABASE {name} WITH (FORCE)")


def do(statement: str, *, url: str = SERVER, **values: object) -> None:
    """Run a statement on the server, at once durable."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement), values)
    finally:
        engine.dispose()
