"""Files whole or absent: results (CSV, XLSX, Parquet, JSONL), errors, summary."""

from jobmojito_batch.publish.repairs import write_errors
from jobmojito_batch.publish.results import check_target, write_results
from jobmojito_batch.publish.streamed_parquet import write_parquet
from jobmojito_batch.publish.summary import write_summary
from jobmojito_batch.publish.template import write_template
from jobmojito_batch.publish.whole import write_fault, written_whole

__all__ = [
    "check_target",
    "write_errors",
    "write_fault",
    "write_parquet",
    "write_results",
    "write_summary",
    "write_template",
    "written_whole",
]
