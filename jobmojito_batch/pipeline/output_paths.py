"""Where a run writes its files (spec section 3: -o, --errors, --summary)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from jobmojito_batch.columns import REHEARSAL
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.file_names import stem_of, without_packing
from jobmojito_batch.intake import input_files
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.publish import check_suffix, check_target, write_fault

_OTHER = {".csv": ".xlsx", ".xlsx": ".csv"}
SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
_OTHER_TABLES = SPREADSHEETS - {".xlsx"} | {".parquet", ".json", ".jsonl", ".ndjson"}
"""What an errors file is not, so that none has the name of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The three files of a run."""

    results: Path
    errors: Path
    summary: Path
    outdated: Path | None = None
    """The errors file of the other kind, which an earlier run of the same results has left."""

    @property
    def replaced(self) -> tuple[Path, ...]:
        """What may lie there from an earlier run, and goes; nobody misses a rehearsal."""
        if f".{REHEARSAL}." in self.results.name:
            return ()
        return tuple(filter(None, (self.results, self.errors, self.outdated)))

    def check_writable(self, *, rows: int) -> None:
        """
        Raises SettingsError where the files of so many rows could not be written.

        Asked before anything is sent, by writing: a folder's mode says nothing of a full disk.
        """
        check_target(self.results, rows=rows)
        if self.errors.suffix.lower() in _OTHER_TABLES:
            raise SettingsError(
                f"{self.errors}: the errors file cannot be {self.errors.suffix}; end the name in "
                ".csv or .xlsx"
            )
        if self.errors.suffix.lower() == ".xlsx":
            check_target(self.errors, rows=rows)
        for path in (self.results, self.errors, self.summary):
            if path.is_dir():
                raise write_fault(path, IsADirectoryError())
            if path.is_file() and os.name == "nt":  # what a program has open cannot be replaced
                _check_not_open(path)
            try:
                with TemporaryFile(dir=path.parent) as file:
                    file.write(b"room")
                    file.flush()
            except OSError as exc:
                raise SettingsError(str(write_fault(path, exc))) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFiles:
    """The names that somebody has given the files of a run; None for one by default."""

    results: str | None = None
    errors: str | None = None
    summary: str | None = None

    @property
    def rehearsed(self) -> Self:
        """Those of a rehearsal: never over real ones, never taken for them."""
        return replace(
            self,
            results=self.results and rehearsed(self.results),
            errors=self.errors and rehearsed(self.errors),
            summary=self.summary and rehearsed(self.summary),
        )


def rehearsed(name: str) -> str:
    """The name of a file of a rehearsal: `people.rehearsal.results.csv`."""
    path = Path(name)
    stem, dot, rest = path.name.partition(".results.")
    if not dot:
        stem, dot, rest = path.stem, "", path.suffix
    return str(path.with_name(f"{stem}.{REHEARSAL}{dot}{rest}"))


def find_targets(parameters: InviteParameters, day: date) -> Targets:
    """
    The files of a run of that day, by the options or beside the input.

    Those of several inputs are named after the first, and lie in the current folder. Raises
    SettingsError, InputError.
    """
    inputs = [file.path for file in input_files(parameters.inputs)]
    asked = AskedFiles(
        results=parameters.results or str(_default(inputs, day)),
        errors=parameters.errors,
        summary=parameters.summary,
    )
    if parameters.environment == REHEARSAL:
        asked = asked.rehearsed
    return _targets(asked, suffix_for([path.name for path in inputs]), inputs)


def targets_again(run_id: str, sources: Sequence[str], asked: AskedFiles) -> Targets:
    """
    The files of a run that is written again: as they are asked for, else RUN_ID.results here.

    A workbook where the *sources* of the run were. Raises SettingsError.
    """
    suffix = suffix_for(sources)
    named = replace(asked, results=asked.results or f"{run_id}.results{suffix}")
    return _targets(named, suffix, inputs=())


def _targets(asked: AskedFiles, suffix: str, inputs: Sequence[Path]) -> Targets:
    """
    *suffix* is that of the errors file, as the inputs have it.

    Whether they can be written is asked by who writes them: `check`, letters and follow up read
    where nobody may write.
    """
    results = Path(asked.results or "")
    check_suffix(results)
    stem = results.with_suffix("")
    beside = endings(suffix)
    other = _beside(stem, endings(_OTHER[suffix])[0])
    taken = {path.resolve() for path in inputs}
    targets = Targets(
        results=results,
        errors=Path(asked.errors) if asked.errors else _beside(stem, beside[0]),
        outdated=None if asked.errors or other.resolve() in taken else other,
        summary=Path(asked.summary) if asked.summary else _beside(stem, beside[1]),
    )
    _check_apart(targets, inputs)
    return targets


def _default(inputs: Sequence[Path], day: date) -> Path:
    first = inputs[0]
    suffix = suffix_for([path.name for path in inputs])
    if len(inputs) == 1:
        return first.with_name(f"{stem_of(first.name)}.results{suffix}")
    return Path(f"{stem_of(first.name)}-{day}.results{suffix}")


def suffix_for(names: Sequence[str]) -> str:
    """`.xlsx` for inputs that are all called spreadsheets, compressed or not; else `.csv`."""
    suffixes = {Path(without_packing(name)).suffix.lower() for name in names}
    return ".xlsx" if suffixes and suffixes <= SPREADSHEETS else ".csv"


def endings(suffix: str) -> tuple[str, str]:
    """What stands beside the results by default, after their stem, by the suffix of the inputs."""
    return f".errors{suffix}", ".summary.json"


def _check_not_open(path: Path) -> None:
    try:
        path.open("r+b").close()
    except OSError as exc:
        raise write_fault(path, exc) from None


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _check_apart(targets: Targets, inputs: Sequence[Path]) -> None:
    taken = {path.resolve(): "an input" for path in inputs}
    for what, path in (
        ("the results", targets.results),
        ("the errors file", targets.errors),
        ("the summary", targets.summary),
    ):
        other = taken.get(path.resolve())
        if other is not None:
            raise SettingsError(f"{path}: {what} would overwrite {other}; choose another name")
        if not path.parent.is_dir():
            raise SettingsError(f"{path}: there is no folder {path.parent} for {what}")
        taken[path.resolve()] = what
