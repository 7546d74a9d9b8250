"""
Settling unknowns by looking: what may have been paid for is never sent again blind.

A doubt is looked up at once, then later, until the settle time has passed since its call ended.
Found: the row is settled with what was found. Still not there after the settle time: it did not
happen, and the row may be sent once more, under a claim that is taken over atomically. Anything
that is not clear stays unknown.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Final, Protocol

from jobmojito_batch.client import merchant_of
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.contract import ResultRow
from jobmojito_batch.ledger import ClaimState, Doubted, Enrolment, SettleDoubt, is_mask
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.sending.dispatch import Position
from jobmojito_batch.sending.match import Enrolled, Finding, Seen, finding_of
from jobmojito_batch.sending.retry import retry_after_seconds
from jobmojito_batch.verdict import Answer, is_safe_link

LOOKS_AT: Final = (0.0, 0.1, 0.3, 0.6, 1.0)
"""Shares of the settle time after which a doubt is looked up again."""
MOST_PAGES: Final = 5
LOOKERS: Final = 8
ELSEWHERE_SECONDS: Final = 2.0
"""How often a claim that another process holds is looked at, in the ledger."""
MOST_ELSEWHERE_SECONDS: Final = 1_800.0
"""Longer than any call, its settling and its retries; nobody waits for ever."""
LOOK_AGAIN_SECONDS: Final = 30.0
MOST_FAILED_LOOKS: Final = 5


@dataclass(slots=True, kw_only=True)
class Doubt:
    """An invitation in doubt, and what of this run hangs on it."""

    of: Doubted = field(repr=False)
    ordinal: int | None = None
    """The row of this run; None for one that is settled for its own sake."""
    position: Position | None = None
    """Set where rows of this run wait for it to open their position."""
    was_resent: bool = False
    """The call in doubt was made to send once more what had not happened."""
    is_sent_again: bool = False
    """It did not happen, and a call of this run has sent it once more."""
    is_counted: bool = False
    """The run's counts have it as unknown."""
    looks: int = 0
    failed_looks: int = 0
    due_at: float = 0.0
    held_since: float = 0.0

    @property
    def is_conflict(self) -> bool:
        """A 409: it is there, or it was refused; time changes nothing."""
        return self.of.error_code == ErrorCode.CONFLICT


@dataclass(slots=True)
class Counts:
    """What settling came to, for the summary and the person."""

    found: int = 0
    older: int = 0
    did_not_happen: int = 0
    """Calls; a row whose second call was lost, too, has two."""
    sent_again: int = 0
    left: int = 0
    links: int = 0


class DoubtHandler(Protocol):
    """What follows from how a doubt ends."""

    async def resend(self, doubt: Doubt) -> bool:
        """Send once more what provably did not happen; False if that may not be."""

    async def settled(self, doubt: Doubt, outcome: Outcome) -> None:
        """Its outcome is durable."""

    async def left(self, doubt: Doubt, why: str) -> None:
        """It stays unknown; *why* ends a sentence."""


