"""What Prefect says of a shard's flow run before the ledger knows it, asked of a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelled

from jobmojito_batch.flows.best_effort_api import BestEffortApi
from jobmojito_batch.flows.send_shard import send_shard
from jobmojito_batch.flows.shards import PrefectCrew
from jobmojito_batch.parameters import ShardParameters

pytestmark = [
    pytest.mark.usefixtures("in_prefect"),
    pytest.mark.flow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def an_order(run_id: str) -> ShardParameters:
    return ShardParameters(
        run_id=run_id,
        shard=0,
        attempt=1,
        path="/shards/0",
        environment="live",
        base_url="https://api.example",
        rate=1.0,
        max_in_flight=1,
    )


async def is_lost_after(what: Callable[[UUID], Awaitable[object]], run_id: str) -> bool:
    """Whether an attempt that nobody has taken is lost, after something was done to its run."""
    async with get_client() as client:
        flow_id = await client.create_flow(send_shard)
        await client.create_deployment(flow_id, "shard")
        order, crew = an_order(run_id), PrefectCrew(BestEffortApi())
        assert await crew.start(order)
        [flow_run] = [
            listed for listed in await client.read_flow_runs() if listed.name.startswith(run_id)
        ]
        await what(flow_run.id)
        is_lost = await crew.is_lost(order)
        await crew.cancel(order)
        return is_lost


async def _nothing(_: UUID) -> None:
    pass


async def _deleted(flow_run_id: UUID) -> None:
    async with get_client() as client:
        await client.delete_flow_run(flow_run_id)


async def _cancelled(flow_run_id: UUID) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(flow_run_id, Cancelled(), force=True)


@pytest.mark.parametrize(
    ("what", "is_lost"),
    [
        pytest.param(_nothing, False, id="it-waits"),
        pytest.param(_cancelled, True, id="cancelled"),
        pytest.param(_deleted, True, id="deleted"),
    ],
)
def test_a_shard_whose_run_will_never_begin_is_lost(
    what: Callable[[UUID], Awaitable[object]], caplog: pytest.LogCaptureFixture, *, is_lost: bool
) -> None:
    """A run that is gone is no sign that Prefect is away."""
    assert asyncio.run(is_lost_after(what, f"run{what.__name__}")) is is_lost
    assert "prefect.away" not in caplog.text
    assert ("shard.lost" in caplog.text) is is_lost
