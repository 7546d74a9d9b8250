"""Résumés that lie in files: the file that a row names or that is called after it, as its text."""

from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

import polars as pl

from jobmojito_batch.columns import RESUME_FILE, ROW
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.intake.resumes import ResumeFolder, ResumeProblem, ResumeReader
from jobmojito_batch.normalise import RESUME, RESUME_PROBLEM, is_no_resume
from jobmojito_batch.pipeline.resume_matching import Found, Matching

_IS_FIT: Final = "_is_fit"
_FILLED: Final = pl.Struct({RESUME: pl.String, RESUME_PROBLEM: pl.String})
_NO_FOLDER: Final = (
    "the input has no folder of its own; say where the résumé files are with --resumes FOLDER"
)


def given_folder(resumes: str | None) -> ResumeFolder | None:
    """The folder of `--resumes`. Raises SettingsError where there is none."""
    if resumes is None:
        return None
    if not Path(resumes).is_dir():
        raise SettingsError(f"--resumes {resumes}: there is no such folder")
    return ResumeFolder(Path(resumes))


class ResumeFiles:
    """
    Fills candidate_resume from files; what `normalise` takes as its *resumes*.

    A file that a cell names is looked for in *folder* and goes before a text, which stands in where
    the file has none. A row without either gets the file that *matching* finds for it: in a folder
    that was given alone, since nobody put the files beside an input there for us.
    """

    def __init__(
        self, folder: ResumeFolder | None, *, matching: Matching | None, source: str, least: int
    ) -> None:
        self._folder = folder
        self._matching = matching
        self._source = source
        self._least = least
        self._found: dict[int, Found] = {}
        self._reader = ResumeReader()
        self._lock = Lock()  # polars calls from several threads

    def __call__(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with candidate_resume filled, and `resume_problem` where that failed."""
        is_fit = pl.col(RESUME).is_not_null() & ~is_no_resume(pl.col(RESUME), self._least)
        if self._matching is not None:
            needs = ~is_fit & pl.col(RESUME_FILE).is_null()
            self._found = self._matching.add(frame, self._source, needs)
        filled = pl.struct(RESUME, RESUME_FILE, ROW, is_fit.alias(_IS_FIT)).map_batches(
            self._fill, return_dtype=_FILLED, is_elementwise=True
        )
        return (
            frame.with_columns(filled.alias("_filled"))
            .with_columns(pl.col("_filled").struct.field(RESUME, RESUME_PROBLEM))
            .drop("_filled")
        )

    def _fill(self, rows: pl.Series) -> pl.Series:
        answers: list[dict[str, str | None]] = []
        by_place: dict[int, Found] = {}
        for place, row in enumerate(rows):
            answers.append({RESUME: row[RESUME], RESUME_PROBLEM: None})
            answer = self._found_for(row)
            if answer is not None:
                by_place[place] = answer
        paths = [resume for resume in by_place.values() if isinstance(resume, Path)]
        with self._lock:
            texts = iter(self._reader.read_all(paths) if paths else [])
        for place, resume in by_place.items():
            read = next(texts) if isinstance(resume, Path) else resume
            if isinstance(read, str):
                answers[place][RESUME] = read
            elif not rows[place][_IS_FIT]:
                answers[place] = {RESUME: None, RESUME_PROBLEM: str(read)}
        return pl.Series(rows.name, answers, dtype=_FILLED)

    def _found_for(self, row: dict[str, Any]) -> Found | None:
        if row[RESUME_FILE] is None:
            return self._found.get(row[ROW])
        if self._folder is None:
            return ResumeProblem(_NO_FOLDER)
        try:
            return self._folder.path_of(row[RESUME_FILE])
        except ResumeProblem as problem:
            return problem

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.close()
