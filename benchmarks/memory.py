"""
Peak memory of the real program on large inputs: `python benchmarks/memory.py --rows 1000000`.

Every figure is a process of its own, measured by the system when it ends (the largest of the
process and its children; the résumé readers and the stub are not in play). Inputs are written, used
and removed one after the other; 5,000,000 rows need 15 GB of disk. The table goes to
results-memory.md with --write. Nothing here is a test; tests/large has one of a modest size.
"""

import argparse
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from inputs import MOST_SHEET_ROWS, POSITIONS

from jobmojito_batch.ledger import Ledger, RunRecord

HERE = Path(__file__).parent
CLI = [sys.executable, "-m", "jobmojito_batch"]
SEEDED = "the-night-before"


class Bench:
    """A folder for inputs and the ledger, and the figures so far."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.lines: list[str] = []

    @property
    def ledger(self) -> Path:
        """The ledger of all runs."""
        return self.folder / "ledger.sqlite"

    def measure(self, what: str, *arguments: str) -> str:
        """Run the program, note its peak memory and time; gives what it printed."""
        environment = os.environ | {
            "XDG_CACHE_HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
            "JOBMOJITO_LEDGER": str(self.ledger),
            "JOBMOJITO_BASE_URL": self.url,
            "JOBMOJITO_API_TOKEN": "t",
            "JOBMOJITO_REQUESTS_PER_SECOND": "10000",
            "JOBMOJITO_MAX_IN_FLIGHT": "100",
        }
        said = self.folder / "said.txt"
        started = time.perf_counter()
        with said.open("wb") as file:
            process = subprocess.Popen([*CLI, *arguments], env=environment, stdout=file)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode not in {0, 4}:
            sys.exit(f"{what}: exit code {process.returncode}\n{said.read_text()}")
        peak = usage.ru_maxrss / 1024
        line = f"| {what} | {peak:.0f} MiB | {seconds:.0f} s |"
        print(line, flush=True)
        self.lines.append(line)
        return said.read_text()

    @contextmanager
    def input(self, suffix: str, rows: int) -> Iterator[Path]:
        """A large input, removed afterwards."""
        path = self.folder / f"people{suffix}"
        # In a process of its own: what writing it takes is not what reading it takes.
        subprocess.run([sys.executable, str(HERE / "inputs.py"), path, str(rows)], check=True)
        try:
            yield path
        finally:
            path.unlink()


def seed(path: Path, url: str, rows: int) -> None:
    """A ledger in which everybody of the input was invited the night before."""
    path.unlink(missing_ok=True)
    ledger = Ledger.open(f"sqlite:///{path}")
    now = datetime.now(UTC).replace(tzinfo=None)
    ledger.runs.begin(
        RunRecord(
            run_id=SEEDED, base_url=url, merchant="", environment="live", started_at=now,
            rows=rows, layouts="[]",
        )
    )  # fmt: skip
    account = f"{url}||live"
    names = [f"job {number}" for number in range(POSITIONS)]
    made = ledger.runs.ensure_positions((account, f"name:{name}", name) for name in names)
    ledger.close()
    at = now.isoformat(" ")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("UPDATE positions SET position_def_set_id = 'p-' || id")
        connection.execute("UPDATE runs SET state = 'ended'")
        connection.executemany(
            "INSERT INTO invitations (position_id, candidate_email, state, run_id, ordinal, "
            "claimed_at, outcome, status, interview_url, position_def_set_id, "
            "interview_def_set_id, profile_interview_id, http_status, sent_at, settled_at) VALUES "
            "(?, ?, 'settled', ?, ?, ?, 'invited', 'ai_accept', ?, 'p-1', ?, ?, 200, ?, ?)",
            (
                (
                    made[account, f"name:{names[row % POSITIONS]}"], f"p{row}@example.com", SEEDED,
                    row, at, f"{url}/interview?interview_token={row:064}", f"i-{row:032}",
                    f"e-{row:032}", at, at,
                )
                for row in range(rows)
            ),
        )  # fmt: skip
    connection.close()


def of_size(bench: Bench, rows: int) -> None:
    """All that is done with an input of that many rows."""
    millions = f"{rows:,} rows"
    with bench.input(".parquet", rows) as path:
        bench.ledger.unlink(missing_ok=True)
        bench.measure(f"`check`, {millions}, Parquet in one row group", "check", str(path))
    with bench.input(".csv", rows) as path:
        bench.measure(f"`check`, {millions}, CSV", "check", str(path))
        seed(bench.ledger, bench.url, rows)
        bench.measure(f"`check` the second night, {millions}", "check", str(path))
        target = bench.folder / "results.csv"
        bench.measure(
            f"`invite` the second night, {millions}, results as CSV",
            "invite", str(path), "--yes", "--no-prefect", "-o", str(target),
        )  # fmt: skip
    with sqlite3.connect(bench.ledger) as connection:
        [(run_id,)] = connection.execute("SELECT run_id FROM runs WHERE run_id != ?", [SEEDED])
    connection.close()
    for suffix in (".csv", ".parquet"):
        again = bench.folder / f"again{suffix}"
        bench.measure(f"`results`, {millions}, {suffix}", "results", run_id, "-o", str(again))
        again.unlink()


def sending(bench: Bench, rows: int) -> None:
    """Really sent, to a stub that answers at once."""
    bench.ledger.unlink(missing_ok=True)
    with bench.input(".csv", rows) as path:
        bench.measure(
            f"`invite`, {rows:,} rows sent",
            "invite", str(path), "--yes", "--no-prefect", "-o", str(bench.folder / "r.csv"),
        )  # fmt: skip


def main() -> None:
    """Measure, and with --write keep the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    parser.add_argument("--sent", type=int, nargs="*", default=[20_000, 200_000])
    parser.add_argument("--sheet-rows", type=int, default=MOST_SHEET_ROWS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_FOLDER")))
    stub = subprocess.Popen(
        [sys.executable, str(HERE / "stub.py"), "0"], stdout=subprocess.PIPE, text=True
    )
    assert stub.stdout is not None  # noqa: S101
    bench = Bench(folder, stub.stdout.readline().strip())
    try:
        for rows in options.rows:
            of_size(bench, rows)
        for rows in options.sent:
            sending(bench, rows)
        if options.sheet_rows:
            bench.ledger.unlink(missing_ok=True)
            with bench.input(".xlsx", options.sheet_rows) as path:
                bench.measure(f"`check`, {options.sheet_rows:,} rows, XLSX", "check", str(path))
    finally:
        stub.terminate()
        stub.wait()
        shutil.rmtree(folder)
    commit = subprocess.run(
        ["/usr/bin/env", "git", "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    versions = ", ".join(
        f"{package} {metadata.version(package)}"
        for package in ("polars", "arro3-io", "fastexcel", "sqlalchemy")
    )
    text = "\n".join(
        [
            "# Peak memory",
            "",
            f"`python benchmarks/memory.py {' '.join(sys.argv[1:])}`, commit {commit}, "
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{versions}.",
            "",
            "| what | peak memory of the process | wall |",
            "| --- | --- | --- |",
            *bench.lines,
            "",
        ]
    )
    if options.write:
        (HERE / "results-memory.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
