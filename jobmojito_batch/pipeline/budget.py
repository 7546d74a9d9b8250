"""What a run may spend: the caps of the run, of the day and of each merchant's balance."""

from collections.abc import Mapping
from datetime import UTC, datetime

from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.sending import Budget, Cap
from jobmojito_batch.settings import Settings


def budget_of(
    settings: Settings,
    ledger: Ledger,
    credits_left: Mapping[str | None, float],
    *,
    own_merchant: str,
    spent: float = 0.0,
) -> Budget:
    """
    The caps of the merchants (None: the token's own), the run and the day.

    *spent* counts towards all but the day's.
    """
    caps = []
    if settings.max_credits_per_run is not None:
        caps.append(Cap(settings.max_credits_per_run, spent=spent))
    if settings.max_credits_per_day is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        caps.append(Cap(settings.max_credits_per_day, spent=ledger.results.credits_since(midnight)))
    balances = {
        merchant: _balance(merchant, left, spent) for merchant, left in credits_left.items()
    }
    if None in balances:
        balances[own_merchant] = balances[None]  # a row may name it, too
    return Budget(caps, balances)


def _balance(merchant_id: str | None, left: float, spent: float) -> Cap:
    whose = "the account's" if merchant_id is None else f"merchant {merchant_id}'s"
    return Cap(
        left,
        spent=spent,
        code=ErrorCode.INSUFFICIENT_CREDITS,
        message=f"{whose} credits are used up; buy more and run again",
    )
