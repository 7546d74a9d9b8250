"""One attempt at a shard: what is left of its rows is sent, and the ledger told of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.ledger import LEASE_SECONDS, Ledger, ShardId
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.batch import Batch, Delivered, OnProgress, StopWhen, send_batch
from jobmojito_batch.pipeline.beside import beside
from jobmojito_batch.pipeline.budget import budget_of
from jobmojito_batch.pipeline.sharding.exchange_files import fetch
from jobmojito_batch.pipeline.sharding.shard_rows import ShardRows
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.sending import Sender, Tally
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
    run = ledger.runs.find(id_.run_id)
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
        await asyncio.to_thread(ledger.runs.settle_orphans)
        why_not = await asyncio.to_thread(ledger.shards.begin, id_)
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
                ledger.runs.abandon(str(id_))
            raise

    def _batch(self, rows: ShardRows) -> Batch:
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
                order.balances,
                own_merchant=merchant_of(self._tokens.current()),
                spent=self._ledger.shards.credits_before(self._id),
            ),
            settles=order.settle,
            tidy=self._spool.remove,
        )

    async def _watch(self, sender: Sender) -> None:
        """Stop where the run is stopped or over, or somebody has taken the shard's place."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(BatchError):  # the sender finds out by itself where the ledger is away
                if not await asyncio.to_thread(self._ledger.shards.may_go_on, self._id):
                    sender.stop(ErrorCode.INTERRUPTED, "the run was stopped; run it again")
                    return

    def _end(self, delivered: Delivered) -> ShardEnd:
        stopped = delivered.stopped
        self._ledger.shards.end(
            self._id,
            at=datetime.now(UTC).replace(tzinfo=None),
            stop_code=stopped.code if stopped else None,
            stop_message=stopped.message if stopped else None,
            summary=json.dumps(_summary(delivered)),
        )
        return ShardEnd(
            id=self._id,
            outcomes={outcome.value: n for outcome, n in delivered.tally.outcomes.items() if n},
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
                await asyncio.to_thread(ledger.runs.renew_lease, run_id)

    async with beside(renew()):
        yield
