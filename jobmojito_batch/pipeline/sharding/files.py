"""
Where the rows of shards lie while their run goes on: a folder that all machines see, or a store.

They are personal data: mode 600 in a folder of mode 700, and gone with the run. What a run that
died left behind is removed by the next one that uses the place.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, Self

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.inbox import is_prefix, library


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
    return StorePlace.at(place) if is_prefix(place) else FolderPlace(Path(place).expanduser())


def sweep(place: ShardPlace, is_over: Callable[[str], bool]) -> None:
    """Remove what runs left there that are over."""
    for run_id in place.runs():
        if is_over(run_id):
            place.remove(run_id)


def fetch(path: str, target: Path) -> Path:
    """The file on this machine: where it lies, or a copy of mode 600. Raises SettingsError."""
    if not is_prefix(path):
        if not Path(path).is_file():
            raise SettingsError(
                f"{path}: the shard's rows are not there; the shard folder has to be one that all "
                "machines see under the same path"
            )
        return Path(path)
    place, _, name = path.rpartition("/")
    obstore = library()
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in obstore.get(obstore.store.from_url(place), name).stream():
                file.write(chunk)
    except (obstore.exceptions.BaseError, OSError, ValueError) as exc:
        raise _unusable(path, exc) from None
    return target


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
        return [one.name for one in self._folder.iterdir() if one.is_dir() and not one.is_symlink()]


class StorePlace:
    """A prefix of an object store, through obstore; credentials as it takes them."""

    def __init__(self, store: Any, place: str) -> None:  # noqa: ANN401 - obstore's, an extra
        self._store = store
        self._place = place

    @classmethod
    def at(cls, uri: str) -> Self:
        """The prefix at *uri*. Raises SettingsError."""
        obstore = library()
        place = uri.partition("?")[0].rstrip("/")
        try:
            return cls(obstore.store.from_url(place), place)
        except (obstore.exceptions.BaseError, ValueError) as exc:
            raise _unusable(place, exc) from None

    def put(self, file: Path, run_id: str, name: str) -> str:
        """Copy a file there."""
        obstore = library()
        try:
            obstore.put(self._store, f"{run_id}/{name}", file)
        except (obstore.exceptions.BaseError, OSError) as exc:
            raise _unusable(self._place, exc) from None
        return f"{self._place}/{run_id}/{name}"

    def remove(self, run_id: str) -> None:
        """Remove the run's objects."""
        obstore = library()
        try:
            names = [
                one["path"] for chunk in obstore.list(self._store, f"{run_id}/") for one in chunk
            ]
            if names:
                obstore.delete(self._store, names)
        except (obstore.exceptions.BaseError, OSError):
            return  # the next run of this place does it

    def runs(self) -> list[str]:
        """The prefixes there."""
        obstore = library()
        try:
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        except (obstore.exceptions.BaseError, OSError) as exc:
            raise _unusable(self._place, exc) from None
        return [PurePosixPath(one.rstrip("/")).name for one in found]


def _unusable(place: str, exc: Exception) -> SettingsError:
    said = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
    return SettingsError(
        f"{place}: the rows of shards cannot be kept there ({said}); choose another --shard-folder"
    )
