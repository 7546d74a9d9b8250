"""Fresh links for those who have not submitted: minted, never had by inviting again."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from jobmojito_batch.client import merchant_of
from jobmojito_batch.columns import Stage
from jobmojito_batch.ledger import Followed, LinkMade
from jobmojito_batch.sending import Reader, SendContext
from jobmojito_batch.verdict import is_safe_link

PENDING: Final = frozenset({Stage.NOT_STARTED, Stage.STARTED, Stage.NOT_SUBMITTED, Stage.FAILED})
"""Who still needs a link."""
KEPT_AT_ONCE: Final = 20


def due(mine: Iterable[Followed], *, days: int, now: datetime) -> list[Followed]:
    """Who has not submitted, is not decided, and has a link that is older than so many days."""
    return [of for of in mine if _is_due(of, now - timedelta(days=days))]


def _is_due(of: Followed, before: datetime) -> bool:
    last = of.last
    if last is None or last.stage not in PENDING or last.decision is not None:
        return False
    return bool(of.interview_url) and last.link_made_at is not None and last.link_made_at <= before


async def renew(context: SendContext, mine: Sequence[Followed]) -> int:
    """Mint links for *mine* and keep them, some at a time; how many there are."""
    reader = Reader(context)
    renewed = 0
    for start in range(0, len(mine), KEPT_AT_ONCE):
        if reader.is_stopping:
            break
        some = mine[start : start + KEPT_AT_ONCE]
        links = await asyncio.gather(*(_minted(reader, context, of) for of in some))
        at = context.clock.at()
        new_links = [
            LinkMade(of.invitation_id, link, at)
            for of, link in zip(some, links, strict=True)
            if link is not None
        ]
        await asyncio.to_thread(context.ledger.followups.renew_links, new_links)
        renewed += len(new_links)
    return renewed


async def _minted(reader: Reader, context: SendContext, of: Followed) -> str | None:
    """By the enrolment's id or, where that is refused, by the person's."""
    last = of.last
    definition = of.interview_def_set_id or (last.definition_id if last is not None else None)
    own = merchant_of(context.tokens.current())
    for profile in (of.enrolment_id, last.profile_id if last is not None else None):
        if profile is None or definition is None or reader.is_stopping:
            continue
        ask = partial(
            context.api.minted,
            interview_profile_id=profile,
            interview_id=definition,
            merchant_id=of.merchant if of.merchant != own else None,
        )
        link = await reader.read(ask, may_be_refused=True)
        if is_safe_link(link):
            return link
    return None
