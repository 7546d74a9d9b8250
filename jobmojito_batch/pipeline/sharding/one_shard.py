"""
One attempt at a shard: what is left of its rows is sent, and the ledger told of it.

An earlier attempt that died left rows without an outcome. Those that it had not claimed are sent;
what it held is in doubt, so it is looked up first, like anything a dead run held.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.columns import (
    OPENING_KEY,
    ORDINAL,
    POSITION_KEY,
    ROW,
    SOURCE,
    ErrorCode,
    Outcome,
)
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.ledger import LEASE_SECONDS, Doubted, Ledger, RowOutcome, ShardId
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.deliver import (
    Batch,
    Delivered,
    OnProgress,
    StopWhen,
    beside,
    budget_of,
    position_of,
    send_batch,
    settled_meanwhile,
)
from jobmojito_batch.pipeline.planning import with_ledger
from jobmojito_batch.pipeline.preview import MEMBERS
from jobmojito_batch.pipeline.sharding.files import fetch
from jobmojito_batch.pipeline.spool import Spool
from jobmojito_batch.plan import ACCOUNT, EMAIL, PLACE, POSITION, at_ordinals
from jobmojito_batch.sending import Door, Doubt, Position, RowQueue, RowReader, Sender, Tally
from jobmojito_batch.settings import Settings, canonical_url

WATCH_SECONDS: Final = 2.0
"""How often a shard looks whether it may go on."""
MOST_LATENCIES: Final = 1_000
"""As many are kept of a shard, evenly among all, to tell the quantiles of the whole run."""

OpenApi = Callable[[Settings, TokenSource], JobMojito]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEnd:
    """How an attempt ended, in counts."""

    id: ShardId
    outcomes: dict[str, int]
    stop_code: ErrorCode | None
    stop_message: str | None
    signal_number: int | None

    @property
    def sentence(self) -> str:
        """The attempt in one sentence."""
        counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in self.outcomes.items())
        why = f"; stopped: {self.stop_message}" if self.stop_message else ""
        return f"shard {self.id.shard}, attempt {self.id.attempt}: {counts or 'nothing left'}{why}"


async def deliver_shard(
    order: ShardParameters,
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
    drain_seconds: float | None = None,
    open_api: OpenApi = JobMojito,
    stop_when: StopWhen | None = None,
) -> ShardEnd:
    """
    Send what is left of a shard's rows.

    Raises BatchError: SettingsError where this machine's account or ledger is not the run's, and
    nothing was sent then.
    """
    id_ = ShardId(run_id=order.run_id, shard=order.shard, attempt=order.attempt)
    tokens = TokenSource(settings)
    ledger = Ledger.open_existing(settings.ledger_url)
    if ledger is None:
        raise SettingsError("there is no ledger here; all machines of a run need the same ledger")
    try:
        await asyncio.to_thread(_check_same_account, ledger, id_, settings, tokens)
        with Spool(settings.spool_folder, str(id_)) as spool:
            shard = Shard(order, id_, settings, tokens, ledger, spool)
            return await shard.deliver(on_progress, drain_seconds, open_api, stop_when)
    finally:
        ledger.close()


def _check_same_account(
    ledger: Ledger, id_: ShardId, settings: Settings, tokens: TokenSource
) -> None:
    """Another token would invite people into another account, where nobody knows of them."""
    run = ledger.run(id_.run_id)
    if run is None:
        raise SettingsError(
            f"this ledger has no run {id_.run_id}; all machines of a run need the same ledger"
        )
    if run.merchant != merchant_of(tokens.current()):
        raise SettingsError("the token of this machine is of another account than the run's")
    theirs = (canonical_url(run.base_url), run.environment)
    if theirs != (canonical_url(settings.base_url), settings.environment):
        raise SettingsError("base URL or environment are not the run's")


class Shard:
    """An attempt at a shard, on the machine that makes it."""

    def __init__(
        self,
        order: ShardParameters,
        id_: ShardId,
        settings: Settings,
        tokens: TokenSource,
        ledger: Ledger,
        spool: Spool,
    ) -> None:
        self._order = order
        self._id = id_
        self._settings = settings
        self._tokens = tokens
        self._ledger = ledger
        self._spool = spool

    async def deliver(
        self,
        on_progress: OnProgress | None,
        drain_seconds: float | None,
        open_api: OpenApi,
        stop_when: StopWhen | None,
    ) -> ShardEnd:
        """Begin, send, end. Raises BatchError; the attempt is marked crashed then."""
        ledger, id_ = self._ledger, self._id
        path = await asyncio.to_thread(fetch, self._order.path, self._spool.prepared)
        await asyncio.to_thread(ledger.settle_orphans)
        why_not = await asyncio.to_thread(ledger.begin_shard, id_)
        if why_not is not None:
            raise BatchError(why_not)
        try:
            async with living(ledger, str(id_)):
                rows = await asyncio.to_thread(ShardRows.read, path, ledger, id_.run_id)
                batch = await asyncio.to_thread(self._batch, rows)
                async with open_api(self._settings, self._tokens) as api:
                    delivered = await send_batch(
                        batch,
                        api,
                        ledger,
                        on_progress,
                        drain_seconds,
                        watch=self._watch,
                        stop_when=stop_when,
                    )
                return await asyncio.to_thread(self._end, delivered)
        except BaseException:
            with suppress(Exception):  # what went wrong first is what to tell
                ledger.abandon_run(str(id_))
            raise

    def _batch(self, rows: "ShardRows") -> Batch:
        order, settings = self._order, self._settings
        positions, doubts = rows.to_send(self._ledger, settles=order.settle)
        return Batch(
            run_id=str(self._id),
            rows_run_id=order.run_id,
            settings=settings,
            tokens=self._tokens,
            rows=rows.reader,
            positions=positions,
            doubts=doubts,
            budget=budget_of(
                settings,
                self._ledger,
                credits_left=order.credits_left,
                spent=self._ledger.credits_of_shard(self._id),
            ),
            settles=order.settle,
            tidy=self._spool.remove,
        )

    async def _watch(self, sender: Sender) -> None:
        """Stop where the run is stopped or over, or somebody has taken the shard's place."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(BatchError):  # the sender finds out by itself where the ledger is away
                if not await asyncio.to_thread(self._ledger.may_go_on, self._id):
                    sender.stop(ErrorCode.INTERRUPTED, "the run was stopped; run it again")
                    return

    def _end(self, delivered: Delivered) -> ShardEnd:
        stopped = delivered.stopped
        self._ledger.end_shard(
            self._id,
            at=datetime.now(UTC).replace(tzinfo=None),
            stop_code=stopped.code if stopped else None,
            stop_message=stopped.message if stopped else None,
            summary=json.dumps(_summary(delivered)),
        )
        return ShardEnd(
            id=self._id,
            outcomes={one.value: n for one, n in delivered.tally.outcomes.items() if n},
            stop_code=stopped.code if stopped else None,
            stop_message=stopped.message if stopped else None,
            signal_number=delivered.signal_number,
        )


