"""SIGINT and SIGTERM: the first stops dispatch and drains, the second leaves at once."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import Final

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.pipeline.beside import beside
from jobmojito_batch.sending import StopSignal

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(
    on_first: Callable[[int], None],
    before_leaving: Callable[[], None],
    *,
    leaves_on_second: bool = True,
) -> Iterator[None]:
    """
    While inside, the first signal calls *on_first*, a second ends the process with 128 + signal.

    Without *leaves_on_second* further signals change nothing: under a service manager the terminal,
    the manager and the runner may each send one for the same stop, and none of them means "now".

    Handlers that were there before come back at the end. Outside the main thread Python delivers
    no signals, so nothing is installed there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None = None) -> None:
        if seen and not leaves_on_second:
            return
        if seen:
            with suppress(Exception):
                before_leaving()
            sys.stderr.flush()
            os._exit(ExitCode.of_signal(number))
        seen.append(number)
        loop.call_soon_threadsafe(on_first, number)

    # signal.signal rather than loop.add_signal_handler: it exists on Windows too.
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def stopping(
    stop: StopSignal, says: str, *, stop_when: Callable[[], Awaitable[str]] | None = None
) -> AsyncIterator[list[int]]:
    """
    While inside, the first signal stops work, or *stop_when*, which says why; gives the signals.

    *says* is why work stops for a signal. A second one ends the process.
    """
    signals: list[int] = []

    def on_first(number: int) -> None:
        signals.append(number)
        stop.stop(ErrorCode.INTERRUPTED, says)

    async def heed(stop_when: Callable[[], Awaitable[str]]) -> None:
        stop.stop(ErrorCode.INTERRUPTED, await stop_when())

    with stop_on_signals(on_first, lambda: None):
        async with beside(heed(stop_when) if stop_when is not None else None):
            yield signals
