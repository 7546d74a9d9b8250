"""
`make bench-check`: what people wait for, as ratios in one run.

    python benchmarks/reading.py [--rows 1000000] [--rounds 2] [--odd] [--write]

`check` against a plain polars job on the same file (polars_job.py), in turns; the second night,
`results`, a workbook against calamine, and the start of the commands. Each is a process of its own:
wall time, and the processor time of it and its children, which others on the machine blur less.
--odd: wide files, long résumés, many positions, faulty rows, one row group, at 200,000 rows each.
--write puts the table into results-reading.md. Nothing here is a test.
"""

import argparse
import ctypes
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
from inputs import slices, write_input
from memory import SEEDED, seed

HERE = Path(__file__).parent
CLI = [sys.executable, "-m", "jobmojito_batch"]
URL = "http://127.0.0.1:9"
SHEET_ROWS = 100_000
ODD_ROWS = 200_000
POLARS_CSV = """
import sys, polars as pl
frame = pl.read_parquet(sys.argv[1]); frame.write_{}(sys.argv[2])
"""
CALAMINE = """
import sys, polars as pl
pl.read_excel(sys.argv[1], engine="calamine", infer_schema_length=0)
"""


class Cost(NamedTuple):
    """Seconds that a process took."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A row of the table: what is measured, against what, and the goal for the ratio."""

    what: str
    of: str
    to: str
    most: float


GOALS = (
    Against(what="`check` of a CSV / the polars job", of="check", to="job", most=2.5),
    Against(what="second night: `check` / the polars job", of="again", to="job", most=3.5),
    Against(
        what="second night: `invite`, results as CSV / the polars job",
        of="invite",
        to="job",
        most=5.0,
    ),
    Against(
        what="`results` as CSV / polars writing that frame", of="results.csv", to="csv", most=4.0
    ),
    Against(
        what="`results` as Parquet / polars writing that frame",
        of="results.parquet",
        to="parquet",
        most=4.0,
    ),
    Against(
        what=f"`check` of an XLSX of {SHEET_ROWS:,} rows / calamine reading it as text",
        of="sheet",
        to="calamine",
        most=2.0,
    ),
    Against(what="`--version` / `python -c pass`", of="version", to="pass", most=12.0),
    Against(what="`--help` / `python -c pass`", of="help", to="pass", most=12.0),
    Against(
        what='`check` of 40 rows / `python -c "import polars"`', of="small", to="polars", most=3.5
    ),
)


NOT_SAID: Final = frozenset({"PYTHONDONTWRITEBYTECODE"})
"""With it each command compiles the program anew, which an installed one does once."""
PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """
    Become the parent of what a command leaves behind, such as the process that reads workbooks.

    Nobody else would wait for it, and its processor time would be nobody's.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def of_orphans() -> float:
    """Seconds of processor of all that a command left, once it has ended."""
    seconds = 0.0
    with suppress(ChildProcessError):
        while True:
            usage = os.wait4(-1, 0)[2]
            seconds += usage.ru_utime + usage.ru_stime
    return seconds


class Bench:
    """A folder, the ledger in it, and what each thing has cost so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.costs: defaultdict[str, list[Cost]] = defaultdict(list)

    @property
    def ledger(self) -> Path:
        """The ledger of all runs."""
        return self.folder / "ledger.sqlite"

    def run(self, name: str, *command: str | Path) -> None:
        """Run a command to its end and note what it cost."""
        environment = {name: text for name, text in os.environ.items() if name not in NOT_SAID} | {
            "XDG_CACHE_HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
            "JOBMOJITO_LEDGER": str(self.ledger),
            "JOBMOJITO_BASE_URL": URL,
            "JOBMOJITO_API_TOKEN": "t",
        }
        said = self.folder / "said.txt"
        started = time.perf_counter()
        with said.open("wb") as file:
            process = subprocess.Popen(
                [*map(str, command)], env=environment, stdout=file, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1, 4}:
            sys.exit(f"{name}: exit code {process.returncode}\n{said.read_text()}")
        cost = Cost(seconds, usage.ru_utime + usage.ru_stime + of_orphans())
        print(f"{name}: {cost.wall:.2f} s, {cost.processor:.2f} s of processor", flush=True)
        self.costs[name].append(cost)

    def python(self, name: str, code: str, *arguments: str | Path) -> None:
        """Run a few lines of Python."""
        self.run(name, sys.executable, "-c", code, *arguments)

    def cli(self, name: str, *arguments: str | Path) -> None:
        """Run the program."""
        self.run(name, *CLI, *arguments)

    def job(self, name: str, source: Path) -> None:
        """Run the plain polars job."""
        self.run(name, sys.executable, HERE / "polars_job.py", source, self.folder / "job.parquet")

    def line(self, goal: Against) -> str:
        """A line of the table, of the rounds that were run in turns."""
        pairs = list(zip(self.costs[goal.of], self.costs[goal.to], strict=False))
        if not pairs:
            return ""
        wall = statistics.median(of.wall / to.wall for of, to in pairs)
        processor = statistics.median(of.processor / to.processor for of, to in pairs)
        seconds = statistics.median(of.wall for of, _ in pairs)
        return (
            f"| {goal.what} | {goal.most:g} | {wall:.1f} | {processor:.1f} | {seconds:.2f} s "
            f"| {len(pairs)} |\n"
        )


