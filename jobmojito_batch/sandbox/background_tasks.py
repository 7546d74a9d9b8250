"""Work that goes on after a client has hung up, and ends when the sandbox does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Works:
    """The tasks under way; all are cancelled by `close`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_closed = False

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Start *work* on its own: nobody has to wait for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.is_closed:
            task.cancel()
        return task

    async def finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for *work*, which goes on even where the waiting is cancelled."""
        return await asyncio.shield(self.start(work))

    def close(self) -> None:
        """Cancel everything under way, and what is started from now on."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()
