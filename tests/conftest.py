"""Keep every test away from this person's own settings, data folders and Prefect profile."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from jobmojito_batch.ledger import Ledger
from tests.helpers import OpenLedger
from tests.postgresql import own_database, own_schema, why_not

# No test asserts on time: a busy machine must not turn one red.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


LONGEST = ("prefect_real", "flows", "model", "large")
"""Folders whose tests last long: they begin first, each file on one worker (--dist loadfile)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones before the rest."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("JOBMOJITO_", "PREFECT_")):
            monkeypatch.delenv(name)
    # Most tests tell of a person in a word or two; those of the floor take it away.
    monkeypatch.setenv("JOBMOJITO_MIN_RESUME_CHARACTERS", "1")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty ledger of either kind, the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'books' / 'ledger.sqlite'}"
        return
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with own_schema() as url:
        yield url


@pytest.fixture
def open_ledger() -> Iterator[OpenLedger]:
    """Opens ledgers, and closes them all at the end."""
    with ExitStack() as stack:

        def opened(url: str, **options: Any) -> Ledger:
            return stack.enter_context(closing(Ledger.open(url, **options)))

        yield opened


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An empty schema on a server, for what only PostgreSQL does."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with own_schema() as url:
        yield url


@pytest.fixture
def postgresql_database_url() -> Iterator[str]:
    """An empty database on a server, where nobody else has a transaction open."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with own_database() as url:
        yield url
