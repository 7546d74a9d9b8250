"""
Calls and seconds of two looks at many people: `python -m benchmarks.followup`.

In one process: the sandbox's world and the ledger are built, then looked at twice, a day apart. One
address in a hundred is on two positions, each enrolment has two rows, 3 % of the rows move.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from jobmojito_batch.sandbox import Scenario
from jobmojito_batch.sandbox.request_record import Endpoint
from tests.followups import Town


def main() -> int:
    """Build, look, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--positions", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        town = Town(Path(folder), Scenario(moved_rows=0.03))
        town.enrol(options.people, on=options.positions, twice=options.people // 100)
        town.invite()
        town.pass_days(6)
        for name in ("first", "next"):
            calls, began, cpu = town.calls(), time.monotonic(), time.process_time()
            summary = asyncio.run(town.follow_up())
            sys.stdout.write(
                f"{name:<6} {town.calls() - calls} list calls, {time.monotonic() - began:.1f} s, "
                f"{time.process_time() - cpu:.1f} s of processor with the sandbox's; "
                f"creates {town.calls(Endpoint.CREATE)}; {summary.sentence}\n"
            )
            town.pass_days(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
