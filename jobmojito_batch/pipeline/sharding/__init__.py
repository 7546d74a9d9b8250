"""
A run in shards: its rows are cut into files, and others send them, on as many machines as help.

The ledger keeps together what must be: one claim an invitation, one opener a position, one pace,
one day's cap. This package knows no Prefect; who starts the others is a Crew.
"""

from jobmojito_batch.pipeline.sharding.one_shard import ShardEnd, deliver_shard
from jobmojito_batch.pipeline.sharding.overseeing import Crew, deliver_in_shards

__all__ = [
    "Crew",
    "ShardEnd",
    "deliver_in_shards",
    "deliver_shard",
]
