"""
An inbox that is a prefix of an object store.

An object appears when all of its bytes are there. A store knows no rename: an object is copied,
then deleted, so that a crash in between leaves both; the content is known as done by then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Self

from jobmojito_batch.errors import InputError
from jobmojito_batch.file_names import ending_of, stem_of
from jobmojito_batch.inbox.day_folders import DAY, FILE, LIST, RUN, listed, written
from jobmojito_batch.inbox.folder import DONE, FAILED
from jobmojito_batch.inbox.stability import MARKER, Look, sha256_of
from jobmojito_batch.storage import download, open_store, store_errors

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
        place = uri.partition("?")[0]
        try:
            store = open_store(uri)
        except store_errors() as exc:
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
            listing = self._store.list_with_delimiter()
        return {
            PurePosixPath(about["path"]).name: Look(
                about["size"], about["last_modified"].timestamp(), about["e_tag"] or ""
            )
            for about in listing["objects"]
            if about["path"]
        }

    def aside(self) -> dict[str, int]:
        """Nothing: a store has objects alone."""
        return {}

    def local(self, name: str) -> Path:
        """A copy of the object, of mode 600, in the folder for copies."""
        return self._copied(name, self._copies / name)

    def _copied(self, path: str, target: Path) -> Path:
        with self._translated("reading"):
            return download(self._store, path, target)

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
        with self._translated("renaming"):
            free = self._free(folder, name)
            try:
                self._store.copy(name, f"{folder}/{free}")
            except FileNotFoundError:
                return None
            if not self._has(f"{folder}/{free}", sha256):
                self._store.delete(f"{folder}/{free}")
                return None
            self._store.delete(name)
            lines = [f"{FILE}{written(free)}"]
            if note is not None:
                beside = free + (".error.txt" if folder.startswith(FAILED) else ".note.txt")
                text = note.replace("\n", " ") + "\n"
                self._store.put(f"{folder}/{beside}", text.encode())
                lines.append(f"{FILE}{written(beside)}")
            if run_id is not None:
                lines.append(f"{RUN}{run_id}")
            self._add_to_list(folder, lines)
            if self._exists(name + MARKER):
                self._store.delete(name + MARKER)
            return free

    def earlier_runs(self) -> dict[str, str]:
        """The runs that objects under done/ are listed with, of the latest days; each with its."""
        with self._translated("listing"):
            days = sorted(self._days(DONE), reverse=True)[:DAYS_LOOKED_AT]
            return {run_id: day for day in days for run_id in listed(self._list(day), RUN)}

    def remove_old_nights(self, *, before: str) -> int:
        """Remove what was put away on days before: what our lists name, and the lists."""
        removed = 0
        with self._translated("removing"):
            for day in [*self._days(DONE), *self._days(FAILED)]:
                name = PurePosixPath(day).name
                if DAY.fullmatch(name) and name < before:
                    removed += self._remove(day)
        return removed

    def _days(self, folder: str) -> list[str]:
        prefixes = self._store.list_with_delimiter(folder)["common_prefixes"]
        return [prefix.rstrip("/") for prefix in prefixes]

    def _remove(self, day: str) -> int:
        if not self._exists(f"{day}/{LIST}"):
            return 0
        names = dict.fromkeys(listed(self._list(day), FILE))
        paths = [
            f"{day}/{name}" for name in names if "/" not in name and self._exists(f"{day}/{name}")
        ]
        for path in [*paths, f"{day}/{LIST}"]:
            self._store.delete(path)
        return len(paths)

    def _list(self, day: str) -> bytes:
        try:
            return bytes(self._store.get(f"{day}/{LIST}").bytes())
        except FileNotFoundError:
            return b""

    def _add_to_list(self, day: str, lines: list[str]) -> None:
        added = "".join(f"{line}\n" for line in lines)
        self._store.put(f"{day}/{LIST}", self._list(day) + added.encode())

    def _has(self, path: str, sha256: str) -> bool:
        """Whether the object has that content."""
        copy = self._copied(path, self._copies / ".again")
        try:
            return sha256_of(copy) == sha256
        finally:
            copy.unlink()

    def _free(self, folder: str, name: str) -> str:
        number, free = 1, name
        while self._exists(f"{folder}/{free}"):
            number += 1
            free = f"{stem_of(name)}-{number}{ending_of(name)}"
        return free

    def _exists(self, path: str) -> bool:
        try:
            self._store.head(path)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except store_errors() as exc:
            raise InputError(
                f"{self._place}: {doing} failed ({type(exc).__name__}); check the address, the "
                "network and the credentials in the environment"
            ) from None
