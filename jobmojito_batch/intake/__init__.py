"""Each input as an all-text lazy frame with the row numbers a person sees."""

from jobmojito_batch.intake.faults import (
    NoRowsError,
    RaggedRowsError,
    as_input_error,
    input_faults,
)
from jobmojito_batch.intake.paths import InputFile, input_files, is_input_name, local_path
from jobmojito_batch.intake.remote import is_remote, shown
from jobmojito_batch.intake.tables import read_inputs

__all__ = [
    "InputFile",
    "NoRowsError",
    "RaggedRowsError",
    "as_input_error",
    "input_faults",
    "input_files",
    "is_input_name",
    "is_remote",
    "local_path",
    "read_inputs",
    "shown",
]
