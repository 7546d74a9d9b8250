"""
Whether the account is out of credits, asked if an answer might mean it without saying it.

Nothing is documented for empty credits (reference, section 3.2): any of 400, 409, 422 and 500 may
be it. What names a field is about the row. A 200 may be it where its text speaks of credits and not
of somebody's work. The balance says why, not what happened: only a refused row was not created.
"""

import asyncio
from functools import partial
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.contract import ErrorBody
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.verdict import Action, Answer, Verdict, may_mean_no_credits, out_of_credits

MIGHT_BE_CREDITS: Final = frozenset({400, 409, 422, 500})
ASK_AGAIN_SECONDS: Final = 60.0
"""A bad stretch of answers does not double the calls."""


class CreditProbe:
    """Asks merchant-status, once a minute for a merchant at most, one at a time; costs nothing."""

    def __init__(self, context: SendContext) -> None:
        self._context = context
        self._asked_at: dict[str | None, float] = {}
        self._empty: set[str | None] = set()
        self._lock = asyncio.Lock()

    async def confirm(self, verdict: Verdict, answer: Answer, merchant_id: str | None) -> Verdict:
        """The verdict, or that credits are out if the account of the row's merchant says so."""
        if not _might_be_credits(verdict, answer) or not await self._is_out(merchant_id):
            return verdict
        return out_of_credits(
            answer.http_status or 0, may_have_run=verdict.action is not Action.FAIL
        )

    async def _is_out(self, merchant_id: str | None) -> bool:
        async with self._lock:
            now = self._context.clock.now()
            if now - self._asked_at.get(merchant_id, float("-inf")) >= ASK_AGAIN_SECONDS:
                self._asked_at[merchant_id] = now
                self._empty.discard(merchant_id)
                if await self._ask(merchant_id):
                    self._empty.add(merchant_id)
            return merchant_id in self._empty

    async def _ask(self, merchant_id: str | None) -> bool:
        context = self._context
        looked = await context.look_up(partial(context.api.status, merchant_id=merchant_id))
        status = looked[1] if looked is not None else None
        left = status.credits_left if status is not None else None
        return left is not None and left < context.policy.credits_per_candidate


def _might_be_credits(verdict: Verdict, answer: Answer) -> bool:
    if verdict.code is ErrorCode.INSUFFICIENT_CREDITS:
        return False
    names_a_field = isinstance(answer.body, ErrorBody) and answer.body.name is not None
    is_refusal = answer.http_status in MIGHT_BE_CREDITS and not names_a_field
    return is_refusal or may_mean_no_credits(answer)
