"""What goes on beside a shard, or beside the run of all: its lease, and whether it may go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import LEASE_SECONDS, Ledger, ShardId
from jobmojito_batch.pipeline.beside import beside
from jobmojito_batch.sending import Sender

WATCH_SECONDS: Final = 2.0
"""How often a shard looks whether it may go on."""


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


async def stop_if_over(sender: Sender, ledger: Ledger, shard: ShardId) -> None:
    """Stop where the run is stopped or over, or somebody has taken the shard's place."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        with suppress(BatchError):  # the sender finds out by itself where the ledger is away
            if not await asyncio.to_thread(ledger.shards.may_go_on, shard):
                sender.stop(ErrorCode.INTERRUPTED, "the run was stopped; run it again")
                return
