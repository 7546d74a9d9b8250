"""
The only code that posts to the create endpoint: claim, send, record.

A row's way: its turn at the gate, its start by the pace, a durable claim, the call, a durable
outcome; nothing else happens with an answer before it is recorded. A worker never cancels a call:
a cancelled POST would be an invitation in doubt.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import LEASE_SECONDS, Ledger, RenewLease, Writer
from jobmojito_batch.sending.balance import Balance
from jobmojito_batch.sending.budget import Budget
from jobmojito_batch.sending.calls import Call, request_of
from jobmojito_batch.sending.claiming import Claims
from jobmojito_batch.sending.common import Common, Halt, SenderPolicy, utc_now
from jobmojito_batch.sending.doubting import Doubts
from jobmojito_batch.sending.gate import Gate, Job, Position
from jobmojito_batch.sending.pace import Pace, Sleep
from jobmojito_batch.sending.reacting import Reactions
from jobmojito_batch.sending.recording import Records, is_stale_id
from jobmojito_batch.sending.retry import RetryBudget, Tried, retrying
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.settling import Doubt, Settling
from jobmojito_batch.sending.tally import Progress, Stop, Tally
from jobmojito_batch.sending.window import Window
from jobmojito_batch.verdict import Action, Answer, Verdict, judge


class Sender:
    """Sends the rows of one plan. Time, sleep and randomness are arguments."""

    def __init__(
        self,
        run_id: str,
        api: JobMojito,
        tokens: TokenSource,
        writer: Writer,
        rows: RowReader,
        positions: list[Position],
        *,
        pace: Callable[[Sleep], Pace],
        budget: Budget,
        policy: SenderPolicy,
        ledger: Ledger,
        doubts: Sequence[Doubt] = (),
        pace_key: str | None = None,
        rows_run_id: str | None = None,
        wall: Callable[[], datetime] = utc_now,
        now: Callable[[], float] | None = None,
        sleep: Sleep | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._total = sum(len(position.queue) for position in positions)
        self._budget = budget
        self._policy = policy
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._halt = Halt(run_id)
        sleep = sleep or self._halt.nap
        self._common = common = Common(
            run_id=run_id,
            rows_run_id=rows_run_id or run_id,
            api=api,
            tokens=tokens,
            writer=writer,
            ledger=ledger,
            rows=rows,
            gate=Gate(positions),
            pace=pace(sleep),
            tally=Tally(),
            policy=policy,
            halt=self._halt,
            wall=wall,
            now=now or asyncio.get_running_loop().time,
            sleep=sleep,
        )
        settles = policy.settle_seconds is not None
        self._window = Window(policy.max_in_flight)
        self._retries = RetryBudget()
        self._balance = Balance(common)
        self._claims = Claims(common)
        self._reactions = Reactions(common, self._window, pace_key=pace_key)
        self._records = Records(common, settles=settles)
        self._doubts = Doubts(
            common,
            self._records,
            positions,
            send_row=self._send_row,
            forget_number=self._claims.forget_number,
            settles=settles,
        )
        if settles:
            self._doubts.add_earlier(doubts)
        self._halt.wakes(common.gate.shut, self._window.wake_all, budget.wake, self._wake_settling)
        self._workers_left = 0
        self._failure: Exception | None = None
        self._started = common.now()

    @property
    def tally(self) -> Tally:
        """What the run has done so far."""
        return self._common.tally

    @property
    def stopped(self) -> Stop | None:
        """Why the run ends before its last row; None where it does not."""
        return self._halt.reason

    @property
    def settling(self) -> Settling | None:
        """What looks unknown rows up; None where they are left alone."""
        return self._doubts.settling

    async def run(self, *, drain_seconds: float | None = None) -> None:
        """
        Send every row whose turn comes; returns when nothing is in flight any more.

        *drain_seconds* bounds the wait for calls in flight after a stop: those left then stay
        claimed, which reads as unknown. Raises LedgerError where the ledger failed on the way.
        """
        self._started = self._common.now()
        self._workers_left = min(self._policy.max_in_flight, self._total)
        workers = [asyncio.create_task(self._work()) for _ in range(self._workers_left)]
        if self.settling is not None:
            workers.append(asyncio.create_task(self._settle(self.settling)))
        living = asyncio.create_task(self._live_on())
        try:
            if workers:
                await self._drained(workers, drain_seconds)
            await self._common.pace.close()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _settle(self, settling: Settling) -> None:
        try:
            await settling.run(lambda: self._workers_left == 0)
        except Exception as exc:  # noqa: BLE001 - raised by run(), once the others have drained
            self._fail(exc)

    async def _live_on(self) -> None:
        """Renew the lease while the run lives: on another host nothing else tells that it does."""
        common = self._common
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            until = common.at() + timedelta(seconds=LEASE_SECONDS)
            try:
                await common.writer.submit(RenewLease(run_id=common.run_id, until=until))
            except LedgerError as exc:  # without a lease others would settle what is in flight
                self._fail(exc)
                return

    async def _drained(self, workers: list[asyncio.Task[None]], seconds: float | None) -> None:
        if seconds is None:
            await asyncio.wait(workers)
            return
        stopping = asyncio.create_task(self._halt.wait())
        ended = asyncio.create_task(asyncio.wait(workers))
        either: set[asyncio.Future[Any]] = {stopping, ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait({ended}, timeout=seconds)
        for worker in workers:  # those that the drain was too short for; their claims stay
            worker.cancel()
        await asyncio.gather(ended, *workers, return_exceptions=True)

    def stop(self, code: ErrorCode, message: str) -> None:
        """Stop dispatch; calls in flight finish. The first reason stays."""
        self._halt.stop(code, message)

    def _wake_settling(self) -> None:
        if self.settling is not None:
            self.settling.wake()

    @property
    def progress(self) -> Progress:
        """Where the run is."""
        tally = self.tally
        return Progress(
            total=self._total,
            settled=tally.settled,
            in_flight=tally.in_flight,
            calls=tally.calls,
            seconds=self._common.now() - self._started,
            outcomes=dict(tally.outcomes),
            in_doubt=self.settling.open_doubts if self.settling is not None else 0,
            settling_until=self.settling.until if self.settling is not None else None,
            is_away=self._reactions.is_away,
        )

    # One row

    async def _work(self) -> None:
        try:
            while True:
                await self._window.enter()
                try:
                    job = await self._common.gate.next()
                    if job is None:
                        return
                    await self._send_row(job)
                finally:
                    self._window.leave()
        except Exception as exc:  # noqa: BLE001 - raised by run(), once the others have drained
            self._fail(exc)
        finally:
            self._workers_left -= 1
            self._wake_settling()

    def _fail(self, exc: Exception) -> None:
        self._failure = self._failure or exc
        self.stop(ErrorCode.INTERRUPTED, "the run failed")

    async def _send_row(self, job: Job, doubt: Doubt | None = None) -> None:
        call = Call(
            job=job,
            row=await self._common.rows.row(job.ordinal),
            number=self._claims.number_of(job.ordinal),
            doubt=doubt,
        )
        tried = await self._attempt(call)
        if tried.verdict.action is Action.RETRY:
            tried = await self._retried(call, tried)
        if call.lost_to is not None and call.lost_to.is_opened_elsewhere:
            await self._doubts.wait_for_opening(call.job)
        elif call.lost_to is not None:
            await self._doubts.leave_to_holder(call, call.lost_to)
        elif is_stale_id(call, tried.verdict):
            await self._records.reopen(call)
        elif await self._records.conclude(call, tried.verdict) is Outcome.UNKNOWN:
            await self._doubts.add(call)
        else:
            self._claims.forget_number(job.ordinal)

    async def _retried(self, call: Call, first: Tried) -> Tried:
        """Go on after a first attempt that provably did not run; the policy is tenacity's."""
        earlier = [first]

        async def attempt() -> Tried:
            return earlier.pop() if earlier else await self._attempt(call)

        loop = retrying(
            self._policy.retry,
            attempts_that_count=lambda: call.counted,
            is_stopping=self._halt.is_set,
            may_retry=self._retries.take,
            sleep=self._common.sleep,
            rng=self._rng,
        )
        tried: Tried = await loop(attempt)
        return tried

    async def _attempt(self, call: Call) -> Tried:
        """One call under a claim; every way out leaves the ledger knowing it."""
        cost, pace = self._policy.credits_per_candidate, self._common.pace
        if not await self._budget.reserve(cost):
            cap = self._budget.full(cost)
            self.stop(cap.code, cap.message)
            return Tried(self._halt.verdict())
        answer: Answer | None = None
        verdict = self._halt.verdict()
        try:
            start = await pace.ahead(self._halt.is_set)
            if start is None or not await self._claims.hold(call):
                return Tried(self._halt.verdict())
            if not await pace.reach(start, self._halt.is_set):  # the claim is given back
                return Tried(self._halt.verdict())
            if not await self._claims.still_hold(call):
                return Tried(self._halt.verdict())
            started = self._common.now()
            answer = await self._post(call)
            verdict = judge(answer)
        finally:
            # No answer object: the call never started.
            self._budget.settle(cost, is_free=answer is None or verdict.is_free)
        call.answer = answer
        if self.settling is not None:
            self.settling.hear(answer)
        is_away = await self._reactions.hear(verdict, answer, started)
        verdict = await self._balance.weigh(verdict, answer)
        return await self._follow_up(call, verdict, is_away=is_away)

    async def _post(self, call: Call) -> Answer:
        call.position_def_set_id = call.job.position_def_set_id
        body = request_of(call.row, call.position_def_set_id).body()
        token = self._common.tokens.current()
        call.sent_at = self._common.wall()
        self._retries.call()
        tally = self.tally
        tally.calls += 1
        tally.retries += call.number > 1
        tally.in_flight += 1
        try:
            answer = await self._common.api.create(body, token)
        finally:
            tally.in_flight -= 1
        if answer.http_status is not None:
            tally.latencies.append(answer.seconds)
        return answer

    async def _follow_up(self, call: Call, verdict: Verdict, *, is_away: bool) -> Tried:
        """What the retry loop needs to know; a 401 has one fresh token."""
        does_not_count = verdict.code is ErrorCode.RATE_LIMITED or is_away
        call.counted += not does_not_count
        if verdict.action is Action.RENEW_TOKEN:
            return await self._renew(call, verdict)
        if verdict.action is Action.RETRY:
            await self._records.end_attempt(call, verdict)
        return Tried(verdict, counts=not does_not_count)

    async def _renew(self, call: Call, verdict: Verdict) -> Tried:
        tokens = self._common.tokens
        if not call.has_renewed_token and await tokens.renewed(tokens.current()):
            call.has_renewed_token = True
            again = Verdict(action=Action.RETRY, code=verdict.code, message=verdict.message)
            await self._records.end_attempt(call, verdict)
            return Tried(again, counts=False)
        status = call.answer.http_status if call.answer else None
        return Tried(
            Verdict(
                action=Action.STOP,
                code=verdict.code,
                message=f"HTTP {status}: {verdict.message}",
                is_free=True,
            )
        )
