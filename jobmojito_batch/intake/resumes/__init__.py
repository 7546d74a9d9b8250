"""Résumés that lie in files: which file is whose, and its text."""

from jobmojito_batch.intake.resumes.folder import (
    SUFFIXES,
    Listing,
    ResumeFile,
    ResumeFolder,
    not_read,
)
from jobmojito_batch.intake.resumes.problem import ResumeProblem
from jobmojito_batch.intake.resumes.reader import ResumeReader

__all__ = [
    "SUFFIXES",
    "Listing",
    "ResumeFile",
    "ResumeFolder",
    "ResumeProblem",
    "ResumeReader",
    "not_read",
]
