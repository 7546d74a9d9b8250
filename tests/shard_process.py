"""An attempt at a shard as a process: what a worker's flow does, without Prefect."""

import asyncio
import sys

from jobmojito_batch.errors import BatchError
from jobmojito_batch.parameters import ShardParameters
from jobmojito_batch.pipeline import settings_for
from jobmojito_batch.pipeline.sharding import deliver_shard

if __name__ == "__main__":
    order = ShardParameters.model_validate_json(sys.argv[1])
    try:
        end = asyncio.run(deliver_shard(order, settings_for(order), drain_seconds=10))
    except BatchError as exc:
        sys.exit(str(exc))
    sys.stdout.write(f"{end.sentence}\n")
