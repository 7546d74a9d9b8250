"""Which kind of inbox an input is."""

from pathlib import Path

from jobmojito_batch.errors import InputError
from jobmojito_batch.file_names import NO_TEXT, as_text, is_text
from jobmojito_batch.inbox.folder import FolderInbox
from jobmojito_batch.inbox.stability import Inbox
from jobmojito_batch.inbox.store import StoreInbox
from jobmojito_batch.storage import STORES
from jobmojito_batch.urls import is_url, scheme_of


def open_inbox(text: str, *, copies: Path) -> Inbox:
    """
    The inbox that *text* names; copies of objects go into the folder *copies*.

    Raises InputError where it is neither a folder nor a prefix of a store, SettingsError where the
    library for stores is not installed.
    """
    if is_url(text):
        if scheme_of(text) not in STORES:
            raise InputError(
                f"{text.partition('?')[0]}: an inbox is a folder or an s3://, gs:// or az:// prefix"
            )
        return StoreInbox.at(text, copies=copies)
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise InputError(f"{text}: an inbox is a folder that exists; make it, or correct the name")
    if not is_text(str(folder.absolute())):
        raise InputError(f"{as_text(str(folder.absolute()))}: {NO_TEXT}")
    return FolderInbox(folder)