def _summary(delivered: Delivered) -> dict[str, Any]:
    """What the parent cannot read from the ledger."""
    return {
        "lookups": delivered.tally.lookups,
        "latencies": latencies_of(delivered.tally),
        "settled": asdict(delivered.settled) if delivered.settled is not None else None,
    }


def latencies_of(tally: Tally) -> list[float]:
    """Latencies in order: all of them, or as many evenly among them, the longest included."""
    ordered = sorted(tally.latencies)
    if len(ordered) > MOST_LATENCIES:
        last = len(ordered) - 1
        places = (round(n * last / (MOST_LATENCIES - 1)) for n in range(MOST_LATENCIES))
        ordered = [ordered[place] for place in places]
    return [round(seconds, 4) for seconds in ordered]


@asynccontextmanager
async def living(ledger: Ledger, run_id: str) -> AsyncIterator[None]:
    """Renew the lease while inside: on another host nothing else tells that we live."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(BatchError):  # what sends notices by itself that the ledger is away
                await asyncio.to_thread(ledger.renew_lease, run_id)

    async with beside(renew()):
        yield


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
        there = scan.collect_schema().names()
        rows = scan.select(ORDINAL, PLACE).collect()
        columns = [name for name in (SOURCE, ROW, *MEMBERS) if name in there]
        reader = RowReader(path, columns, rows[ORDINAL])
        low, high = rows[ORDINAL].min(), rows[ORDINAL].max()
        left = ledger.rows_left(run_id, int(low), int(high))  # type: ignore[arg-type]
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
        in_doubt = ledger.doubts(places[ACCOUNT].unique().to_list())
        of_rows = self._in_doubt(places, in_doubt)
        self._say_unknown(ledger, in_doubt, of_rows)
        positions = self._positions(places, set(of_rows.values()))
        if not settles:
            return positions, []
        return positions, self._doubts(ledger, places, positions, in_doubt, of_rows)

    def _say_unknown(
        self, ledger: Ledger, in_doubt: list[Doubted], of_rows: dict[tuple[int, str], int]
    ) -> None:
        """
        Rows whose call was under way when an attempt died say so, as they do after a dead run.

        What looking them up comes to is then recorded like for any row that says unknown.
        """
        ledger.settle_rows(
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
            [(one.position_id, one.candidate_email) for one in in_doubt],
            schema={POSITION: pl.Int64, EMAIL: pl.String},
            orient="row",
        )
        found = (
            self._scan.select(ORDINAL, PLACE, EMAIL)
            .join(places.lazy().select(PLACE, POSITION), on=PLACE)
            .join(wanted.lazy(), on=[POSITION, EMAIL], how="semi")
            .join(self._left.lazy().select(ORDINAL), on=ORDINAL, how="semi")
            .select(POSITION, EMAIL, ORDINAL)
            .collect(engine="streaming")
        )
        return {(position, email): ordinal for position, email, ordinal in found.iter_rows()}

    def _positions(self, places: pl.DataFrame, in_doubt: set[int]) -> list[Position]:
        """Those of all rows that are left; a row in doubt does not stand in a queue."""
        facts = {place[PLACE]: place for place in places.iter_rows(named=True)}
        may_go = ~pl.col("outcome").eq_missing(Outcome.UNKNOWN.value) & ~pl.col(ORDINAL).is_in(
            list(in_doubt)
        )
        grouped = (
            self._left.join(places.select(PLACE, POSITION), on=PLACE, maintain_order="left")
            .group_by(POSITION, maintain_order=True)
            .agg(pl.col(ORDINAL).filter(may_go), pl.col(PLACE).unique(maintain_order=True))
        )
        return [
            position_of(position_id, RowQueue(ordinals), [facts[place] for place in some])
            for position_id, ordinals, some in grouped.iter_rows()
        ]

    def _doubts(
        self,
        ledger: Ledger,
        places: pl.DataFrame,
        positions: list[Position],
        in_doubt: list[Doubted],
        of_rows: dict[tuple[int, str], int],
    ) -> list[Doubt]:
        held = {one.opening_key: one for one in positions if one.is_in_doubt and one.opening_key}
        found: list[Doubt] = []
        for of in in_doubt:
            ordinal = of_rows.get((of.position_id, of.candidate_email))
            position = held.get(f"{of.account}|{of.opening_key}")
            if ordinal is not None or position is not None:
                found.append(Doubt(of=of, ordinal=ordinal, position=position))
                if position is not None:
                    position.door = Door.OPENING
        return [*found, *settled_meanwhile(ledger, self._unknown(places), found)]

    def _unknown(self, places: pl.DataFrame) -> dict[tuple[int, str], int]:
        """Ordinals of the rows that say unknown, by position id and e-mail."""
        unknown = self._left.filter(pl.col("outcome") == Outcome.UNKNOWN.value)
        emails = at_ordinals(self._scan, unknown[ORDINAL], EMAIL)
        both = unknown.join(emails, on=ORDINAL).join(places.select(PLACE, POSITION), on=PLACE)
        return {
            (position_id, email): ordinal
            for position_id, email, ordinal in both.select(POSITION, EMAIL, ORDINAL).iter_rows()
        }
