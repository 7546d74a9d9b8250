from .errors import (
    NoRowsError,
    RaggedRowsError,
    as_input_error,
    input_faults,
)
from .footers import LAST_ROWS, footer_rows
from .frames import no_rows, sink_rows
from .paths import (
    InputFile,
    input_files,
    is_input_name,
    left_lying,
    local_path,
)
from .tables import read_inputs

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
