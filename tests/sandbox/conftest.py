"""A sandbox of its own for each test, with a plain HTTP client that talks to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobmojito_batch.contract import CREATE_PATH
from jobmojito_batch.sandbox import Entry, RunningSandbox, Scenario
from jobmojito_batch.sandbox.world import World

TOKEN = "made-up-token"


class Api:
    """The sandbox's endpoints, called by somebody who trusts nothing and retries nothing."""

    def __init__(self, sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.http = http

    @property
    def log(self) -> list[Entry]:
        return self.sandbox.log

    @property
    def state(self) -> World:
        return self.sandbox.state

    async def create(self, email: str = "ann@example.com", **members: Any) -> httpx.Response:
        return await self.http.post(f"/{CREATE_PATH}", json=candidate(email, **members))

    async def get(self, name: str, **query: str | int) -> httpx.Response:
        return await self.http.get(f"/{name}", params=query)

    def events(self, event: str) -> list[Entry]:
        return [entry for entry in self.log if entry.event == event]


def candidate(email: str, **members: Any) -> dict[str, Any]:
    """A complete body; a member given as None is left out."""
    body = {
        "candidate_name": "Ann Example",
        "candidate_email": email,
        "candidate_country_code": "SK",
        "candidate_resume": "A secret résumé.",
        "position_name": "Cook",
        "position_location": "remote",
        "position_country_code": "SK",
        "mojito_language_code": "en",
    } | members
    return {name: value for name, value in body.items() if value is not None}


@asynccontextmanager
async def _opened(log_path: Path | None = None, **scenario: Any) -> AsyncIterator[Api]:
    plain = {"latency": 0.0, "position_latency": 0.0, "rows_per_enrolment": 1} | scenario
    with RunningSandbox(Scenario.model_validate(plain), log_path=log_path) as running:
        async with httpx.AsyncClient(
            base_url=running.base_url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=5.0,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # reading certificates takes longest
        ) as http:
            yield Api(running, http)


@pytest.fixture
def sandbox() -> Callable[..., AbstractAsyncContextManager[Api]]:
    """A sandbox without latency and with a row each, save for what is given: for `async with`."""
    return _opened


@pytest.fixture
def soon() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """A wait until something is so."""

    async def until(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_so():  # noqa: ASYNC110 - it comes true in the sandbox's thread
                await asyncio.sleep(0.005)

    return until
