"""
The life of a letter as a state machine: claimed, sent, refused, unknown, and free again.

The real posting and ledger on a simulated clock and mail server, with kills at any moment and
answers that are lost after the text was handed over. `make soak` runs it for long.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobmojito_batch.columns import ErrorCode, LetterOutcome, LetterStep
from jobmojito_batch.ledger import Ledger, LetterState, RunRecord, TakeClaim
from jobmojito_batch.letters.posting import Posting, PostingPolicy, ToPost
from jobmojito_batch.letters.smtp import Handed, Handing, ServerAwayError
from jobmojito_batch.sending import Clock, Pace, StopSignal
from jobmojito_batch.simulation import World, fresh_ledger

PEOPLE = [f"p{n}@example.com" for n in range(4)]
DELIVERY_SECONDS = 30.0
DAY_SECONDS = 86_400.0
ACCOUNT = "https://api.example||live"


@dataclass(frozen=True)
class Fate:
    """What comes of a letter that is handed over."""

    handing: Handing
    is_taken: bool = False
    """Whether the server has it, whatever it says."""
    seconds: float = 0.5
    """Until it has it, and again until it answers."""


TAKEN = Fate(Handing.TAKEN, is_taken=True)
fates = st.one_of(
    st.just(TAKEN),
    st.just(Fate(Handing.TAKEN, is_taken=True, seconds=8.0)),
    st.just(Fate(Handing.REFUSED)),
    st.just(Fate(Handing.NOT_TAKEN)),
    st.builds(Fate, st.just(Handing.UNKNOWN), is_taken=st.booleans()),
    st.builds(Fate, st.just(Handing.UNKNOWN), is_taken=st.booleans(), seconds=st.just(40.0)),
    st.just(Fate(Handing.CLOSED)),
)
scripts = st.lists(fates, max_size=8)
moments = st.one_of(st.none(), st.floats(0.0, 20.0))


class Server:
    """What it has taken, for good: by address and step, with the day."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.taken: Counter[tuple[str, str]] = Counter()
        self.by_day: Counter[tuple[str, str, str]] = Counter()
        self.script: Iterator[Fate] = iter(())
        self.is_away = 0

    def take(self, address: str, step: str) -> None:
        self.taken[address, step] += 1
        self.by_day[address, step, self.world.wall().date().isoformat()] += 1


class Box:
    """A connection to it."""

    def __init__(self, server: Server, step: LetterStep) -> None:
        self.server = server
        self.step = step

    async def open(self) -> None:
        if self.server.is_away:
            self.server.is_away -= 1
            raise ServerAwayError("away")

    async def hand_over(self, message: EmailMessage, *, sender: str, address: str) -> Handed:
        assert message["To"] == address
        assert sender
        fate = next(self.server.script, TAKEN)
        await asyncio.sleep(fate.seconds)
        if fate.is_taken:
            self.server.take(address, self.step)
        await asyncio.sleep(fate.seconds)
        return Handed(handing=fate.handing, code=250, says="as it is")

    async def close(self) -> None:
        await asyncio.sleep(0.01)


