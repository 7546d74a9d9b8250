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
from jobmojito_batch.sending.calls import Call
from jobmojito_batch.sending.common import Common
from jobmojito_batch.sending.gate import Door, Job, Position
from jobmojito_batch.sending.recording import Records
from jobmojito_batch.sending.settling import (
    ELSEWHERE_SECONDS,
    MOST_ELSEWHERE_SECONDS,
    Doubt,
    Settling,
)

SendRow = Callable[[Job, Doubt | None], Awaitable[None]]


class Doubts:
    """Hands doubts to settling (None: they are left alone) and acts on what it comes to."""

    def __init__(
        self,
        common: Common,
        records: Records,
        positions: Sequence[Position],
        *,
        send_row: SendRow,
        forget_number: Callable[[int], None],
        settles: bool,
    ) -> None:
        self._forget_number = forget_number
        self._common = common
        self._records = records
        self._positions = positions
        self._send_row = send_row
        self._blocking: dict[int, set[int]] = {}
        """By position: the invitations in doubt that its rows wait for."""
        self.settling = self._make_settling() if settles else None

    def _make_settling(self) -> Settling:
        common = self._common
        assert common.policy.settle_seconds is not None  # noqa: S101 - the caller asks it
        return Settling(
            common.run_id,
            common.api,
            common.tokens,
            common.writer,
            common.ledger,
            pace=common.pace,
            settle_seconds=common.policy.settle_seconds,
            tally=common.tally,
            wall=common.wall,
            now=common.now,
            sleep=common.sleep,
            is_stopping=common.halt.is_set,
            resend=self._resend,
            on_settled=self._settled,
            on_left=self._left,
        )

    def add_earlier(self, doubts: Sequence[Doubt]) -> None:
        """Doubts of earlier or other runs that rows or positions of this one hang on."""
        for doubt in doubts:
            self._hand_over(doubt)

    async def add(self, call: Call, invitation_id: int | None = None) -> None:
        """Have a row without a trustworthy answer settled by looking."""
        invitation_id = invitation_id or call.invitation_id
        if self.settling is None or invitation_id is None or self._common.halt.is_set():
            return
        of = await asyncio.to_thread(self._common.ledger.doubt, invitation_id)
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
        self._hand_over(doubt)

    def _hand_over(self, doubt: Doubt) -> None:
        assert self.settling is not None  # noqa: S101 - doubts are for a run that settles
        if doubt.position is not None:
            self._blocking.setdefault(id(doubt.position), set()).add(doubt.of.invitation_id)
        self.settling.add(doubt)

    # What settling comes to

    async def _resend(self, doubt: Doubt) -> bool:
        """Send once more what provably did not happen; False where that may not be now."""
        if self._common.halt.is_set() or doubt.ordinal is None:
            return False
        position = doubt.position or self._position_of(doubt)
        if position is None:
            return False
        if doubt.is_counted:
            self._common.tally.outcomes[Outcome.UNKNOWN] -= 1
        job = Job(
            ordinal=doubt.ordinal,
            position=position,
            # While nothing is known of the position, this row would open it like any other.
            is_opening=doubt.position is not None or position.door is not Door.OPEN,
            position_def_set_id=position.position_def_set_id,
        )
        self._blocking.pop(id(position), None)
        await self._send_row(job, doubt)
        return True

    def _position_of(self, doubt: Doubt) -> Position | None:
        wanted = doubt.of.position_id
        return next((one for one in self._positions if one.position_id == wanted), None)

    async def _settled(self, doubt: Doubt, outcome: Outcome) -> None:
        """Its outcome is durable: the counts, and the rows that waited for their position."""
        if doubt.ordinal is not None:
            self._forget_number(doubt.ordinal)
        if doubt.ordinal is not None and outcome is Outcome.ALREADY_DONE:
            await self._records.settle_row(doubt.ordinal, outcome)
        if doubt.is_counted:
            self._common.tally.outcomes[Outcome.UNKNOWN] -= 1
            self._common.tally.outcomes[outcome] += 1
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
            await self._common.writer.submit(
                OpenPosition(
                    position_id=position.position_id,
                    position_def_set_id=None,
                    at=self._common.at(),
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
            self._common.ledger.position_def_set_id, position.position_id
        )
        position.position_def_set_id = position.position_def_set_id or known
        if position.position_def_set_id is not None:
            self._common.gate.opened(position)
        else:
            self._common.gate.still_closed(position)

    async def _left(self, doubt: Doubt, why: str) -> None:
        """It stays unknown, and says why; so does what hangs on it."""
        if doubt.ordinal is not None:
            row = RowOutcome(
                run_id=self._common.rows_run_id,
                ordinal=doubt.ordinal,
                outcome=Outcome.UNKNOWN,
                error_code=ErrorCode(doubt.of.error_code or ErrorCode.UNSETTLED),
                error_message=f"no trustworthy answer came, and {why}: the interview may exist and "
                "may have cost credits, so the row is not sent again; look the candidate up in "
                "JobMojito, or run `reconcile` later",
                sent_at=doubt.of.claimed_at,
            )
            await self._common.writer.submit(SettleRows(rows=(row,)))
        if doubt.position is not None and not self._common.halt.is_set():
            self._blocking.pop(id(doubt.position), None)
            await self._records.shut_unresolved(doubt.position)

    # Rows and positions that somebody else has

    async def leave_to_holder(self, call: Call, claim: Claim) -> None:
        """Somebody has the invitation, or it is settled: nothing is sent for this row."""
        common = self._common
        if claim.state is ClaimState.OPEN and not common.halt.is_set():
            # Whoever looked it up found that it did not happen: it may be claimed like any other.
            await self._send_row(call.job, None)
            return
        outcome, code, message = _standing_of(claim)
        if claim.run_id == common.run_id:
            first = await common.rows.row(claim.ordinal)
            outcome, code = Outcome.DUPLICATE, ErrorCode.DUPLICATE_ROW
            message = f"the same invitation as row {first['row']} of {first['source']}"
        elif _is_of_sibling(claim, common.rows_run_id, call.job.ordinal):
            outcome, code = Outcome.DUPLICATE, ErrorCode.DUPLICATE_ROW
            message = "the same invitation as another row of this run"
        await self._records.settle_row(call.job.ordinal, outcome, code, message)
        common.tally.outcomes[outcome] += 1
        if outcome is Outcome.UNKNOWN:
            await self.add(call, claim.invitation_id)
        if call.job.is_opening:
            await self._close_opening(call.job)
            common.gate.still_closed(call.job.position)

    async def _close_opening(self, job: Job) -> None:
        if job.position.opening_key is not None:
            await self._common.writer.submit(
                CloseOpening(
                    name=job.position.opening_key,
                    run_id=self._common.run_id,
                    ordinal=job.ordinal,
                )
            )

    async def wait_for_opening(self, job: Job) -> None:
        """Another process opens the position: wait until it has, or its call is in doubt."""
        common, position = self._common, job.position
        common.gate.wait_for_elsewhere(job)
        until = common.now() + MOST_ELSEWHERE_SECONDS
        while not common.halt.is_set():
            if common.now() > until:  # nobody opens a position for so long
                await self._records.shut_unresolved(position)
                return
            await common.sleep(ELSEWHERE_SECONDS)
            await asyncio.to_thread(common.ledger.settle_orphans)
            name = position.opening_key or ""
            if not await asyncio.to_thread(common.ledger.is_being_opened, name):
                await self._go_on(position)
                return
            if lost := await self._lost_openings(position):
                await self._wait_for_doubts(position, lost)
                return

    async def _wait_for_doubts(self, position: Position, lost: Sequence[Doubted]) -> None:
        if self.settling is None:
            await self._records.shut_unresolved(position)
            return
        self._blocking[id(position)] = set()
        for one in lost:
            self._hand_over(Doubt(of=one, position=position))

    async def _lost_openings(self, position: Position) -> list[Doubted]:
        """The calls in doubt that may have opened the position."""
        account = (position.opening_key or "").rpartition("|")[0]
        known = await asyncio.to_thread(self._common.ledger.doubts, [account])
        return [
            one
            for one in known
            if one.state is ClaimState.UNKNOWN
            and f"{one.account}|{one.opening_key}" == position.opening_key
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
