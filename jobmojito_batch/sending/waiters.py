"""Who waits for something to change, in the order of asking."""

import asyncio
from collections import deque


class Waiters:
    """Futures of those that wait; whoever is woken looks for itself, and waits again or goes on."""

    def __init__(self) -> None:
        self._futures: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait to be woken."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future

    def wake(self, most: int | None = None) -> None:
        """Wake the first *most* of them, all if None; those that were cancelled do not count."""
        left = len(self._futures) if most is None else most
        while self._futures and left > 0:
            future = self._futures.popleft()
            if not future.done():
                future.set_result(None)
                left -= 1

    def __len__(self) -> int:
        return len(self._futures)
