"""
A run in shards: its rows are cut into files, and others send them, on as many machines as help.

The ledger keeps together what must be: one claim an invitation, one opener a position, one pace,
one day's cap. This package knows no Prefect; who starts the others is a Launcher.
"""

from jobmojito_batch.pipeline.sharding.coordinator import Launcher, deliver_in_shards
from jobmojito_batch.pipeline.sharding.worker import ShardEnd, deliver_shard

__all__ = [
    "Launcher",
    "ShardEnd",
    "deliver_in_shards",
    "deliver_shard",
]
