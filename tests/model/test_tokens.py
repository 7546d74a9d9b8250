"""A token that is renewed beside a run: late 401s of the old one stop nothing and ask no end."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx

from jobmojito_batch.columns import Outcome
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.settings import Settings
from jobmojito_batch.simulation import Fate, Server, World, fresh_ledger
from jobmojito_batch.simulation.batch import (
    Bounds,
    Ends,
    input_of,
    run_batch,
    settings_of_runs,
)

LOOK_UP = "merchant-result-list"
LATE = (0.0, 0.7, 0.2, 1.1, 0.4)
"""Seconds until a refusal is heard, in turns: some come after another call renewed the token."""


class Rotating(Server):
    """The API of the model with a token that is replaced, in its file, at certain moments."""

    def __init__(self, world: World, token_file: Path, *, at: tuple[float, ...]) -> None:
        super().__init__(world)
        self._token_file = token_file
        self._at = at
        self.refused: Counter[str] = Counter()
        self._token = ""
        self.rotate()

    def rotate(self) -> None:
        """Let only the token of this moment be good."""
        token = f"token-{sum(moment <= self.world.seconds for moment in self._at)}"
        if token != self._token:
            self._token = token
            self._token_file.write_text(token)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.rotate()
        if request.headers["authorization"] == f"Bearer {self._token}":
            return await super().handle_async_request(request)
        self.refused[request.url.path.rpartition("/")[2]] += 1
        await asyncio.sleep(LATE[self.refused.total() % len(LATE)])
        return self._said(401, {"error": "token"})


def settings_for(**given: object) -> Settings:
    update = {"api_token": None, "requests_per_second": 40.0, "max_in_flight": 8} | given
    return settings_of_runs().model_copy(update=update)


def outcomes(world: World, server: Server, settings: Settings, *, rows: int) -> Counter[str]:
    """What the rows of one run come to; the ledger is a new one."""
    ledger = Ledger(fresh_ledger(), clock=world.naive)
    ends: list[Ends] = []

    async def run() -> None:
        rng = random.Random(1)  # noqa: S311 - jitter
        ends.append(
            await run_batch("r", input_of(rows), ledger, server, Bounds(), rng, settings=settings)
        )

    world.play(run, kill_at=None)
    ledger.close()
    return Counter(str(outcome) for outcome in ends[0].values())


def test_a_token_that_is_rotated_with_calls_in_flight_costs_no_row(tmp_path: Path) -> None:
    """Calls that were made with the old one hear of it when another has renewed it already."""
    world = World()
    server = Rotating(world, tmp_path / "token", at=(4.0, 9.0))

    came_to = outcomes(world, server, settings_for(api_token_file=tmp_path / "token"), rows=200)

    assert came_to == {Outcome.INVITED: 200}
    assert set(server.effects.values()) == {1}
    assert server.refused.total() > 4


def test_a_token_that_is_rotated_before_the_look_ups_leaves_no_row_unknown(tmp_path: Path) -> None:
    """Eight look at once, and hear one after the other that the token was the old one."""
    world = World()
    server = Rotating(world, tmp_path / "token", at=(5.0,))
    answered, lost = Fate("answer", seconds=0.1), Fate("lost", seconds=4.0, effect_after=5.0)
    server.fates = [*[answered] * 12, *[lost] * 8]

    came_to = outcomes(world, server, settings_for(api_token_file=tmp_path / "token"), rows=20)

    assert came_to == {Outcome.INVITED: 20}
    assert set(server.effects.values()) == {1}
    assert server.refused[LOOK_UP] > 1


class Refusing(Server):
    """Creates for everybody; whoever looks candidates up is refused, whatever the token."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.looked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(LOOK_UP):
            return await super().handle_async_request(request)
        self.looked += 1
        assert self.looked < 100, "this goes on for ever"
        return self._said(401, {"error": "token"})


def test_a_command_with_ever_new_tokens_is_run_once_for_a_look_up() -> None:
    """The fresh one was refused, too: nobody may look, and the row stays unknown."""
    world = World()
    server = Refusing(world)
    server.fates = [Fate("answer")] * 2 + [Fate("lost")]
    settings = settings_for(api_token_command="cat /proc/sys/kernel/random/uuid")

    came_to = outcomes(world, server, settings, rows=4)

    assert came_to == {Outcome.INVITED: 3, Outcome.UNKNOWN: 1}
    assert server.looked == 2
