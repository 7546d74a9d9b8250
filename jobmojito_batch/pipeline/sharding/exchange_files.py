"""
Where the rows of shards lie while their run goes on: a folder that all machines see, or a store.

They are personal data: mode 600 in a folder of mode 700, and gone with the run. What a run that
died left behind is removed by the next one that uses the place.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, Self

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.storage import download, open_store, store_errors
from jobmojito_batch.urls import is_url

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class ShardPlace(Protocol):
    """A place that all machines see."""

    def put(self, file: Path, run_id: str, name: str) -> str:
        """Copy a file there; gives the path that the others read. Raises SettingsError."""

    def remove(self, run_id: str) -> None:
        """Remove what the run has there; never raises."""

    def runs(self) -> list[str]:
        """The names of what lies there."""


def open_place(place: str) -> ShardPlace:
    """The place of this name. Raises SettingsError."""
    return StorePlace.at(place) if is_url(place) else FolderPlace(Path(place).expanduser())


def sweep(place: ShardPlace, is_over: Callable[[str], bool]) -> None:
    """Remove what runs left there that are over."""
    for run_id in place.runs():
        if is_over(run_id):
            place.remove(run_id)


def fetch(path: str, target: Path) -> Path:
    """The file on this machine: where it lies, or a copy of mode 600. Raises SettingsError."""
    if not is_url(path):
        if not Path(path).is_file():
            raise SettingsError(
                f"{path}: the shard's rows are not there; the shard folder has to be one that all "
                "machines see under the same path"
            )
        return Path(path)
    place, _, name = path.rpartition("/")
    try:
        return download(open_store(place), name, target)
    except store_errors() as exc:
        raise _unusable(path, exc) from None


class FolderPlace:
    """A folder, on a disk that all machines have mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def put(self, file: Path, run_id: str, name: str) -> str:
        """Copy a file there."""
        folder = self._folder / run_id
        target = folder / name
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with file.open("rb") as source, os.fdopen(descriptor, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())  # over a network others see it after that
        except OSError as exc:
            raise _unusable(str(self._folder), exc) from None
        return str(target)

    def remove(self, run_id: str) -> None:
        """Remove the run's folder."""
        shutil.rmtree(self._folder / run_id, ignore_errors=True)

    def runs(self) -> list[str]:
        """The folders there."""
        if not self._folder.is_dir():
            return []
        paths = self._folder.iterdir()
        return [path.name for path in paths if path.is_dir() and not path.is_symlink()]


class StorePlace:
    """A prefix of an object store."""

    def __init__(self, store: "ObjectStore", place: str) -> None:
        self._store = store
        self._place = place

    @classmethod
    def at(cls, uri: str) -> Self:
        """The prefix at *uri*. Raises SettingsError."""
        place = uri.partition("?")[0].rstrip("/")
        try:
            return cls(open_store(place), place)
        except store_errors() as exc:
            raise _unusable(place, exc) from None

    def put(self, file: Path, run_id: str, name: str) -> str:
        """Copy a file there."""
        try:
            self._store.put(f"{run_id}/{name}", file)
        except store_errors() as exc:
            raise _unusable(self._place, exc) from None
        return f"{self._place}/{run_id}/{name}"

    def remove(self, run_id: str) -> None:
        """Remove the run's objects."""
        with suppress(*store_errors()):  # the next run of this place does it
            names = [about["path"] for chunk in self._store.list(f"{run_id}/") for about in chunk]
            if names:
                self._store.delete(names)

    def runs(self) -> list[str]:
        """The prefixes there."""
        try:
            prefixes = self._store.list_with_delimiter()["common_prefixes"]
        except store_errors() as exc:
            raise _unusable(self._place, exc) from None
        return [PurePosixPath(prefix.rstrip("/")).name for prefix in prefixes]


def _unusable(place: str, exc: Exception) -> SettingsError:
    said = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
    return SettingsError(
        f"{place}: the rows of shards cannot be kept there ({said}); choose another --shard-folder"
    )
