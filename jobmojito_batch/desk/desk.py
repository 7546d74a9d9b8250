"""What the pages of one start of the desk share."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager, suppress
from typing import Final

from jobmojito_batch.client import TokenSource
from jobmojito_batch.desk.open_uploads import OpenUploads
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
        self.open_uploads = OpenUploads(self.uploads)
        self._threads = ThreadPoolExecutor(1, "account")
        self._asked: Future[AccountView] | None = None
        self._asked_at = 0.0
        self._reconciling: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Settings:
        """This machine's, as they are now. Raises SettingsError."""
        return load_settings()

    @contextmanager
    def ledger(self) -> Iterator[Ledger | None]:
        """The ledger, if there is one. Raises LedgerError."""
        ledger = Ledger.open_existing(self.settings.ledger_url)
        try:
            yield ledger
        finally:
            if ledger is not None:
                ledger.close()

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
            tokens = TokenSource(settings)
            self._asked = self._threads.submit(view_account, settings, tokens)
        try:
            return said_of(self._asked.result(timeout=PATIENCE_SECONDS))
        except NotYetError:
            return "The API has not answered yet; reload this page to see the balance."
        except BatchError as exc:
            return f"{exc}."

    def reconcile(self) -> None:
        """Look unknown rows up, in a process of its own; one at a time."""
        if not self.is_reconciling:
            self._reconciling = subprocess.Popen(
                [sys.executable, "-m", "jobmojito_batch", "reconcile"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def is_reconciling(self) -> bool:
        """Whether that goes on."""
        return self._reconciling is not None and self._reconciling.poll() is None

    def close(self) -> None:
        """Let go of what is held; runs that were started go on."""
        self.open_uploads.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._reconciling is not None:
            with suppress(subprocess.TimeoutExpired):
                self._reconciling.wait(0)


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
