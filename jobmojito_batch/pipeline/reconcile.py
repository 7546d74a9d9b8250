"""`reconcile`: settle what is unknown in the ledger by looking it up, whichever run left it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import ClaimState, Ledger
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.work import context_of
from jobmojito_batch.sending import Counts, Doubt, Settling, has_address, utc_now
from jobmojito_batch.settings import Settings

Tell = Callable[[int, int], None]
"""Told how many doubts there were and how many are open still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What settling came to."""

    doubts: int
    counts: Counts
    outcomes: dict[str, int]
    """Invitations that were settled, by outcome."""
    in_flight: int
    """Invitations that a living process is sending now; they are left alone."""
    why_left: dict[str, int]
    """Why others stay unknown."""


async def reconcile(
    settings: Settings,
    ledger: Ledger,
    *,
    tell: Tell | None = None,
    open_api: Callable[[Settings, TokenSource], JobMojito] = JobMojito,
    wall: Callable[[], datetime] = utc_now,
) -> Reconciled:
    """
    Look up every unknown invitation of the token's account, and of merchants it acted for.

    There are no rows here to send again: what provably did not happen is given back, so that the
    next run sends it. Waits for the settle time. Raises LedgerError, SettingsError.
    """
    settings = as_spelt_in(ledger, settings)
    tokens = TokenSource(settings)
    ledger.runs.settle_orphans()
    mine = ledger.doubts.of_token(
        settings.base_url, merchant_of(tokens.current()), settings.environment
    )
    known = [of for of in mine if has_address(of)]
    to_settle = [of for of in known if of.state is ClaimState.UNKNOWN]
    ends = _DoubtEnds()
    writer = ledger.writer()
    try:
        async with open_api(settings, tokens) as api:
            context = context_of(
                "reconcile", settings, api, tokens, ledger, writer, settles=True, wall=wall
            )
            settling = Settling(context, ends, settle_seconds=settings.settle_seconds)
            for of in to_settle:
                settling.add(Doubt(of=of))
            telling = asyncio.create_task(_telling(settling, len(to_settle), tell))
            try:
                await settling.run(lambda: True)
            finally:
                telling.cancel()
                with suppress(asyncio.CancelledError):
                    await telling
    finally:
        await writer.close()
    return Reconciled(
        doubts=len(to_settle),
        counts=settling.counts,
        outcomes=dict(ends.outcomes),
        in_flight=len(known) - len(to_settle),
        why_left=dict(ends.why_left),
    )


@dataclass(slots=True)
class _DoubtEnds:
    """Counts how doubts end; there is no row here to send once more."""

    outcomes: Counter[str] = field(default_factory=Counter)
    why_left: Counter[str] = field(default_factory=Counter)

    async def resend(self, _doubt: Doubt) -> bool:
        return False

    async def settled(self, _doubt: Doubt, outcome: Outcome) -> None:
        self.outcomes[outcome.value] += 1

    async def left(self, _doubt: Doubt, why: str) -> None:
        self.why_left[why] += 1


async def _telling(settling: Settling, total: int, tell: Tell | None) -> None:
    while tell is not None:
        tell(total, settling.open_doubts)
        await asyncio.sleep(1.0)
