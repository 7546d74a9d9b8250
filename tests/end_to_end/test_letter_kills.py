"""
Real processes that post letters and are killed, beside each other and after each other.

LETTERS and LETTER_KILLS make it long (`make letters N=1000`), SEED makes it another one.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobmojito_batch.sandbox import RunningSandbox
from tests.helpers import Run, friendly, people, read_results, write_input
from tests.mail_server import MailServer, Mood, running

LETTERS = int(os.environ.get("LETTERS", "12"))
KILLS = int(os.environ.get("LETTER_KILLS", "1"))
SEED = int(os.environ.get("SEED", "0"))
MOODS = {Mood.REFUSES: 0.04, Mood.DROPS_AFTER: 0.04, Mood.GREYLISTS: 0.02, Mood.DROPS_BEFORE: 0.02}
PATIENCE_SECONDS = 300.0


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with RunningSandbox(friendly()) as sandbox:
        yield Run(tmp_path, sandbox, monkeypatch)


def moods(chance: random.Random) -> dict[str, Mood]:
    """Whom the server treats how: each way at least once."""
    addresses = [f"p{n}@example.com" for n in range(LETTERS)]
    chance.shuffle(addresses)
    found: dict[str, Mood] = {}
    for mood, share in MOODS.items():
        for _ in range(max(1, round(share * LETTERS))):
            found[addresses.pop()] = mood
    return found


def posting(a_run: Run, url: str, number: int) -> "subprocess.Popen[bytes]":
    with Path(f"said-{number}.txt").open("wb") as said:
        return subprocess.Popen(
            [
                sys.executable, "-m", "jobmojito_batch", "letters", "people.csv", "--send", "--yes",
                "--rate", "200", "-o", f"{number}.letters.csv", "--log-json", f"log-{number}.jsonl",
            ],
            env=os.environ
            | a_run.environment
            | {"JOBMOJITO_SMTP_URL": url, "JOBMOJITO_MAIL_FROM": "jobs@example.com"},
            stdout=said,
            stderr=said,
        )  # fmt: skip


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)


def test_kills_and_lost_answers_write_to_nobody_twice(a_run: Run) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a seed to repeat it by
    of = moods(chance)
    server = MailServer(lambda address: of.get(address, Mood.KIND))
    a_run.invite(write_input(a_run.folder, people(LETTERS)))
    link_of = {row["candidate_email"]: row["interview_url"] for row in a_run.results}
    numbers = iter(range(1000))

    with running(server) as url:
        for _ in range(KILLS):
            more = server.taken.total() + chance.randint(1, max(2, LETTERS // (KILLS + 1)))
            process = posting(a_run, url, next(numbers))
            wait_until(
                lambda more=more, process=process: (
                    server.taken.total() >= more  # type: ignore[misc]
                    or process.poll() is not None
                )
            )
            process.send_signal(signal.SIGKILL)
            process.wait()
        together = [posting(a_run, url, next(numbers)) for _ in range(2)]
        codes = {process.wait() for process in together}

    last = next(numbers) - 1
    rows = read_results(Path(f"{last}.letters.csv"))
    outcome_of = {row["candidate_email"]: row["letter_outcome"] for row in rows}
    refused = {address for address, mood in of.items() if mood is Mood.REFUSES}
    assert [times for times in server.taken.values() if times > 1] == []
    assert codes == {3}
    assert len(outcome_of) == LETTERS
    assert set(outcome_of.values()) <= {"sent", "already_sent", "unknown", "refused"}
    unknown = {email for email, outcome in outcome_of.items() if outcome == "unknown"}
    # A kill while the server refuses leaves that one unknown, too: it is within the bound below.
    assert {who for who, outcome in outcome_of.items() if outcome == "refused"} == refused - unknown
    lost = {address for address, mood in of.items() if mood is Mood.DROPS_AFTER}
    assert lost <= unknown
    assert len(unknown - lost) <= 2 * KILLS  # what was under way when a process was killed
    taken = {email for email, outcome in outcome_of.items() if outcome.endswith("sent")}
    assert taken == server.taken.keys() - unknown
    said = "".join(
        path.read_text() for path in Path().glob("*") if path.name.startswith(("said", "log"))
    )
    assert [link for link in link_of.values() if link in said] == []
    assert "@example.com" not in said.replace("jobs@example.com", "")
    print(f"letters {LETTERS}, kills {KILLS}, seed {SEED}: {dict(Counter(outcome_of.values()))}")  # noqa: T201
