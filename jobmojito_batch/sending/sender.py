"""
Workers that send the rows of a plan until the last one, a stop or a failure.

A row's way: its turn at the gate, its start by the pace, a durable claim, the call, a durable
outcome; nothing else happens with an answer before it is recorded. A worker never cancels a call:
a cancelled POST would be an invitation in doubt.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.sending.attempt import Call
from jobmojito_batch.sending.budget import Budget
from jobmojito_batch.sending.caller import Caller
from jobmojito_batch.sending.context import Progress, SendContext, Stop, Tally
from jobmojito_batch.sending.dispatch import Job, Position, PositionDispatcher
from jobmojito_batch.sending.first_rows import FirstGate, FirstRows, pass_gate
from jobmojito_batch.sending.in_doubt import InDoubtRows
from jobmojito_batch.sending.lease import keep_lease
from jobmojito_batch.sending.recorder import OutcomeRecorder, is_stale_id
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.settling import Doubt, Settling


class Sender:
    """
    Sends the rows of one plan, and of *doubts* what turns out not to have happened.

    With a *first* gate the first rows go alone until that lets the others follow.
    """

    def __init__(
        self,
        context: SendContext,
        rows: RowReader,
        positions: Sequence[Position],
        *,
        budget: Budget,
        doubts: Sequence[Doubt] = (),
        first: FirstGate | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._context = context
        self._stop_signal = context.stop_signal
        self._rows = rows
        self._total = sum(len(position.queue) for position in positions)
        self._dispatcher = PositionDispatcher(positions)
        self._recorder = OutcomeRecorder(context, self._dispatcher)
        self._caller = Caller(context, budget, self._recorder, rng=rng)
        self._window = self._caller.window
        self._in_doubt = InDoubtRows(
            context,
            rows,
            self._dispatcher,
            self._caller.claims,
            self._recorder,
            send_row=self._send_row,
        )
        self._gate = first
        self._first = self._dispatcher.hold_beyond(first.count) if first is not None else ()
        self._earlier_doubts = doubts
        if not self._first:  # else they wait, too: what did not happen would be sent
            self._in_doubt.add_earlier(doubts)
        self._stop_signal.wakes(
            self._dispatcher.shut, self._window.let_all_in, budget.wake, self._wake_settling
        )
        self._workers_left = 0
        self._at_work = 0
        self._failure: Exception | None = None
        self._started = context.clock.now()

    @property
    def tally(self) -> Tally:
        """What the run has done so far."""
        return self._context.tally

    @property
    def stopped(self) -> Stop | None:
        """Why the run ends before its last row; None if it does not."""
        return self._stop_signal.reason

    @property
    def settling(self) -> Settling | None:
        """What looks unknown rows up; None if they are left alone."""
        return self._in_doubt.settling

    async def run(self, *, drain_seconds: float | None = None) -> None:
        """
        Send every row whose turn comes; returns when nothing is in flight any more.

        *drain_seconds* bounds the wait for calls in flight after a stop: those left then stay
        claimed, which reads as unknown. Raises LedgerError if the ledger failed on the way.
        """
        self._started = self._context.clock.now()
        self._workers_left = min(self._context.policy.max_in_flight, self._total)
        workers = [self._task(self._work) for _ in range(self._workers_left)]
        if (settling := self.settling) is not None:
            workers.append(self._task(lambda: settling.run(lambda: self._workers_left == 0)))
        if self._gate is not None and self._first:
            gate = self._gate
            workers.append(self._task(lambda: self._pass(gate)))
        living = self._task(lambda: keep_lease(self._context))
        try:
            if workers:
                await self._drained(workers, drain_seconds)
            await self._context.pace.close()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    def _task(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """*work* beside the others: what it fails with is raised by `run`, once they drained."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as exc:  # noqa: BLE001 - whatever it is, the run stops for it
                self._failure = self._failure or exc
                self.stop(ErrorCode.INTERRUPTED, "the run failed")

        return asyncio.create_task(guarded())

    async def _drained(self, workers: list[asyncio.Task[None]], seconds: float | None) -> None:
        if seconds is None:
            await asyncio.wait(workers)
            return
        stopping = asyncio.create_task(self._stop_signal.wait())
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
        self._stop_signal.stop(code, message)

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
            seconds=self._context.clock.now() - self._started,
            outcomes=dict(tally.outcomes),
            in_doubt=self.settling.open_doubts if self.settling is not None else 0,
            settling_until=self.settling.until if self.settling is not None else None,
            is_away=self._caller.is_away,
        )

    # The first rows

    async def _pass(self, gate: FirstGate) -> None:
        await pass_gate(
            gate,
            self._context,
            are_through=self._are_first_through,
            first_rows=lambda: FirstRows(
                ordinals=self._first,
                waiting=self._total - self.tally.settled,
                outcomes={outcome: n for outcome, n in self.tally.outcomes.items() if n},
            ),
            release=self._release,
        )

    def _are_first_through(self) -> bool:
        has_doubts = self.settling is not None and self.settling.open_doubts > 0
        return self._dispatcher.is_exhausted and not self._at_work and not has_doubts

    def _release(self) -> None:
        self._in_doubt.add_earlier(self._earlier_doubts)
        self._dispatcher.release()

    # One row

    async def _work(self) -> None:
        try:
            while True:
                await self._window.enter()
                try:
                    job = await self._dispatcher.next()
                    if job is None:
                        return
                    self._at_work += 1
                    try:
                        await self._send_row(job)
                    finally:
                        self._at_work -= 1
                finally:
                    self._window.leave()
        finally:
            self._workers_left -= 1
            self._wake_settling()

    async def _send_row(self, job: Job, doubt: Doubt | None = None) -> None:
        call = Call(
            job=job,
            row=await self._rows.row(job.ordinal),
            number=self._caller.claims.number_of(job.ordinal),
            doubt=doubt,
        )
        verdict = await self._caller.verdict_of(call)
        if call.lost_to is not None and call.lost_to.is_opened_elsewhere:
            await self._in_doubt.wait_for_opening(call.job)
        elif call.lost_to is not None:
            await self._in_doubt.leave_to_holder(call, call.lost_to)
        elif is_stale_id(call, verdict):
            await self._recorder.reopen(call)
        elif await self._recorder.conclude(call, verdict) is Outcome.UNKNOWN:
            await self._in_doubt.add(call)
        else:
            self._caller.claims.forget_number(job.ordinal)