def starts(bench: Bench, rounds: int) -> None:
    """How soon a command says its first word."""
    small = bench.folder / "small.csv"
    write_input(small, 40)
    for _ in range(rounds):
        bench.python("pass", "pass")
        bench.cli("version", "--version")
        bench.cli("help", "--help")
        bench.python("polars", "import polars")
        bench.cli("small", "check", small)


def nights(bench: Bench, rows: int, rounds: int) -> None:
    """`check` of new people, then everything again when all of them are known."""
    people = bench.folder / "people.csv"
    write_input(people, rows)
    for _ in range(rounds):
        bench.job("job", people)
        bench.cli("check", "check", people)
    seed(bench.ledger, URL, rows)
    bench.cli("again", "check", people)
    bench.cli("invite", "invite", people, "--yes", "--no-prefect", "-o", bench.folder / "r.csv")
    people.unlink()
    with closing(sqlite3.connect(bench.ledger)) as connection:
        [(run_id,)] = connection.execute("SELECT run_id FROM runs WHERE run_id != ?", [SEEDED])
    for suffix in (".csv", ".parquet"):
        target = bench.folder / f"again{suffix}"
        bench.cli(f"results{suffix}", "results", run_id, "-o", target)
        if suffix == ".csv":
            pl.scan_csv(target, infer_schema=False).sink_parquet(bench.folder / "frame.parquet")
        target.unlink()
        bench.python(
            suffix[1:], POLARS_CSV.format(suffix[1:]), bench.folder / "frame.parquet", target
        )
        target.unlink()
    bench.ledger.unlink()


def sheets(bench: Bench) -> None:
    """A workbook with shared strings."""
    people = bench.folder / "people.xlsx"
    write_input(people, SHEET_ROWS)
    bench.python("calamine", CALAMINE, people)
    bench.cli("sheet", "check", people)
    people.unlink()


# Inputs that are not like the others

Change = Callable[[pl.DataFrame], pl.DataFrame]
ROW = pl.int_range(pl.len())
ODD: dict[str, Change] = {
    "60 columns": lambda rows: rows.with_columns(
        pl.format("note {} of {}", pl.lit(at), ROW).alias(f"Note {at}") for at in range(48)
    ),
    "résumés of 8 kB": lambda rows: rows.with_columns(
        pl.concat_str([pl.col("Resume")] * 8, separator="\n")
    ),
    "5,000 positions": lambda rows: rows.with_columns(
        pl.format("Job {}", pl.col("Application ID").str.slice(1).cast(pl.Int64) % 5_000).alias(
            "Job Title"
        )
    ),
    "30 % faulty rows": lambda rows: rows.with_columns(
        pl.when(ROW % 10 < 3).then(pl.lit("nowhere")).otherwise("Country").alias("Country")
    ),
}


def odd(bench: Bench) -> list[Against]:
    """The same ratio on inputs of other shapes."""
    goals = []
    for name, change in ODD.items():
        path = bench.folder / "odd.csv"
        with path.open("wb") as file:
            for number, frame in enumerate(slices(ODD_ROWS)):
                change(frame).write_csv(file, include_header=number == 0)
        goals.append(_of_shape(bench, name, path))
    path = bench.folder / "odd.parquet"
    write_input(path, ODD_ROWS)
    return [*goals, _of_shape(bench, "Parquet in one row group", path)]


def _of_shape(bench: Bench, name: str, path: Path) -> Against:
    bench.job(f"job, {name}", path)
    bench.cli(name, "check", path)
    path.unlink()
    what = f"{ODD_ROWS:,} rows, {name}: `check` / the polars job"
    return Against(what=what, of=name, to=f"job, {name}", most=3.5)


def main() -> None:
    """Measure, print the table, and with --write keep it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    adopt_orphans()
    before = os.getloadavg()
    goals = [*GOALS]
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        bench = Bench(Path(folder))
        starts(bench, 5)
        nights(bench, asked.rows, asked.rounds)
        sheets(bench)
        goals += odd(bench) if asked.odd else []
    table = (
        "# Reading, against a plain polars job\n\n"
        f"`python benchmarks/reading.py --rows {asked.rows} --rounds {asked.rounds}"
        f"{' --odd' if asked.odd else ''}`, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, polars {metadata.version('polars')}; load of the machine "
        f"(1, 5, 15 minutes) {', '.join(f'{load:.1f}' for load in before)} before, "
        f"{', '.join(f'{load:.1f}' for load in os.getloadavg())} after. On a busy machine the "
        "ratio of processor times is the one to read.\n\n"
        "| what | goal | ratio of wall times | of processor times | median | rounds |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    ) + "".join(map(bench.line, goals))
    print(table)
    if asked.write:
        (HERE / "results-reading.md").write_text(table)


if __name__ == "__main__":
    main()
