"""Headers to fields, cells to canonical text, and what is wrong with a row. Touches nothing."""

from jobmojito_batch.normalise.dates import DateOrder, date_order
from jobmojito_batch.normalise.fields import DATE, PEOPLE_PROBLEM, RESUME, RESUME_PROBLEM
from jobmojito_batch.normalise.frame import EVERY_ROW, normalise, raw_values
from jobmojito_batch.normalise.headers import FIELDS, is_of_application, map_headers
from jobmojito_batch.normalise.ids import IDS, is_no_id
from jobmojito_batch.normalise.members import to_members
from jobmojito_batch.normalise.missing import missing_columns
from jobmojito_batch.normalise.recognition import column_roles, overrides_for, recognised
from jobmojito_batch.normalise.resumes import CUT_BY_EXCEL, is_file_name
from jobmojito_batch.normalise.rules import RULES, explain
from jobmojito_batch.normalise.slips import domain_slips
from jobmojito_batch.normalise.text import folded_name, holds_entity, words_of_name

__all__ = [
    "CUT_BY_EXCEL",
    "DATE",
    "EVERY_ROW",
    "FIELDS",
    "IDS",
    "PEOPLE_PROBLEM",
    "RESUME",
    "RESUME_PROBLEM",
    "RULES",
    "DateOrder",
    "column_roles",
    "date_order",
    "domain_slips",
    "explain",
    "folded_name",
    "holds_entity",
    "is_file_name",
    "is_no_id",
    "is_of_application",
    "map_headers",
    "missing_columns",
    "normalise",
    "overrides_for",
    "raw_values",
    "recognised",
    "to_members",
    "words_of_name",
]
