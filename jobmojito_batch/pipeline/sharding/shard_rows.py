"""
What is left of a shard's rows: those that its file has and the ledger has no outcome for good of.

An earlier attempt that died left rows without an outcome. Those that it had not claimed are sent;
what it held is in doubt, so it is looked up first, like anything a dead run held.
"""

from pathlib import Path

import polars as pl

from jobmojito_batch.columns import OPENING_KEY, ORDINAL, POSITION_KEY, ErrorCode, Outcome
from jobmojito_batch.ledger import Doubted, Ledger, RowOutcome
from jobmojito_batch.pipeline import work
from jobmojito_batch.pipeline.known_places import with_ledger
from jobmojito_batch.plan import ACCOUNT, EMAIL, MAY_GO, PLACE, POSITION
from jobmojito_batch.sending import Doubt, Position, RowReader


class ShardRows:
    """The rows of a shard's file that have no outcome for good."""

    def __init__(
        self, run_id: str, scan: pl.LazyFrame, reader: RowReader, left: pl.DataFrame
    ) -> None:
        self._run_id = run_id
        self._scan = scan
        self.reader = reader
        self._left = left
        """ORDINAL, PLACE, `outcome`, in input order."""

    @classmethod
    def read(cls, path: Path, ledger: Ledger, run_id: str) -> "ShardRows":
        """Those of the file that the ledger says are left."""
        scan = pl.scan_parquet(path)
        rows = scan.select(ORDINAL, PLACE).collect()
        reader = work.reader_of(path, rows[ORDINAL])
        low, high = rows[ORDINAL].min(), rows[ORDINAL].max()
        left = ledger.shards.rows_left(run_id, int(low), int(high))  # type: ignore[arg-type]
        joined = rows.join(
            left.rename({"ordinal": ORDINAL}).cast({ORDINAL: rows.schema[ORDINAL]}), on=ORDINAL
        )
        return cls(run_id, scan, reader, joined.sort(ORDINAL))

    def to_send(self, ledger: Ledger, *, settles: bool) -> tuple[list[Position], list[Doubt]]:
        """The positions with their queues, and what is in doubt of the rows and positions."""
        places = with_ledger(
            self._scan.select(PLACE, ACCOUNT, POSITION_KEY, OPENING_KEY)
            .unique()
            .collect(engine="streaming")
            .sort(PLACE),
            ledger,
        )
        doubted = ledger.doubts.of_accounts(places[ACCOUNT].unique().to_list())
        lost = self._in_doubt(places, doubted)
        self._say_unknown(ledger, doubted, lost)
        is_unknown = pl.col("outcome").eq_missing(Outcome.UNKNOWN.value)
        is_lost = pl.col(ORDINAL).is_in(list(lost.values()))
        rows = self._left.with_columns((~is_unknown & ~is_lost).alias(MAY_GO))
        positions = work.positions_of([rows], places)
        if not settles:
            return positions, []
        unknown = work.invitations_of(rows.filter(~pl.col(MAY_GO)), places, self._scan)
        return positions, work.in_doubt_of(ledger, doubted, unknown, positions)

    def _say_unknown(
        self, ledger: Ledger, in_doubt: list[Doubted], of_rows: dict[tuple[int, str], int]
    ) -> None:
        """
        Rows whose call was under way when an attempt died say so, as they do after a dead run.

        What looking them up comes to is then recorded like for any row that says unknown.
        """
        ledger.runs.settle_rows(
            [
                RowOutcome(
                    run_id=self._run_id,
                    ordinal=of_rows[of.position_id, of.candidate_email],
                    outcome=Outcome.UNKNOWN,
                    error_code=ErrorCode.INTERRUPTED,
                    error_message=f"run {of.run_id} ended while the call was under way: the "
                    "interview may exist, so the row is not sent again; look the candidate up in "
                    "JobMojito",
                    sent_at=of.claimed_at,
                )
                for of in in_doubt
                if (of.position_id, of.candidate_email) in of_rows
            ]
        )

    def _in_doubt(
        self, places: pl.DataFrame, in_doubt: list[Doubted]
    ) -> dict[tuple[int, str], int]:
        """Ordinals of rows that are left whose invitation is in doubt, by position and e-mail."""
        wanted = pl.DataFrame(
            [(doubted.position_id, doubted.candidate_email) for doubted in in_doubt],
            schema={POSITION: pl.Int64, EMAIL: pl.String},
            orient="row",
        )
        ordinals = (
            self._scan.select(ORDINAL, PLACE, EMAIL)
            .join(places.lazy().select(PLACE, POSITION), on=PLACE)
            .join(wanted.lazy(), on=[POSITION, EMAIL], how="semi")
            .join(self._left.lazy().select(ORDINAL), on=ORDINAL, how="semi")
            .select(POSITION, EMAIL, ORDINAL)
            .collect(engine="streaming")
        )
        return {(position, email): ordinal for position, email, ordinal in ordinals.iter_rows()}
