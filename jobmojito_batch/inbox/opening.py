"""Which kind of inbox an input is."""

import re
from pathlib import Path
from typing import Final

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox.folder import FolderInbox
from jobmojito_batch.inbox.looks import Inbox
from jobmojito_batch.inbox.store import StoreInbox

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl"})


def is_prefix(text: str) -> bool:
    """Whether an inbox is a prefix of an object store."""
    return _SCHEME.match(text) is not None


def open_inbox(text: str, *, copies: Path) -> Inbox:
    """
    The inbox that *text* names; copies of objects go into the folder *copies*.

    Raises InputError where it is neither a folder nor a prefix of a store, SettingsError where the
    library for stores is not installed.
    """
    scheme = _SCHEME.match(text)
    if scheme is not None:
        if scheme[1].lower() not in _STORES:
            raise InputError(
                f"{text.partition('?')[0]}: an inbox is a folder or an s3://, gs:// or az:// prefix"
            )
        return StoreInbox.at(text, copies=copies)
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise InputError(f"{text}: an inbox is a folder that exists; make it, or correct the name")
    return FolderInbox(folder)
