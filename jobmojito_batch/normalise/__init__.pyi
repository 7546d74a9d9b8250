from .cell_errors import NOT_CALCULATED, error_in
from .dates import DateOrder, date_order
from .double_encoding import may_be_twice, once, undone
from .email import address_in
from .fields import DATE, LANGUAGE, PEOPLE_PROBLEM, RESUME, RESUME_IS_CUT, RESUME_PROBLEM
from .fills import EVERY_ROW
from .first_names import first_name
from .frame import normalise
from .header_score import (
    Again,
    Changed,
    changed_headers,
    column_roles,
    header_again,
    overrides_for,
    recognised,
)
from .headers import (
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
from .ids import IDS, is_no_id
from .job_cells import job_faults, jobs_of
from .jobs import (
    JOB_KEYS,
    JOB_PROBLEM,
    JOB_ROW,
    SEVERAL_JOBS,
    Jobs,
)
from .members import fault_in, to_members
from .missing import half_names, missing_columns, missing_fields
from .resume_names import (
    FILE,
    KEY,
    TRUST,
    Trust,
    bare_stems,
    keys_of_files,
    keys_of_people,
    person,
)
from .resumes import CUT_BY_EXCEL, is_file_name, is_no_resume
from .rules import RULES, explain
from .text import folded_name, holds_entity, shortened, words_of_name
from .typo_domains import domain_slips

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
    "RESUME_IS_CUT",
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
    "half_names",
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
