"""What the end of a call means for the run: places in flight, pauses, and when to stop."""

from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import SharePause
from jobmojito_batch.sending.breaker import OUTAGE_SECONDS, Breaker, BreakerDecision
from jobmojito_batch.sending.context import SendContext
from jobmojito_batch.sending.retry import ONLY_429_SECONDS, retry_after_seconds
from jobmojito_batch.sending.window import Window
from jobmojito_batch.verdict import Answer, Silence, Verdict

STRAIN: Final = frozenset({429, 502, 504, 546})


class FlowControl:
    """Hears how each call ended; narrows, pauses or stops the run by it."""

    def __init__(self, context: SendContext, window: Window) -> None:
        self._context = context
        self._window = window
        self._breaker = Breaker(context.policy.breaker_failures)
        self._only_429_since: float | None = None
        self._pause_seconds = context.policy.retry.pause_seconds

    @property
    def is_away(self) -> bool:
        """Whether there is no connection to the API; a call tries from time to time."""
        return self._breaker.is_away

    async def apply(self, verdict: Verdict, answer: Answer, started: float) -> bool:
        """Learn from a call; True if the network is away and will be tried again."""
        is_429 = verdict.code is ErrorCode.RATE_LIMITED
        if not is_429:
            self._only_429_since = None
            self._pause_seconds = self._context.policy.retry.pause_seconds
        self._adjust(verdict, answer, started)
        is_away = self._consult_breaker(verdict, answer, started)
        if is_429:
            self._pause_all(answer)
        elif answer.pause_seconds is not None:
            self._context.pace.pause(answer.pause_seconds)
        if is_429 or answer.pause_seconds is not None:
            await self._share_pause()
        return is_away

    def _adjust(self, verdict: Verdict, answer: Answer, started: float) -> None:
        if answer.http_status in STRAIN or answer.silence is Silence.NO_ANSWER:
            self._window.strained(started_at=started, now=self._context.clock.now())
        elif verdict.is_trustworthy:
            self._window.went_well()

    def _consult_breaker(self, verdict: Verdict, answer: Answer, started: float) -> bool:
        context = self._context
        decision = self._breaker.decide(
            is_trustworthy=verdict.is_trustworthy,
            was_delivered=answer.silence is not Silence.NOT_DELIVERED,
            now=context.clock.now(),
        )
        if decision is BreakerDecision.STOP:
            context.stop_signal.stop(ErrorCode.BREAKER_OPEN, self._why_the_breaker_opened(answer))
        elif decision is BreakerDecision.PROBE and context.pace.paused_until <= context.clock.now():
            self._window.strained(started_at=started, now=context.clock.now())
            context.pace.pause(self._breaker.next_pause_seconds())
        return decision is BreakerDecision.PROBE

    def _why_the_breaker_opened(self, answer: Answer) -> str:
        if answer.silence is Silence.NOT_DELIVERED:
            return (
                f"no connection to the API for {OUTAGE_SECONDS / 60:g} minutes; check the network "
                "and the base URL, then run again"
            )
        if self._breaker.in_a_row >= self._context.policy.breaker_failures:
            return (
                f"{self._breaker.in_a_row} calls in a row had no trustworthy answer; check the "
                "service, then run again"
            )
        return "most of the last calls had no trustworthy answer; check the service, then run again"

    def _pause_all(self, answer: Answer) -> None:
        """Hold every start for Retry-After in full, else 30 s and doubling."""
        context, now = self._context, self._context.clock.now()
        if self._only_429_since is None:
            self._only_429_since = now
        asked = retry_after_seconds(answer.retry_after, now=context.clock.wall())
        if asked is None:
            asked = self._pause_seconds
            if context.pace.paused_until <= now:  # one doubling a pause, however many met it
                self._pause_seconds = min(
                    2 * self._pause_seconds, context.policy.retry.max_pause_seconds
                )
        if now + asked - self._only_429_since > ONLY_429_SECONDS:
            context.stop_signal.stop(
                ErrorCode.BREAKER_OPEN,
                "the API answers only 429 (slow down); run again later or with a lower rate",
            )
            return
        context.pace.pause(asked)

    async def _share_pause(self) -> None:
        """The other processes of this ledger pause too."""
        context = self._context
        seconds = context.pace.paused_until - context.clock.now()
        if seconds > 0:
            until = context.clock.wall().timestamp() + seconds
            await context.writer.submit(SharePause(key=context.policy.pace_key, until=until))
