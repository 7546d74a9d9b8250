"""Memory does not grow with the rows. benchmarks/memory.py measures the same up to five million."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_MIB = 600
"""What is promised for five million rows (docs/scale.md), and is reached long before."""

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system tells no peak")


def peak_of(arguments: list[str], folder: Path) -> int:
    """The peak memory of the program in a process of its own."""
    environment = os.environ | {
        "XDG_CACHE_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "JOBMOJITO_LEDGER": str(folder / "ledger.sqlite"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "jobmojito_batch", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.parametrize(("suffix", "rows"), [(".csv", 750_000), (".parquet", 250_000)])
def test_check_takes_no_more_memory_than_is_promised_for_any_number_of_rows(
    suffix: str, rows: int, tmp_path: Path
) -> None:
    """
    Rows of 1 kB; the Parquet file is one row group, the least that polars reads.

    So many that what grows with the rows would be beyond it: before it was bounded a million of
    them took 820 MiB as CSV and 2,809 as Parquet (benchmarks/results-memory.md).
    """
    path = tmp_path / f"people{suffix}"
    # In a process of its own: a child begins with the memory of the process that starts it.
    write = [sys.executable, str(ROOT / "benchmarks" / "inputs.py"), str(path), str(rows)]
    subprocess.run(write, check=True)

    assert peak_of(["check", str(path)], tmp_path) < MOST_MIB * 1024
