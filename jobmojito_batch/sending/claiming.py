"""Claim before send: the right to an attempt, durable before a byte of it leaves."""

import asyncio
from datetime import datetime
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import BeginAttempt, Claim, ClaimState, TakeClaim, TakeOver
from jobmojito_batch.sending.attempt import Call
from jobmojito_batch.sending.context import SendContext

STALE_SECONDS: Final = 30.0
"""A claim older than this is made sure of once more before its call starts."""


class Claims:
    """Takes claims for calls, and notes each further attempt under one."""

    def __init__(self, context: SendContext) -> None:
        self._context = context
        self._numbers: dict[int, int] = {}

    def number_of(self, ordinal: int) -> int:
        """How many attempts the row has had in this run, should it be sent once more."""
        return self._numbers.get(ordinal, 0)

    def forget_number(self, ordinal: int) -> None:
        """The row is settled: there will be no further attempt."""
        self._numbers.pop(ordinal, None)

    async def hold(self, call: Call) -> bool:
        """
        Make the claim, or the further attempt under it, durable before a byte leaves.

        False if the row may not be sent: the run stops, or `call.lost_to` says who has it.
        """
        at = self._next_attempt(call)
        if call.invitation_id is None:
            await self._take(call, at)
        elif not await self._begin_attempt(call, at):
            return False
        return call.invitation_id is not None

    async def still_hold(self, call: Call) -> bool:
        """
        Make sure once more of a claim that waited long for its start; False if it is lost.

        A process that slept between the claim and the call may have lost the claim meanwhile.
        """
        while call.held_at is not None and self._is_stale(call.held_at):
            if not await self._begin_attempt(call, self._next_attempt(call)):
                return False
        return True

    def _next_attempt(self, call: Call) -> datetime:
        call.number += 1
        self._numbers[call.job.ordinal] = call.number
        call.held_at = self._context.clock.at()
        return call.held_at

    def _is_stale(self, at: datetime) -> bool:
        return abs((self._context.clock.at() - at).total_seconds()) > STALE_SECONDS

    async def _take(self, call: Call, at: datetime) -> None:
        claim: Claim = await self._context.writer.submit(self._wanted(call, at))
        if claim.is_mine:
            call.invitation_id = claim.invitation_id
        elif claim.is_over_day_limit:
            self._stop_for_day_limit()
        else:
            call.lost_to = claim

    def _wanted(self, call: Call, at: datetime) -> TakeClaim | TakeOver:
        """A claim of its own, or that of a doubt that provably did not happen."""
        policy, job = self._context.policy, call.job
        opens = job.position.opening_key if job.is_opening else None
        if call.doubt is not None and call.doubt.of.state is ClaimState.UNKNOWN:
            return TakeOver(
                invitation_id=call.doubt.of.invitation_id,
                seen_at=call.doubt.of.claimed_at,
                run_id=self._context.run_id,
                ordinal=job.ordinal,
                position_id=call.doubt.of.position_id,
                number=call.number,
                at=at,
                credits=policy.credits_per_candidate,
                opens=opens,
                day_limit=policy.day_limit,
            )
        return TakeClaim(
            run_id=self._context.run_id,
            ordinal=job.ordinal,
            position_id=job.position.position_id,
            candidate_email=call.row["candidate_email"] or "",
            number=call.number,
            at=at,
            credits=policy.credits_per_candidate,
            opens=opens,
            day_limit=policy.day_limit,
        )

    async def _begin_attempt(self, call: Call, at: datetime) -> bool:
        context = self._context
        assert call.invitation_id is not None  # noqa: S101 - the caller looked
        may = await context.writer.submit(
            BeginAttempt(
                invitation_id=call.invitation_id,
                run_id=context.run_id,
                number=call.number,
                at=at,
                credits=context.policy.credits_per_candidate,
                day_limit=context.policy.day_limit,
            )
        )
        if may:
            return True
        standing = await asyncio.to_thread(context.ledger.doubts.standing, call.invitation_id)
        if standing.state is ClaimState.CLAIMED and standing.run_id == context.run_id:
            self._stop_for_day_limit()
            return False
        call.lost_to = Claim(
            invitation_id=call.invitation_id,
            is_mine=False,
            state=standing.state,
            run_id=standing.run_id,
            ordinal=-1,
        )
        return False

    def _stop_for_day_limit(self) -> None:
        self._context.stop_signal.stop(
            ErrorCode.CREDIT_CAP, "the day's credit cap is reached; run again tomorrow"
        )
