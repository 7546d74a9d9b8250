"""Each input as an all-text lazy frame with the row numbers a person sees."""

from jobmojito_batch.intake.errors import (
    NoRowsError,
    RaggedRowsError,
    as_input_error,
    input_faults,
)
from jobmojito_batch.intake.footers import LAST_ROWS, footer_rows
from jobmojito_batch.intake.frames import no_rows, sink_rows
from jobmojito_batch.intake.paths import (
    InputFile,
    input_files,
    is_input_name,
    left_lying,
    local_path,
)
from jobmojito_batch.intake.tables import read_inputs

__all__ = [
    "LAST_ROWS",
    "InputFile",
    "NoRowsError",
    "RaggedRowsError",
    "as_input_error",
    "footer_rows",
    "input_faults",
    "input_files",
    "is_input_name",
    "left_lying",
    "local_path",
    "no_rows",
    "read_inputs",
    "sink_rows",
]
