"""
The only code that posts to the create endpoint: claim, send, record.

A row's way: its turn at the gate, its start by the pace, a durable claim, the call, a durable
outcome; nothing else happens with an answer before it is recorded. A worker never cancels a call:
a cancelled POST would be an invitation in doubt.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.contract import BY_ID_OMITS, CreateRequest, CreateResponse, Status
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import (
    BeginAttempt,
    Claim,
    ClaimState,
    EndAttempt,
    Enrolment,
    ForgetPositionId,
    OpenPosition,
    RowOutcome,
    SettleRows,
    TakeClaim,
    UpgradeLink,
    Writer,
)
from jobmojito_batch.normalise import to_members
from jobmojito_batch.sending.budget import Budget
from jobmojito_batch.sending.gate import Gate, Job, Position
from jobmojito_batch.sending.pace import Pace, Sleep
from jobmojito_batch.sending.retry import (
    ONLY_429_SECONDS,
    RetryPolicy,
    Tried,
    retry_after_seconds,
    retrying,
)
from jobmojito_batch.sending.rows import Row, RowReader
from jobmojito_batch.sending.tally import Progress, Stop, Tally
from jobmojito_batch.verdict import Action, Answer, Verdict, is_safe_link, judge

logger = logging.getLogger(__name__)

SETTLE_CHUNK: Final = 5_000
ACCEPTED: Final = (Status.AI_ACCEPT, Status.RECRUITER_ACCEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderPolicy:
    """The bounds of a run."""

    max_in_flight: int
    credits_per_candidate: float
    breaker_failures: int
    retry: RetryPolicy


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
        self._gate = Gate(positions)
        self._budget = budget
        self._policy = policy
        self._wall = wall
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep or self._nap
        self._pace = pace(self._sleep)
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._stopping = asyncio.Event()
        self._failure: Exception | None = None
        self._failures_in_a_row = 0
        self._only_429_since: float | None = None
        self._pause_seconds = policy.retry.pause_seconds
        self._numbers: dict[int, int] = {}
        self._started = self._now()
        self.stopped: Stop | None = None
        self.tally = Tally()

    async def run(self, *, drain_seconds: float | None = None) -> None:
        """
        Send every row whose turn comes; returns when nothing is in flight any more.

        *drain_seconds* bounds the wait for calls in flight after a stop: those left then stay
        claimed, which reads as unknown. Raises LedgerError where the ledger failed on the way.
        """
        self._started = self._now()
        count = min(self._policy.max_in_flight, self._total)
        workers = [asyncio.create_task(self._work()) for _ in range(count)]
        if workers:
            await self._drained(workers, drain_seconds)
        if self._failure is not None:
            raise self._failure

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
        self._budget.wake()

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
        )

    # One row

    async def _work(self) -> None:
        try:
            while (job := await self._gate.next()) is not None:
                await self._send_row(job)
        except Exception as exc:  # noqa: BLE001 - raised by run(), once the others have drained
            self._failure = self._failure or exc
            self.stop(ErrorCode.INTERRUPTED, "the run failed")

    async def _send_row(self, job: Job) -> None:
        call = _Call(
            job=job,
            row=await self._rows.row(job.ordinal),
            number=self._numbers.pop(job.ordinal, 0),
        )
        tried = await self._attempt(call)
        if tried.verdict.action is Action.RETRY:
            tried = await self._retried(call, tried)
        if call.lost_to is not None:
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
            sleep=self._sleep,
            rng=self._rng,
        )
        tried: Tried = await loop(attempt)
        return tried

    async def _attempt(self, call: _Call) -> Tried:
        """One call under a claim; every way out leaves the ledger knowing it."""
        cost = self._policy.credits_per_candidate
        if not await self._budget.reserve(cost):
            self.stop(ErrorCode.CREDIT_CAP, "the credit cap is reached; raise it and run again")
            return self._halted()
        answer: Answer | None = None
        verdict = self._halted().verdict
        try:
            if not await self._pace.turn(self._stopping.is_set):
                return self._halted()
            if not await self._hold_claim(call, cost):
                return Tried(verdict)
            answer = await self._post(call)
            verdict = judge(answer)
        finally:
            # No answer object: the call never started.
            self._budget.settle(cost, is_free=answer is None or verdict.is_free)
        call.answer = answer
        self._hear(verdict)
        return await self._follow_up(call, answer, verdict)

    async def _follow_up(self, call: _Call, answer: Answer, verdict: Verdict) -> Tried:
        """What the retry loop needs to know; a 429 pauses everybody, a 401 has one fresh token."""
        is_429 = verdict.code is ErrorCode.RATE_LIMITED
        call.counted += not is_429
        if is_429:
            self._pause_all(answer)
        if verdict.action is Action.RENEW_TOKEN:
            return await self._renew(call, answer, verdict)
        if verdict.action is Action.RETRY:
            await self._end_attempt(call, verdict)
        return Tried(verdict, counts=not is_429)

    async def _hold_claim(self, call: _Call, cost: float) -> bool:
        """Make the claim, or the further attempt under it, durable before a byte leaves."""
        call.number += 1
        at = naive(self._wall())
        if call.invitation_id is not None:
            await self._writer.submit(
                BeginAttempt(
                    invitation_id=call.invitation_id,
                    run_id=self._run_id,
                    number=call.number,
                    at=at,
                    credits=cost,
                )
            )
            return True
        claim: Claim = await self._writer.submit(
            TakeClaim(
                run_id=self._run_id,
                ordinal=call.job.ordinal,
                position_id=call.job.position.position_id,
                candidate_email=call.row["candidate_email"] or "",
                number=call.number,
                at=at,
                credits=cost,
            )
        )
        if claim.is_mine:
            call.invitation_id = claim.invitation_id
        else:
            call.lost_to = claim
        return claim.is_mine

    async def _post(self, call: _Call) -> Answer:
        call.position_def_set_id = call.job.position_def_set_id
        body = request_of(call.row, call.position_def_set_id).body()
        token = self._tokens.current()
        call.sent_at = self._wall()
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

    def _hear(self, verdict: Verdict) -> None:
        if verdict.code is not ErrorCode.RATE_LIMITED:
            self._only_429_since = None
            self._pause_seconds = self._policy.retry.pause_seconds
        if verdict.is_trustworthy:
            self._failures_in_a_row = 0
            return
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= self._policy.breaker_failures:
            self.stop(
                ErrorCode.BREAKER_OPEN,
                f"{self._failures_in_a_row} calls in a row had no trustworthy answer; check the "
                "service, then run again",
            )

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
            unresolved = Verdict(
                action=Action.UNKNOWN,
                code=ErrorCode.POSITION_UNRESOLVED,
                message="the first call of this position had no trustworthy answer; until that is "
                "settled nobody else of the position is sent",
            )
            for other in (*self._gate.sharing_name(position), position):
                await self._shut(other, Outcome.NOT_SENT, unresolved)
        else:
            self._gate_after(call.job, verdict)

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
        if call.job.is_opening:
            self._gate.still_closed(call.job.position)

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
        if position.position_def_set_id == stale:
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
        self._numbers[call.job.ordinal] = call.number
        self._gate.back(call.job)

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
