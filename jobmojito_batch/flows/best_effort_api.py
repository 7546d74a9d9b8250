"""The link to the Prefect API: what goes over it never stops or slows the sending."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from prefect.client.orchestration import get_client

from jobmojito_batch.events import Event, warn

PATIENCE_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 900.0
"""How long a run that is over waits for an API that is away: its last state needs it."""
ASK_SECONDS: Final = 2.0

T = TypeVar("T")


class BestEffortApi:
    """Notices when the API goes away and when it is back."""

    def __init__(self) -> None:
        self._away_since: float | None = None

    async def quietly(self, call: Awaitable[T]) -> T | None:
        """The call's result, or None where Prefect does not answer well and soon."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await call
        except Exception as exc:  # noqa: BLE001 - a picture of the work is not the work
            if self._away_since is None:  # once an outage, however often it is asked meanwhile
                self._away_since = time.monotonic()
                warn(Event.PREFECT_AWAY, error=type(exc).__name__)
            return None
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            warn(Event.PREFECT_BACK, seconds=round(seconds), says="the sending went on meanwhile")
        return answer

    async def until_back(self) -> None:
        """Ask, and wait within bounds where the API is away: nothing is in flight any more."""
        until = time.monotonic() + WAIT_SECONDS
        await self.quietly(_asked())
        while self._away_since is not None and time.monotonic() < until:
            await asyncio.sleep(ASK_SECONDS)
            await self.quietly(_asked())


async def _asked() -> None:
    async with get_client() as client:
        fault = await client.api_healthcheck()
        if fault is not None:
            raise fault
