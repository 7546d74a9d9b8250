"""Headers to fields, cells to canonical text, and what is wrong with a row. Touches nothing."""

from jobmojito_batch.normalise.cell_errors import NOT_CALCULATED, error_in
from jobmojito_batch.normalise.dates import DateOrder, date_order
from jobmojito_batch.normalise.double_encoding import may_be_twice, once, undone
from jobmojito_batch.normalise.email import address_in
from jobmojito_batch.normalise.fields import DATE, LANGUAGE, PEOPLE_PROBLEM, RESUME, RESUME_PROBLEM
from jobmojito_batch.normalise.first_names import first_name
from jobmojito_batch.normalise.frame import EVERY_ROW, job_faults, jobs_of, normalise
from jobmojito_batch.normalise.header_score import (
    Again,
    Changed,
    changed_headers,
    column_roles,
    header_again,
    overrides_for,
    recognised,
)
from jobmojito_batch.normalise.headers import (
    FIELDS,
    NAME,
    first_name_column,
    header_keys,
    is_of_application,
    is_of_candidate,
    map_headers,
    map_job_headers,
    says_of_a_job,
)
from jobmojito_batch.normalise.ids import IDS, is_no_id
from jobmojito_batch.normalise.jobs import (
    JOB_KEYS,
    JOB_PROBLEM,
    JOB_ROW,
    SEVERAL_JOBS,
    Jobs,
)
from jobmojito_batch.normalise.members import fault_in, to_members
from jobmojito_batch.normalise.missing import missing_columns, missing_fields
from jobmojito_batch.normalise.resume_names import (
    FILE,
    KEY,
    TRUST,
    Trust,
    bare_stems,
    keys_of_files,
    keys_of_people,
    person,
)
from jobmojito_batch.normalise.resumes import CUT_BY_EXCEL, is_file_name, is_no_resume
from jobmojito_batch.normalise.rules import RULES, explain
from jobmojito_batch.normalise.text import folded_name, holds_entity, shortened, words_of_name
from jobmojito_batch.normalise.typo_domains import domain_slips

__all__ = [
    "CUT_BY_EXCEL",
    "DATE",
    "EVERY_ROW",
    "FIELDS",
    "FILE",
    "IDS",
    "JOB_KEYS",
    "JOB_PROBLEM",
    "JOB_ROW",
    "KEY",
    "LANGUAGE",
    "NAME",
    "NOT_CALCULATED",
    "PEOPLE_PROBLEM",
    "RESUME",
    "RESUME_PROBLEM",
    "RULES",
    "SEVERAL_JOBS",
    "TRUST",
    "Again",
    "Changed",
    "DateOrder",
    "Jobs",
    "Trust",
    "address_in",
    "bare_stems",
    "changed_headers",
    "column_roles",
    "date_order",
    "domain_slips",
    "error_in",
    "explain",
    "fault_in",
    "first_name",
    "first_name_column",
    "folded_name",
    "header_again",
    "header_keys",
    "holds_entity",
    "is_file_name",
    "is_no_id",
    "is_no_resume",
    "is_of_application",
    "is_of_candidate",
    "job_faults",
    "jobs_of",
    "keys_of_files",
    "keys_of_people",
    "map_headers",
    "map_job_headers",
    "may_be_twice",
    "missing_columns",
    "missing_fields",
    "normalise",
    "once",
    "overrides_for",
    "person",
    "recognised",
    "says_of_a_job",
    "shortened",
    "to_members",
    "undone",
    "words_of_name",
]
