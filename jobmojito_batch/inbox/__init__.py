"""Where exports land: whole files are taken, and put away when they are done."""

from jobmojito_batch.inbox.day_folders import NightFolder, earlier_runs, remove_old_nights
from jobmojito_batch.inbox.factory import open_inbox
from jobmojito_batch.inbox.folder import FolderInbox
from jobmojito_batch.inbox.stability import (
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
