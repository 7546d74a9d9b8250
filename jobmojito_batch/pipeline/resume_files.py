"""Résumés that lie in files: whose file is which, and its text in the row."""

from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

import polars as pl

from jobmojito_batch.columns import RESUME_FILE
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.intake.resumes import ResumeFolder, ResumeProblem, ResumeReader
from jobmojito_batch.normalise import RESUME_PROBLEM

_RESUME: Final = "candidate_resume"
_STEMS: Final = ("candidate_external_id", "candidate_email")
_FILLED: Final = pl.Struct({_RESUME: pl.String, RESUME_PROBLEM: pl.String})
_NO_FOLDER: Final = (
    "the input has no folder of its own; say where the résumé files are with --resumes FOLDER"
)


class ResumeFiles:
    """
    Fills candidate_resume from files; what `normalise` takes as its *resumes*.

    A file that a cell names is looked for in the folder *given* (`--resumes`), else in that
    *beside* the input. A row that names none gets the file whose stem is its external id or its
    e-mail, from a given folder alone: nobody put the files beside an input there for us.
    """

    def __init__(self, *, given: Path | None, beside: Path | None) -> None:
        if given is not None and not given.is_dir():
            raise SettingsError(f"--resumes {given}: there is no such folder")
        root = given if given is not None else beside
        self._folder = ResumeFolder(root) if root is not None else None
        self._matches_stems = given is not None
        self._reader = ResumeReader()
        self._lock = Lock()  # polars calls from several threads

    def __call__(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with candidate_resume filled, and `resume_problem` where that failed."""
        columns = [_RESUME, RESUME_FILE, *_STEMS]
        filled = pl.struct(columns).map_batches(
            self._fill, return_dtype=_FILLED, is_elementwise=True
        )
        return (
            frame.with_columns(filled.alias("_filled"))
            .with_columns(pl.col("_filled").struct.field(_RESUME, RESUME_PROBLEM))
            .drop("_filled")
        )

    def _fill(self, rows: pl.Series) -> pl.Series:
        answers: list[dict[str, str | None]] = []
        paths: dict[int, Path] = {}
        for place, row in enumerate(rows):
            answers.append({_RESUME: row[_RESUME], RESUME_PROBLEM: None})
            if row[_RESUME] is None:
                try:
                    path = self._path_of(row)
                except ResumeProblem as problem:
                    answers[place][RESUME_PROBLEM] = str(problem)
                else:
                    paths |= {place: path} if path is not None else {}
        with self._lock:
            texts = self._reader.read_all(list(paths.values())) if paths else []
        for place, text in zip(paths, texts, strict=True):
            is_text = isinstance(text, str)
            answers[place][_RESUME if is_text else RESUME_PROBLEM] = str(text)
        return pl.Series(rows.name, answers, dtype=_FILLED)

    def _path_of(self, row: dict[str, str | None]) -> Path | None:
        name = row[RESUME_FILE]
        if name is not None:
            if self._folder is None:
                raise ResumeProblem(_NO_FOLDER)
            return self._folder.path_of(name)
        if self._folder is None or not self._matches_stems:
            return None
        return self._folder.path_for(*(row[stem] for stem in _STEMS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.close()
