"""The link to the Prefect API: what goes over it never stops or slows the sending."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from prefect.client.orchestration import get_client

PATIENCE_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 900.0
"""How long a run that is over waits for an API that is away: its last state needs it."""
ASK_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)
T = TypeVar("T")


Log = logging.Logger | logging.LoggerAdapter[logging.Logger]
"""A run's logger: Prefect sends its lines to the server from a thread of its own."""


class Link:
    """Notices when the API goes away and when it is back."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._away_since: float | None = None

    async def quietly(self, call: Awaitable[T]) -> T | None:
        """The call's result, or None where Prefect does not answer well and soon."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await call
        except Exception as exc:  # noqa: BLE001 - a picture of the work is not the work
            if self._away_since is None:  # once an outage, however often it is asked meanwhile
                self._away_since = time.monotonic()
                logger.warning("prefect.away", extra={"error": type(exc).__name__})
            return None
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            self._log.warning("prefect.back after=%.0fs; the sending went on meanwhile", seconds)
        return found

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
