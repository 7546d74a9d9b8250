"""
The run's doubts: rows without a trustworthy answer, and what of the run waits for them.

Settling looks them up; here is what follows for the run's rows and positions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from jobmojito_batch.columns import SETTLED_FOR_GOOD, ErrorCode, Outcome
from jobmojito_batch.ledger import (
    Claim,
    ClaimState,
    CloseOpening,
    Doubted,
    OpenPosition,
    RowOutcome,
    SettleRows,
)
from jobmojito_batch.sending.attempt import Call
from jobmojito_batch.sending.claiming import Claims
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.sending.dispatch import Job, Position, PositionDispatcher, PositionState
from jobmojito_batch.sending.recorder import OutcomeRecorder
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.settling import (
    ELSEWHERE_SECONDS,
    MOST_ELSEWHERE_SECONDS,
    Doubt,
    Settling,
)

SendRow = Callable[[Job, Doubt | None], Awaitable[None]]


class InDoubtRows:
    """Hands doubts to settling (None: they are left alone) and handles what it comes to."""

    def __init__(
        self,
        context: SendContext,
        rows: RowReader,
        dispatcher: PositionDispatcher,
        claims: Claims,
        recorder: OutcomeRecorder,
        *,
        send_row: SendRow,
    ) -> None:
        self._context = context
        self._rows = rows
        self._dispatcher = dispatcher
        self._claims = claims
        self._recorder = recorder
        self._send_row = send_row
        self._blocking: dict[int, set[int]] = {}
        """By position: the invitations in doubt that its rows wait for."""
        settle_seconds = context.policy.settle_seconds
        self.settling = (
            Settling(context, self, settle_seconds=settle_seconds)
            if settle_seconds is not None
            else None
        )

    def add_earlier(self, doubts: Sequence[Doubt]) -> None:
        """Doubts of earlier or other runs that rows or positions of this one hang on."""
        if self.settling is not None:
            for doubt in doubts:
                self._hand_over(doubt, self.settling)

    async def add(self, call: Call, invitation_id: int | None = None) -> None:
        """Have a row without a trustworthy answer settled by looking."""
        invitation_id = invitation_id or call.invitation_id
        if self.settling is None or invitation_id is None or self._context.stop_signal.is_set():
            return
        of = await asyncio.to_thread(self._context.ledger.doubts.of_invitation, invitation_id)
        if of is None:
            return
        doubt = Doubt(
            of=of,
            ordinal=call.job.ordinal,
            was_resent=call.doubt is not None,
            is_counted=True,
        )
        if call.job.is_opening and call.invitation_id == invitation_id:
            doubt.position = call.job.position
        self._hand_over(doubt, self.settling)

    def _hand_over(self, doubt: Doubt, settling: Settling) -> None:
        if doubt.position is not None:
            self._blocking.setdefault(id(doubt.position), set()).add(doubt.of.invitation_id)
        settling.add(doubt)

    # What settling comes to

    async def resend(self, doubt: Doubt) -> bool:
        """Send once more what provably did not happen; False if that may not be now."""
        if self._context.stop_signal.is_set() or doubt.ordinal is None:
            return False
        position = doubt.position or self._dispatcher.position(doubt.of.position_id)
        if position is None:
            return False
        if doubt.is_counted:
            self._context.tally.outcomes[Outcome.UNKNOWN] -= 1
        job = Job(
            ordinal=doubt.ordinal,
            position=position,
            # While nothing is known of the position, this row would open it like any other.
            is_opening=doubt.position is not None or position.state is not PositionState.OPEN,
            position_def_set_id=position.position_def_set_id,
        )
        self._blocking.pop(id(position), None)
        await self._send_row(job, doubt)
        return True

    async def settled(self, doubt: Doubt, outcome: Outcome) -> None:
        """Its outcome is durable: the counts, and the rows that waited for their position."""
        if doubt.ordinal is not None:
            self._claims.forget_number(doubt.ordinal)
        if doubt.ordinal is not None and outcome is Outcome.ALREADY_DONE:
            await self._recorder.settle_row(doubt.ordinal, outcome)
        if doubt.is_counted:
            self._context.tally.outcomes[Outcome.UNKNOWN] -= 1
            self._context.tally.outcomes[outcome] += 1
        if doubt.position is not None:
            exists = outcome in SETTLED_FOR_GOOD or outcome is Outcome.ALREADY_DONE
            await self._position_settled(doubt.position, doubt.of.invitation_id, exists=exists)

    async def _position_settled(
        self, position: Position, invitation_id: int, *, exists: bool
    ) -> None:
        waits_for = self._blocking.get(id(position), set())
        waits_for.discard(invitation_id)
        if exists:
            position.exists = True
            await self._context.writer.submit(
                OpenPosition(
                    position_id=position.position_id,
                    position_def_set_id=None,
                    at=self._context.clock.at(),
                )
            )
        if exists or not waits_for:
            await self._go_on(position)

    async def _go_on(self, position: Position) -> None:
        """
        Whoever had the position is done: with an id all rows may go, else the next goes alone.

        An id may be unknown though the position exists: looking a candidate up does not show it.
        """
        known = await asyncio.to_thread(
            self._context.ledger.doubts.position_def_set_id, position.position_id
        )
        position.position_def_set_id = position.position_def_set_id or known
        if position.position_def_set_id is not None:
            self._dispatcher.opened(position)
        else:
            self._dispatcher.still_closed(position)

    async def left(self, doubt: Doubt, why: str) -> None:
        """It stays unknown, and says why; so does what hangs on it."""
        if doubt.ordinal is not None:
            row = RowOutcome(
                run_id=self._context.rows_run_id,
                ordinal=doubt.ordinal,
                outcome=Outcome.UNKNOWN,
                error_code=ErrorCode(doubt.of.error_code or ErrorCode.UNSETTLED),
                error_message=f"no trustworthy answer came, and {why}: the interview may exist and "
                "may have cost credits, so the row is not sent again; look the candidate up in "
                "JobMojito, or run `reconcile` later",
                sent_at=doubt.of.claimed_at,
            )
            await self._context.writer.submit(SettleRows(rows=(row,)))
        if doubt.position is not None and not self._context.stop_signal.is_set():
            self._blocking.pop(id(doubt.position), None)
            await self._recorder.shut_unresolved(doubt.position)

    # Rows and positions that somebody else has

    async def leave_to_holder(self, call: Call, claim: Claim) -> None:
        """Somebody has the invitation, or it is settled: nothing is sent for this row."""
        context = self._context
        if claim.state is ClaimState.OPEN and not context.stop_signal.is_set():
            # Whoever looked it up found that it did not happen: it may be claimed like any other.
            await self._send_row(call.job, None)
            return
        outcome, code, message = _standing_of(claim)
        if claim.run_id == context.run_id:
            first = await self._rows.row(claim.ordinal)
            outcome, code = Outcome.DUPLICATE, ErrorCode.DUPLICATE_ROW
            message = f"the same invitation as row {first['row']} of {first['source']}"
        elif _is_of_sibling(claim, context.rows_run_id, call.job.ordinal):
            outcome, code = Outcome.DUPLICATE, ErrorCode.DUPLICATE_ROW
            message = "the same invitation as another row of this run"
        await self._recorder.settle_row(call.job.ordinal, outcome, code, message)
        context.tally.outcomes[outcome] += 1
        if outcome is Outcome.UNKNOWN:
            await self.add(call, claim.invitation_id)
        if call.job.is_opening:
            await self._close_opening(call.job)
            self._dispatcher.still_closed(call.job.position)

    async def _close_opening(self, job: Job) -> None:
        if job.position.opening_key is not None:
            await self._context.writer.submit(
                CloseOpening(
                    name=job.position.opening_key,
                    run_id=self._context.run_id,
                    ordinal=job.ordinal,
                )
            )

    async def wait_for_opening(self, job: Job) -> None:
        """Another process opens the position: wait until it has, or its call is in doubt."""
        context, position = self._context, job.position
        self._dispatcher.wait_for_elsewhere(job)
        until = context.clock.now() + MOST_ELSEWHERE_SECONDS
        while not context.stop_signal.is_set():
            if context.clock.now() > until:  # nobody opens a position for so long
                await self._recorder.shut_unresolved(position)
                return
            await context.clock.sleep(ELSEWHERE_SECONDS)
            await asyncio.to_thread(context.ledger.runs.settle_orphans)
            name = position.opening_key or ""
            if not await asyncio.to_thread(context.ledger.doubts.is_being_opened, name):
                await self._go_on(position)
                return
            if lost := await self._lost_openings(position):
                await self._wait_for_doubts(position, lost)
                return

    async def _wait_for_doubts(self, position: Position, lost: Sequence[Doubted]) -> None:
        if self.settling is None:
            await self._recorder.shut_unresolved(position)
            return
        self._blocking[id(position)] = set()
        for of in lost:
            self._hand_over(Doubt(of=of, position=position), self.settling)

    async def _lost_openings(self, position: Position) -> list[Doubted]:
        """The calls in doubt that may have opened the position."""
        in_doubt = await asyncio.to_thread(
            self._context.ledger.doubts.of_accounts, [position.account]
        )
        return [
            of
            for of in in_doubt
            if of.state is ClaimState.UNKNOWN
            and f"{of.account}|{of.opening_key}" == position.opening_key
        ]


def _is_of_sibling(claim: Claim, run_id: str, ordinal: int) -> bool:
    """Whether another row has the invitation, in another shard of the same run."""
    return claim.run_id.startswith(f"{run_id}.") and claim.ordinal not in {ordinal, -1}


def _standing_of(claim: Claim) -> tuple[Outcome, ErrorCode | None, str]:
    if claim.state is ClaimState.SETTLED:
        return Outcome.ALREADY_DONE, None, ""
    who = "is being sent by" if claim.state is ClaimState.CLAIMED else "is unknown since"
    return (
        Outcome.UNKNOWN,
        ErrorCode.UNSETTLED,
        f"this invitation {who} run {claim.run_id}; it is not sent twice",
    )
