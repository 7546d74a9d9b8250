"""
The only code that posts to the create endpoint: a start, a claim, the call, what it means.

Nothing posts but under a durable claim, and nobody cancels a call: a cancelled POST would be an
invitation in doubt.
"""

import random

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.sending.attempt import Call, UnfitRowError, request_of
from jobmojito_batch.sending.budget import Budget
from jobmojito_batch.sending.claiming import Claims
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.sending.credit_probe import CreditProbe
from jobmojito_batch.sending.flow_control import FlowControl
from jobmojito_batch.sending.recorder import OutcomeRecorder
from jobmojito_batch.sending.retry import RetryBudget, Tried, retrying
from jobmojito_batch.sending.window import Window
from jobmojito_batch.verdict import Action, Answer, Verdict, judge


class Caller:
    """Makes the attempts of a row; what it comes to is the sender's to record."""

    def __init__(
        self,
        context: SendContext,
        budget: Budget,
        recorder: OutcomeRecorder,
        *,
        rng: random.Random | None = None,
    ) -> None:
        self._context = context
        self._budget = budget
        self._recorder = recorder
        self.claims = Claims(context)
        self.window = Window(context.policy.max_in_flight)
        """Places in flight; a call narrows or widens it, whoever starts calls asks for one."""
        self._flow_control = FlowControl(context, self.window)
        self._credit_probe = CreditProbe(context)
        self._retries = RetryBudget()
        self._retrying = retrying(
            context.policy.retry,
            is_stopping=context.stop_signal.is_set,
            may_retry=self._retries.take,
            sleep=context.clock.sleep,
            rng=rng or random.Random(),  # noqa: S311 - jitter, not a secret
        )

    @property
    def is_away(self) -> bool:
        """Whether there is no connection to the API; a call tries from time to time."""
        return self._flow_control.is_away

    async def verdict_of(self, call: Call) -> Verdict:
        """Attempt it, again while that may help; the last attempt's verdict."""
        tried = await self._attempt(call)
        # Nearly every row ends here, and the loop costs a tenth of what sending a row does.
        if tried.verdict.action is Action.RETRY:
            tried = await self._again(call, tried)
        return tried.verdict

    async def _again(self, call: Call, first: Tried) -> Tried:
        """What further attempts come to; the loop is told of the *first* as if it had made it."""
        tried = iter([first])

        async def attempt() -> Tried:
            return next(tried, None) or await self._attempt(call)

        last: Tried = await self._retrying(attempt)
        return last

    async def _attempt(self, call: Call) -> Tried:
        """One call under a claim; every way out leaves the ledger knowing it."""
        cost, pace = self._context.policy.credits_per_candidate, self._context.pace
        stop_signal = self._context.stop_signal
        if not await self._budget.reserve(cost, call.merchant_id):
            cap = self._budget.full(cost, call.merchant_id)
            stop_signal.stop(cap.code, cap.message)
            return Tried(stop_signal.verdict())
        answer: Answer | None = None
        verdict = stop_signal.verdict()
        try:
            start = await pace.ahead(stop_signal.is_set)
            if start is None or not await self.claims.hold(call):
                return Tried(stop_signal.verdict())
            if not await pace.reach(start, stop_signal.is_set):  # the claim is given back
                return Tried(stop_signal.verdict())
            if not await self.claims.still_hold(call):
                return Tried(stop_signal.verdict())
            started = self._context.clock.now()
            answer = await self._post(call)
            verdict = judge(answer)
        except UnfitRowError as unfit:  # nothing of it was sent; its claim is given back
            return Tried(unfit.verdict)
        finally:
            # No answer object: the call never started.
            self._budget.settle(cost, call.merchant_id, is_free=answer is None or verdict.is_free)
        call.answer = answer
        self._context.api_clock.hear(answer, at=self._context.clock.wall())
        is_away = await self._flow_control.apply(verdict, answer, started)
        verdict = await self._credit_probe.confirm(verdict, answer, call.merchant_id)
        return await self._follow_up(call, verdict, is_away=is_away)

    async def _post(self, call: Call) -> Answer:
        call.position_def_set_id = call.job.position_def_set_id
        body = request_of(call.row, call.position_def_set_id).body()
        call.token = self._context.tokens.current()
        call.sent_at = self._context.clock.wall()
        if call.doubt is not None:
            call.doubt.is_sent_again = True
        self._retries.call()
        tally = self._context.tally
        tally.calls += 1
        tally.retries += call.number > 1
        tally.in_flight += 1
        try:
            answer = await self._context.api.create(body, call.token)
        finally:
            tally.in_flight -= 1
        if answer.http_status is not None:
            tally.latencies.append(answer.seconds)
        return answer

    async def _follow_up(self, call: Call, verdict: Verdict, *, is_away: bool) -> Tried:
        """What the retry loop needs to know; a 401 has one fresh token."""
        counts = verdict.code is not ErrorCode.RATE_LIMITED and not is_away
        call.counted += counts
        if verdict.action is Action.RENEW_TOKEN:
            return await self._renew(call, verdict)
        if verdict.action is Action.RETRY:
            await self._recorder.end_attempt(call, verdict)
        return Tried(verdict, call.counted, counts)

    async def _renew(self, call: Call, verdict: Verdict) -> Tried:
        # Not the token of now: another call may have renewed the one that this was made with.
        if not call.has_renewed_token and await self._context.tokens.renewed(call.token):
            call.has_renewed_token = True
            again = Verdict(action=Action.RETRY, code=verdict.code, message=verdict.message)
            await self._recorder.end_attempt(call, verdict)
            return Tried(again)
        status = call.answer.http_status if call.answer else None
        return Tried(
            Verdict(
                action=Action.STOP,
                code=verdict.code,
                message=f"HTTP {status}: {verdict.message}",
                is_free=True,
            )
        )
