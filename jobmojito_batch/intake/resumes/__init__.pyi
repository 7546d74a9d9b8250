from .folder import (
    SUFFIXES,
    Listing,
    ResumeFile,
    ResumeFolder,
    not_read,
)
from .problem import ResumeProblem
from .reader import ResumeReader

__all__ = [
    "SUFFIXES",
    "Listing",
    "ResumeFile",
    "ResumeFolder",
    "ResumeProblem",
    "ResumeReader",
    "not_read",
]
