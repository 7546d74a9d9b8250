from .atomic_write import write_fault, written_whole
from .errors_file import remove_errors, write_errors
from .results import check_suffix, check_target, write_results
from .results_workbook import About
from .streamed_parquet import write_parquet
from .summary import write_summary
from .table_file import write_table
from .template import meaning_of, write_template

__all__ = [
    "About",
    "check_suffix",
    "check_target",
    "meaning_of",
    "remove_errors",
    "write_errors",
    "write_fault",
    "write_parquet",
    "write_results",
    "write_summary",
    "write_table",
    "write_template",
    "written_whole",
]
