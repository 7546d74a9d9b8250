"""One real Prefect server and one worker for all tests here; gone when the last of them has run."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_real.house import PrefectHouse
from tests.prefect_real.watched import Watched, watched_runs


@pytest.fixture(scope="package")
def house(
    tmp_path_factory: pytest.TempPathFactory, prefect_databases: Path
) -> Iterator[PrefectHouse]:
    """A server with the deployments of prefect.yaml and a worker that takes their runs."""
    house = PrefectHouse(tmp_path_factory.mktemp("house"))
    try:
        house.move_in(prefect_databases)
        house.start_worker()
        yield house
    finally:
        house.close()


@pytest.fixture(scope="package")
def watched(house: PrefectHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Runs of searchable people, for the eyes of the tests of privacy and of the browser."""
    folder = tmp_path_factory.mktemp("watched")
    if "SCREENSHOTS" in os.environ:  # the pictures show where the files lie
        folder = Path(tempfile.gettempdir(), "exports")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    with watched_runs(house, folder) as watched:
        yield watched
