"""
`make bench-flow`: what running through the Prefect flow costs over the plain pipeline.

The same command with and without Prefect, in turns, against a stub that answers at once and a real
Prefect server on loopback. The cost has to be one of the run, not of its rows: so it is measured at
100 and at 10,000 rows. The figures go to benchmarks/results-flow.md; nothing here is a test.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.run import start_stub, write_rows
from tests.prefect_real.house import PrefectHouse

HERE = Path(__file__).parent
SIZES = (100, 10_000)
NAMES = {
    "whole": "the whole command",
    "processor": "processor time of the command",
    "sending": "sending alone",
}


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of a whole command, of its sending, and of the processor that it used."""

    whole: float
    sending: float
    processor: float


def invite(house: PrefectHouse, url: str, path: Path, *, through_prefect: bool) -> Took:
    """A whole `invite` with a new ledger, from the start of its process to its end."""
    with tempfile.TemporaryDirectory() as folder:
        environment = house.environment | {
            "JOBMOJITO_BASE_URL": url,
            "JOBMOJITO_LEDGER": f"{folder}/ledger.sqlite",
            "JOBMOJITO_REQUESTS_PER_SECOND": "10000",
            "JOBMOJITO_MAX_IN_FLIGHT": "100",
        }
        command = [sys.executable, "-m", "jobmojito_batch", "invite", str(path), "--yes", "--json"]
        way = "--prefect" if through_prefect else "--no-prefect"
        used = processor_seconds()
        started = time.perf_counter()
        done = subprocess.run(
            [*command, way, "-o", f"{folder}/r.csv"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(done.stderr)
    sending = json.loads(done.stdout)["sending_seconds"]
    return Took(seconds, sending, processor_seconds() - used)


def processor_seconds() -> float:
    """What processes that we waited for have used: other work on the machine hardly shows in it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pair(house: PrefectHouse, url: str, path: Path, number: int) -> tuple[Took, Took]:
    """Plain and flow, one right after the other; which goes first changes with each pair."""
    order = [False, True] if number % 2 == 0 else [True, False]
    took = {way: invite(house, url, path, through_prefect=way) for way in order}
    return took[False], took[True]


def measure(house: PrefectHouse, url: str, pairs: int) -> dict[int, list[tuple[Took, Took]]]:
    """All pairs by number of rows, the sizes in turns too."""
    found: dict[int, list[tuple[Took, Took]]] = {size: [] for size in SIZES}
    paths = {}
    for size in SIZES:
        paths[size] = house.folder / f"{size}.csv"
        write_rows(paths[size], size)
    pair(house, url, paths[SIZES[0]], 0)  # caches of files and of byte code
    for number in range(pairs):
        for size in SIZES:
            plain, flow = pair(house, url, paths[size], number)
            found[size].append((plain, flow))
            print(f"{size:>6} rows: plain {plain.whole:.2f} s, flow {flow.whole:.2f} s", flush=True)
    return found


def table(found: dict[int, list[tuple[Took, Took]]]) -> list[str]:
    """The figures as Markdown: medians of the pairs, and their range."""
    lines = [
        "| rows | measured | plain | through the flow | difference | range | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    differences = {}
    for size, pairs in found.items():
        for what in ("whole", "processor", "sending"):
            both = [(getattr(plain, what), getattr(flow, what)) for plain, flow in pairs]
            apart = [flow - plain for plain, flow in both]
            differences[size, what] = statistics.median(apart)
            lines.append(
                f"| {size:,} | {NAMES[what]} | {statistics.median(p for p, _ in both):.2f} s | "
                f"{statistics.median(f for _, f in both):.2f} s | "
                f"{statistics.median(apart):+.2f} s | {min(apart):+.2f} to {max(apart):+.2f} s | "
                f"{statistics.median(f / p for p, f in both):.2f} |"
            )
    rows = SIZES[1] - SIZES[0]
    grown = {
        what: differences[SIZES[1], what] - differences[SIZES[0], what]
        for what in ("whole", "processor")
    }
    return [
        *lines,
        "",
        f"From {SIZES[0]:,} to {SIZES[1]:,} rows the difference changes by {grown['whole']:+.2f} s "
        f"({1000 * grown['whole'] / rows:+.3f} ms a row), that of the processor's time by "
        f"{grown['processor']:+.2f} s ({1000 * grown['processor'] / rows:+.3f} ms a row).",
    ]


def main() -> None:
    """Measure and write benchmarks/results-flow.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        house = PrefectHouse(Path(name))
        stub, url = start_stub(0.0)
        try:
            house.start_server()
            lines = table(measure(house, url, options.pairs))
        finally:
            stub.kill()
            stub.wait()
            house.close()
    commit = subprocess.run(
        ["/usr/bin/env", "git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    versions = ", ".join(
        f"{package} {metadata.version(package)}" for package in ("prefect", "polars", "sqlalchemy")
    )
    text = "\n".join(
        [
            "# What the flow costs over the plain pipeline",
            "",
            f"`python -m benchmarks.flow_overhead --pairs {options.pairs}`, commit {commit}, "
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{versions}. Whole commands, from process start to end; a stub that answers at once, "
            "100 in flight, a new ledger each; the Prefect server, the stub and the command share "
            "the cores.",
            "",
            *lines,
            "",
        ]
    )
    (HERE / "results-flow.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
