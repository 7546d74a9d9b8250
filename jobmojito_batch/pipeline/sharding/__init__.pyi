from .coordinator import Launcher
from .in_shards import deliver_in_shards
from .shard_end import ShardEnd
from .worker import deliver_shard

__all__ = [
    "Launcher",
    "ShardEnd",
    "deliver_in_shards",
    "deliver_shard",
]
