"""
Move a ledger to another database, once: `python -m jobmojito_batch.ledger.migrate FROM TO`.

FROM is a path or a URL, TO an empty database; a password is in the environment or a PGPASSFILE.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select

from jobmojito_batch.errors import BatchError, LedgerError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger.addresses import named
from jobmojito_batch.ledger.database import MOVED_TO, Database, open_engine, writing
from jobmojito_batch.ledger.runs import Runs, known_runs
from jobmojito_batch.ledger.schema import RunState, meta, metadata, runs

SLICE: Final = 5_000


def move(source_url: str, target_url: str) -> dict[str, int]:
    """
    Copy every row with its id, then mark the source so that nobody goes on with it.

    The source's write lock is held all the while and let go, with the mark, once the target has
    committed. Gives the rows by table. Raises LedgerError; the source is unharmed then.
    """
    source = open_engine(source_url, create=False)
    if source is None:
        raise LedgerError(f"{named(source_url)}: there is no ledger")
    target = open_engine(target_url)
    assert target is not None  # noqa: S101 - create is on
    try:
        database = Database(source)
        Runs(database).settle_orphans()
        with database.writing("moving") as old:
            _refuse_living(old, database.clock())
            with writing(target) as new:
                counts = {table.name: _copy(old, new, table) for table in metadata.sorted_tables}
            old.execute(insert(meta).values(key=MOVED_TO, value=named(target_url)))
    finally:
        source.dispose()
        target.dispose()
    return counts


def _refuse_living(old: Connection, now: datetime) -> None:
    for run in known_runs(old, runs.c.state == RunState.RUNNING):
        if run.is_living(now):
            raise LedgerError(f"run {run.run_id} is going on; move the ledger when it has ended")


def _copy(old: Connection, new: Connection, table: Table) -> int:
    count_query = select(func.count()).select_from(table)
    if table is meta:
        new.execute(meta.delete())  # the target's own schema version: the source's is the same
    elif new.scalar(count_query):
        raise LedgerError(f"the target has rows in {table.name} already; give an empty database")
    rows = old.execution_options(yield_per=SLICE).execute(select(table))
    for part in rows.partitions():
        new.execute(insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001 - public
    if new.dialect.name == "postgresql" and "id" in table.c:
        _count_on(new, table)
    copied, wanted = new.scalar(count_query), old.scalar(count_query)
    if copied != wanted:
        raise LedgerError(f"{table.name}: {wanted} rows were there and {copied} arrived")
    return int(copied or 0)


def _count_on(new: Connection, table: Table) -> None:
    """The next id the database gives is above those that came with their ids."""
    sequence = func.pg_get_serial_sequence(table.name, "id")
    new.execute(select(func.setval(sequence, func.max(table.c.id)))).all()


def main() -> int:
    """Move, and tell what was moved."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("source", metavar="FROM")
    parser.add_argument("target", metavar="TO")
    options = parser.parse_args()
    try:
        counts = move(_url(options.source), _url(options.target))
    except BatchError as exc:
        sys.stderr.write(f"{exc}\n")
        return ExitCode.USAGE
    for name, count in counts.items():
        sys.stdout.write(f"{name:<18}{count:>12}\n")
    return ExitCode.OK


def _url(given: str) -> str:
    return given if "://" in given else f"sqlite:///{Path(given).expanduser().absolute()}"


if __name__ == "__main__":
    sys.exit(main())
