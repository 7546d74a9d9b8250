"""What the pages of one start of the desk share."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import AbstractContextManager
from typing import Final

from jobmojito_batch.client import TokenSource
from jobmojito_batch.desk.errands import Errand
from jobmojito_batch.desk.security import Keys
from jobmojito_batch.desk.uploads import Uploads
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline import AccountView, view_account
from jobmojito_batch.settings import Settings, load_settings

PATIENCE_SECONDS: Final = 2.0
"""How long a page waits for the account before it says that it is slow."""
FRESH_SECONDS: Final = 60.0


class Desk:
    """Keys, uploads, settings, and what the account said a moment ago."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.uploads = Uploads(load_settings().desk_folder)
        self._threads = ThreadPoolExecutor(1, "account")
        self._asked: Future[AccountView] | None = None
        self._asked_at = 0.0

    @property
    def settings(self) -> Settings:
        """This machine's, as they are now. Raises SettingsError."""
        return load_settings()

    def ledger(self) -> AbstractContextManager[Ledger | None]:
        """The ledger, if there is one. Raises LedgerError."""
        return Ledger.existing(self.settings.ledger_url)

    def account(self) -> str:
        """What the account has left, or why that is not known, as a sentence."""
        settings = self.settings
        if not settings.has_token:
            return (
                "No token is set, so nothing can be sent: put JOBMOJITO_API_TOKEN into the "
                "environment or into the .env of the configuration folder, then start the desk "
                "again. Files can be read and corrected without it."
            )
        now = time.monotonic()
        if self._asked is None or now - self._asked_at > FRESH_SECONDS:
            self._asked_at = now
            self._asked = self._threads.submit(view_account, settings, TokenSource(settings))
        try:
            return said_of(self._asked.result(timeout=PATIENCE_SECONDS))
        except NotYetError:
            return "The API has not answered yet; reload this page to see the balance."
        except BatchError as exc:
            return f"{exc}."

    @property
    def reconciling(self) -> Errand:
        """Looking unknown rows up, in a process of its own."""
        return Errand(self.uploads.folder / "afterwards", "reconcile")

    def close(self) -> None:
        """Let go of what is held; what was started goes on."""
        self.uploads.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def said_of(view: AccountView) -> str:
    """A balance, or what is wrong with the account and what to do."""
    left = view.credits_left
    status = view.answer.http_status
    if left is not None:
        if left <= 0:
            return "The account has no credits left: nothing can be sent until it is topped up."
        return f"{left:g} credits left."
    if status in {401, 403}:
        return (
            f"The API refuses the token (HTTP {status}): it has expired or is of another account. "
            "Put a fresh one into the settings; files can be read and corrected meanwhile."
        )
    if status is None:
        return (
            "The API cannot be reached: look at the network and at JOBMOJITO_BASE_URL. Files can "
            "be read and corrected meanwhile."
        )
    return f"The API did not say what is left (HTTP {status})."
