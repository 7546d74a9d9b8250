"""
The only code that posts to the create endpoint: claim, send, record.

A row's way: its turn at the gate, its start by the pace, a durable claim, the call, a durable
outcome; nothing else happens with an answer before it is recorded. A worker never cancels a call:
a cancelled POST would be an invitation in doubt.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import SETTLED_FOR_GOOD, ErrorCode, Outcome
from jobmojito_batch.contract import BY_ID_OMITS, CreateRequest, CreateResponse, Status
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import (
    LEASE_SECONDS,
    BeginAttempt,
    Claim,
    ClaimState,
    CloseOpening,
    Doubted,
    EndAttempt,
    Enrolment,
    ForgetPositionId,
    Ledger,
    OpenPosition,
    RenewLease,
    RowOutcome,
    SettleRows,
    SharePause,
    TakeClaim,
    TakeOver,
    UpgradeLink,
    Writer,
)
from jobmojito_batch.normalise import to_members
from jobmojito_batch.sending.breaker import Breaker, Hearing
from jobmojito_batch.sending.budget import Budget
from jobmojito_batch.sending.gate import Door, Gate, Job, Position
from jobmojito_batch.sending.pace import Pace, Sleep
from jobmojito_batch.sending.retry import (
    ONLY_429_SECONDS,
    RetryBudget,
    RetryPolicy,
    Tried,
    retry_after_seconds,
    retrying,
)
from jobmojito_batch.sending.rows import Row, RowReader
from jobmojito_batch.sending.settling import (
    ELSEWHERE_SECONDS,
    MOST_ELSEWHERE_SECONDS,
    Doubt,
    Settling,
)
from jobmojito_batch.sending.tally import Progress, Stop, Tally
from jobmojito_batch.sending.window import Window
from jobmojito_batch.verdict import Action, Answer, Silence, Verdict, is_safe_link, judge

logger = logging.getLogger(__name__)

SETTLE_CHUNK: Final = 5_000
STALE_SECONDS: Final = 30.0
"""A claim older than this is made sure of once more before its call starts."""
STRAIN: Final = frozenset({429, 502, 504, 546})
ACCEPTED: Final = (Status.AI_ACCEPT, Status.RECRUITER_ACCEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderPolicy:
    """The bounds of a run."""

    max_in_flight: int
    credits_per_candidate: float
    breaker_failures: int
    retry: RetryPolicy
    settle_seconds: float | None = None
    """How long the effect of a call in doubt may still appear; None leaves doubts alone."""
    day_limit: float | None = None
    """What all calls of the UTC day may cost, whichever process makes them."""


@dataclass(slots=True, kw_only=True)
class _Call:
    """A row on its way through its attempts."""

    job: Job
    row: Row = field(repr=False)
    number: int = 0
    counted: int = 0
    invitation_id: int | None = None
    position_def_set_id: str | None = None
    sent_at: datetime | None = None
    has_renewed_token: bool = False
    answer: Answer | None = field(default=None, repr=False)
    lost_to: Claim | None = None
    doubt: Doubt | None = None
    """The doubt that this call settles, by sending once more what did not happen."""
    held_since: datetime | None = None


def utc_now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


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
        wall: Callable[[], datetime] = utc_now,
        now: Callable[[], float] | None = None,
        sleep: Sleep | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._run_id = run_id
        self._api = api
        self._tokens = tokens
        self._writer = writer
        self._rows = rows
        self._total = sum(len(position.queue) for position in positions)
        self._positions = positions
        self._gate = Gate(positions)
        self._window = Window(policy.max_in_flight)
        self._breaker = Breaker(policy.breaker_failures)
        self._retries = RetryBudget()
        self._ledger = ledger
        self._pace_key = pace_key
        self._blocking: dict[int, set[int]] = {}
        self._workers_left = 0
        self._budget = budget
        self._policy = policy
        self._wall = wall
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep or self._nap
        self._pace = pace(self._sleep)
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._stopping = asyncio.Event()
        self._failure: Exception | None = None
        self._only_429_since: float | None = None
        self._pause_seconds = policy.retry.pause_seconds
        self._numbers: dict[int, int] = {}
        self._started = self._now()
        self.stopped: Stop | None = None
        self.tally = Tally()
        self.settling = self._settling(doubts)

    def _settling(self, doubts: Sequence[Doubt]) -> Settling | None:
        if self._policy.settle_seconds is None:
            return None
        settling = Settling(
            self._run_id,
            self._api,
            self._tokens,
            self._writer,
            self._ledger,
            pace=self._pace,
            settle_seconds=self._policy.settle_seconds,
            tally=self.tally,
            wall=self._wall,
            now=self._now,
            sleep=self._sleep,
            is_stopping=self._stopping.is_set,
            resend=self._resend,
            on_settled=self._doubt_settled,
            on_left=self._doubt_left,
        )
        for doubt in doubts:
            if doubt.position is not None:
                self._blocking.setdefault(id(doubt.position), set()).add(doubt.of.invitation_id)
            settling.add(doubt)
        return settling

    async def run(self, *, drain_seconds: float | None = None) -> None:
        """
        Send every row whose turn comes; returns when nothing is in flight any more.

        *drain_seconds* bounds the wait for calls in flight after a stop: those left then stay
        claimed, which reads as unknown. Raises LedgerError where the ledger failed on the way.
        """
        self._started = self._now()
        self._workers_left = min(self._policy.max_in_flight, self._total)
        workers = [asyncio.create_task(self._work()) for _ in range(self._workers_left)]
        if self.settling is not None:
            workers.append(asyncio.create_task(self._settle()))
        living = asyncio.create_task(self._live_on())
        try:
            if workers:
                await self._drained(workers, drain_seconds)
            await self._pace.close()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _settle(self) -> None:
        assert self.settling is not None  # noqa: S101 - the caller looked
        try:
            await self.settling.run(lambda: self._workers_left == 0)
        except Exception as exc:  # noqa: BLE001 - raised by run(), once the others have drained
            self._fail(exc)

    async def _live_on(self) -> None:
        """Renew the lease while the run lives: on another host nothing else tells that it does."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            until = naive(self._wall()) + timedelta(seconds=LEASE_SECONDS)
            await self._writer.submit(RenewLease(run_id=self._run_id, until=until))

    async def _drained(self, workers: list[asyncio.Task[None]], seconds: float | None) -> None:
        if seconds is None:
            await asyncio.wait(workers)
            return
        stopping = asyncio.create_task(self._stopping.wait())
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
        if self.stopped is None:
            self.stopped = Stop(code=code, message=message)
            logger.warning("run.stopping", extra={"run_id": self._run_id, "code": code.value})
        self._stopping.set()
        self._gate.shut()
        self._window.wake_all()
        self._budget.wake()
        if self.settling is not None:
            self.settling.wake()

    @property
    def progress(self) -> Progress:
        """Where the run is."""
        return Progress(
            total=self._total,
            settled=self.tally.settled,
            in_flight=self.tally.in_flight,
            calls=self.tally.calls,
            seconds=self._now() - self._started,
            outcomes=dict(self.tally.outcomes),
            in_doubt=self.settling.open_doubts if self.settling is not None else 0,
        )

    # One row

    async def _work(self) -> None:
        try:
            while True:
                await self._window.enter()
                try:
                    job = await self._gate.next()
                    if job is None:
                        return
                    await self._send_row(job)
                finally:
                    self._window.leave()
        except Exception as exc:  # noqa: BLE001 - raised by run(), once the others have drained
            self._fail(exc)
        finally:
            self._workers_left -= 1
            if self.settling is not None:
                self.settling.wake()

    def _fail(self, exc: Exception) -> None:
        self._failure = self._failure or exc
        self.stop(ErrorCode.INTERRUPTED, "the run failed")

    async def _send_row(self, job: Job, doubt: Doubt | None = None) -> None:
        call = _Call(
            job=job,
            row=await self._rows.row(job.ordinal),
            number=self._numbers.get(job.ordinal, 0),
            doubt=doubt,
        )
        tried = await self._attempt(call)
        if tried.verdict.action is Action.RETRY:
            tried = await self._retried(call, tried)
        if call.lost_to is not None and call.lost_to.is_opened_elsewhere:
            self._gate.wait_for_elsewhere(call.job)
            await self._wait_for_opening(call.job.position)
        elif call.lost_to is not None:
            await self._leave_to_holder(call, call.lost_to)
        elif self._is_stale_id(call, tried.verdict):
            await self._reopen(call)
        else:
            await self._conclude(call, tried.verdict)

    async def _retried(self, call: _Call, first: Tried) -> Tried:
        """Go on after a first attempt that provably did not run; the policy is tenacity's."""
        earlier = [first]

        async def attempt() -> Tried:
            return earlier.pop() if earlier else await self._attempt(call)

        loop = retrying(
            self._policy.retry,
            attempts_that_count=lambda: call.counted,
            is_stopping=self._stopping.is_set,
            may_retry=self._retries.take,
            sleep=self._sleep,
            rng=self._rng,
        )
        tried: Tried = await loop(attempt)
        return tried

    async def _attempt(self, call: _Call) -> Tried:
        """One call under a claim; every way out leaves the ledger knowing it."""
        cost = self._policy.credits_per_candidate
        if not await self._budget.reserve(cost):
            cap = self._budget.full(cost)
            self.stop(cap.code, cap.message)
            return self._halted()
        answer: Answer | None = None
        verdict = self._halted().verdict
        try:
            if not await self._pace.turn(self._stopping.is_set):
                return self._halted()
            if not await self._hold_claim(call, cost):
                return self._halted() if self.stopped else Tried(verdict)
            started = self._now()
            answer = await self._post(call)
            verdict = judge(answer)
        finally:
            # No answer object: the call never started.
            self._budget.settle(cost, is_free=answer is None or verdict.is_free)
        call.answer = answer
        is_away = self._hear(verdict, answer, started)
        return await self._follow_up(call, answer, verdict, is_away=is_away)

    async def _follow_up(
        self, call: _Call, answer: Answer, verdict: Verdict, *, is_away: bool
    ) -> Tried:
        """What the retry loop needs to know; a 429 pauses everybody, a 401 has one fresh token."""
        is_429 = verdict.code is ErrorCode.RATE_LIMITED
        does_not_count = is_429 or is_away
        call.counted += not does_not_count
        if is_429:
            self._pause_all(answer)
        elif answer.pause_seconds is not None:
            self._pace.pause(answer.pause_seconds)
        if is_429 or answer.pause_seconds is not None:
            await self._share_pause()
        if verdict.action is Action.RENEW_TOKEN:
            return await self._renew(call, answer, verdict)
        if verdict.action is Action.RETRY:
            await self._end_attempt(call, verdict)
        return Tried(verdict, counts=not does_not_count)

    async def _share_pause(self) -> None:
        """The other processes of this ledger pause too."""
        seconds = self._pace.paused_until - self._now()
        if self._pace_key is not None and seconds > 0:
            until = self._wall().timestamp() + seconds
            await self._writer.submit(SharePause(key=self._pace_key, until=until))

    async def _hold_claim(self, call: _Call, cost: float) -> bool:
        """Make the claim, or the further attempt under it, durable before a byte leaves."""
        call.number += 1
        self._numbers[call.job.ordinal] = call.number  # should the row be sent once more
        at = naive(self._wall())
        if call.invitation_id is None:
            await self._take_claim(call, cost, at)
        elif not await self._begin_attempt(call, cost, at):
            return False
        # A process that slept between the claim and the call may have lost the claim meanwhile.
        while call.invitation_id is not None and self._is_stale(at):
            at = naive(self._wall())
            call.number += 1
            self._numbers[call.job.ordinal] = call.number
            if not await self._begin_attempt(call, cost, at):
                return False
        return call.invitation_id is not None

    def _is_stale(self, at: datetime) -> bool:
        return abs((naive(self._wall()) - at).total_seconds()) > STALE_SECONDS

    async def _begin_attempt(self, call: _Call, cost: float, at: datetime) -> bool:
        assert call.invitation_id is not None  # noqa: S101 - the caller looked
        may = await self._writer.submit(
            BeginAttempt(
                invitation_id=call.invitation_id,
                run_id=self._run_id,
                number=call.number,
                at=at,
                credits=cost,
                day_limit=self._policy.day_limit,
            )
        )
        if may:
            return True
        state, _ = await asyncio.to_thread(self._ledger.standing, call.invitation_id)
        if state is ClaimState.CLAIMED:
            self._stop_for_day_limit()
            return False
        call.lost_to = Claim(
            invitation_id=call.invitation_id,
            is_mine=False,
            state=state,
            run_id="another",
            ordinal=-1,
        )
        return False

    async def _take_claim(self, call: _Call, cost: float, at: datetime) -> None:
        """A claim of its own, or that of a doubt that provably did not happen."""
        opens = call.job.position.opening_key if call.job.is_opening else None
        operation: TakeClaim | TakeOver = TakeClaim(
            run_id=self._run_id,
            ordinal=call.job.ordinal,
            position_id=call.job.position.position_id,
            candidate_email=call.row["candidate_email"] or "",
            number=call.number,
            at=at,
            credits=cost,
            opens=opens,
            day_limit=self._policy.day_limit,
        )
        if call.doubt is not None and call.doubt.of.state is ClaimState.UNKNOWN:
            operation = TakeOver(
                invitation_id=call.doubt.of.invitation_id,
                seen_at=call.doubt.of.claimed_at,
                run_id=self._run_id,
                ordinal=call.job.ordinal,
                number=call.number,
                at=at,
                credits=cost,
                opens=opens,
                position_id=call.doubt.of.position_id,
                day_limit=self._policy.day_limit,
            )
        claim: Claim = await self._writer.submit(operation)
        if claim.is_mine:
            call.invitation_id = claim.invitation_id
        elif claim.is_over_day_limit:
            self._stop_for_day_limit()
        else:
            call.lost_to = claim

    def _stop_for_day_limit(self) -> None:
        self.stop(ErrorCode.CREDIT_CAP, "the day's credit cap is reached; run again tomorrow")

    async def _post(self, call: _Call) -> Answer:
        call.position_def_set_id = call.job.position_def_set_id
        body = request_of(call.row, call.position_def_set_id).body()
        token = self._tokens.current()
        call.sent_at = self._wall()
        self._retries.call()
        self.tally.calls += 1
        self.tally.retries += call.number > 1
        self.tally.in_flight += 1
        try:
            answer = await self._api.create(body, token)
        finally:
            self.tally.in_flight -= 1
        if answer.http_status is not None:
            self.tally.latencies.append(answer.seconds)
        return answer

    async def _renew(self, call: _Call, answer: Answer, verdict: Verdict) -> Tried:
        if not call.has_renewed_token and await self._tokens.renewed(self._tokens.current()):
            call.has_renewed_token = True
            again = Verdict(action=Action.RETRY, code=verdict.code, message=verdict.message)
            await self._end_attempt(call, verdict)
            return Tried(again, counts=False)
        return Tried(
            Verdict(
                action=Action.STOP,
                code=verdict.code,
                message=f"HTTP {answer.http_status}: {verdict.message}",
                is_free=True,
            )
        )

    # What an answer means for the run

    def _hear(self, verdict: Verdict, answer: Answer, started: float) -> bool:
        """Learn from a call; True where the network is away and will be tried again."""
        if self.settling is not None:
            self.settling.hear(answer)
        if verdict.code is not ErrorCode.RATE_LIMITED:
            self._only_429_since = None
            self._pause_seconds = self._policy.retry.pause_seconds
        if answer.http_status in STRAIN or answer.silence is Silence.NO_ANSWER:
            self._window.strained(started_at=started, now=self._now())
        elif verdict.is_trustworthy:
            self._window.went_well()
        hearing = self._breaker.hear(
            is_trustworthy=verdict.is_trustworthy,
            was_delivered=answer.silence is not Silence.NOT_DELIVERED,
            now=self._now(),
        )
        if hearing is Hearing.STOP:
            self.stop(ErrorCode.BREAKER_OPEN, self._why_the_breaker_opened(answer))
        elif hearing is Hearing.PROBE and self._pace.paused_until <= self._now():
            self._window.strained(started_at=started, now=self._now())
            self._pace.pause(self._breaker.next_pause_seconds())
        return hearing is Hearing.PROBE

    def _why_the_breaker_opened(self, answer: Answer) -> str:
        if answer.silence is Silence.NOT_DELIVERED:
            return "there has been no connection to the API for long; check the network, run again"
        if self._breaker.in_a_row >= self._policy.breaker_failures:
            return (
                f"{self._breaker.in_a_row} calls in a row had no trustworthy answer; check the "
                "service, then run again"
            )
        return "most of the last calls had no trustworthy answer; check the service, then run again"

    def _pause_all(self, answer: Answer) -> None:
        """Hold every start for Retry-After in full, else 30 s and doubling."""
        now = self._now()
        if self._only_429_since is None:
            self._only_429_since = now
        asked = retry_after_seconds(answer.retry_after, now=self._wall())
        if asked is None:
            asked = self._pause_seconds
            if self._pace.paused_until <= now:  # one doubling a pause, however many calls met it
                self._pause_seconds = min(
                    2 * self._pause_seconds, self._policy.retry.max_pause_seconds
                )
        if now + asked - self._only_429_since > ONLY_429_SECONDS:
            self.stop(
                ErrorCode.BREAKER_OPEN,
                "the API answers only 429 (slow down); run again later or with a lower rate",
            )
            return
        self._pace.pause(asked)

    def _halted(self) -> Tried:
        """The verdict of a row that the stopping run did not send."""
        stopped = self.stopped or Stop(code=ErrorCode.INTERRUPTED, message="the run stopped")
        return Tried(
            Verdict(action=Action.STOP, code=stopped.code, message=stopped.message, is_free=True)
        )

    # Settling a row

    async def _conclude(self, call: _Call, verdict: Verdict) -> None:
        if verdict.action is Action.STOP and self.stopped is None:
            assert verdict.code is not None  # noqa: S101 - every stop has one
            self.stop(verdict.code, verdict.message)
        if call.invitation_id is None:  # never claimed: the end of the run says not_sent
            self._gate_after(call.job, verdict)
            return
        outcome = self._outcome(verdict)
        stopped = self.stopped if outcome is Outcome.NOT_SENT else None
        row = RowOutcome(
            run_id=self._run_id,
            ordinal=call.job.ordinal,
            outcome=outcome,
            error_code=stopped.code if stopped else verdict.code,
            error_field=verdict.field,
            error_message=(stopped.message if stopped else verdict.message) or None,
            attempts=call.number,
            http_status=call.answer.http_status if call.answer else None,
            sent_at=naive(call.sent_at) if call.sent_at else None,
            settled_at=naive(self._wall()),
        )
        await self._end_attempt(call, verdict, row)
        self.tally.outcomes[outcome] += 1
        await self._after(call, verdict)
        if outcome is Outcome.UNKNOWN:
            await self._doubt(call)
        else:
            self._numbers.pop(call.job.ordinal, None)

    def _outcome(self, verdict: Verdict) -> Outcome:
        if verdict.outcome is not None:
            return verdict.outcome
        # A row that may be tried again belongs to the next run where this one is stopping.
        if verdict.action is Action.STOP or (
            verdict.action is Action.RETRY and self._stopping.is_set()
        ):
            return Outcome.NOT_SENT
        return Outcome.FAILED

    async def _end_attempt(
        self, call: _Call, verdict: Verdict, row: RowOutcome | None = None
    ) -> None:
        assert call.invitation_id is not None  # noqa: S101 - only claimed rows get here
        answer = call.answer or Answer()
        await self._writer.submit(
            EndAttempt(
                invitation_id=call.invitation_id,
                run_id=self._run_id,
                number=call.number,
                at=naive(self._wall()),
                result=(verdict.code or verdict.action).value,
                http_status=answer.http_status,
                request_id=answer.request_id,
                is_free=verdict.is_free,
                row=row,
                enrolment=enrolment_of(answer),
                opened=call.job.position.opening_key if call.job.is_opening else None,
            )
        )

    async def _after(self, call: _Call, verdict: Verdict) -> None:
        """The outcome is durable: now the position and the link."""
        position = call.job.position
        if verdict.action is Action.SETTLE:
            await self._position_answered(call)
            self._gate_after(call.job, verdict)
            await self._mint_missing_link(call)
            return
        if verdict.action is Action.FAIL and verdict.whole_position:
            await self._shut(position, Outcome.FAILED, verdict)
        elif verdict.action is Action.UNKNOWN and call.job.is_opening:
            if self.settling is None or self._stopping.is_set():
                await self._shut_unresolved(position)
        else:
            self._gate_after(call.job, verdict)

    async def _shut_unresolved(self, position: Position) -> None:
        """Whether the position exists is in doubt, and stays so: nobody may open it again."""
        unresolved = Verdict(
            action=Action.UNKNOWN,
            code=ErrorCode.POSITION_UNRESOLVED,
            message="the first call of this position had no trustworthy answer; until that is "
            "settled nobody else of the position is sent",
        )
        for other in (*self._gate.sharing_name(position), position):
            await self._shut(other, Outcome.NOT_SENT, unresolved)

    def _gate_after(self, job: Job, verdict: Verdict) -> None:
        if verdict.action is Action.SETTLE:
            if job.is_opening:
                self._gate.opened(job.position)
        elif job.is_opening:
            self._gate.still_closed(job.position)

    async def _position_answered(self, call: _Call) -> None:
        """Remember the id that the API gave, for all later rows and runs."""
        position = call.job.position
        body = call.answer.body if call.answer else None
        learnt = body.position_def_set_id if isinstance(body, CreateResponse) else None
        if not call.job.is_opening and (learnt is None or position.position_def_set_id is not None):
            return
        if call.job.is_opening and not position.is_given:
            self.tally.positions_created += 1
        position.position_id = await self._writer.submit(
            OpenPosition(
                position_id=position.position_id,
                position_def_set_id=learnt,
                at=naive(self._wall()),
            )
        )
        position.position_def_set_id = position.position_def_set_id or learnt

    async def _shut(self, position: Position, outcome: Outcome, verdict: Verdict) -> None:
        """No row of the position may go: all that wait get the same outcome."""
        rest = self._gate.shut_position(position)
        at = naive(self._wall())
        for start in range(0, len(rest), SETTLE_CHUNK):
            rows = tuple(
                RowOutcome(
                    run_id=self._run_id,
                    ordinal=ordinal,
                    outcome=outcome,
                    error_code=verdict.code,
                    error_field=verdict.field,
                    error_message=verdict.message,
                    settled_at=at,
                )
                for ordinal in rest[start : start + SETTLE_CHUNK]
            )
            await self._writer.submit(SettleRows(rows=rows))
        self.tally.outcomes[outcome] += len(rest)

    async def _leave_to_holder(self, call: _Call, claim: Claim) -> None:
        """Somebody has the invitation, or it is settled: nothing is sent for this row."""
        if claim.state is ClaimState.OPEN and not self._stopping.is_set():
            # Whoever looked it up found that it did not happen: it may be claimed like any other.
            await self._send_row(call.job)
            return
        outcome, code, message = self._standing_of(claim)
        if claim.run_id == self._run_id:
            first = await self._rows.row(claim.ordinal)
            outcome, code = Outcome.DUPLICATE, ErrorCode.DUPLICATE_ROW
            message = f"the same invitation as row {first['row']} of {first['source']}"
        row = RowOutcome(
            run_id=self._run_id,
            ordinal=call.job.ordinal,
            outcome=outcome,
            error_code=code,
            error_message=message,
            settled_at=naive(self._wall()),
        )
        await self._writer.submit(SettleRows(rows=(row,)))
        self.tally.outcomes[outcome] += 1
        is_in_doubt = claim.state in {ClaimState.CLAIMED, ClaimState.UNKNOWN}
        if is_in_doubt and outcome is Outcome.UNKNOWN:
            await self._doubt(call, claim.invitation_id)
        if call.job.is_opening:
            await self._close_opening(call.job)
            self._gate.still_closed(call.job.position)

    async def _close_opening(self, job: Job) -> None:
        if job.position.opening_key is not None:
            await self._writer.submit(
                CloseOpening(
                    name=job.position.opening_key, run_id=self._run_id, ordinal=job.ordinal
                )
            )

    # Doubts

    async def _doubt(self, call: _Call, invitation_id: int | None = None) -> None:
        """Have a row without a trustworthy answer settled by looking."""
        invitation_id = invitation_id or call.invitation_id
        if self.settling is None or invitation_id is None or self._stopping.is_set():
            return
        of = await asyncio.to_thread(self._ledger.doubt, invitation_id)
        if of is None:
            return
        doubt = Doubt(of=of, ordinal=call.job.ordinal, was_resent=call.doubt is not None)
        doubt.is_counted = True
        if call.job.is_opening and call.invitation_id == invitation_id:
            doubt.position = call.job.position
            self._blocking.setdefault(id(doubt.position), set()).add(invitation_id)
        self.settling.add(doubt)

    async def _resend(self, doubt: Doubt) -> bool:
        """Send once more what provably did not happen; False where that may not be now."""
        if self._stopping.is_set() or doubt.ordinal is None:
            return False
        position = doubt.position or self._position_of(doubt)
        if position is None:
            return False
        if doubt.is_counted:
            self.tally.outcomes[Outcome.UNKNOWN] -= 1
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

    async def _doubt_settled(self, doubt: Doubt, outcome: Outcome) -> None:
        """Its outcome is durable: the counts, and the rows that waited for their position."""
        if doubt.ordinal is not None and outcome is Outcome.ALREADY_DONE:
            row = RowOutcome(
                run_id=self._run_id,
                ordinal=doubt.ordinal,
                outcome=outcome,
                settled_at=naive(self._wall()),
            )
            await self._writer.submit(SettleRows(rows=(row,)))
        if doubt.is_counted:
            self.tally.outcomes[Outcome.UNKNOWN] -= 1
            self.tally.outcomes[outcome] += 1
        if doubt.position is not None:
            exists = outcome in SETTLED_FOR_GOOD or outcome is Outcome.ALREADY_DONE
            await self._position_settled(doubt.position, doubt.of.invitation_id, exists=exists)

    async def _position_settled(
        self, position: Position, invitation_id: int, *, exists: bool
    ) -> None:
        waits_for = self._blocking.get(id(position), set())
        waits_for.discard(invitation_id)
        if exists:
            opened = OpenPosition(
                position_id=position.position_id,
                position_def_set_id=None,
                at=naive(self._wall()),
            )
            await self._writer.submit(opened)
        if exists or not waits_for:
            await self._go_on(position)

    async def _go_on(self, position: Position) -> None:
        """
        Whoever had the position is done: with an id all rows may go, else the next goes alone.

        An id may be unknown though the position exists: looking a candidate up does not show it.
        """
        known = await asyncio.to_thread(self._ledger.position_def_set_id, position.position_id)
        position.position_def_set_id = position.position_def_set_id or known
        if position.position_def_set_id is not None:
            self._gate.opened(position)
        else:
            self._gate.still_closed(position)

    async def _doubt_left(self, doubt: Doubt, why: str) -> None:
        """It stays unknown, and says why; so does what hangs on it."""
        if doubt.ordinal is not None:
            row = RowOutcome(
                run_id=self._run_id,
                ordinal=doubt.ordinal,
                outcome=Outcome.UNKNOWN,
                error_code=ErrorCode(doubt.of.error_code or ErrorCode.UNSETTLED),
                error_message=f"no trustworthy answer came, and {why}: the interview may exist and "
                "may have cost credits, so the row is not sent again; look the candidate up in "
                "JobMojito, or run `reconcile` later",
                sent_at=doubt.of.claimed_at,
            )
            await self._writer.submit(SettleRows(rows=(row,)))
        if doubt.position is not None and not self._stopping.is_set():
            self._blocking.pop(id(doubt.position), None)
            await self._shut_unresolved(doubt.position)

    async def _wait_for_opening(self, position: Position) -> None:
        """Another process opens the position: wait until it has, or its call is in doubt."""
        name = position.opening_key or ""
        until = self._now() + MOST_ELSEWHERE_SECONDS
        while not self._stopping.is_set():
            if self._now() > until:  # nobody opens a position for so long
                await self._shut_unresolved(position)
                return
            await self._sleep(ELSEWHERE_SECONDS)
            await asyncio.to_thread(self._ledger.settle_orphans)
            if not await asyncio.to_thread(self._ledger.is_being_opened, name):
                await self._go_on(position)
                return
            lost = await self._lost_openings(position)
            if lost and self.settling is None:
                await self._shut_unresolved(position)
                return
            if lost and self.settling is not None:
                self._blocking[id(position)] = {one.invitation_id for one in lost}
                for one in lost:
                    self.settling.add(Doubt(of=one, position=position))
                return

    async def _lost_openings(self, position: Position) -> list[Doubted]:
        """The calls in doubt that may have opened the position."""
        account = (position.opening_key or "").rpartition("|")[0]
        known = await asyncio.to_thread(self._ledger.doubts, [account])
        return [
            one
            for one in known
            if one.state is ClaimState.UNKNOWN
            and f"{one.account}|{one.opening_key}" == position.opening_key
        ]

    def _standing_of(self, claim: Claim) -> tuple[Outcome, ErrorCode | None, str | None]:
        if claim.state is ClaimState.SETTLED:
            return Outcome.ALREADY_DONE, None, None
        who = "is being sent by" if claim.state is ClaimState.CLAIMED else "is unknown since"
        return (
            Outcome.UNKNOWN,
            ErrorCode.UNSETTLED,
            f"this invitation {who} run {claim.run_id}; it is not sent twice",
        )

    # Ids that the API forgot

    def _is_stale_id(self, call: _Call, verdict: Verdict) -> bool:
        """A 404 for an id that came from the ledger, not from the input."""
        return (
            verdict.code is ErrorCode.NOT_FOUND
            and call.position_def_set_id is not None
            and not call.job.position.is_given
            and not call.row.get("position_def_set_id")
            and not (
                call.job.position.was_reopened
                and call.job.position.position_def_set_id == call.position_def_set_id
            )
        )

    async def _reopen(self, call: _Call) -> None:
        """Forget the id and open the position again by name, once; the row keeps its place."""
        position, stale = call.job.position, call.position_def_set_id
        assert stale is not None  # noqa: S101 - what makes it stale
        assert call.invitation_id is not None  # noqa: S101 - a 404 came under a claim
        opens_again = position.position_def_set_id == stale
        if opens_again:
            # Before anything is waited for: a row that went now would go by name beside it.
            self._gate.hold(position)
            position.position_def_set_id = None
            position.was_reopened = True
            await self._writer.submit(
                ForgetPositionId(position_id=position.position_id, position_def_set_id=stale)
            )
        await self._writer.submit(
            EndAttempt(
                invitation_id=call.invitation_id,
                run_id=self._run_id,
                number=call.number,
                at=naive(self._wall()),
                result=ErrorCode.NOT_FOUND.value,
                http_status=call.answer.http_status if call.answer else None,
                request_id=None,
                is_free=True,
                gives_back_claim=True,
            )
        )
        self._gate.back(call.job, opens_again=opens_again)

    # A link that the answer lacked

    async def _mint_missing_link(self, call: _Call) -> None:
        """Accepted without a link: have one minted; where that is refused it stays for review."""
        body = call.answer.body if call.answer else None
        if (
            not isinstance(body, CreateResponse)
            or body.status not in ACCEPTED
            or is_safe_link(body.interview_url)
            or not (body.profile_interview_id and body.interview_def_set_id)
            or call.invitation_id is None
            or not await self._pace.turn(self._stopping.is_set)
        ):
            return
        self.tally.calls += 1
        self.tally.lookups += 1
        link = await self._api.mint_link(
            interview_profile_id=body.profile_interview_id,
            interview_id=body.interview_def_set_id,
            token=self._tokens.current(),
        )
        if not is_safe_link(link):
            return
        await self._writer.submit(
            UpgradeLink(
                invitation_id=call.invitation_id,
                run_id=self._run_id,
                ordinal=call.job.ordinal,
                interview_url=link or "",
            )
        )
        self.tally.outcomes[Outcome.REVIEW] -= 1
        self.tally.outcomes[Outcome.INVITED] += 1

    async def _nap(self, seconds: float) -> None:
        """Sleep, but wake where the run stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def request_of(row: Row, position_def_set_id: str | None) -> CreateRequest:
    """
    The request of a row; with a position id it leaves out what only creates a position.

    Raises BatchError where the row does not pass the model, which planning rules out.
    """
    members = to_members(row)
    if position_def_set_id is not None:
        members.setdefault("position_def_set_id", position_def_set_id)
    if members.get("position_def_set_id") is not None:
        members = {name: value for name, value in members.items() if name not in BY_ID_OMITS}
    try:
        return CreateRequest.model_validate(members)
    except ValidationError as exc:
        raise BatchError(
            f"a planned row does not pass the contract ({exc.error_count()} faults)"
        ) from None


def enrolment_of(answer: Answer) -> Enrolment | None:
    """What to keep of an answer; text and nothing but text."""
    body = answer.body
    if not isinstance(body, CreateResponse):
        return None
    return Enrolment(
        status=body.status,
        interview_url=body.interview_url if is_safe_link(body.interview_url) else None,
        reason=body.reason,
        position_def_set_id=body.position_def_set_id,
        interview_def_set_id=body.interview_def_set_id,
        profile_interview_id=body.profile_interview_id,
    )


def naive(moment: datetime) -> datetime:
    """UTC without a zone, as the ledger keeps times."""
    return moment.astimezone(UTC).replace(tzinfo=None)
