"""A run in shards without Prefect: a crew whose hands are processes; run as one, it is a parent."""

import asyncio
import contextlib
import sys
from collections.abc import Callable

from jobmojito_batch.parameters import InviteParameters, ShardParameters
from jobmojito_batch.pipeline import RunRequest, conclude, prepare
from jobmojito_batch.pipeline.batch import OnProgress
from jobmojito_batch.pipeline.sharding import deliver_in_shards
from jobmojito_batch.summary import Summary
from tests import processes


class Processes:
    """A crew whose hands are processes of this machine."""

    def __init__(self, *, does_begin: Callable[[ShardParameters], bool] = lambda _: True) -> None:
        self.orders: list[ShardParameters] = []
        self.running: dict[tuple[int, int], processes.Started] = {}
        self._does_begin = does_begin

    async def start(self, order: ShardParameters) -> bool:
        self.orders.append(order)
        module = "tests.shard_process" if self._does_begin(order) else "__future__"  # does nothing
        self.running[order.shard, order.attempt] = processes.start(
            module,
            order.model_dump_json(),
            has_own_session=True,  # what ends the parent does not reach them
        )
        return True

    async def is_lost(self, order: ShardParameters) -> bool:
        return self.running[order.shard, order.attempt].poll() is not None

    async def cancel(self, order: ShardParameters) -> None:
        self.kill(order.shard, order.attempt)

    def kill(self, shard: int, attempt: int = 1) -> None:
        """SIGKILL, as the machine dies."""
        with contextlib.suppress(KeyError):
            process = self.running[shard, attempt]
            process.kill()
            process.wait()

    def close(self) -> None:
        for shard, attempt in self.running:
            self.kill(shard, attempt)


async def invite_in_shards(
    parameters: InviteParameters, crew: Processes, *, on_progress: OnProgress | None = None
) -> Summary:
    """The whole staircase."""
    ready = prepare(RunRequest.of(parameters))
    try:
        delivered = await deliver_in_shards(ready, crew, on_progress=on_progress, drain_seconds=20)
        return conclude(ready, delivered)
    finally:
        ready.close()


if __name__ == "__main__":
    asyncio.run(invite_in_shards(InviteParameters.model_validate_json(sys.argv[1]), Processes()))
