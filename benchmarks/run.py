"""
`make bench`: the pipeline against a bare loop of the same client and against other ways to do it,
thousands in flight, the ledger, and `check` on a large file.

Ratios within one run, medians of interleaved rounds; the figures go to benchmarks/results.md with
machine, versions, commit and command. `--quick` ends in about three minutes on a quiet machine and
says so in the file. Nothing here is a test.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import aiohttp
import httpx
import polars as pl
import xlsxwriter
from httpx_aiohttp import AiohttpTransport

from jobmojito_batch.intake import read_inputs
from jobmojito_batch.normalise import map_headers, normalise

HERE = Path(__file__).parent
CLI = [sys.executable, "-m", "jobmojito_batch"]
RATE = float(os.environ.get("RATE", "10000"))
RESUME = "Ten years of nursing, wards and night shifts; reads charts and people. " * 40  # 2.9 kB
HEADERS = (
    "candidate_name,candidate_email,candidate_country_code,candidate_resume,position_def_set_id"
)
LARGE_HEADERS = (
    "Application ID,Candidate Name,Email Address,Phone,Country,Job Title,Job Location,Job Country,"
    "Interview Language,Resume,Stage,Applied On"
)


def start_stub(latency: float) -> tuple[subprocess.Popen[str], str]:
    """A stub that answers every create after *latency* seconds, in a process of its own."""
    command = [sys.executable, str(HERE / "stub.py"), str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101
    return process, process.stdout.readline().strip()


def write_rows(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADERS + "\n")
        for n in range(count):
            file.write(f'Ann Lee {n},p{n}@example.com,SK,"{RESUME}",p-1\n')


async def bare_loop(url: str, count: int, in_flight: int) -> float:
    """Rows a second of the same client and transport without ledger, pace, retries or results."""
    bodies = [
        json.dumps(
            {
                "candidate_name": f"Ann Lee {n}",
                "candidate_email": f"p{n}@example.com",
                "candidate_country_code": "SK",
                "candidate_resume": RESUME,
                "position_def_set_id": "p-1",
            }
        ).encode()
        for n in range(count)
    ]
    queue = iter(bodies)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight))

    async with httpx.AsyncClient(
        transport=AiohttpTransport(client=session), timeout=60.0, trust_env=False
    ) as client:

        async def work() -> None:
            for body in queue:
                answer = await client.post(
                    f"{url}/job-interview-create-for-candidate-with-token",
                    content=body,
                    headers={"Authorization": "Bearer t", "Content-Type": "application/json"},
                )
                answer.json()

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        return count / (time.perf_counter() - started)


def pipeline(url: str, path: Path, in_flight: int, rate: float) -> dict[str, float]:
    """The summary of a whole `invite` with a new, durable ledger."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "JOBMOJITO_API_TOKEN": "t",
            "JOBMOJITO_BASE_URL": url,
            "JOBMOJITO_LEDGER": f"{folder}/ledger.sqlite",
            "JOBMOJITO_REQUESTS_PER_SECOND": str(rate),
            "JOBMOJITO_MAX_IN_FLIGHT": str(in_flight),
            "XDG_CACHE_HOME": folder,
        }
        done = subprocess.run(
            [*CLI, "invite", str(path), "--yes", "--no-prefect", "--json", "-o", f"{folder}/r.csv"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.exit(done.stderr)
        found: dict[str, float] = json.loads(done.stdout)
        return found


PEERS = {
    "pandas": "pandas + requests.Session, one after the other",
    "threads": "ThreadPool(100) + requests.Session",
    "dlt": "dlt custom destination",
    "prefect": "Prefect, .map over rows",
}
PEERS_FOLDER = HERE.parent / ".venv-peers"


def peers_python() -> str:
    """The interpreter of the peers' environment, which is made where it is not there."""
    wanted = HERE / "peers" / "requirements.txt"
    mark = PEERS_FOLDER / "installed"
    python = PEERS_FOLDER / "bin" / "python"
    if not mark.exists() or mark.stat().st_mtime < wanted.stat().st_mtime:
        print("making .venv-peers", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(PEERS_FOLDER)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        mark.touch()
    return str(python)


def peer(python: str, name: str, url: str, path: Path, folder: Path) -> float:
    """Rows a second of a peer."""
    home = folder / f"home-{name}"
    home.mkdir(exist_ok=True)
    environment = os.environ | {
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    done = subprocess.run(
        [python, str(HERE / "peers" / "peer.py"), name, str(path), url, "100",
         str(folder / "said.csv")],
        env=environment, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"{name}: {done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["rows"]) / float(found["seconds"])


def at_once(rounds: int, rows: int, few: int, folder: Path) -> list[str]:
    """
    Sending phase against the bare loop and the peers, all of them in every round.

    A server that answers at once, 100 in flight; Prefect gets *few* rows.
    """
    path, few_path = folder / "rows.csv", folder / "few.csv"
    write_rows(path, rows)
    write_rows(few_path, few)
    python = peers_python()
    found: dict[str, list[float]] = {}
    for turn in range(rounds):
        process, url = start_stub(0.0)
        runs = {
            "ours": lambda url=url: rows / pipeline(url, path, 100, RATE)["sending_seconds"],
            "bare": lambda url=url: asyncio.run(bare_loop(url, rows, 100)),
            **{
                name: lambda name=name, url=url: peer(
                    python, name, url, few_path if name == "prefect" else path, folder
                )
                for name in PEERS
            },
        }
        order = list(runs) if turn % 2 == 0 else list(reversed(runs))
        try:
            for name in order:
                found.setdefault(name, []).append(runs[name]())
                print(f"round {turn + 1}: {name} {found[name][-1]:.0f} rows/s", flush=True)
        finally:
            process.terminate()
            process.wait()
    names = {"bare": "bare loop of the same client", **PEERS}
    return [
        _against(
            found["ours"], found[name], f"{what} ({few if name == 'prefect' else rows:,} rows)"
        )
        for name, what in names.items()
    ]


def _against(ours: list[float], theirs: list[float], what: str) -> str:
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return (
        f"| answers at once, 100 in flight: sending / {what} | {statistics.median(ratios):.2f} | "
        f"{min(ratios):.2f} to {max(ratios):.2f} | "
        f"{statistics.median(ours):,.0f} and {statistics.median(theirs):,.0f} rows/s |"
    )


def slow_answers(pairs: int, folder: Path) -> list[str]:
    """Achieved share of the ceiling: 2 s an answer, 1,000 in flight, so 500 a second."""
    path = folder / "slow.csv"
    rows = 20_000
    write_rows(path, rows)
    shares = []
    for _ in range(pairs):
        process, url = start_stub(2.0)
        try:
            seconds = pipeline(url, path, 1_000, RATE)["sending_seconds"]
        finally:
            process.terminate()
            process.wait()
        shares.append(rows / seconds / 500)
        print(f"2 s an answer: {rows / seconds:.0f}/s of 500/s")
    return [
        f"| {rows:,} rows, 2 s an answer, 1,000 in flight, opening and end included: "
        f"achieved / 500 a second | "
        f"{statistics.median(shares):.2f} | {min(shares):.2f} to {max(shares):.2f} | |"
    ]


def large_check(rows: int, folder: Path) -> list[str]:
    """Time of `check` on a CSV of about 1.2 kB a row with quotes and line breaks."""
    path = folder / "large.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(LARGE_HEADERS + "\n")
        for n in range(rows):
            resume = f'"Profile {n}, ""senior"",\n{RESUME[:1000]}"'
            file.write(
                f"A{n},Ann Lee {n},P{n}@Example.com,+421 900 {n},Slovakia,Job {n % 50},Wien,"
                f"Austria,English,{resume},new,2026-11-24\n"
            )
    size = path.stat().st_size
    started = time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    subprocess.run([*CLI, "check", str(path)], env=environment, check=True)
    path.unlink()
    return [
        f"| `check` of {rows:,} rows, {size / 1e9:.2f} GB of CSV (memory: results-memory.md) | | | "
        f"{time.perf_counter() - started:.0f} s |"
    ]


def reading(pairs: int, rows: int, folder: Path) -> list[str]:
    """Reading and normalising against polars reading the same CSV, and a workbook's `check`."""
    path = folder / "reading.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(LARGE_HEADERS + "\n")
        for n in range(rows):
            file.write(
                f"A{n},Ann Lee {n},P{n}@Example.com,+421 900 {n},Slovakia,Job {n % 50},Wien,"
                f'Austria,English,"{RESUME[:800]}",new,2026-11-24\n'
            )
    ratios = []
    for _ in range(pairs):
        started = time.perf_counter()
        pl.scan_csv(path, infer_schema=False).sink_parquet(
            folder / "bare.parquet", compression="lz4", engine="streaming"
        )
        middle = time.perf_counter()
        [table] = read_inputs([str(path)], scratch=folder)
        normalise(
            table, map_headers(table.headers), fills={}, max_resume_characters=50_000
        ).sink_parquet(folder / "ours.parquet", compression="lz4", engine="streaming")
        ratios.append((time.perf_counter() - middle) / (middle - started))
    path.unlink()
    workbook = folder / "reading.xlsx"
    book = xlsxwriter.Workbook(str(workbook), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, LARGE_HEADERS.split(","))
    for n in range(1, 100_001):
        sheet.write_row(n, 0, [f"A{n}", f"Ann Lee {n}", f"p{n}@example.com", "", "Slovakia", "Job",
                               "Wien", "Austria", "English", "Nurse", "new", ""])  # fmt: skip
    book.close()
    started = time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    subprocess.run([*CLI, "check", str(workbook)], env=environment, check=True)
    return [
        f"| {rows:,} rows of CSV: reading and normalising / polars reading alone | "
        f"{statistics.median(ratios):.1f} | {min(ratios):.1f} to {max(ratios):.1f} | |",
        f"| `check` of an XLSX of 100,000 rows | | | {time.perf_counter() - started:.1f} s |",
    ]


def run_module(name: str, *arguments: str) -> list[str]:
    """The lines that another benchmark prints."""
    print(f"{name} ...", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", name, *arguments], cwd=HERE.parent, stdout=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        print(f"{name} ended with status {done.returncode}", file=sys.stderr)
    return done.stdout.splitlines() or ["it failed, see the output of the command"]


def pins() -> list[str]:
    """The peers and their versions."""
    text = (HERE / "peers" / "requirements.txt").read_text(encoding="utf-8")
    return [line.split("#")[0].strip() for line in text.splitlines() if "==" in line]


def load_now() -> str:
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())


def main() -> None:
    """Measure and write benchmarks/results.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="about three minutes")
    parser.add_argument(
        "--only", choices=["once", "slow", "in-flight", "ledger", "large", "reading"]
    )
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    load_before = load_now()
    lines: list[str] = []
    flights: list[str] = []
    durable: list[str] = []
    quick = options.quick
    rounds, rows, few = (2, 2_000, 100) if quick else (options.pairs, options.rows, 500)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        if options.only in {None, "once"}:
            lines += at_once(rounds, rows, few, folder)
        if options.only == "slow" or (options.only is None and not quick):
            lines += slow_answers(min(3, options.pairs), folder)
        if options.only in {None, "in-flight"}:
            flights = run_module("benchmarks.in_flight", *(["--quick"] if quick else []))
        if options.only in {None, "ledger"}:
            durable = run_module("benchmarks.ledger", *(["--rounds", "1"] if quick else []))
        if options.only == "reading" or (options.only is None and not quick):
            lines += reading(options.pairs, 200_000, folder)
        if options.only == "large" or (options.only is None and not quick):
            lines += large_check(options.large, folder)
    commit = subprocess.run(
        ["/usr/bin/env", "git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    versions = ", ".join(
        f"{package} {metadata.version(package)}"
        for package in ("httpx", "httpx-aiohttp", "aiohttp", "polars", "sqlalchemy", "pydantic")
    )
    text = "\n".join(
        [
            "# Benchmark results",
            "",
            f"`{' '.join(['python', 'benchmarks/run.py', *sys.argv[1:]])}`, commit {commit}, "
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{versions}; peers: {', '.join(pins())}. Client and server share the cores; load of "
            f"the machine (1, 5, 15 minutes) {load_before} before, {load_now()} after.",
            "",
            "| what | median | range | absolute |",
            "| --- | --- | --- | --- |",
            *lines,
            "",
            "## Thousands in flight",
            "",
            "`python -m benchmarks.in_flight`: the program on one core, the stub on another.",
            "",
            *flights,
            "",
            "## Ledger",
            "",
            "`python -m benchmarks.ledger`: a claim and its outcome, each durable.",
            "",
            *(f"- {line}" for line in durable),
            "",
        ]
    )
    if options.only is None:
        (HERE / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
