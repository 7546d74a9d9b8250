"""Files whole or absent: results (CSV, XLSX, Parquet, JSONL), errors, summary."""

from jobmojito_batch.publish.atomic_write import write_fault, written_whole
from jobmojito_batch.publish.errors_file import remove_errors, write_errors
from jobmojito_batch.publish.results import check_target, write_results
from jobmojito_batch.publish.results_workbook import About
from jobmojito_batch.publish.streamed_parquet import write_parquet
from jobmojito_batch.publish.summary import write_summary
from jobmojito_batch.publish.table_file import write_table
from jobmojito_batch.publish.template import meaning_of, write_template

__all__ = [
    "About",
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
