"""Headers to fields, cells to canonical text, and what is wrong with a row. Touches nothing."""

from jobmojito_batch.normalise.frame import normalise, raw_values
from jobmojito_batch.normalise.headers import FIELDS, map_headers
from jobmojito_batch.normalise.members import to_members
from jobmojito_batch.normalise.rules import RULES, explain

__all__ = [
    "FIELDS",
    "RULES",
    "explain",
    "map_headers",
    "normalise",
    "raw_values",
    "to_members",
]
