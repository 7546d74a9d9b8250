"""What prefect.yaml and `prefect deploy` name: the flow of `jobmojito_batch.flows`."""

from jobmojito_batch.flows.invite_candidates import invite_candidates

__all__ = ["invite_candidates"]
