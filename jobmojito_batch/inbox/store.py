"""
An inbox that is a prefix of an object store, through obstore; credentials as it takes them.

An object appears when all of its bytes are there. A store knows no rename: an object is copied,
then deleted, so that a crash in between leaves both; the content is known as done by then.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Self

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.inbox.folder import DONE, FAILED
from jobmojito_batch.inbox.looks import MARKER, Look, sha256_of
from jobmojito_batch.inbox.nights import DAY, FILE, LIST, RUN, listed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

DAYS_LOOKED_AT: Final = 14


class StoreInbox:
    """A prefix where exports land."""

    appears_whole = True

    def __init__(self, store: "ObjectStore", place: str, copies: Path) -> None:
        self._store = store
        self._place = place
        self._copies = copies

    @classmethod
    def at(cls, uri: str, *, copies: Path) -> Self:
        """The prefix at *uri*. Raises InputError, SettingsError."""
        obstore = library()
        place = uri.partition("?")[0]
        try:
            store = obstore.store.from_url(uri)
        except (obstore.exceptions.BaseError, ValueError) as exc:
            raise InputError(
                f"{place}: no prefix of a store that can be opened ({type(exc).__name__})"
            ) from None
        return cls(store, place, copies)

    @property
    def place(self) -> str:
        """The prefix, as it was given."""
        return self._place

    def look(self) -> dict[str, Look]:
        """The objects directly under the prefix by name."""
        with self._translated("listing"):
            found = library().list_with_delimiter(self._store)
        return {
            PurePosixPath(one["path"]).name: Look(
                one["size"], one["last_modified"].timestamp(), one["e_tag"] or ""
            )
            for one in found["objects"]
            if one["path"]
        }

    def local(self, name: str) -> Path:
        """A copy of the object, of mode 600, in the folder for copies."""
        return self._copied(name, self._copies / name)

    def _copied(self, path: str, target: Path) -> Path:
        descriptor = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file, self._translated("reading"):
            for chunk in library().get(self._store, path).stream():
                file.write(chunk)
        return target

    def put_away(
        self,
        name: str,
        folder: str,
        *,
        sha256: str,
        note: str | None = None,
        run_id: str | None = None,
    ) -> str | None:
        """Rename the object; see Inbox. What is written over it in that very moment is lost."""
        obstore = library()
        with self._translated("renaming"):
            free = self._free(folder, name)
            try:
                obstore.copy(self._store, name, f"{folder}/{free}")
            except FileNotFoundError:
                return None
            if not self._has(f"{folder}/{free}", sha256):
                obstore.delete(self._store, f"{folder}/{free}")
                return None
            obstore.delete(self._store, name)
            lines = [f"{FILE}{free}"]
            if note is not None:
                beside = free + (".error.txt" if folder.startswith(FAILED) else ".note.txt")
                text = note.replace("\n", " ") + "\n"
                obstore.put(self._store, f"{folder}/{beside}", text.encode())
                lines.append(f"{FILE}{beside}")
            if run_id is not None:
                lines.append(f"{RUN}{run_id}")
            self._add_to_list(folder, lines)
            if self._exists(name + MARKER):
                obstore.delete(self._store, name + MARKER)
            return free

    def earlier_runs(self) -> dict[str, str]:
        """The runs that objects under done/ are listed with, of the latest days; each with its."""
        with self._translated("listing"):
            found = library().list_with_delimiter(self._store, DONE)["common_prefixes"]
            days = sorted((prefix.rstrip("/") for prefix in found), reverse=True)[:DAYS_LOOKED_AT]
            return {run_id: day for day in days for run_id in listed(self._list(day), RUN)}

    def remove_old_nights(self, *, before: str) -> int:
        """Remove what was put away on days before: what our lists name, and the lists."""
        removed = 0
        with self._translated("removing"):
            for of in (DONE, FAILED):
                for prefix in library().list_with_delimiter(self._store, of)["common_prefixes"]:
                    day = prefix.rstrip("/")
                    if DAY.fullmatch(PurePosixPath(day).name) and PurePosixPath(day).name < before:
                        removed += self._remove(day)
        return removed

    def _remove(self, day: str) -> int:
        obstore = library()
        if not self._exists(f"{day}/{LIST}"):
            return 0
        names = dict.fromkeys(listed(self._list(day), FILE))
        there = [
            f"{day}/{name}" for name in names if "/" not in name and self._exists(f"{day}/{name}")
        ]
        for path in [*there, f"{day}/{LIST}"]:
            obstore.delete(self._store, path)
        return len(there)

    def _list(self, day: str) -> str:
        try:
            return bytes(library().get(self._store, f"{day}/{LIST}").bytes()).decode()
        except FileNotFoundError:
            return ""

    def _add_to_list(self, day: str, lines: list[str]) -> None:
        text = self._list(day) + "".join(f"{line}\n" for line in lines)
        library().put(self._store, f"{day}/{LIST}", text.encode())

    def _has(self, path: str, sha256: str) -> bool:
        """Whether the object has that content."""
        copy = self._copied(path, self._copies / ".again")
        try:
            return sha256_of(copy) == sha256
        finally:
            copy.unlink()

    def _free(self, folder: str, name: str) -> str:
        path = PurePosixPath(name)
        number, free = 1, name
        while self._exists(f"{folder}/{free}"):
            number += 1
            free = f"{path.stem}-{number}{path.suffix}"
        return free

    def _exists(self, path: str) -> bool:
        try:
            library().head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        obstore = library()
        try:
            yield
        except FileNotFoundError:
            raise
        except (obstore.exceptions.BaseError, OSError) as exc:
            raise InputError(
                f"{self._place}: {doing} failed ({type(exc).__name__}); check the address, the "
                "network and the credentials in the environment"
            ) from None


def library() -> Any:  # noqa: ANN401 - a module
    """obstore, which the extra `[stores]` brings. Raises SettingsError."""
    try:
        import obstore  # noqa: PLC0415 - an extra
        import obstore.store  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "an object store needs obstore: pip install 'jobmojito-batch[stores]'"
        ) from None
    return obstore
