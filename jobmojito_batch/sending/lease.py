"""The lease of a run that lives: on another host nothing else tells that it does."""

import asyncio
from datetime import timedelta

from jobmojito_batch.ledger import LEASE_SECONDS, RenewLease
from jobmojito_batch.sending.context import SendContext


async def keep_lease(context: SendContext) -> None:
    """
    Renew it until cancelled.

    Raises LedgerError; a run goes no further then, for others settle what it has in flight.
    """
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        until = context.clock.at() + timedelta(seconds=LEASE_SECONDS)
        await context.writer.submit(RenewLease(run_id=context.run_id, until=until))
