"""
Whether the account is out of credits, asked where an answer might mean it without saying it.

Nothing is documented for empty credits (reference, section 3.2): any of 400, 409, 422 and 500 may
be it. What names a field is about the row.
"""

import asyncio
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.contract import ErrorBody
from jobmojito_batch.sending.common import Common
from jobmojito_batch.verdict import Answer, Verdict, out_of_credits

MIGHT_BE_CREDITS: Final = frozenset({400, 409, 422, 500})
ASK_AGAIN_SECONDS: Final = 60.0
"""A bad stretch of answers does not double the calls."""


class Balance:
    """Asks merchant-status, at most once a minute and one at a time; that costs nothing."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self._asked_at = float("-inf")
        self._is_empty = False
        self._lock = asyncio.Lock()

    async def weigh(self, verdict: Verdict, answer: Answer) -> Verdict:
        """The verdict, or that credits are out where the account says so."""
        if not _might_be_credits(verdict, answer) or not await self._is_out():
            return verdict
        return out_of_credits(answer.http_status or 0)

    async def _is_out(self) -> bool:
        async with self._lock:
            now = self._common.now()
            if now - self._asked_at >= ASK_AGAIN_SECONDS:
                self._asked_at = now
                self._is_empty = await self._ask()
            return self._is_empty

    async def _ask(self) -> bool:
        common = self._common
        if not await common.pace.turn(common.halt.is_set):
            return False
        common.tally.calls += 1
        common.tally.lookups += 1
        _, status = await common.api.status(common.tokens.current())
        left = status.credits_left if status is not None else None
        return left is not None and left < common.policy.credits_per_candidate


def _might_be_credits(verdict: Verdict, answer: Answer) -> bool:
    names_a_field = isinstance(answer.body, ErrorBody) and answer.body.name is not None
    return (
        answer.http_status in MIGHT_BE_CREDITS
        and not names_a_field
        and verdict.code is not ErrorCode.INSUFFICIENT_CREDITS
    )
