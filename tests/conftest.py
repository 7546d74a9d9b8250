"""Keep every test away from this person's own settings, data folders and Prefect profile."""

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from jobmojito_batch.ledger import Ledger
from tests.helpers import OpenLedger
from tests.postgresql import own_database, own_schema, why_not

# No test asserts on time: a busy machine must not turn one red. An example is mostly a whole frame
# through all expressions, so there are few of them, of many rows.
settings.register_profile("untimed", deadline=None, max_examples=30)
settings.load_profile("untimed")


LONGEST = ("prefect_real", "flows", "model", "large")
"""Folders whose tests last long: they begin first, each file on one worker (--dist loadfile)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones before the rest."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


HOUSES = (
    ("test_schedules.py", "test_outage.py", "test_watched_run.py"),
    ("test_stops.py", "test_suspend_and_cancel.py"),
)
"""Files of prefect_real that one worker takes one after the other, with one server for all."""


class FilesAndHouses(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, and what shares a Prefect server stays together."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder, _, name = file.rpartition("/")
        if folder.endswith("prefect_real"):
            return next((str(house) for house in HOUSES if name in house), file)
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndHouses | None:
    """Another way of sharing tests out than by file is left as it is."""
    return FilesAndHouses(config, log) if config.getvalue("dist") == "loadfile" else None


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
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def _prefects_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Prefect leaves sockets to the collector: they are collected with the file that used it.

    Else the warning of it falls into whichever test of another file the collector runs in.
    """
    yield
    if "prefect" in request.path.read_text(encoding="utf-8"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture(scope="session")
def prefect_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where databases of Prefect are kept that all workers of a session begin with."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


LEDGERS = ("sqlite", "postgresql")


@pytest.fixture(params=LEDGERS)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty ledger of each kind, the test's own."""
    if request.param == "postgresql" and (reason := why_not()) is not None:
        pytest.skip(reason)
    with _ledger(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def either_ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """
    An empty ledger of one kind, for what takes long and is no matter of the ledger alone.

    Over the cases of a file both kinds take turns, the same each time; BOTH_LEDGERS gives each test
    both.
    """
    kind = getattr(request, "param", LEDGERS[crc32(request.node.name.encode()) % 2])
    if kind == "postgresql" and (reason := why_not()) is not None:
        if hasattr(request, "param"):
            pytest.skip(reason)
        kind = "sqlite"
    with _ledger(kind, tmp_path) as url:
        yield url


@contextmanager
def _ledger(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'books' / 'ledger.sqlite'}"
        return
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