class Settling:
    """Looks doubts up until each is settled or stays unknown."""

    def __init__(
        self, context: SendContext, handler: DoubtHandler, *, settle_seconds: float
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._handler = handler
        self._settle_seconds = settle_seconds
        self._waiting: list[tuple[float, int, Doubt]] = []
        self._order = count()
        self._busy: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._failure: Exception | None = None
        self._refused: set[str] = set()
        """Merchants whose candidates this token may not look up."""
        self.counts = Counts()

    def _is_stopping(self) -> bool:
        return self._context.stop_signal.is_set()

    @property
    def open_doubts(self) -> int:
        """Doubts that are not settled yet."""
        return len(self._waiting) + len(self._busy)

    @property
    def until(self) -> datetime | None:
        """When the last doubt is settled at the latest; None if nothing tells."""
        ends = [
            doubt.of.unknown_since.replace(tzinfo=UTC)
            for _, _, doubt in self._waiting
            if not doubt.of.is_held
        ]
        return max(ends) + timedelta(seconds=self._settle_seconds) if ends else None

    def add(self, doubt: Doubt) -> None:
        """Have it looked up: now, or when the ledger may have news of its holder."""
        doubt.due_at = self._clock.now() + (ELSEWHERE_SECONDS if doubt.of.is_held else 0.0)
        doubt.held_since = self._clock.now()
        heapq.heappush(self._waiting, (doubt.due_at, next(self._order), doubt))
        self._news.set()

    async def run(self, is_over: Callable[[], bool]) -> None:
        """
        Go on until *is_over* says that no doubt can come any more and none is open.

        Cancelled, it cuts off the calls that it has under way, too: what the run then says of
        them counts from there.
        """
        try:
            while not (is_over() and not self.open_doubts) and not self._is_stopping():
                self._news.clear()
                self._begin_due()
                await self._pause()
                if self._failure is not None:
                    break
            if self._busy:
                await asyncio.wait(self._busy)
        except asyncio.CancelledError:
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)
            raise
        if self._failure is not None:
            raise self._failure
        for _, _, doubt in self._waiting:
            await self._leave(doubt, "the run ended before it could be settled")
        self._waiting.clear()

    def _begin_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._clock.now():
            if len(self._busy) >= LOOKERS:
                return
            _, _, doubt = heapq.heappop(self._waiting)
            task = asyncio.create_task(self._settle(doubt))
            self._busy.add(task)
            task.add_done_callback(self._done)

    def wake(self) -> None:
        """Something changed: have `run` look."""
        self._news.set()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._busy.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or _as_exception(task.exception())
        self._news.set()

    async def _pause(self) -> None:
        """Until the next doubt is due, or there is news."""
        if not self._waiting or len(self._busy) >= LOOKERS:
            await self._news.wait()
            return
        wait = self._waiting[0][0] - self._clock.now()
        if wait <= 0:
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(wait))
        hearing = asyncio.ensure_future(self._news.wait())
        await asyncio.wait({sleeping, hearing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sleeping, hearing):
            task.cancel()

    # One doubt

    async def _settle(self, doubt: Doubt) -> None:
        if doubt.of.is_held:
            await self._ask_ledger(doubt)
            return
        if not has_address(doubt.of):
            await self._leave(doubt, "the person was forgotten, so there is no address to look up")
            return
        if doubt.of.merchant in self._refused:
            await self._leave(doubt, "looking candidates up is not permitted")
            return
        finding = await self._look(doubt)
        if finding is None:  # the run is stopping
            await self._leave(doubt, "the run ended before it could be settled")
            return
        match finding.seen:
            case Seen.FOUND | Seen.OLDER:
                assert finding.enrolled is not None  # noqa: S101 - what was found
                await self._found(doubt, finding.enrolled, is_older=finding.seen is Seen.OLDER)
            case Seen.ABSENT:
                await self._absent(doubt)
            case Seen.UNCLEAR:
                await self._leave(doubt, finding.why)

    async def _look(self, doubt: Doubt) -> Finding | None:
        """Look the candidate up, page by page."""
        rows: list[ResultRow] = []
        for number in range(MOST_PAGES):
            ask = partial(
                self._context.api.results_of,
                doubt.of.candidate_email,
                offset=len(rows),
                merchant_id=self._other_merchant(doubt),
            )
            looked = await self._context.look_up(ask)
            if looked is None:
                return None
            answer, page = looked
            if page is None:
                return await self._not_looked(doubt, answer)
            rows += page.data
            if not page.pagination.has_more or not page.data:
                break
            if number == MOST_PAGES - 1:
                return Finding(seen=Seen.UNCLEAR, why="the list goes on beyond reason")
        doubt.looks += 1
        doubt.failed_looks = 0
        ahead = self._context.api_clock.ahead_seconds
        return finding_of(rows, doubt.of, clock_ahead_seconds=ahead)

    async def _not_looked(self, doubt: Doubt, answer: Answer) -> Finding | None:
        """A look-up without a readable answer: tried again, unless it is not permitted."""
        status = answer.http_status
        if status in {401, 403, 404, 540}:
            self._refused.add(doubt.of.merchant)
            return Finding(seen=Seen.UNCLEAR, why=f"looking it up was refused (HTTP {status})")
        doubt.failed_looks += 1
        if doubt.failed_looks >= MOST_FAILED_LOOKS:
            return Finding(seen=Seen.UNCLEAR, why="looking it up failed time and again")
        if status == 429:  # noqa: PLR2004
            asked = retry_after_seconds(answer.retry_after, now=self._clock.wall())
            self._context.pace.pause(asked or answer.pause_seconds or LOOK_AGAIN_SECONDS)
        else:
            await self._clock.sleep(min(LOOK_AGAIN_SECONDS, self._settle_seconds / 10))
        return None if self._is_stopping() else await self._look(doubt)

    def _other_merchant(self, doubt: Doubt) -> str | None:
        """Whom a call about the doubt has to name; None if it is the token's own merchant."""
        own = merchant_of(self._context.tokens.current())
        return doubt.of.merchant if doubt.of.merchant != own else None

    async def _found(self, doubt: Doubt, row: Enrolled, *, is_older: bool) -> None:
        """Settle it with what is there; the link is minted, never had by sending again."""
        outcome = row.outcome
        link = None
        if is_older:
            outcome = Outcome.ALREADY_APPLIED
        if outcome in {Outcome.INVITED, Outcome.ALREADY_APPLIED}:
            link = await self._minted(doubt, row)
            self.counts.links += link is not None
        if outcome is Outcome.INVITED and link is None:
            outcome = Outcome.REVIEW
        settled = await self._record(
            doubt,
            outcome,
            enrolment=Enrolment(
                status=row.decision,
                interview_url=link,
                interview_def_set_id=row.definition_id,
                profile_interview_id=row.profile_interview_id,
            ),
        )
        if settled:
            self.counts.older += is_older
            self.counts.found += not is_older

    async def _minted(self, doubt: Doubt, row: Enrolled) -> str | None:
        """A link for an enrolment: by its own id or, if that is refused, by the profile's."""
        for profile in (row.profile_interview_id, row.profile_id):
            if not profile or not row.definition_id:
                continue
            ask = partial(
                self._context.api.minted,
                interview_profile_id=profile,
                interview_id=row.definition_id,
                merchant_id=self._other_merchant(doubt),
            )
            minted = await self._context.look_up(ask)
            if minted is None:
                return None
            _, link = minted
            if is_safe_link(link):
                return link
        return None

    async def _absent(self, doubt: Doubt) -> None:
        """Not there: wait while it may still come; after that it did not happen."""
        if doubt.is_conflict:
            await self._record(
                doubt,
                Outcome.FAILED,
                code=ErrorCode.CONFLICT,
                message="HTTP 409, and looking it up shows no interview: nothing was created; "
                "correct the row or send it again",
            )
            return
        since = self._clock.wall() - doubt.of.unknown_since.replace(tzinfo=UTC)
        left = self._settle_seconds - since.total_seconds()
        if left > 0:
            self._again_later(doubt, left)
            return
        self.counts.did_not_happen += 1
        if not doubt.was_resent and await self._handler.resend(doubt):
            self.counts.sent_again += doubt.is_sent_again
            return
        await self._record(
            doubt,
            Outcome.FAILED,
            code=ErrorCode.NO_ANSWER,
            message="no answer came, and looking it up showed that nothing was created; send the "
            "row again",
        )

    def _again_later(self, doubt: Doubt, left: float) -> None:
        """At the next share of the settle time, and surely when it is over."""
        passed = self._settle_seconds - left
        ahead = [
            share * self._settle_seconds - passed
            for share in LOOKS_AT
            if share * self._settle_seconds > passed
        ]
        # A moment more, so that the last look is not a moment too early.
        doubt.due_at = self._clock.now() + min([*ahead, left]) + 0.05
        heapq.heappush(self._waiting, (doubt.due_at, next(self._order), doubt))

    async def _ask_ledger(self, doubt: Doubt) -> None:
        """A living process has it: wait for what it comes to, there."""
        await asyncio.to_thread(self._context.ledger.runs.settle_orphans)
        standing = await asyncio.to_thread(
            self._context.ledger.doubts.standing, doubt.of.invitation_id
        )
        match standing.state:
            case ClaimState.CLAIMED if (
                self._clock.now() - doubt.held_since > MOST_ELSEWHERE_SECONDS
            ):
                await self._leave(doubt, "another process has held it for too long")
            case ClaimState.CLAIMED:
                doubt.due_at = self._clock.now() + ELSEWHERE_SECONDS
                heapq.heappush(self._waiting, (doubt.due_at, next(self._order), doubt))
            case ClaimState.SETTLED:
                await self._handler.settled(doubt, Outcome.ALREADY_DONE)
            case ClaimState.OPEN:
                if not await self._handler.resend(doubt):
                    await self._handler.settled(doubt, standing.outcome or Outcome.FAILED)
            case ClaimState.UNKNOWN:
                fresh = await asyncio.to_thread(
                    self._context.ledger.doubts.of_invitation, doubt.of.invitation_id
                )
                if fresh is not None:
                    doubt.of = fresh
                    self.add(doubt)

    async def _record(
        self,
        doubt: Doubt,
        outcome: Outcome,
        *,
        code: ErrorCode | None = None,
        message: str | None = None,
        enrolment: Enrolment | None = None,
    ) -> bool:
        settled = await self._context.writer.submit(
            SettleDoubt(
                invitation_id=doubt.of.invitation_id,
                seen_at=doubt.of.claimed_at,
                run_id=self._context.run_id,
                outcome=outcome,
                at=self._clock.at(),
                error_code=code,
                error_message=message,
                enrolment=enrolment,
                opened=_opening_name(doubt.of),
            )
        )
        if not settled:  # somebody else settles or sends it: their outcome is in the ledger
            doubt.of = replace(doubt.of, is_held=True)
            self.add(doubt)
        else:
            await self._handler.settled(doubt, outcome)
        return bool(settled)

    async def _leave(self, doubt: Doubt, why: str) -> None:
        self.counts.left += 1
        await self._handler.left(doubt, why)


def has_address(of: Doubted) -> bool:
    """There is none of a person who was forgotten: looking up what is left would show nothing."""
    return not is_mask(of.candidate_email)


def _opening_name(of: Doubted) -> str | None:
    return f"{of.account}|{of.opening_key}" if of.opening_key else None


def _as_exception(exc: BaseException | None) -> Exception:
    return exc if isinstance(exc, Exception) else RuntimeError(type(exc).__name__)
