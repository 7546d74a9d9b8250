"""An inbox that is a folder."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox.day_folders import NightFolder, earlier_runs, remove_old_nights
from jobmojito_batch.inbox.stability import MARKER, Look

DONE = "done"
FAILED = "failed"


class FolderInbox:
    """A folder where exports land. Links are never taken: they may lead anywhere."""

    appears_whole = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        """The folder, as it was given."""
        return str(self._folder)

    def look(self) -> dict[str, Look]:
        """The files that lie in it now by name."""
        with self._translated():
            files = {}
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    try:
                        if entry.is_file(follow_symlinks=False):
                            seen = entry.stat(follow_symlinks=False)
                            files[entry.name] = Look(seen.st_size, seen.st_mtime)
                    except FileNotFoundError:
                        continue  # renamed or taken away just now
            return files

    def aside(self) -> dict[str, int]:
        """Folders, links and the like, done/ and failed/ and what is hidden left out."""
        kinds: Counter[str] = Counter()
        with self._translated(), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    kinds["link"] += 1
                elif entry.is_dir() and entry.name not in {DONE, FAILED} and entry.name[0] != ".":
                    kinds["folder"] += 1
                elif not entry.is_dir() and not entry.is_file():
                    kinds["special file"] += 1
        return dict(sorted(kinds.items()))

    def local(self, name: str) -> Path:
        """The file where it lies."""
        return self._folder / name

    def put_away(
        self,
        name: str,
        folder: str,
        *,
        sha256: str,
        note: str | None = None,
        run_id: str | None = None,
    ) -> str | None:
        """Move the file; see Inbox."""
        with self._translated():
            night = NightFolder.made(self._folder / folder)
            if run_id is not None:
                night.note_run(run_id)
            moved = night.take_in(self._folder / name, sha256)
            if moved is None:
                return None
            if note is not None:
                ending = ".error.txt" if folder.startswith(FAILED) else ".note.txt"
                night.write(f"{moved}{ending}", note)
            # After the file: a marker that stays behind alone is older than the next file.
            (self._folder / f"{name}{MARKER}").unlink(missing_ok=True)
            return moved

    def earlier_runs(self) -> dict[str, str]:
        """The runs that files in done/ are listed with, each with its folder."""
        with self._translated():
            return earlier_runs(self._folder / DONE)

    def remove_old_nights(self, *, before: str) -> int:
        """Remove what was put away on days before."""
        return sum(remove_old_nights(self._folder / of, before=before) for of in (DONE, FAILED))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except NotADirectoryError:
            raise InputError(
                f"{self._folder}: an inbox is a folder, or a prefix of an object store"
            ) from None
        except OSError as exc:
            raise InputError(
                f"{self._folder}: the inbox cannot be used ({exc.strerror or type(exc).__name__}); "
                "check the folder and its permissions"
            ) from None
