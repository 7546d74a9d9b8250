"""Each input as an all-text lazy frame with the row numbers a person sees."""

from jobmojito_batch.intake.faults import RaggedRowsError, as_input_error, input_faults
from jobmojito_batch.intake.paths import InputFile, input_files
from jobmojito_batch.intake.tables import read_inputs

__all__ = [
    "InputFile",
    "RaggedRowsError",
    "as_input_error",
    "input_faults",
    "input_files",
    "read_inputs",
]