class Life(RuleBasedStateMachine):
    """Postings of letters to the same people, by one ledger and one mail server."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.server = Server(self.world)
        self.ledger = Ledger(fresh_ledger(), clock=self.world.naive)
        self.numbers = count()
        self.again = 0
        ids = self.world.play(self._invited, kill_at=None)
        assert ids is not None
        self.ids = ids

    def teardown(self) -> None:
        self.world.bury()
        self.ledger.close()

    async def _invited(self) -> dict[str, int]:
        now = self.world.naive()
        self.ledger.runs.begin(
            RunRecord(
                run_id="r", base_url="https://api.example", merchant="", environment="live",
                started_at=now, rows=len(PEOPLE), layouts="[]",
            )
        )  # fmt: skip
        key = (ACCOUNT, "name:nurse")
        position = self.ledger.runs.ensure_positions([(*key, "nurse")])[key]
        writer = self.ledger.writer()
        claims = [
            await writer.submit(
                TakeClaim(
                    run_id="r", ordinal=n, position_id=position, candidate_email=email,
                    number=1, at=now, credits=0.0,
                )
            )
            for n, email in enumerate(PEOPLE)
        ]  # fmt: skip
        await writer.close()
        return {email: claim.invitation_id for email, claim in zip(PEOPLE, claims, strict=True)}

    # What can happen

    @rule(script=scripts, kill_at=moments, step=st.sampled_from(list(LetterStep)[:2]))
    def a_posting(self, script: list[Fate], kill_at: float | None, step: LetterStep) -> None:
        self._play(script, kill_at, step)

    @rule(script=scripts, kill_at=moments)
    def two_at_once(self, script: list[Fate], kill_at: float | None) -> None:
        self._play(script, kill_at, LetterStep.INVITED, processes=2)

    @rule(script=scripts, kill_at=moments)
    def a_reminder(self, script: list[Fate], kill_at: float | None) -> None:
        self.again += 1
        self._play(script, kill_at, LetterStep.INVITED, processes=2, again=True)

    @rule(script=scripts, stop_at=st.floats(0.0, 20.0))
    def one_that_is_told_to_end(self, script: list[Fate], stop_at: float) -> None:
        self._play(script, None, LetterStep.INVITED, stop_at=stop_at)

    @rule(times=st.integers(1, 6))
    def the_server_is_away(self, times: int) -> None:
        self.server.is_away = times

    @rule(seconds=st.sampled_from([1.0, 120.0, DAY_SECONDS / 2]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    # What must hold

    @invariant()
    def nobody_is_written_to_twice(self) -> None:
        assert not {of: n for of, n in self.server.by_day.items() if n > 1}
        if not self.again:
            assert not {of: n for of, n in self.server.taken.items() if n > 1}

    @invariant()
    def what_the_server_has_is_known_or_in_doubt(self) -> None:
        self.world.now += DELIVERY_SECONDS + 61.0  # whoever was killed is dead by then
        self.ledger.letters.settle_orphans()
        for step in LetterStep:
            latest = self.ledger.letters.latest(self.ids.values(), step)
            assert not [of for of in latest.values() if of.state is LetterState.CLAIMED]
            for email, taken_step in self.server.taken:
                if taken_step == step:
                    assert self.ids[email] in latest

    # How

    def _play(
        self,
        script: list[Fate],
        kill_at: float | None,
        step: LetterStep,
        *,
        processes: int = 1,
        again: bool = False,
        stop_at: float | None = None,
    ) -> None:
        self.server.script = iter(script)

        async def all_at_once() -> list[Posting]:
            return await asyncio.gather(
                *(self._post(step, again=again, stop_at=stop_at) for _ in range(processes))
            )

        postings = self.world.play(all_at_once, kill_at=kill_at)
        for posting in postings or ():
            assert posting.posted.keys() == set(self.ids.values())
            sent = [i for i, of in posting.posted.items() if of.outcome is LetterOutcome.SENT]
            latest = self.ledger.letters.latest(sent, step)
            assert all(latest[of].state is LetterState.SENT for of in sent)

    async def _post(self, step: LetterStep, *, again: bool, stop_at: float | None) -> Posting:
        clock = Clock.of_loop(asyncio.sleep, wall=self.world.wall)
        writer, stop = self.ledger.writer(), StopSignal("letters")
        me = next(self.numbers)
        posting = Posting(
            [_letter(invitation_id, email) for email, invitation_id in self.ids.items()],
            PostingPolicy(
                step=step,
                again=again,
                sender="jobs@example.com",
                delivery_seconds=DELIVERY_SECONDS,
                owner=f"elsewhere|{me}|1.00",
            ),
            writer=writer,
            open_postbox=lambda: Box(self.server, step),
            pace=Pace(2.0, clock),
            clock=clock,
            stop=stop,
            new_id=lambda: f"<{me}.{next(self.numbers)}@example.com>",
        )
        if stop_at is not None:
            asyncio.get_running_loop().call_later(stop_at, _stop, stop)
        await posting.run()
        await writer.close()
        return posting


def _letter(invitation_id: int, email: str) -> ToPost:
    def message(message_id: str, _at: datetime) -> EmailMessage:
        made = EmailMessage()
        made["To"], made["Message-ID"] = email, message_id
        return made

    return ToPost(invitation_id=invitation_id, address=email, message=message)


def _stop(stop: StopSignal) -> None:
    stop.stop(ErrorCode.INTERRUPTED, "told to end")


EXAMPLES = {"soak": 5_000, "quick": 30, "big": 500}.get(os.environ.get("PROFILE", ""), 30)

TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=6,
    deadline=None,
    derandomize="PROFILE" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
