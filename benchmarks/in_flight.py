"""
Thousands in flight on one core: the whole `invite` against a stub whose answers take seconds.

    python -m benchmarks.in_flight                    # the goals: 4,000 at 5 s; 2,000 against 100
    python -m benchmarks.in_flight --in-flight 4000 --delay 5 --rate 800 --seconds 30

The program is pinned to one core, the stub and this script to another. Start times are the stub's:
when a request was there as a whole. Beside them stand those that the program noted itself
(`sent_at` in its ledger), which a stub that got its core late does not blur. The window opens by
doubling a round, so the figures are told twice: for the whole run, and from the moment on when as
many calls are in flight as there will be (the stub counts) to the last start.
"""

import argparse
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from bisect import bisect_left, bisect_right
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.run import CLI, HERE, write_rows

CORES = sorted(os.sched_getaffinity(0))
PROGRAM_CORE, STUB_CORE = 0, 1
SAMPLE_SECONDS = 0.25
ROOM = 1.1
"""Places above rate x delay: rows that wait for their claim or their outcome hold one, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A run: its places in flight, seconds per answer, ceiling on starts, seconds at the top."""

    places: int
    delay: float
    rate: float
    seconds: float

    @property
    def ceiling(self) -> float:
        """Starts a second that pace and places allow at most."""
        return min(self.rate, self.places / self.delay)

    @property
    def in_flight(self) -> float:
        """Calls in flight at the ceiling."""
        return self.ceiling * self.delay

    @property
    def rows(self) -> int:
        """Rows for opening the window (each round sends twice the last) and for the top."""
        return int(2.5 * self.places + self.ceiling * self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The program at a moment of time.monotonic."""

    at: float
    cpu_seconds: float
    rss_mib: float
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run came to."""

    load: Load
    whole_share: float
    whole_peak: float
    steady_seconds: float
    share: float
    peak: float
    own_peak: float
    """By the moments that the program noted."""
    most_in_flight: int
    micros_a_call: float
    core_share: float
    rss_mib: float
    files: int

    def line(self) -> str:
        """A row of the table."""
        load = self.load
        return (
            f"| {load.places:,} | {load.delay:g} s | {load.rate:g}/s | {self.most_in_flight:,} | "
            f"{self.share:.3f} | {self.peak:.3f} | {self.own_peak:.3f} | "
            f"{self.steady_seconds:.0f} s | {self.whole_share:.3f} | {self.whole_peak:.3f} | "
            f"{self.micros_a_call:.0f} µs | "
            f"{self.core_share:.2f} | {self.rss_mib:.0f} MiB | {self.files:,} |"
        )


HEAD = [
    "| places | an answer | ceiling | in flight | steady: achieved / ceiling | "
    "steady: most in 1 s / ceiling | by the program's own times | steady for | "
    "whole run: achieved | whole run: most in 1 s | CPU a call | of a core | memory | open files |",
    "| " + " | ".join(["---"] * 14) + " |",
]


def measure(load: Load, folder: Path) -> Found:
    """One whole `invite` with a new ledger under a load."""
    people, starts_file = folder / "people.csv", folder / "starts"
    write_rows(people, load.rows)
    stub = subprocess.Popen(
        [sys.executable, str(HERE / "stub.py"), str(load.delay), str(starts_file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    _pin(stub.pid, STUB_CORE)
    _pin(0, STUB_CORE)
    try:
        assert stub.stdout is not None  # noqa: S101
        samples, sent = _watched_run(load, stub.stdout.readline().strip(), people, folder)
    finally:
        stub.send_signal(signal.SIGTERM)
        stub.wait()
    starts = array("d")
    starts.frombytes(starts_file.read_bytes())
    return _found(load, sorted(starts), sent, samples)


def _watched_run(
    load: Load, url: str, people: Path, folder: Path
) -> tuple[list[Sample], list[float]]:
    """What was sampled, and the seconds at which the program sent, from any beginning."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        environment = os.environ | {
            "JOBMOJITO_API_TOKEN": "t",
            "JOBMOJITO_BASE_URL": url,
            "JOBMOJITO_LEDGER": f"{own}/ledger.sqlite",
            "JOBMOJITO_REQUESTS_PER_SECOND": str(load.rate),
            "JOBMOJITO_MAX_IN_FLIGHT": str(load.places),
            "XDG_CACHE_HOME": own,
        }
        with Path(own, "said").open("w") as said, Path(own, "errors").open("w") as errors:
            program = subprocess.Popen(
                [*CLI, "invite", str(people), "--yes", "--no-prefect", "--json",
                 "-o", f"{own}/r.csv"],
                env=environment, stdout=said, stderr=errors,
            )  # fmt: skip
            _pin(program.pid, PROGRAM_CORE)
            samples = []
            while program.poll() is None:
                samples += _sampled(program.pid)
                time.sleep(SAMPLE_SECONDS)
        if program.returncode != 0:
            sys.exit(Path(own, "errors").read_text(encoding="utf-8"))
        invited = json.loads(Path(own, "said").read_text(encoding="utf-8"))["outcomes"]["invited"]
        assert invited == load.rows  # noqa: S101 - else the figures mean nothing
        with closing(sqlite3.connect(f"{own}/ledger.sqlite")) as ledger:
            sent = [
                datetime.fromisoformat(moment).timestamp()
                for (moment,) in ledger.execute("SELECT sent_at FROM invitations ORDER BY sent_at")
            ]
    return samples, sent


def _pin(pid: int, core: int) -> None:
    os.sched_setaffinity(pid, {CORES[core % len(CORES)]})


def _sampled(pid: int) -> list[Sample]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has just ended
        return []
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    rss = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return [Sample(at=time.monotonic(), cpu_seconds=cpu, rss_mib=rss, files=files)]


def _found(load: Load, starts: list[float], sent: list[float], samples: list[Sample]) -> Found:
    begin, last = _opened_at(load, starts), starts[-1]
    steady = starts[bisect_left(starts, begin) :]
    calls = len(steady) - 1
    cpu = _cpu_at(samples, last) - _cpu_at(samples, begin)
    return Found(
        load=load,
        whole_share=(len(starts) - 1) / (last - starts[0]) / load.ceiling,
        whole_peak=most_in_a_second(starts) / load.ceiling,
        steady_seconds=last - begin,
        share=calls / (last - begin) / load.ceiling,
        peak=most_in_a_second(steady) / load.ceiling,
        own_peak=most_in_a_second(sent[len(starts) - len(steady) :]) / load.ceiling,
        most_in_flight=max(_in_flight(load, starts, i) for i in range(len(starts))),
        micros_a_call=cpu / calls * 1e6,
        core_share=cpu / (last - begin),
        rss_mib=max(sample.rss_mib for sample in samples if sample.at >= begin),
        files=max(sample.files for sample in samples),
    )


def _in_flight(load: Load, starts: list[float], index: int) -> int:
    return index + 1 - bisect_right(starts, starts[index] - load.delay)


def _opened_at(load: Load, starts: list[float]) -> float:
    """One answer's time after 0.95 of the calls that will be in flight first are."""
    for index, moment in enumerate(starts):
        if _in_flight(load, starts, index) >= 0.95 * load.in_flight:
            return moment + load.delay
    sys.exit(
        f"never {load.in_flight:.0f} in flight; more --seconds, or a machine that is less busy"
    )


def _cpu_at(samples: list[Sample], moment: float) -> float:
    """The processor's time at a moment, between two samples by the rule of three."""
    after = next((i for i, one in enumerate(samples) if one.at >= moment), len(samples) - 1)
    a, b = samples[max(0, after - 1)], samples[after]
    if a.at == b.at:
        return b.cpu_seconds
    return a.cpu_seconds + (b.cpu_seconds - a.cpu_seconds) * (moment - a.at) / (b.at - a.at)


def most_in_a_second(starts: list[float]) -> int:
    """The most starts in any second."""
    return max(i + 1 - bisect_right(starts, moment - 1.0) for i, moment in enumerate(starts))


def goals(folder: Path, *, pairs: int, seconds: float) -> list[str]:
    """The lines of the goals: 4,000 in flight at 5 s, and 2,000 against 100 at one rate."""
    found = [
        measure(Load(places=int(4_000 * ROOM), delay=5.0, rate=800.0, seconds=seconds), folder)
    ]
    print(found[-1].line(), file=sys.stderr, flush=True)
    ratios = []
    for _ in range(pairs):
        low = measure(Load(places=int(100 * ROOM), delay=0.25, rate=400.0, seconds=15), folder)
        high = measure(Load(places=int(2_000 * ROOM), delay=5.0, rate=400.0, seconds=15), folder)
        found += [low, high]
        ratios.append(high.micros_a_call / low.micros_a_call)
        print(
            low.line(),
            high.line(),
            f"CPU ratio {ratios[-1]:.2f}",
            sep="\n",
            file=sys.stderr,
            flush=True,
        )
    return [
        *HEAD,
        *(one.line() for one in found),
        "",
        f"CPU a call at 2,000 in flight / at 100, both at 400 a second: "
        f"{statistics.median(ratios):.2f} (median of {len(ratios)}: {min(ratios):.2f} to "
        f"{max(ratios):.2f}).",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--in-flight", type=int, help="places; without it, the goals")
    parser.add_argument("--delay", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=800.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="1,000 in flight for ten seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        if options.quick:
            quick = Load(places=int(1_000 * ROOM), delay=5.0, rate=200.0, seconds=10.0)
            lines = [*HEAD, measure(quick, Path(name)).line()]
        elif options.in_flight is None:
            lines = goals(Path(name), pairs=options.pairs, seconds=options.seconds)
        else:
            load = Load(
                places=options.in_flight,
                delay=options.delay,
                rate=options.rate,
                seconds=options.seconds,
            )
            lines = [*HEAD, measure(load, Path(name)).line()]
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
