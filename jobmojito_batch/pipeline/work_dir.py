"""
Where a run keeps its prepared rows: personal data, so mode 700, and gone with the run.

A killed run cannot tidy up; the next run of any kind removes what dead processes left.
"""

import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.intake import sink_rows
from jobmojito_batch.ledger import is_alive, this_owner

_OWNER: Final = "owner.json"


class Spool:
    """A run's own folder; a context manager that removes it."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder / run_id
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(folder)
            self._folder.mkdir(mode=0o700)
            self.scratch.mkdir(mode=0o700)
            (self._folder / _OWNER).write_text(json.dumps(this_owner()), encoding="utf-8")
        except OSError as exc:
            raise SettingsError(
                f"{folder}: cannot keep the run's rows there ({exc.strerror}); make room or make "
                "the folder writable"
            ) from None

    @property
    def prepared(self) -> Path:
        """The prepared rows (docs/architecture.md, Frames)."""
        return self._folder / "prepared.parquet"

    @property
    def planned(self) -> Path:
        """What the plan makes of each of them."""
        return self._folder / "planned.parquet"

    @property
    def history(self) -> Path:
        """What the ledger knows of their positions."""
        return self._folder / "history.parquet"

    @property
    def people(self) -> Path:
        """Who was invited in earlier runs."""
        return self._folder / "people.parquet"

    @property
    def scratch(self) -> Path:
        """Where reading keeps copies that last as long as the run."""
        return self._folder / "scratch"

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def write_again(prepared: Path, frame: pl.LazyFrame) -> None:
    """Put the rows of *frame*, which may be read from there, in place of the prepared ones."""
    fresh = prepared.with_suffix(".fresh.parquet")
    sink_rows(frame, fresh)
    fresh.replace(prepared)


def _sweep(folder: Path) -> None:
    for left in folder.iterdir():
        try:
            owner = json.loads((left / _OWNER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # being made or removed just now, or not ours
        if isinstance(owner, str) and not is_alive(owner):
            shutil.rmtree(left, ignore_errors=True)
