from .api import JobMojito
from .open_files import make_room
from .token import (
    TokenSource,
    expiry_of,
    merchant_of,
    replaced_by,
    replacement_due,
)

__all__ = [
    "JobMojito",
    "TokenSource",
    "expiry_of",
    "make_room",
    "merchant_of",
    "replaced_by",
    "replacement_due",
]
