"""What the API says of the account before a run: whose it is and what is left."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.client import JobMojito, TokenSource, expiry_of
from jobmojito_batch.contract import MerchantStatus
from jobmojito_batch.settings import Settings
from jobmojito_batch.verdict import Answer

PATIENCE_SECONDS: Final = 10.0
"""A plan does not wait long for a figure that it can do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """What merchant-status said; `credits_left` is None where it did not say."""

    answer: Answer
    credits_left: float | None = None
    invitations_left: int | None = None
    merchant: str | None = None


def view_account(settings: Settings, tokens: TokenSource) -> AccountView:
    """Ask merchant-status, in a thread of its own since the caller may have an event loop."""
    quick = settings.model_copy(
        update={
            "read_timeout_seconds": min(PATIENCE_SECONDS, settings.read_timeout_seconds),
            "connect_timeout_seconds": min(PATIENCE_SECONDS, settings.connect_timeout_seconds),
        }
    )
    with ThreadPoolExecutor(1) as thread:
        answer, status = thread.submit(asyncio.run, _asked(quick, tokens)).result()
    if status is None:
        return AccountView(answer=answer)
    return AccountView(
        answer=answer,
        credits_left=status.credits_left,
        invitations_left=status.invitations_available,
        merchant=status.merchant_id,
    )


async def _asked(settings: Settings, tokens: TokenSource) -> tuple[Answer, MerchantStatus | None]:
    async with JobMojito(settings, tokens) as api:
        return await api.status(tokens.current())


def account_warnings(
    view: AccountView | None, token: str | None, *, credits_: float, seconds: float, now: datetime
) -> tuple[str, ...]:
    """What may end a run of so many credits and seconds before its last row."""
    warnings = []
    if view is not None and view.credits_left is not None and view.credits_left < credits_:
        warnings.append(
            f"the account has {view.credits_left:g} credits left and the plan takes about "
            f"{credits_:g}: the run stops when they are used up"
        )
    expires = expiry_of(token) if token else None
    if expires is not None and now + timedelta(seconds=seconds) > expires:
        when = expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        is_over = "expired" if expires <= now else "expires"
        warnings.append(
            f"the token {is_over} at {when}, before the run is expected to end; a fresh one is "
            "read only from JOBMOJITO_API_TOKEN_FILE or JOBMOJITO_API_TOKEN_COMMAND"
        )
    return tuple(warnings)
