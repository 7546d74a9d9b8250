"""
The ledger as everybody sees it: opened once, and parted by what is asked of it.

What speaks to a database is loaded when one is opened: it takes longer than a small file to check,
and whoever has never sent has none.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from jobmojito_batch.ledger.database import Clock
    from jobmojito_batch.ledger.writer import Writer


class Ledger:
    """An open ledger. Times are UTC; on the way in and out they carry no zone."""

    def __init__(self, engine: "Engine", clock: "Clock | None" = None) -> None:
        from jobmojito_batch.ledger.database import Database, utc_now
        from jobmojito_batch.ledger.doubts import Doubts
        from jobmojito_batch.ledger.followups import FollowUps
        from jobmojito_batch.ledger.letters import Letters
        from jobmojito_batch.ledger.lookups import Lookups
        from jobmojito_batch.ledger.night_history import NightHistory
        from jobmojito_batch.ledger.people import Access, Erasure
        from jobmojito_batch.ledger.results import Results, WrittenFiles
        from jobmojito_batch.ledger.runs import Runs
        from jobmojito_batch.ledger.shard_runs import Shards

        self.database = database = Database(engine, clock or utc_now)
        self.lookups = Lookups(database)
        self.runs = Runs(database)
        self.shards = Shards(database)
        self.doubts = Doubts(database)
        self.results = Results(database)
        self.followups = FollowUps(database)
        self.nights = NightHistory(database)
        self.letters = Letters(database)
        self.people = Erasure(database)
        self.written = WrittenFiles(database)
        self.access = Access(database)

    @classmethod
    def open(cls, url: str, *, clock: "Clock | None" = None) -> Self:
        """Open it, made anew if it is absent; *clock* tells UTC. Raises LedgerError."""
        from jobmojito_batch.ledger.database import open_engine

        engine = open_engine(url)
        assert engine is not None  # noqa: S101 - create is on
        return cls(engine, clock)

    @classmethod
    @contextmanager
    def existing(cls, url: str) -> Iterator[Self | None]:
        """
        It, if it exists, for as long as it is asked; None if not, so that looking leaves nothing.

        Raises LedgerError.
        """
        if _is_no_file(url):
            yield None
            return
        from jobmojito_batch.ledger.database import open_engine

        engine = open_engine(url, create=False)
        if engine is None:
            yield None
            return
        with closing(cls(engine)) as ledger:
            yield ledger

    def close(self) -> None:
        """Let go of the database."""
        self.database.engine.dispose()

    def writer(self, *, in_flight: int = 0) -> "Writer":
        """
        What a run writes through, in its event loop; close it when the run ends.

        *in_flight* is how many calls may be at once: thousands share fewer commits.
        """
        from jobmojito_batch.ledger.outcomes import writer_on

        return writer_on(self.database.engine, in_flight=in_flight)


def _is_no_file(url: str) -> bool:
    """Whether it is plain that the URL is of a file that is not there."""
    kind, _, path = url.partition(":///")
    is_plain = kind == "sqlite" and path.isprintable() and path not in {"", ":memory:"}
    return is_plain and "?" not in path and not Path(path).exists()
