from .api import JobMojito, LookUp
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
    "LookUp",
    "TokenSource",
    "expiry_of",
    "make_room",
    "merchant_of",
    "replaced_by",
    "replacement_due",
]
