"""What prefect.yaml and `prefect deploy` name: the flow of `jobmojito_batch.flows`."""

from jobmojito_batch.flows.send_shard import send_shard

__all__ = ["send_shard"]
