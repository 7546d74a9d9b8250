"""The API over HTTP: one method per endpoint; the only room that knows HTTP."""

from jobmojito_batch.client.api import JobMojito, LookUp
from jobmojito_batch.client.open_files import make_room
from jobmojito_batch.client.token import (
    TokenSource,
    expiry_of,
    merchant_of,
    replaced_by,
    replacement_due,
)

__all__ = [
    "JobMojito",
    "LookUp",
    "TokenSource",
    "expiry_of",
    "make_room",
    "merchant_of",
    "replaced_by",
    "replacement_due",
]
