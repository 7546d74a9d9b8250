"""Erasing a person: their rows stay for the counts, without anything that tells who it was."""

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select, text, update

from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger.engine import translated, writing
from jobmojito_batch.ledger.masks import ensure_key, mask
from jobmojito_batch.ledger.tables import invitations, run_rows


def traces_of(connection: Connection, email: str) -> int:
    """Rows of the ledger that have the address, as theirs or in an original cell."""
    found = connection.scalar(
        select(func.count()).select_from(invitations).where(_is_theirs(email))
    )
    rows = connection.scalar(select(func.count()).select_from(run_rows).where(_mentions(email)))
    return int(found or 0) + int(rows or 0)


def forget(engine: Engine, email: str) -> None:
    """
    Erase a person down to the bytes of the file, or of the server's tables.

    A keyed hash takes the place of the address, so that a later claim meets it. A server's archive
    and backups keep what they have (docs/ledger.md). Raises LedgerError.
    """
    with translated("erasing"), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
    with translated("erasing"), writing(engine) as connection:
        masked = mask(email.lower(), ensure_key(connection))
        connection.execute(
            update(invitations)
            .where(_is_theirs(email))
            .values(
                candidate_email=masked,
                interview_url=None,
                reason=None,
                status=None,
                interview_def_set_id=None,
                profile_interview_id=None,
            )
        )
        connection.execute(
            update(run_rows)
            .where(_mentions(email))
            .values(
                candidate_email=masked,
                candidate_name=None,
                candidate_external_id=None,
                error_message=None,
                cells="{}",
            )
        )
    if engine.dialect.name == "sqlite":
        _overwrite(engine)
    else:
        _rewrite(engine)


def _is_theirs(email: str) -> ColumnElement[bool]:
    return func.lower(invitations.c.candidate_email) == email.lower()


def _mentions(email: str) -> ColumnElement[bool]:
    """Rows that passed have the address; of rows that did not, only the original cells do."""
    return or_(
        func.lower(run_rows.c.candidate_email) == email.lower(),
        run_rows.c.cells.icontains(email, autoescape=True),
    )


def _overwrite(engine: Engine) -> None:
    """Nothing of what was erased stays in free pages or in the write-ahead log."""
    with translated("erasing"), engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - it is connected
        raw.execute("VACUUM")
        busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LedgerError(
            "the person is erased, but another process uses the ledger, so its write-ahead log "
            "could not be emptied; run forget again when it has ended"
        )


def _rewrite(engine: Engine) -> None:
    """
    The tables are written anew without the old versions of their rows, and counted anew.

    Only their owner may have that done; to others PostgreSQL gives a warning and does nothing.
    """
    tables = f"{invitations.name}, {run_rows.name}"
    owned = text(
        "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname IN (:one, :other)"
    )
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with translated("erasing"), alone.connect() as connection:
        values = {"one": invitations.name, "other": run_rows.name}
        if connection.scalar(owned, values):
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {tables}"))
            connection.invalidate()  # others of this pool are bounded again
            return
    raise LedgerError(
        "the person is erased, but the server keeps old versions of the rows until the owner of "
        f"the tables has run VACUUM (FULL, ANALYZE) {tables}"
    )
