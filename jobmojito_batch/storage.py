"""Object stores, through obstore; credentials as it takes them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jobmojito_batch.errors import SettingsError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl"})
"""The schemes of addresses that lead to one."""


def open_store(url: str) -> "ObjectStore":
    """The prefix at *url*. Raises what `store_errors` names, and SettingsError."""
    store: ObjectStore = _obstore().store.from_url(url)
    return store


def store_errors() -> tuple[type[Exception], ...]:
    """What a store raises, for an `except`; an object that is not there is a FileNotFoundError."""
    return (_obstore().exceptions.BaseError, OSError, ValueError)


def download(store: "ObjectStore", path: str, target: Path) -> Path:
    """Copy the object to *target*, of mode 600. Raises what `store_errors` names."""
    descriptor = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in store.get(path).stream():
            file.write(chunk)
    return target


def _obstore() -> Any:  # noqa: ANN401 - a module
    """The library, which the extra `[stores]` brings. Raises SettingsError."""
    try:
        import obstore  # noqa: PLC0415 - an extra
        import obstore.store  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "an object store needs obstore: pip install 'jobmojito-batch[stores]'"
        ) from None
    return obstore
