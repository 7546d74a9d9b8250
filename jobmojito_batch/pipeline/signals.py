"""
SIGINT and SIGTERM: the first stops dispatch and drains, the second leaves at once.

SIGHUP, a terminal that was closed or a connection that broke, is a SIGTERM of somebody who will not
send a second one.
"""

import asyncio
import os
import select
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

HANG_UP: Final[int | None] = getattr(signal, "SIGHUP", None)
"""None on Windows, which closes a window with the process."""


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
    Nor does a further SIGHUP: the terminal sends one, and so does the shell in it.

    Handlers that were there before come back at the end. Outside the main thread Python delivers
    no signals, so nothing is installed there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None = None) -> None:
        is_hang_up = number == HANG_UP
        if is_hang_up:
            _let_go_of_terminal()
        if seen and (is_hang_up or not leaves_on_second):
            return
        if seen:
            with suppress(Exception):
                before_leaving()
            sys.stderr.flush()
            os._exit(ExitCode.of_signal(number))
        seen.append(number)
        loop.call_soon_threadsafe(on_first, signal.SIGTERM if is_hang_up else number)

    # signal.signal rather than loop.add_signal_handler: it exists on Windows too.
    before = {number: signal.signal(number, handle) for number in _heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heard() -> Iterator[int]:
    """The signals that stop work; what nohup or a caller does with SIGHUP stays."""
    yield from (signal.SIGINT, signal.SIGTERM)
    if HANG_UP is not None and signal.getsignal(HANG_UP) == signal.SIG_DFL:
        yield HANG_UP


def _let_go_of_terminal() -> None:
    """Have output go nowhere where its terminal is gone: to write there would end the drain."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or none with a number
            ends = select.poll()
            ends.register(stream.fileno(), 0)
            if any(event & select.POLLHUP for _, event in ends.poll(0)):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


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
