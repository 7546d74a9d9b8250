"""Memory does not grow with the rows. benchmarks/memory.py measures the same up to five million."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_GROWTH = 1.4
"""Five times the rows. What polars keeps of freed memory makes it differ from run to run."""

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


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_check_takes_the_same_memory_for_five_times_the_rows(suffix: str, tmp_path: Path) -> None:
    """Rows of 1 kB; the Parquet file is one row group, the least that polars reads."""
    peaks = []
    for rows in (50_000, 250_000):
        path = tmp_path / f"people{suffix}"
        # In a process of its own: a child begins with the memory of the process that starts it.
        write = [sys.executable, str(ROOT / "benchmarks" / "inputs.py"), str(path), str(rows)]
        subprocess.run(write, check=True)
        peaks.append(peak_of(["check", str(path)], tmp_path))
        path.unlink()

    assert peaks[1] < MOST_GROWTH * peaks[0], peaks
