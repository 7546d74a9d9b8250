"""What a look gathers: who came how far, fresh links, reports, what was charged."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jobmojito_batch.client import merchant_of
from jobmojito_batch.ledger import Followed, merchant_in
from jobmojito_batch.parameters import FollowUpParameters
from jobmojito_batch.pipeline.followup import credits as credit_ledger
from jobmojito_batch.pipeline.followup import links, reports
from jobmojito_batch.pipeline.followup.look import Looker, Seen
from jobmojito_batch.sending import SendContext
from jobmojito_batch.settings import Settings


class FollowUpObserver:
    """Lets everything pass and says nothing; subclasses ask and show."""

    def looking(self, total: int, done: int) -> None:
        """So many of the lists were read."""

    def may_fetch(self, count: int) -> bool:  # noqa: ARG002 - for those who ask
        """Whether so many reports are to be fetched, which may cost credits."""
        return True


class Gathering:
    """What a look has come to so far; each step reads what the ledger knows by then."""

    def __init__(
        self,
        parameters: FollowUpParameters,
        settings: Settings,
        observer: FollowUpObserver,
        context: SendContext,
    ) -> None:
        self.parameters = parameters
        self.settings = settings
        self._observer = observer
        self.context = context
        self._ledger = context.ledger
        self.seen = Seen()
        self.links_due = 0
        self.links_renewed = 0
        self.fetched = reports.Fetched()
        self.charges: list[credit_ledger.Assigned] | None = None
        """None if nobody asked for them."""

    def every(self) -> list[Followed]:
        """The invitations of the token's account and of those it acts for, as they are known."""
        merchant = merchant_of(self.context.tokens.current())
        return self._ledger.followups.of_token(
            self.settings.base_url, merchant, self.settings.environment
        )

    def mine(self, wanted: set[int]) -> dict[int, Followed]:
        """Those of *wanted* by their ids."""
        return {of.invitation_id: of for of in self.every() if of.invitation_id in wanted}

    def now(self) -> datetime:
        """This moment in UTC, without a zone, as the ledger has it."""
        return self.context.clock.wall().astimezone(UTC).replace(tzinfo=None)

    def check(self) -> None:
        """Raises BatchError if what was asked for cannot be kept."""
        if self.parameters.reports is not None:
            reports.folder_for_reports(self.parameters.reports)

    async def gather(self, wanted: set[int]) -> None:
        """Look, then what was asked for beside it. Raises LedgerError."""
        parameters = self.parameters
        looker = Looker(self.context, tell=self._observer.looking)
        self.seen = await looker.look(self.every(), wanted)
        if parameters.renew_links is not None:
            mine = self.mine(wanted)
            due = links.due(mine.values(), days=parameters.renew_links, now=self.now())
            self.links_due = len(due)
            self.links_renewed = await links.renew(self.context, due)
        if parameters.reports is not None:
            await self._fetch(parameters.reports, wanted)
        if parameters.credits:
            await self._read_credits(wanted)

    async def _fetch(self, name: str, wanted: set[int]) -> None:
        every = self.every()
        due = reports.due(of for of in every if of.invitation_id in wanted)
        if not due or self.context.stop_signal.is_set() or not self._observer.may_fetch(len(due)):
            return
        rows = self._ledger.followups.rows_of([of.invitation_id for of in due])
        folder = reports.folder_for_reports(name)
        names = reports.names_of(due, every, rows)
        self.fetched = await reports.fetch(self.context, due, folder, names)

    async def _read_credits(self, wanted: set[int]) -> None:
        every = self.every()
        since = credit_ledger.period_of(of for of in every if of.invitation_id in wanted)
        self.charges = []
        if since is None:
            return
        accounts = sorted({of.account for of in every if of.invitation_id in wanted})
        for account in accounts:
            charges = await credit_ledger.read_charges(self.context, merchant_in(account), since)
            mine = [of for of in every if of.account == account]
            assigned = credit_ledger.assigned(charges or [], mine)
            self.charges += assigned
            await asyncio.to_thread(self._keep, account, assigned)

    def _keep(self, account: str, assigned: Sequence[credit_ledger.Assigned]) -> None:
        rows = self.rows_of(assigned)
        layouts = self._ledger.runs.layouts_of(sorted({row.run_id for row in rows.values()}))
        kept = credit_ledger.kept_charges(assigned, rows, layouts)
        self._ledger.followups.add_charges(account, kept)

    def rows_of(self, assigned: Sequence[credit_ledger.Assigned]) -> Mapping[int, Any]:
        """The latest row of each invitation that was charged, by its id."""
        ids = sorted({each.of.invitation_id for each in assigned if each.of is not None})
        return self._ledger.followups.rows_of(ids)
