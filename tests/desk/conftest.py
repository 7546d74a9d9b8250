"""A desk without a server: its application, and who asks it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import httpx
import pytest

from jobmojito_batch.desk.app import create_app
from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.security import Keys
from tests.desk.visits import ORIGIN, PORT


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("JOBMOJITO_BASE_URL", "http://127.0.0.1:9/functions/v1")
    with closing(Desk(Keys(PORT))) as made:
        yield made


@pytest.fixture
async def stranger(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who knows the address alone."""
    transport = httpx.ASGITransport(create_app(desk))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest.fixture
async def person(desk: Desk, stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """The person whose desk it is, whose browser has the cookie."""
    stranger.cookies.set(desk.keys.cookie, desk.keys.session)
    return stranger
