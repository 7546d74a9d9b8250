"""
The desk with many rows, and the desk whose server is killed.

    python -m benchmarks.desk                 # 10,000 and 100,000 rows, a tenth of them faulty
    python -m benchmarks.desk --kills 10      # kill -9 of the server in mid-run, at seeded moments

Rows on the screen are counted from the upload on; a correction from its press to the page. Medians.
"""

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import httpx

from jobmojito_batch.desk.app import create_app
from jobmojito_batch.desk.desk import Desk
from jobmojito_batch.desk.security import Keys
from jobmojito_batch.sandbox import RunningSandbox, Scenario

PORT: Final = 41999
SIZES: Final = ((10_000, 3.0), (100_000, 10.0))
"""Rows, and the seconds that they may take to be on the screen."""
CORRECTIONS: Final = 11
CORRECTION_SECONDS: Final = 0.3
HEADERS: Final = "Name,E-mail,Country,Resume,Job,Job Location,Job Country,Language"
RESUME: Final = "Nurse for many years in several hospitals and good with people. " * 6
PEOPLE: Final = 60


def export(rows: int) -> bytes:
    """A tenth of the rows names a country that there is not."""
    lines = (
        f"Ann Lee {n},p{n}@example.com,{'Atlantis' if n % 10 == 0 else 'SK'},{RESUME},"
        f"Nurse {n % 20},London,GB,en"
        for n in range(rows)
    )
    return "\n".join([HEADERS, *lines, ""]).encode()


async def measure(rows: int) -> tuple[float, float]:
    """Seconds to the rows on the screen, and of a correction."""
    with closing(Desk(Keys(PORT))) as desk:
        transport = httpx.ASGITransport(create_app(desk))
        origin = f"http://127.0.0.1:{PORT}"
        token = {"token": desk.keys.token}
        async with httpx.AsyncClient(transport=transport, base_url=origin, timeout=600) as client:
            client.cookies.set(desk.keys.cookie, desk.keys.session)
            file = {"candidates": ("people.csv", export(rows))}
            begun = time.perf_counter()
            answer = await client.post("/uploads", data=token, files=file)
            home = answer.headers["location"].rpartition("/")[0]
            page = await client.get(f"{home}/rows")
            shown = time.perf_counter() - begun
            cells = re.findall(r'name="(cell:\d+:\d+)"', page.text)[:CORRECTIONS]
            took = []
            for cell in cells:
                begun = time.perf_counter()
                form = {**token, cell: "SK"}
                await client.post(f"{home}/rows", data=form, headers={"hx-request": "true"})
                took.append(time.perf_counter() - begun)
            await client.post(f"{home}/remove", data=token)
    return shown, statistics.median(took)


def measure_all() -> int:
    """Say all figures; 1 where one is above its bound."""
    is_slow = False
    for rows, most in SIZES:
        measured = [asyncio.run(measure(rows)) for _ in range(3)]
        shown, corrected = (statistics.median(values) for values in zip(*measured, strict=True))
        is_slow |= shown > most or corrected > CORRECTION_SECONDS
        print(
            f"{rows:>7,} rows: on the screen after {shown:.2f} s (at most {most:g}), a correction "
            f"{corrected:.3f} s (at most {CORRECTION_SECONDS:g})"
        )
    return int(is_slow)


# Kills


@contextmanager
def running_desk(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A desk, and the address that opens it."""
    command = [sys.executable, "-m", "jobmojito_batch", "desk", "--no-browser"]
    desk = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield desk, (desk.stdout or sys.stdin).readline().strip()
    finally:
        desk.kill()
        desk.wait()


def let_in(address: str) -> httpx.Client:
    """A browser that the desk knows."""
    origin = address.partition("/?")[0]
    client = httpx.Client(base_url=origin, follow_redirects=True, timeout=120)
    client.get(address).raise_for_status()
    return client


def hidden(page: str, name: str) -> str:
    """A hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    if found is None:
        raise LookupError(f"the page has no {name}")
    return found[1]


def kill_once(environment: dict[str, str], moment: float) -> str:
    """Send, kill the server after *moment* seconds, open it again; the sentence of the results."""
    with running_desk(environment) as (desk, address), closing(let_in(address)) as client:
        token = hidden(client.get("/").text, "token")
        rows = [f"A {n},k{n}@example.com,SK,{RESUME},Nurse,London,GB,en" for n in range(PEOPLE)]
        file = {"candidates": ("people.csv", "\n".join([HEADERS, *rows, ""]).encode())}
        home = str(client.post("/uploads", data={"token": token}, files=file).url.path)
        home = home.rpartition("/")[0]
        plan = client.get(f"{home}/plan").text
        form = {name: hidden(plan, name) for name in ("token", "plan", "number", "limit")}
        client.post(f"{home}/send", data={**form, "first": ""})
        time.sleep(moment)
        desk.kill()
    with running_desk(environment) as (_, address), closing(let_in(address)) as client:
        while "/runs/" not in (answer := client.get(f"{home}/progress")).url.path:
            time.sleep(0.3)
        found = re.search(r"<p>(\d+ rows:[^<]*)</p>", answer.text)
        return found[1] if found is not None else "no sentence"


def kill_all(times: int, seed: int) -> int:
    """Kill at seeded moments; 1 where somebody was invited twice or lost."""
    moments = random.Random(seed)  # noqa: S311 - no secret
    is_wrong = False
    for number in range(times):
        with tempfile.TemporaryDirectory() as folder, RunningSandbox(Scenario()) as sandbox:
            environment = os.environ | {
                "HOME": folder,
                "XDG_DATA_HOME": f"{folder}/data",
                "XDG_CACHE_HOME": f"{folder}/cache",
                "XDG_CONFIG_HOME": f"{folder}/config",
                "JOBMOJITO_API_TOKEN": "made-up-token",
                "JOBMOJITO_BASE_URL": sandbox.base_url,
                "JOBMOJITO_REQUESTS_PER_SECOND": "20",
                "JOBMOJITO_SETTLE_SECONDS": "1",
            }
            moment = moments.uniform(0.0, 8.0)
            sentence = kill_once(environment, moment)
            sent = Counter(entry.email for entry in sandbox.log if entry.event == "created")
            is_right = len(sent) == PEOPLE and set(sent.values()) == {1}
            is_wrong |= not is_right
            verdict = "each once" if is_right else f"WRONG: {len(sent)} people"
            print(
                f"{number + 1:>2}. killed after {moment:.1f} s: {verdict}; {sentence}", flush=True
            )
    return int(is_wrong)


def main() -> int:
    """Measure, or kill."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    if options.kills:
        return kill_all(options.kills, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("DATA", "CACHE", "CONFIG"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"
        os.environ["JOBMOJITO_BASE_URL"] = "http://127.0.0.1:9/functions/v1"
        return measure_all()


if __name__ == "__main__":
    sys.exit(main())
