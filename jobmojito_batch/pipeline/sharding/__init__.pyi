from .coordinator import Launcher, deliver_in_shards
from .worker import ShardEnd, deliver_shard

__all__ = [
    "Launcher",
    "ShardEnd",
    "deliver_in_shards",
    "deliver_shard",
]
