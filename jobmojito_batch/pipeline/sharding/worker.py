"""One attempt at a shard: what is left of its rows is sent, and the ledger told of it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.errors import BatchError, SettingsError
from jobmojito_batch.ledger import Ledger, ShardId
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.batch import Batch, Delivered, OnProgress, StopWhen, send_batch
from jobmojito_batch.pipeline.budget import budget_of
from jobmojito_batch.pipeline.sharding.exchange_files import fetch
from jobmojito_batch.pipeline.sharding.living import living, stop_if_over
from jobmojito_batch.pipeline.sharding.shard_end import ShardEnd, summary_of
from jobmojito_batch.pipeline.sharding.shard_rows import ShardRows
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.settings import Settings, canonical_url

OpenApi = Callable[[Settings, TokenSource], JobMojito]


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
    with Ledger.existing(settings.ledger_url) as ledger:
        if ledger is None:
            raise SettingsError(
                "there is no ledger here; all machines of a run need the same ledger"
            )
        await asyncio.to_thread(_check_same_account, ledger, id_, settings, tokens)
        with Spool(settings.spool_folder, str(id_)) as spool:
            shard = Shard(order, id_, settings, tokens, ledger, spool)
            return await shard.deliver(on_progress, drain_seconds, open_api, stop_when)


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
                        watch=lambda sender: stop_if_over(sender, ledger, id_),
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

    def _end(self, delivered: Delivered) -> ShardEnd:
        stopped = delivered.stopped
        self._ledger.shards.end(
            self._id,
            at=datetime.now(UTC).replace(tzinfo=None),
            stop_code=stopped.code if stopped else None,
            stop_message=stopped.message if stopped else None,
            summary=summary_of(delivered),
        )
        return ShardEnd(
            id=self._id,
            outcomes={outcome.value: n for outcome, n in delivered.tally.outcomes.items() if n},
            stop_code=stopped.code if stopped else None,
            stop_message=stopped.message if stopped else None,
            signal_number=delivered.signal_number,
        )
