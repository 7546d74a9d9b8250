"""What the API says before a run of the account, and of others it acts for: what is left."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.client import (
    TokenSource,
    expiry_of,
    replaced_by,
    replacement_due,
)
from jobmojito_batch.contract import MerchantStatus
from jobmojito_batch.records import InputDoubt
from jobmojito_batch.settings import Settings
from jobmojito_batch.verdict import Answer

PATIENCE_SECONDS: Final = 10.0
"""A plan does not wait long for a figure that it can do without."""
AT_ONCE: Final = 4
MOST_MERCHANTS: Final = 50
"""Of more than these nobody looks at the balances one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """What merchant-status said; `credits_left` is None where it did not say."""

    answer: Answer
    credits_left: float | None = None
    invitations_left: float | None = None
    merchant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The merchants that the rows of a run are sent for, as far as they were looked at."""

    merchant: str
    """The token's own."""
    views: Mapping[str | None, AccountView]
    """What the API says of each (None: the token's own); empty where it was not asked."""
    warnings: tuple[str, ...]
    doubts: tuple[InputDoubt, ...]
    """Whether this is the account and the ledger that somebody meant."""

    @property
    def own_credits_left(self) -> float | None:
        """What the token's own account has left; None where the API does not say."""
        return self.credits_left.get(None)

    @property
    def credits_left(self) -> dict[str | None, float]:
        """What merchants have left, where the API says it."""
        return {
            merchant_id: view.credits_left
            for merchant_id, view in self.views.items()
            if view.credits_left is not None
        }


def view_account(settings: Settings, tokens: TokenSource) -> AccountView:
    """Ask merchant-status of the token's own merchant."""
    return view_accounts(settings, tokens, [None])[None]


def view_accounts(
    settings: Settings, tokens: TokenSource, merchant_ids: Sequence[str | None]
) -> dict[str | None, AccountView]:
    """
    Ask merchant-status of some merchants (None: the token's own), a few at a time.

    In a thread of its own since the caller may have an event loop.
    """
    quick = settings.model_copy(
        update={
            "read_timeout_seconds": min(PATIENCE_SECONDS, settings.read_timeout_seconds),
            "connect_timeout_seconds": min(PATIENCE_SECONDS, settings.connect_timeout_seconds),
        }
    )
    with ThreadPoolExecutor(1) as thread:
        views = thread.submit(asyncio.run, _asked(quick, tokens, merchant_ids)).result()
    return dict(zip(merchant_ids, views, strict=True))


async def _asked(
    settings: Settings, tokens: TokenSource, merchant_ids: Sequence[str | None]
) -> list[AccountView]:
    few = asyncio.Semaphore(AT_ONCE)

    async def ask(merchant_id: str | None) -> AccountView:
        async with few:
            return _view(*await api.status(tokens.current(), merchant_id=merchant_id))

    from jobmojito_batch.client import JobMojito

    async with JobMojito(settings, tokens) as api:
        return await asyncio.gather(*map(ask, merchant_ids))


def _view(answer: Answer, status: MerchantStatus | None) -> AccountView:
    if status is None:
        return AccountView(answer=answer)
    return AccountView(
        answer=answer,
        credits_left=status.credits_left,
        invitations_left=status.invitations_available,
        merchant=status.merchant_id,
    )


def account_warnings(
    views: Mapping[str | None, AccountView],
    to_send: Mapping[str | None, int],
    *,
    credits_per_candidate: float,
) -> list[str]:
    """Where a merchant's credits or invitations will not do for the rows to be sent for it."""
    warnings: list[str] = []
    for merchant_id, view in views.items():
        who = "the account" if merchant_id is None else f"merchant {merchant_id}"
        rows = to_send.get(merchant_id, 0)
        warnings += _too_little(who, view, rows, rows * credits_per_candidate)
        if merchant_id is not None and view.answer.http_status in {401, 403, 422}:
            warnings.append(
                f"the token may not see {who} (HTTP {view.answer.http_status}): its {rows} "
                f"row{'' if rows == 1 else 's'} will hardly be taken"
            )
    return warnings


def _too_little(who: str, view: AccountView, rows: int, credits_: float) -> Iterator[str]:
    if view.credits_left is not None and view.credits_left < credits_:
        yield (
            f"{who} has {view.credits_left:g} credits left and the plan takes about "
            f"{credits_:g}: the run stops when they are used up"
        )
    if view.invitations_left is not None and view.invitations_left < rows:
        yield (
            f"{who} has {max(0.0, view.invitations_left):g} invitations left and the plan sends "
            f"{rows}: the platform may refuse the rest"
        )


def token_warnings(token: str | None, *, seconds: float, now: datetime) -> list[str]:
    """Where the token may expire before a run of so many seconds is over, or within days."""
    expires = expiry_of(token) if token else None
    if token is None or expires is None:
        return []
    if now + timedelta(seconds=seconds) > expires:
        when = expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        is_over = "expired" if expires <= now else "expires"
        says = (
            f"the token {is_over} at {when}, before the run is expected to end; a fresh one is "
            "read only from JOBMOJITO_API_TOKEN_FILE or JOBMOJITO_API_TOKEN_COMMAND"
        )
        return [says]
    due = replacement_due(replaced_by(token), now)
    return [due] if due is not None else []
