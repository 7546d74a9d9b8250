"""A stopped night waits for its next try, unless somebody ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from jobmojito_batch.events import Event, warn
from jobmojito_batch.pipeline.batch import StopWhen
from jobmojito_batch.pipeline.nightly.tries import NextTry
from jobmojito_batch.pipeline.run_observer import RunObserver
from jobmojito_batch.pipeline.signals import stop_on_signals

Pausing = Callable[[float], Awaitable[object]]
"""Waits so many seconds between two tries of a night."""


async def waited(
    upcoming: NextTry, observer: RunObserver, pause: Pausing, stop_when: StopWhen | None
) -> bool:
    """Wait for the next try; False where a signal or somebody above ends the night instead."""
    signalled = asyncio.Event()

    async def go_on() -> bool:
        await pause(upcoming.seconds)
        return True

    async def end() -> bool:
        await signalled.wait()
        return False

    async def end_from_above() -> bool:
        if stop_when is None:
            return await end()
        await stop_when()
        return False

    with stop_on_signals(lambda _number: signalled.set(), lambda: None):
        warn(
            Event.NIGHT_WAITS,
            says=upcoming.sentence,
            run_id=upcoming.run_id,
            code=upcoming.code.value,
            try_number=upcoming.number,
            seconds=upcoming.seconds,
        )
        async with observer.waits(upcoming):
            return await _first_of(end(), end_from_above(), go_on())


async def _first_of(*ways: Coroutine[Any, Any, bool]) -> bool:
    """What the first that is done came to, in this order; the others end with it."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task.result() for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
