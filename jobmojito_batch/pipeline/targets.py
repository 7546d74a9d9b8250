"""Where a run writes its files (spec section 3: -o, --errors, --summary)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.publish import check_target, write_fault

SPREADSHEETS = frozenset({".xlsx", ".xls", ".xlsb", ".ods"})

ENDINGS = (".errors.csv", ".summary.json")
"""What stands beside the results by default, after their stem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The three files of a run."""

    results: Path
    errors: Path
    summary: Path

    def check_writable(self, *, rows: int) -> None:
        """
        Raises SettingsError where the files of so many rows could not be written.

        Asked before anything is sent, by writing: a folder's mode says nothing of a full disk.
        """
        check_target(self.results, rows=rows)
        for path in (self.results, self.errors, self.summary):
            if path.is_dir():
                raise write_fault(path, IsADirectoryError())
            try:
                with TemporaryFile(dir=path.parent) as file:
                    file.write(b"room")
                    file.flush()
            except OSError as exc:
                raise SettingsError(str(write_fault(path, exc))) from None


def find_targets(parameters: InviteParameters, inputs: Sequence[Path], run_id: str) -> Targets:
    """The files of a run, by the options or beside the input. Raises SettingsError."""
    results = parameters.results or str(_default(inputs, run_id))
    return _targets(results, parameters.errors, parameters.summary, inputs)


def targets_again(
    run_id: str, results: str | None, errors: str | None, summary: str | None
) -> Targets:
    """The files of a run that is written again: by the options, else RUN_ID.results.csv here."""
    return _targets(results or f"{run_id}.results.csv", errors, summary, inputs=())


def _targets(
    results_name: str, errors: str | None, summary: str | None, inputs: Sequence[Path]
) -> Targets:
    results = Path(results_name)
    check_target(results)
    stem = results.with_suffix("")
    targets = Targets(
        results=results,
        errors=Path(errors) if errors else _beside(stem, ENDINGS[0]),
        summary=Path(summary) if summary else _beside(stem, ENDINGS[1]),
    )
    _check_apart(targets, inputs)
    return targets


def _default(inputs: Sequence[Path], run_id: str) -> Path:
    if len(inputs) != 1:
        return Path(f"{run_id}.results.csv")
    only = inputs[0]
    suffix = ".xlsx" if only.suffix.lower() in SPREADSHEETS else ".csv"
    return only.with_name(f"{only.stem}.results{suffix}")


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
