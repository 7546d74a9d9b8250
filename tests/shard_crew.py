"""A run in shards without Prefect: a crew whose hands are processes; run as one, it is a parent."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from jobmojito_batch.parameters import InviteParameters, ShardParameters
from jobmojito_batch.pipeline import Conclusion, conclude, prepare
from jobmojito_batch.pipeline.deliver import OnProgress
from jobmojito_batch.pipeline.sharding import deliver_in_shards


class Processes:
    """A crew whose hands are processes of this machine."""

    def __init__(self, *, does_begin: Callable[[ShardParameters], bool] = lambda _: True) -> None:
        self.orders: list[ShardParameters] = []
        self.running: dict[tuple[int, int], subprocess.Popen[bytes]] = {}
        self._does_begin = does_begin

    async def start(self, order: ShardParameters) -> bool:
        self.orders.append(order)
        command = [sys.executable, "-m", "tests.shard_process", order.model_dump_json()]
        if not self._does_begin(order):
            command = [sys.executable, "-c", ""]
        self.running[order.shard, order.attempt] = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            command,
            cwd=Path(__file__).parents[1],
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the parent does not reach them
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
) -> Conclusion:
    """The whole staircase."""
    prepared = prepare(parameters, will_send=True)
    try:
        delivered = await deliver_in_shards(
            prepared, crew, on_progress=on_progress, drain_seconds=20
        )
        return conclude(prepared, delivered)
    finally:
        prepared.close()


if __name__ == "__main__":
    asyncio.run(invite_in_shards(InviteParameters.model_validate_json(sys.argv[1]), Processes()))
