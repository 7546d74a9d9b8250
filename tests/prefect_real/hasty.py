"""The flow, with a Prefect that renews a run's concurrency lease every 3 s instead of every 225."""

from prefect.concurrency import _leases

from jobmojito_batch.flows.invite_candidates import invite_candidates

__all__ = ["invite_candidates"]

_leases._RENEWAL_FRACTION = 0.01
