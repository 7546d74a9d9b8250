"""One real Prefect server for each file of tests here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.prefect_server import RunningPrefect


@pytest.fixture(scope="module")
def prefect(
    tmp_path_factory: pytest.TempPathFactory, prefect_databases: Path
) -> Iterator[RunningPrefect]:
    """A real server of the module's own, with nothing in it."""
    server = RunningPrefect(tmp_path_factory.mktemp("prefect"))
    server.start_like(prefect_databases / "plain.db", server.start)
    with server:
        yield server


@pytest.fixture(scope="module")
def in_prefect(prefect: RunningPrefect) -> Iterator[None]:
    """Flows that this process runs are told to that server."""
    before = dict(os.environ)
    os.environ |= {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    with temporary_settings({PREFECT_API_URL: prefect.url}):
        yield
        APILogWorker.drain_all()
    os.environ.clear()
    os.environ.update(before)
