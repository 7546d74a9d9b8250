"""Look-ups obey what the API asks of every call."""

import httpx
from pydantic import SecretStr

from jobmojito_batch.columns import Outcome
from jobmojito_batch.simulation import Fate, Server, World
from tests.model.test_tokens import LOOK_UP, outcomes, settings_for

PAUSE = 200.0


class Pausing(Server):
    """Answers the first look-up with 429, and says for how long."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.paused_at: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(LOOK_UP) or self.paused_at is not None:
            return await super().handle_async_request(request)
        self.paused_at = self.world.seconds
        return self._said(429, {"error": "slow"}, {"retry-after": f"{PAUSE:g}"})


def test_the_retry_after_of_a_look_up_holds_everybody_in_full() -> None:
    world = World()
    server = Pausing(world)
    server.fates = [Fate("answer")] * 2 + [Fate("lost")]

    came_to = outcomes(world, server, settings_for(api_token=SecretStr("t")), rows=30)

    assert came_to == {Outcome.INVITED: 30}
    assert server.paused_at is not None
    late = [start - server.paused_at for start in server.starts if start > server.paused_at]
    assert min(late) >= PAUSE
