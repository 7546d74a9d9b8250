"""Headers to fields, cells to canonical text, and what is wrong with a row. Touches nothing."""

from jobmojito_batch.normalise.dates import DateOrder, date_order
from jobmojito_batch.normalise.fields import DATE, RESUME, RESUME_PROBLEM
from jobmojito_batch.normalise.frame import normalise, raw_values
from jobmojito_batch.normalise.headers import FIELDS, map_headers
from jobmojito_batch.normalise.members import to_members
from jobmojito_batch.normalise.missing import missing_columns
from jobmojito_batch.normalise.recognition import column_roles, overrides_for, recognised
from jobmojito_batch.normalise.rules import RULES, explain
from jobmojito_batch.normalise.slips import domain_slips
from jobmojito_batch.normalise.text import folded_name

__all__ = [
    "DATE",
    "FIELDS",
    "RESUME",
    "RESUME_PROBLEM",
    "RULES",
    "DateOrder",
    "column_roles",
    "date_order",
    "domain_slips",
    "explain",
    "folded_name",
    "map_headers",
    "missing_columns",
    "normalise",
    "overrides_for",
    "raw_values",
    "recognised",
    "to_members",
]
