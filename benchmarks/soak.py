"""
`make soak`: the real program for minutes, with upkeep of its ledger beside it; fails on growth.

    python -m benchmarks.soak --minutes 20

One `invite` at 40 starts a second against a stub of a process of its own that answers after half a
second. Beside it this process enters runs of long ago in the same ledger, 2,000 rows each, and
deletes them as docs/ledger.md says (Retention), under the ledger's lock. Every few seconds the
program is looked at from outside. Memory and threads must not be above in the last fifth of the
time what they were in the second (medians); connections and files have bounds. The ledger itself
grows with what was sent; that is told and not judged.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from dataclasses import astuple, dataclass, fields
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy import delete

from benchmarks.ledger import enter, now
from benchmarks.run import CLI, HERE, write_rows
from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.ledger.schema import run_rows

RATE, DELAY = 40.0, 0.5
PLACES = 40
OLD_ROWS = 2_000
UPKEEP_SECONDS = 5.0
SAMPLES = 100
MOST_PAUSE_SECONDS = 10.0
"""Between two starts; upkeep must not stop the sending."""
SHARE, MOST_LOG_MIB = 1.05, 32.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The program from outside; memory and sizes in MiB."""

    seconds: float
    memory: float
    files: int
    connections: int
    threads: int
    ledger: float
    log: float


GROWS = {"memory": 4.0, "threads": 1.0}
"""What must not grow, and what each may be above a twentieth more, for what comes and goes."""
BOUNDED = {"connections": PLACES + 4, "files": PLACES + 16}
"""A client keeps a connection for as many calls as ever were in flight at once, and no more."""


class Upkeep(threading.Thread):
    """Enters old runs and deletes their rows until it is told to end."""

    def __init__(self, url: str) -> None:
        super().__init__(name="upkeep")
        self._url = url
        self._ending = threading.Event()
        self.deleted = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        """Until the end, or the first failure."""
        try:
            self._keep_up()
        except Exception as exc:  # noqa: BLE001 - told by the main thread
            self.failure = exc

    def _keep_up(self) -> None:
        long_ago = now() - timedelta(days=400)
        ledger = Ledger.open(self._url, clock=lambda: long_ago)
        turn = 0
        while not self._ending.wait(UPKEEP_SECONDS):
            turn += 1
            enter(ledger, f"old-{turn}", OLD_ROWS, at=long_ago)
            ledger.runs.end(
                f"old-{turn}", at=long_ago, stop_code=ErrorCode.INTERRUPTED, stop_message="old"
            )
            with ledger.database.writing() as connection:
                old = run_rows.c.run_id == f"old-{turn}"
                self.deleted += connection.execute(delete(run_rows).where(old)).rowcount
        ledger.close()

    def end(self) -> None:
        """Finish the turn and come back."""
        self._ending.set()
        self.join()


def soak(minutes: float, folder: Path) -> tuple[list[Sample], list[float], int]:
    """Samples of the time of sending, the moments of the starts, and the rows that were deleted."""
    people, starts_file, ledger = folder / "people.csv", folder / "starts", folder / "ledger.sqlite"
    write_rows(people, int(RATE * minutes * 60))
    stub = subprocess.Popen(
        [sys.executable, str(HERE / "stub.py"), str(DELAY), str(starts_file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stub.stdout is not None  # noqa: S101
    environment = os.environ | {
        "JOBMOJITO_API_TOKEN": "t",
        "JOBMOJITO_BASE_URL": stub.stdout.readline().strip(),
        "JOBMOJITO_LEDGER": str(ledger),
        "JOBMOJITO_REQUESTS_PER_SECOND": str(RATE),
        "JOBMOJITO_MAX_IN_FLIGHT": str(PLACES),
        "XDG_CACHE_HOME": str(folder),
    }
    upkeep = Upkeep(f"sqlite:///{ledger}")
    samples = []
    with (folder / "said").open("w") as said:
        program = subprocess.Popen(
            [*CLI, "invite", str(people), "--yes", "--no-prefect", "--json", "-o",
             str(folder / "r.csv")],
            env=environment, stdout=said,
        )  # fmt: skip
        try:
            upkeep.start()
            while program.poll() is None:
                samples += _looked_at(program.pid, ledger)
                time.sleep(max(0.5, min(5.0, minutes * 60 / SAMPLES)))
        finally:
            upkeep.end()
            stub.send_signal(signal.SIGTERM)
            stub.wait()
            if program.poll() is None:
                program.terminate()
                program.wait()
    if program.returncode != 0:
        sys.exit(f"the program ended with status {program.returncode}")
    if upkeep.failure is not None:
        raise upkeep.failure
    starts = array("d")
    starts.frombytes(starts_file.read_bytes())
    moments = sorted(starts)
    sending = [one for one in samples if moments[0] <= one.seconds <= moments[-1]]
    return sending, moments, upkeep.deleted


def _looked_at(pid: int, ledger: Path) -> list[Sample]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        links = [_target(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it has just ended
        return []
    log = ledger.with_name(ledger.name + "-wal")
    return [
        Sample(
            seconds=time.monotonic(),
            memory=int(stat[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20,
            files=len(links),
            connections=sum(link.startswith("socket:") for link in links),
            threads=int(stat[17]),
            ledger=ledger.stat().st_size / 2**20 if ledger.exists() else 0.0,
            log=log.stat().st_size / 2**20 if log.exists() else 0.0,
        )
    ]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def judged(samples: list[Sample], starts: list[float]) -> list[str]:
    """What grew, as sentences."""
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    faults = []
    for name, bound in BOUNDED.items():
        if (most := max(getattr(sample, name) for sample in samples)) > bound:
            faults.append(f"{name} went up to {most:g}, more than {bound}")
    for name, room in GROWS.items():
        before, after = (
            statistics.median(getattr(s, name) for s in some) for some in (early, late)
        )
        if after > before * SHARE + room:
            faults.append(f"{name} grew from {before:g} to {after:g}")
    if (most := max(sample.log for sample in samples)) > MOST_LOG_MIB:
        faults.append(f"the write-ahead log grew to {most:.0f} MiB")
    if (pause := _longest_pause(starts)) > MOST_PAUSE_SECONDS:
        faults.append(f"nothing started for {pause:.1f} s")
    return faults


def _longest_pause(starts: list[float]) -> float:
    return max(after - before for before, after in pairwise(starts))


def table(samples: list[Sample]) -> list[str]:
    """Medians of each fifth of the time."""
    names = [field.name for field in fields(Sample)]
    lines = ["| fifth | " + " | ".join(names[1:]) + " |", "|" + " --- |" * len(names)]
    fifth = len(samples) // 5
    for number in range(5):
        some = samples[number * fifth : (number + 1) * fifth]
        values = [statistics.median(column) for column in zip(*map(astuple, some), strict=True)]
        lines.append(f"| {number + 1} | " + " | ".join(f"{v:.1f}" for v in values[1:]) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        samples, starts, deleted = soak(options.minutes, Path(name))
    if len(samples) < 25:
        sys.exit("too short to tell: there are fewer than 25 samples")
    print(*table(samples), sep="\n")
    print(
        f"{len(starts):,} calls in {(starts[-1] - starts[0]) / 60:.1f} minutes, "
        f"{(len(starts) - 1) / (starts[-1] - starts[0]):.1f} a second; longest time without a "
        f"start {_longest_pause(starts):.2f} s; {deleted:,} old rows deleted beside"
    )
    if faults := judged(samples, starts):
        sys.exit("; ".join(faults))


if __name__ == "__main__":
    main()
