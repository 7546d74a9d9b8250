"""Each input as an all-text lazy frame with the row numbers a person sees."""

from jobmojito_batch.intake.faults import as_input_error, input_faults
from jobmojito_batch.intake.paths import input_paths
from jobmojito_batch.intake.tables import read_inputs

__all__ = ["as_input_error", "input_faults", "input_paths", "read_inputs"]
