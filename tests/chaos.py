"""
Real kills: the program on the sandbox, killed with SIGKILL at random moments, started again.

`make chaos N=200` runs it for long and prints what became of everybody, `make chaos
LEDGER=postgresql` on a server; a short run of either is a test.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from jobmojito_batch.sandbox import Fault, RunningSandbox, Scenario, creates_per_invitation
from tests.helpers import TOKEN, people, read_results, write_input
from tests.postgresql import own_schema, why_not
from tests.processes import Started, start

ROWS = 40
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of everybody."""

    kills: int
    rounds: int
    posts: int
    creates: int
    twice: int
    """Invitations that took effect more than once."""
    twin_positions: int
    unknown: int
    lost_rows: int
    """Rows without an outcome, or whose outcome is not what the sandbox's log says."""


def run_chaos(kills: int, seed: int, ledger: str = "sqlite") -> Report:
    """Kill until *kills* have struck, a new set of people and a new ledger whenever one is done."""
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    totals: Counter[str] = Counter()
    while totals["kills"] < kills:
        totals["rounds"] += 1
        with ExitStack() as stack:
            url = stack.enter_context(own_schema()) if ledger == "postgresql" else None
            totals.update(_round(dice, kills - totals["kills"], url))
    return Report(**{name: totals[name] for name in Report.__slots__})


def _round(dice: random.Random, kills_left: int, ledger: str | None) -> Counter[str]:
    """One input, killed a few times and then run to its end, two processes at a time."""
    faults = tuple(Fault(share=0.06, disconnect=how) for how in ("before", "after", "meanwhile"))
    scenario = Scenario(
        latency=0.03,
        position_latency=0.1,
        jitter=0.8,
        seed=dice.randrange(1 << 30),
        decisions={"ai_accept": 1.0},
        faults=faults,
    )
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, RunningSandbox(scenario) as sandbox:
        folder = Path(name)
        rows = [*people(ROWS // 2), *people(ROWS // 2, position="Cook", start=ROWS // 2)]
        path = write_input(folder, rows)
        environment = os.environ | {
            "HOME": name,
            "XDG_CACHE_HOME": f"{name}/cache",
            "JOBMOJITO_API_TOKEN": TOKEN,
            "JOBMOJITO_BASE_URL": sandbox.base_url,
            "JOBMOJITO_LEDGER": ledger or f"{name}/ledger.sqlite",
            "JOBMOJITO_REQUESTS_PER_SECOND": "60",
            "JOBMOJITO_SETTLE_SECONDS": str(SETTLE_SECONDS),
            "JOBMOJITO_BREAKER_FAILURES": "1000",
        }
        for _ in range(min(kills_left, dice.randrange(2, 5))):
            running = [_started(path, environment, n) for n in range(dice.choice([1, 1, 2]))]
            time.sleep(dice.uniform(0.1, 1.7))
            for process in running:
                process.kill()
                process.wait()
            counts["kills"] += len(running)
        for _ in range(8):  # the sandbox loses answers still: what failed goes with the next run
            if _started(path, environment, 0).wait(timeout=120) == 0:
                break
        effects = creates_per_invitation(sandbox.log)
        outcomes = read_results(folder / "0.results.csv")
        counts["posts"] += sum(
            entry.event == "received" and entry.endpoint.startswith("job-interview-create")
            for entry in sandbox.log
        )
        counts["creates"] += sum(effects.values())
        counts["twice"] += sum(n > 1 for n in effects.values())
        opened = Counter(e.position_name for e in sandbox.log if e.position_created)
        counts["twin_positions"] += sum(n > 1 for n in opened.values())
        counts["unknown"] += sum(row["outcome"] == "unknown" for row in outcomes)
        counts["lost_rows"] += abs(len(outcomes) - len(rows)) + sum(
            not _is_true(row, effects) for row in outcomes
        )
    return counts


def _started(path: Path, environment: dict[str, str], number: int) -> Started:
    target = path.with_name(f"{number}.results.csv")
    command = ("jobmojito_batch", "invite", str(path), "--yes", "--no-prefect", "-o", str(target))
    return start(*command, environment=environment)


def _is_true(row: dict[str, str], effects: Counter[tuple[str, str]]) -> bool:
    """Whether the sandbox did what the row says."""
    exists = effects[row["candidate_email"], row["position_name"]] > 0
    if row["outcome"] in {"invited", "already_done"}:
        return exists
    return row["outcome"] == "unknown" or not exists


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    if options.ledger == "postgresql" and (reason := why_not()) is not None:
        sys.exit(reason)
    report = run_chaos(options.kills, options.seed, options.ledger)
    sys.stdout.write(json.dumps(asdict(report), indent=2) + "\n")
    if report.twice or report.twin_positions or report.lost_rows:
        sys.exit(1)


if __name__ == "__main__":
    main()
