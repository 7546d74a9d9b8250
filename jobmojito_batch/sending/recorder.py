"""What a row came to: durable in the ledger first, then told to the gate and the counts."""

import logging
from functools import partial
from typing import Final

from jobmojito_batch.columns import POSITION_UNRESOLVED_SAYS, ROW, ErrorCode, Outcome
from jobmojito_batch.contract import CreateResponse, Status
from jobmojito_batch.events import Event, emit
from jobmojito_batch.ledger import (
    EndAttempt,
    ForgetPositionId,
    OpenPosition,
    RowOutcome,
    SettleRows,
    UpgradeLink,
)
from jobmojito_batch.sending.attempt import Call, enrolment_of
from jobmojito_batch.sending.clock import naive
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.sending.dispatch import Job, Position, PositionDispatcher
from jobmojito_batch.verdict import Action, Answer, Verdict, is_safe_link

SETTLE_CHUNK: Final = 5_000
ACCEPTED: Final = (Status.AI_ACCEPT, Status.RECRUITER_ACCEPT)


class OutcomeRecorder:
    """Records attempts and outcomes of calls; nothing else happens with an answer before that."""

    def __init__(self, context: SendContext, dispatcher: PositionDispatcher) -> None:
        self._context = context
        self._dispatcher = dispatcher

    async def conclude(self, call: Call, verdict: Verdict) -> Outcome | None:
        """The row's outcome and what follows for its position; None if it had no claim."""
        stop_signal = self._context.stop_signal
        if verdict.action is Action.STOP and stop_signal.reason is None:
            assert verdict.code is not None  # noqa: S101 - every stop has one
            stop_signal.stop(verdict.code, verdict.message)
        if call.invitation_id is None:  # never claimed: the end of the run says not_sent
            self._gate_after(call.job, verdict)
            return None
        outcome = self._outcome(verdict)
        stopped = stop_signal.reason if outcome is Outcome.NOT_SENT else None
        row = RowOutcome(
            run_id=self._context.rows_run_id,
            ordinal=call.job.ordinal,
            outcome=outcome,
            error_code=stopped.code if stopped else verdict.code,
            error_field=verdict.field,
            error_message=(stopped.message if stopped else verdict.message) or None,
            attempts=0 if outcome is Outcome.INVALID else call.number,
            http_status=call.answer.http_status if call.answer else None,
            sent_at=naive(call.sent_at) if call.sent_at else None,
            settled_at=self._context.clock.at(),
        )
        await self.end_attempt(call, verdict, row)
        self._context.tally.outcomes[outcome] += 1
        _log(call, row)
        await self._after(call, verdict)
        return outcome

    def _outcome(self, verdict: Verdict) -> Outcome:
        if verdict.outcome is not None:
            return verdict.outcome
        # A row that may be tried again belongs to the next run where this one is stopping.
        if verdict.action is Action.STOP or (
            verdict.action is Action.RETRY and self._context.stop_signal.is_set()
        ):
            return Outcome.NOT_SENT
        return Outcome.FAILED

    async def end_attempt(
        self, call: Call, verdict: Verdict, row: RowOutcome | None = None
    ) -> None:
        """How an attempt ended; with *row*, how the row did."""
        assert call.invitation_id is not None  # noqa: S101 - only claimed rows get here
        answer = call.answer or Answer()
        await self._context.writer.submit(
            EndAttempt(
                invitation_id=call.invitation_id,
                run_id=self._context.run_id,
                number=call.number,
                at=self._context.clock.at(),
                result=(verdict.code or verdict.action).value,
                http_status=answer.http_status,
                request_id=answer.request_id,
                is_free=verdict.is_free,
                row=row,
                enrolment=enrolment_of(answer) if verdict.action is Action.SETTLE else None,
                opened=call.job.position.opening_key if call.job.is_opening else None,
            )
        )

    async def settle_row(
        self, ordinal: int, outcome: Outcome, code: ErrorCode | None = None, message: str = ""
    ) -> None:
        """The outcome of a row that holds no claim."""
        row = RowOutcome(
            run_id=self._context.rows_run_id,
            ordinal=ordinal,
            outcome=outcome,
            error_code=code,
            error_message=message or None,
            settled_at=self._context.clock.at(),
        )
        await self._context.writer.submit(SettleRows(rows=(row,)))

    # What follows for the position

    async def _after(self, call: Call, verdict: Verdict) -> None:
        if verdict.action is Action.SETTLE:
            await self._position_answered(call)
            self._gate_after(call.job, verdict)
            await self._mint_missing_link(call)
        elif verdict.action is Action.FAIL and verdict.whole_position:
            await self._shut(call.job.position, Outcome.FAILED, verdict)
        elif verdict.action is Action.UNKNOWN and call.job.is_opening:
            if not self._context.policy.settles or self._context.stop_signal.is_set():
                await self.shut_unresolved(call.job.position)
        else:
            self._gate_after(call.job, verdict)

    def _gate_after(self, job: Job, verdict: Verdict) -> None:
        if not job.is_opening:
            return
        if verdict.action is Action.SETTLE:
            self._dispatcher.opened(job.position)
        else:
            self._dispatcher.still_closed(job.position)

    async def _position_answered(self, call: Call) -> None:
        """Remember the id that the API gave, for all later rows and runs."""
        position = call.job.position
        body = call.answer.body if call.answer else None
        learnt = body.position_def_set_id if isinstance(body, CreateResponse) else None
        if not call.job.is_opening and (learnt is None or position.position_def_set_id is not None):
            return
        if call.job.is_opening and not position.exists:
            self._context.tally.positions_created += 1
        position.exists = True
        position.position_id = await self._context.writer.submit(
            OpenPosition(
                position_id=position.position_id,
                position_def_set_id=learnt,
                at=self._context.clock.at(),
            )
        )
        position.position_def_set_id = position.position_def_set_id or learnt

    async def shut_unresolved(self, position: Position) -> None:
        """Whether the position exists is in doubt, and stays so: nobody may open it again."""
        unresolved = Verdict(
            action=Action.UNKNOWN,
            code=ErrorCode.POSITION_UNRESOLVED,
            message=POSITION_UNRESOLVED_SAYS,
        )
        for other in (*self._dispatcher.sharing_name(position), position):
            await self._shut(other, Outcome.NOT_SENT, unresolved)

    async def _shut(self, position: Position, outcome: Outcome, verdict: Verdict) -> None:
        """No row of the position may go: all that wait get the same outcome."""
        rest = self._dispatcher.shut_position(position)
        at = self._context.clock.at()
        for start in range(0, len(rest), SETTLE_CHUNK):
            rows = tuple(
                RowOutcome(
                    run_id=self._context.rows_run_id,
                    ordinal=ordinal,
                    outcome=outcome,
                    error_code=verdict.code,
                    error_field=verdict.field,
                    error_message=verdict.message,
                    settled_at=at,
                )
                for ordinal in rest[start : start + SETTLE_CHUNK]
            )
            await self._context.writer.submit(SettleRows(rows=rows))
        self._context.tally.outcomes[outcome] += len(rest)

    # Ids that the API forgot

    async def reopen(self, call: Call) -> None:
        """Forget a stale id and open the position again by name, once; the row keeps its place."""
        context = self._context
        position, stale = call.job.position, call.position_def_set_id
        assert stale is not None  # noqa: S101 - what makes it stale
        assert call.invitation_id is not None  # noqa: S101 - a 404 came under a claim
        opens_again = position.position_def_set_id == stale
        if opens_again:
            # Before anything is waited for: a row that went now would go by name beside it.
            self._dispatcher.hold(position)
            position.position_def_set_id = None
            position.was_reopened = True
            position.exists = False
            await context.writer.submit(
                ForgetPositionId(position_id=position.position_id, position_def_set_id=stale)
            )
        await context.writer.submit(
            EndAttempt(
                invitation_id=call.invitation_id,
                run_id=context.run_id,
                number=call.number,
                at=context.clock.at(),
                result=ErrorCode.NOT_FOUND.value,
                http_status=call.answer.http_status if call.answer else None,
                request_id=None,
                is_free=True,
                gives_back_claim=True,
            )
        )
        self._dispatcher.back(call.job, opens_again=opens_again)

    # A link that the answer lacked

    async def _mint_missing_link(self, call: Call) -> None:
        """Accepted without a link: have one minted; if that is refused it stays for review."""
        context = self._context
        body = call.answer.body if call.answer else None
        if (
            not isinstance(body, CreateResponse)
            or body.status not in ACCEPTED
            or is_safe_link(body.interview_url)
            or not (body.profile_interview_id and body.interview_def_set_id)
            or call.invitation_id is None
        ):
            return
        ask = partial(
            context.api.minted,
            interview_profile_id=body.profile_interview_id,
            interview_id=body.interview_def_set_id,
            merchant_id=call.merchant_id,
        )
        minted = await context.look_up(ask)
        link = minted[1] if minted is not None else None
        if not is_safe_link(link):
            return
        await context.writer.submit(
            UpgradeLink(
                invitation_id=call.invitation_id,
                run_id=context.rows_run_id,
                ordinal=call.job.ordinal,
                interview_url=link or "",
            )
        )
        context.tally.outcomes[Outcome.REVIEW] -= 1
        context.tally.outcomes[Outcome.INVITED] += 1


def _log(call: Call, row: RowOutcome) -> None:
    """A line of each row is for a log that was asked for; a page gets counts."""
    emit(
        Event.ROW_SETTLED,
        level=logging.DEBUG,
        run_id=row.run_id,
        row=int(call.row.get(ROW) or 0),
        outcome=row.outcome.value,
        code=row.error_code.value if row.error_code else "",
    )


def is_stale_id(call: Call, verdict: Verdict) -> bool:
    """A 404 for an id that came from the ledger, not from the input."""
    position = call.job.position
    return (
        verdict.code is ErrorCode.NOT_FOUND
        and call.position_def_set_id is not None
        and not position.is_given
        and not call.row.get("position_def_set_id")
        and not (position.was_reopened and position.position_def_set_id == call.position_def_set_id)
    )
