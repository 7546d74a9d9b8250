from .gathering import FollowUpObserver
from .run import follow_up, followup_settings
from .summary import (
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
