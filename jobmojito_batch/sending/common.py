"""What the parts of a run's sending share, and how the run ends early."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from jobmojito_batch.client import JobMojito, TokenSource
from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger, Writer
from jobmojito_batch.sending.gate import Gate
from jobmojito_batch.sending.pace import Pace, Sleep
from jobmojito_batch.sending.retry import RetryPolicy
from jobmojito_batch.sending.rows import RowReader
from jobmojito_batch.sending.tally import Stop, Tally
from jobmojito_batch.verdict import Action, Verdict

logger = logging.getLogger(__name__)


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


class Halt:
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
            logger.warning("run.stopping", extra={"run_id": self._run_id, "code": code.value})
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
        """Sleep, but wake where the run stops."""
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
class Common:
    """One run's ledger, API, gate, pace and clock; time and sleep are arguments of the run."""

    run_id: str
    """Whose claims and attempts they are: a run, or an attempt at a shard of one."""
    rows_run_id: str
    """Whose rows they are: the same run, or the shard's parent."""
    api: JobMojito
    tokens: TokenSource
    writer: Writer
    ledger: Ledger
    rows: RowReader
    gate: Gate
    pace: Pace
    tally: Tally
    policy: SenderPolicy
    halt: Halt
    wall: Callable[[], datetime]
    now: Callable[[], float]
    sleep: Sleep

    def at(self) -> datetime:
        """The wall clock as the ledger keeps it."""
        return naive(self.wall())


def utc_now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def naive(moment: datetime) -> datetime:
    """UTC without a zone, as the ledger keeps times."""
    return moment.astimezone(UTC).replace(tzinfo=None)
