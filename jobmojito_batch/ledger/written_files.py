"""Which files are as this program wrote them: by their content, whatever they are called now."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from jobmojito_batch.ledger.database import Database
from jobmojito_batch.ledger.schema import written_files


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """Hashes of files that were written. They tell of nobody, so nothing of them is forgotten."""

    database: Database

    def remember(self, hashes: Sequence[str]) -> None:
        """Files with this content are ours."""
        now = self.database.clock()
        with self.database.writing() as connection:
            known = written_files.c.sha256.in_(hashes)
            there = set(connection.scalars(select(written_files.c.sha256).where(known)))
            new = [{"sha256": one, "at": now} for one in dict.fromkeys(hashes) if one not in there]
            if new:
                connection.execute(insert(written_files), new)

    def knows(self, sha256: str) -> bool:
        """Whether a file with this content is as it was written."""
        query = select(written_files.c.sha256).where(written_files.c.sha256 == sha256)
        with self.database.reading() as connection:
            return connection.scalar(query) is not None
