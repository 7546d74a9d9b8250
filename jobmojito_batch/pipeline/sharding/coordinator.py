"""
Who has the shards carried out: looks in the ledger how they stand, and replaces those that died.

Whatever starts the others (a Launcher) may be away for a while: the ledger alone says what is done.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.ledger import Ledger, ShardAttempt
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline.batch import OnProgress, StopWhen
from jobmojito_batch.pipeline.beside import beside
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.sending import Progress, Stop

LOOK_SECONDS: Final = 1.0
"""How often the ledger is asked at most; less often where it takes long to answer."""
MOST_ATTEMPTS: Final = 3
LOOKING_SHARE: Final = 10.0
"""Looking takes at most one of so many seconds."""
INTERRUPTED: Final = "the run was interrupted; run it again"


class Launcher(Protocol):
    """Who starts attempts at shards, wherever there are hands."""

    async def start(self, order: ShardParameters) -> bool:
        """Have it begun, once however often it is asked; False where that cannot be done now."""

    async def is_lost(self, order: ShardParameters) -> bool:
        """Whether it ended or will surely not begin; False where nobody can tell."""

    async def cancel(self, order: ShardParameters) -> None:
        """Have it not begin, where that can be done; never raises."""


@dataclass(slots=True, kw_only=True)
class _Shard:
    """A shard as the overseer sees it."""

    order: ShardParameters
    is_started: bool = False
    looks_lost: int = 0
    is_over: bool = False
    is_given_up: bool = False
    attempts: list[ShardAttempt] = field(default_factory=list)

    @property
    def is_living(self) -> bool:
        return any(attempt.is_living for attempt in self.attempts)

    @property
    def has_begun(self) -> bool:
        """Whether the ledger knows the latest attempt."""
        return any(attempt.id.attempt >= self.order.attempt for attempt in self.attempts)


class Overseer:
    """Looks after the shards of a run until each has ended."""

    def __init__(
        self, planned: Planned, ledger: Ledger, crew: Launcher, orders: Sequence[ShardParameters]
    ) -> None:
        self._run_id = planned.run_id
        self._total = planned.plan.to_send
        self._ledger = ledger
        self._crew = crew
        self._shards = [_Shard(order=order) for order in orders]
        self._settled_before = 0
        self._started = time.monotonic()
        self._stopping = asyncio.Event()
        self._stop_message = INTERRUPTED

    async def oversee(
        self,
        on_progress: OnProgress | None,
        drain_seconds: float | None,
        tidy: Callable[[], None],
        stop_when: StopWhen | None = None,
    ) -> tuple[Stop | None, int | None, float]:
        """Until all have ended: why the run stops early, the signal, the seconds it took."""
        signals: list[int] = []

        def on_signal(number: int) -> None:
            signals.append(number)
            self._stopping.set()

        counts = await asyncio.to_thread(self._ledger.results.outcomes, self._run_id)
        self._settled_before = sum(counts.values())
        async with beside(self._heed(stop_when) if stop_when is not None else None):
            with stop_on_signals(on_signal, tidy, leaves_on_second=drain_seconds is None):
                while not self._stopping.is_set() and await self._look_around():
                    await self._tell(on_progress)
                if self._stopping.is_set():
                    await self._stop(on_progress, drain_seconds)
        await self._tell(on_progress, is_last=True)
        return self._why(), signals[0] if signals else None, time.monotonic() - self._started

    async def _heed(self, stop_when: StopWhen) -> None:
        self._stop_message = await stop_when()
        self._stopping.set()

    def _why(self) -> Stop | None:
        for shard in self._shards:
            for attempt in reversed(shard.attempts[-1:]):
                if attempt.has_ended and attempt.stop_code and not _is_interrupted(attempt):
                    return Stop(
                        code=ErrorCode(attempt.stop_code), message=attempt.stop_message or ""
                    )
        if self._stopping.is_set():
            return Stop(code=ErrorCode.INTERRUPTED, message=self._stop_message)
        if lost := [shard.order.shard for shard in self._shards if shard.is_given_up]:
            names = ", ".join(map(str, lost))
            return Stop(
                code=ErrorCode.INTERRUPTED,
                message=f"shard {names} was given up after {MOST_ATTEMPTS} attempts; look at its "
                "flow runs, then run again to send the rest",
            )
        return None

    async def _look_around(self) -> bool:
        """See to every shard; whether there is one to see to still."""
        await self._read()
        for shard in self._shards:
            if not shard.is_over and not self._stopping.is_set():
                await self._see_to(shard)
        return not all(shard.is_over for shard in self._shards)

    async def _read(self) -> None:
        await asyncio.to_thread(self._ledger.runs.settle_orphans)
        attempts = await asyncio.to_thread(self._ledger.shards.attempts, self._run_id)
        for shard in self._shards:
            shard.attempts = [
                attempt for attempt in attempts if attempt.id.shard == shard.order.shard
            ]

    async def _see_to(self, shard: _Shard) -> None:
        if shard.is_living:
            return
        if shard.attempts and shard.attempts[-1].is_done:
            shard.is_over = True
        elif shard.has_begun:  # and is neither living nor done
            self._replace(shard)
        elif not shard.is_started:
            shard.is_started = await self._crew.start(shard.order)
        elif await self._crew.is_lost(shard.order):
            # It may have begun since the ledger was read: one more look.
            shard.looks_lost += 1
            if shard.looks_lost > 1:
                self._replace(shard)

    def _replace(self, shard: _Shard) -> None:
        if shard.order.attempt >= MOST_ATTEMPTS:
            shard.is_over = shard.is_given_up = True
            return
        again = shard.order.attempt + 1
        shard.order = shard.order.model_copy(update={"attempt": again})
        shard.is_started, shard.looks_lost = False, 0

    async def _stop(self, on_progress: OnProgress | None, drain_seconds: float | None) -> None:
        """Nobody begins any more, and those that send wait for their calls in flight."""
        await asyncio.to_thread(
            self._ledger.shards.ask_to_stop, self._run_id, ErrorCode.INTERRUPTED, self._stop_message
        )
        await self._read()
        waiting = [shard for shard in self._shards if not shard.is_over and not shard.has_begun]
        await asyncio.gather(*(self._crew.cancel(shard.order) for shard in waiting))
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                while any(shard.is_living for shard in self._shards):
                    await self._tell(on_progress)
                    await self._read()

    async def _tell(self, on_progress: OnProgress | None, *, is_last: bool = False) -> None:
        began = time.monotonic()
        counts = await asyncio.to_thread(self._ledger.results.outcomes, self._run_id)
        in_flight = await asyncio.to_thread(self._ledger.shards.in_flight, self._run_id)
        if on_progress is not None:
            on_progress(self._progress(counts, in_flight))
        if not is_last:
            took = time.monotonic() - began
            await self._nap(max(LOOK_SECONDS, took * LOOKING_SHARE))

    async def _nap(self, seconds: float) -> None:
        if self._stopping.is_set():
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _progress(self, counts: dict[Outcome, int], in_flight: int) -> Progress:
        settled = max(0, sum(counts.values()) - self._settled_before)
        return Progress(
            total=self._total,
            settled=settled,
            in_flight=in_flight,
            calls=settled + in_flight,
            seconds=time.monotonic() - self._started,
            outcomes=counts,
            in_doubt=counts.get(Outcome.UNKNOWN, 0),
        )


def _is_interrupted(attempt: ShardAttempt) -> bool:
    return attempt.stop_code == ErrorCode.INTERRUPTED.value
