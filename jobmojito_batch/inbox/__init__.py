"""Where exports land: whole files are taken, and put away when they are done."""

from jobmojito_batch.inbox.folder import FolderInbox
from jobmojito_batch.inbox.looks import Found, Inbox, Look, Sleep, find_whole, sha256_of
from jobmojito_batch.inbox.nights import NightFolder, earlier_runs, remove_old_nights
from jobmojito_batch.inbox.opening import is_prefix, open_inbox
from jobmojito_batch.inbox.store import library

__all__ = [
    "FolderInbox",
    "Found",
    "Inbox",
    "Look",
    "NightFolder",
    "Sleep",
    "earlier_runs",
    "find_whole",
    "is_prefix",
    "library",
    "open_inbox",
    "remove_old_nights",
    "sha256_of",
]
