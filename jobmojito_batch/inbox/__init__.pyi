from .day_folders import NightFolder, earlier_runs, remove_old_nights
from .factory import open_inbox
from .folder import FolderInbox
from .stability import (
    Found,
    Inbox,
    Look,
    Sleep,
    final_name,
    find_whole,
    sha256_of,
)

__all__ = [
    "FolderInbox",
    "Found",
    "Inbox",
    "Look",
    "NightFolder",
    "Sleep",
    "earlier_runs",
    "final_name",
    "find_whole",
    "open_inbox",
    "remove_old_nights",
    "sha256_of",
]
