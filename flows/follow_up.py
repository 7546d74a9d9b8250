"""What prefect.yaml and `prefect deploy` name: the flow of `jobmojito_batch.flows`."""

from jobmojito_batch.flows.follow_up import follow_up

__all__ = ["follow_up"]
