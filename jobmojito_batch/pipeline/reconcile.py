"""`reconcile`: settle what is unknown in the ledger by looking it up, whichever run left it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from jobmojito_batch.client import JobMojito, TokenSource, merchant_of
from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import ClaimState, Doubted, Ledger
from jobmojito_batch.pipeline.accounts import account_of, as_spelt_in
from jobmojito_batch.pipeline.deliver import shared_starts
from jobmojito_batch.sending import Counts, Doubt, Pace, Settling, Tally, utc_now
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
    Look up every unknown invitation of the token's account.

    There are no rows here to send again: what provably did not happen is given back, so that the
    next run sends it. Waits for the settle time. Raises LedgerError, SettingsError.
    """
    settings = as_spelt_in(ledger, settings)
    tokens = TokenSource(settings)
    ledger.settle_orphans()
    account = account_of(settings.base_url, merchant_of(tokens.current()), settings.environment)
    known = [one for one in ledger.doubts([account]) if _is_ours(one)]
    to_settle = [one for one in known if one.state is ClaimState.UNKNOWN]
    outcomes: dict[str, int] = {}
    why_left: dict[str, int] = {}

    async def settled(_: Doubt, outcome: Outcome) -> None:
        outcomes[outcome.value] = outcomes.get(outcome.value, 0) + 1

    async def left(_: Doubt, why: str) -> None:
        why_left[why] = why_left.get(why, 0) + 1

    writer = ledger.writer()
    loop = asyncio.get_running_loop()
    try:
        async with open_api(settings, tokens) as api:
            settling = Settling(
                "reconcile",
                api,
                tokens,
                writer,
                ledger,
                pace=Pace(
                    settings.requests_per_second,
                    now=loop.time,
                    sleep=asyncio.sleep,
                    take_block=shared_starts(
                        writer, settings.base_url, unix_time=lambda: wall().timestamp()
                    ),
                ),
                settle_seconds=settings.settle_seconds,
                tally=Tally(),
                wall=wall,
                now=loop.time,
                sleep=asyncio.sleep,
                is_stopping=lambda: False,
                on_settled=settled,
                on_left=left,
            )
            for one in to_settle:
                settling.add(Doubt(of=one))
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
        outcomes=outcomes,
        in_flight=len(known) - len(to_settle),
        why_left=why_left,
    )


def _is_ours(one: Doubted) -> bool:
    """Not one of a person who was forgotten: there is no address to look up."""
    return not one.candidate_email.startswith("forgotten:")


async def _telling(settling: Settling, total: int, tell: Tell | None) -> None:
    while tell is not None:
        tell(total, settling.open_doubts)
        await asyncio.sleep(1.0)
