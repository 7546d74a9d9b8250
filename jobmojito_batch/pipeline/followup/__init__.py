"""What became of invitations: who started, finished, was scored, was decided (spec section 10)."""

from jobmojito_batch.pipeline.followup.run import (
    FollowUpObserver,
    follow_up,
    followup_settings,
)
from jobmojito_batch.pipeline.followup.summary import (
    CreditCounts,
    FollowUpFiles,
    FollowUpSummary,
    Funnel,
)

__all__ = [
    "CreditCounts",
    "FollowUpFiles",
    "FollowUpObserver",
    "FollowUpSummary",
    "Funnel",
    "follow_up",
    "followup_settings",
]
