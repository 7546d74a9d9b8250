"""Work that goes on beside a run: while it lasts, or in a thread that nobody has to wait for."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None] | None) -> AsyncIterator[None]:
    """*work* goes on while inside, and ends with it."""
    task = asyncio.create_task(work) if work is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def beside_the_loop(work: Callable[[], T]) -> T:
    """
    What *work* gives, from a thread that nobody has to wait for.

    Somebody who is asked may never answer: the claims are kept alive meanwhile, and a run that is
    stopped ends without the answer.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else outcome())

    def carry_out() -> None:
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 - raised again where it is waited for
            error = exc
            tell(lambda: done.set_exception(error))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=carry_out, name="decide", daemon=True).start()
    return await done
