"""What the parts of a run's sending share: its clock, counts, bounds, and how it ends early."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.events import Event, warn
from jobmojito_batch.ledger import Ledger, Writer
from jobmojito_batch.sending.clock import ApiClock, Clock
from jobmojito_batch.sending.pace import Pace
from jobmojito_batch.sending.retry import RetryPolicy
from jobmojito_batch.verdict import Action, Answer, Verdict

T_co = TypeVar("T_co", covariant=True)


class Ask(Protocol[T_co]):
    """Makes the call with the token that it is given."""

    def __call__(self, *, token: str) -> Awaitable[tuple[Answer, T_co | None]]:
        """The answer, and what it holds; None where it was refused or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a run ends before its last row."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a run, for a progress bar."""

    total: int
    settled: int
    in_flight: int
    calls: int
    seconds: float
    outcomes: dict[Outcome, int]
    in_doubt: int = 0
    """Rows without a trustworthy answer that are being looked up."""
    settling_until: datetime | None = None
    """When the last of them is settled at the latest, by the wall clock; None if unknown."""
    is_away: bool = False
    """There is no connection to the API: the run waits, and tries from time to time."""


def settling_text(progress: Progress, zone: tzinfo | None = None) -> str:
    """What a run that only settles is waiting for: `settling 6, until 02:31 CET`; for a bar."""
    until = progress.settling_until
    when = f", until {until.astimezone(zone):%H:%M %Z}" if until is not None else ""
    return f"settling {progress.in_doubt}{when}"


@dataclass(slots=True)
class Tally:
    """Counts of one run; latencies are seconds of calls that were answered."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    calls: int = 0
    retries: int = 0
    lookups: int = 0
    in_flight: int = 0
    positions_created: int = 0
    latencies: "array[float]" = field(default_factory=lambda: array("d"), repr=False)

    @property
    def settled(self) -> int:
        """Rows that have their outcome."""
        return sum(self.outcomes.values())

    def latency_seconds(self) -> dict[str, float | None]:
        """p50, p90, p99 and max of the answered calls; None if there was none."""
        if not self.latencies:
            return dict.fromkeys(("p50", "p90", "p99", "max"))
        ordered = sorted(self.latencies)
        last = len(ordered) - 1
        return {
            "p50": round(ordered[round(last * 0.50)], 3),
            "p90": round(ordered[round(last * 0.90)], 3),
            "p99": round(ordered[round(last * 0.99)], 3),
            "max": round(ordered[last], 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderPolicy:
    """The bounds of a run."""

    max_in_flight: int
    credits_per_candidate: float
    breaker_failures: int
    retry: RetryPolicy
    pace_key: str
    """By which processes share one pace, and the pauses of it, in the ledger."""
    settle_seconds: float | None = None
    """How long the effect of a call in doubt may still appear; None leaves doubts alone."""
    day_limit: float | None = None
    """What all calls of the UTC day may cost, whichever process makes them."""

    @property
    def settles(self) -> bool:
        """Whether what is in doubt is looked up."""
        return self.settle_seconds is not None


class StopSignal:
    """Whether the run stops before its end, and why: dispatch ends, calls in flight finish."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._event = asyncio.Event()
        self._to_wake: list[Callable[[], None]] = []
        self.reason: Stop | None = None

    def wakes(self, *wake: Callable[[], None]) -> None:
        """Have these called when the run stops: whoever waits looks for itself."""
        self._to_wake += wake

    def stop(self, code: ErrorCode, message: str) -> None:
        """Stop the run; the first reason stays."""
        if self.reason is None:
            self.reason = Stop(code=code, message=message)
            warn(Event.RUN_STOPPING, run_id=self._run_id, code=code.value)
        self._event.set()
        for wake in self._to_wake:
            wake()

    def is_set(self) -> bool:
        """Whether the run is stopping."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once the run stops."""
        await self._event.wait()

    async def nap(self, seconds: float) -> None:
        """Sleep, but wake if the run stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass

    def verdict(self) -> Verdict:
        """The verdict of a row that the stopping run did not send."""
        reason = self.reason or Stop(code=ErrorCode.INTERRUPTED, message="the run stopped")
        return Verdict(action=Action.STOP, code=reason.code, message=reason.message, is_free=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContext:
    """What every part of one run's sending is given; what only one needs is not here."""

    run_id: str
    """Whose claims and attempts they are: a run, or an attempt at a shard of one."""
    rows_run_id: str
    """Whose rows they are: the same run, or the shard's parent."""
    api: JobMojito
    tokens: TokenSource
    ledger: Ledger
    writer: Writer
    clock: Clock
    pace: Pace
    policy: SenderPolicy
    stop_signal: StopSignal
    tally: Tally = field(default_factory=Tally, init=False)
    api_clock: ApiClock = field(default_factory=ApiClock, init=False)

    async def may_look_up(self) -> bool:
        """Wait for a start of a call that costs nothing, and count it; False if the run stops."""
        if not await self.pace.turn(self.stop_signal.is_set):
            return False
        self.tally.calls += 1
        self.tally.lookups += 1
        return True

    async def look_up(self, ask: Ask[T_co]) -> tuple[Answer, T_co | None] | None:
        """
        A call that costs nothing, in its turn; None if the run stops before it.

        Where its token is refused it is made once more with a fresh one, and no more than that: a
        command may print a new one each time.
        """
        has_renewed_token = False
        while await self.may_look_up():
            token = self.tokens.current()
            answer, given = await ask(token=token)
            self.api_clock.hear(answer, at=self.clock.wall())
            is_refused = answer.http_status == 401  # noqa: PLR2004
            if has_renewed_token or not is_refused or not await self.tokens.renewed(token):
                return answer, given
            has_renewed_token = True
        return None
