"""
Following up from beginning to end: select, look, renew, fetch, add up, write.

The command line, the flow, the desk and the package's surface call it; it prints nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from jobmojito_batch.client import JobMojito, TokenSource, make_room, merchant_of
from jobmojito_batch.columns import ErrorCode, Stage
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Followed, Ledger, merchant_in
from jobmojito_batch.parameters import RENEW_DAYS, FollowUpParameters
from jobmojito_batch.pipeline.accounts import as_spelt_in
from jobmojito_batch.pipeline.followup import credits as credit_ledger
from jobmojito_batch.pipeline.followup import links, reports
from jobmojito_batch.pipeline.followup.files import Shown, credits_target, write_followup
from jobmojito_batch.pipeline.followup.look import Looker, Seen, counted
from jobmojito_batch.pipeline.followup.summary import (
    CreditCounts,
    FollowUpFiles,
    FollowUpSummary,
)
from jobmojito_batch.pipeline.invited_rows import Selected, select
from jobmojito_batch.pipeline.signals import stop_on_signals
from jobmojito_batch.pipeline.work import context_of
from jobmojito_batch.sending import SendContext, utc_now
from jobmojito_batch.settings import Settings, load_settings

OpenApi = Callable[[Settings, TokenSource], JobMojito]
StopWhen = Callable[[], Awaitable[str]]
SECONDS_A_DAY: Final = 86_400.0
MOST_NAMED: Final = 20
"""Rows charged twice that a summary names; the file has all of them."""


class FollowUpObserver:
    """Lets everything pass and says nothing; subclasses ask and show."""

    def looking(self, total: int, done: int) -> None:
        """So many of the lists were read."""

    def may_fetch(self, count: int) -> bool:  # noqa: ARG002 - for those who ask
        """Whether so many reports are to be fetched, which may cost credits."""
        return True


@dataclass(slots=True)
class _Work:
    """What a look has come to so far."""

    seen: Seen = field(default_factory=Seen)
    links_due: int = 0
    links_renewed: int = 0
    fetched: reports.Fetched = field(default_factory=reports.Fetched)
    charges: list[credit_ledger.Assigned] | None = None


def followup_settings(parameters: FollowUpParameters) -> Settings:
    """This machine's settings with what the parameters override. Raises SettingsError."""
    return load_settings(
        environment=parameters.environment,
        ledger=parameters.ledger,
        base_url=parameters.base_url,
        requests_per_second=parameters.rate,
    )


async def follow_up(
    parameters: FollowUpParameters,
    observer: FollowUpObserver | None = None,
    *,
    settings: Settings | None = None,
    open_api: OpenApi = JobMojito,
    wall: Callable[[], datetime] = utc_now,
    stop_when: StopWhen | None = None,
) -> FollowUpSummary:
    """
    Look up what became of invitations, and write it beside the rows.

    A run that is stopped (token, permission, breaker, a signal) writes what it knows; rows that it
    did not reach say so. Raises SettingsError, InputError, LedgerError.
    """
    settings = settings or followup_settings(parameters)
    tokens = TokenSource(settings)
    tokens.current()
    make_room(settings.max_in_flight)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        ledger.runs.settle_orphans()
        settings = as_spelt_in(ledger, settings)
        look = _FollowUp(parameters, observer or FollowUpObserver(), settings, tokens, ledger, wall)
        return await look.run(open_api, stop_when)


class _FollowUp:
    def __init__(
        self,
        parameters: FollowUpParameters,
        observer: FollowUpObserver,
        settings: Settings,
        tokens: TokenSource,
        ledger: Ledger,
        wall: Callable[[], datetime],
    ) -> None:
        self._parameters = parameters
        self._observer = observer
        self._settings = settings
        self._tokens = tokens
        self._ledger = ledger
        self._wall = wall
        self._work = _Work()
        self._started_at = wall()

    async def run(self, open_api: OpenApi, stop_when: StopWhen | None) -> FollowUpSummary:
        every = self._every()
        selected = select(
            self._parameters, self._settings, self._tokens, self._ledger, every, word="followup"
        )
        try:
            folder = self._parameters.reports
            if folder is not None:
                reports.folder_for_reports(folder)
            signals: list[int] = []
            async with AsyncExitStack() as stack:
                writer = self._ledger.writer()
                stack.push_async_callback(writer.close)
                api = await stack.enter_async_context(open_api(self._settings, self._tokens))
                context = context_of(
                    "followup", self._settings, api, self._tokens, self._ledger, writer,
                    settles=False, wall=self._wall,
                )  # fmt: skip

                def on_signal(number: int) -> None:
                    signals.append(number)
                    context.stop_signal.stop(ErrorCode.INTERRUPTED, "interrupted; run it again")

                with stop_on_signals(on_signal, lambda: None):
                    await self._look(context, every, selected, stop_when)
                await context.pace.close()
            return self._concluded(context, selected, signals)
        finally:
            selected.close()

    def _every(self) -> list[Followed]:
        settings = self._settings
        return self._ledger.followups.of_token(
            settings.base_url, merchant_of(self._tokens.current()), settings.environment
        )

    async def _look(
        self,
        context: SendContext,
        every: Sequence[Followed],
        selected: Selected,
        stop_when: StopWhen | None,
    ) -> None:
        stopping = asyncio.create_task(_stopped(context, stop_when)) if stop_when else None
        try:
            looker = Looker(context, tell=self._observer.looking)
            self._work.seen = await looker.look(every, selected.wanted)
            await self._beside(context, selected.wanted)
        finally:
            if stopping is not None:
                stopping.cancel()
                await asyncio.gather(stopping, return_exceptions=True)

    async def _beside(self, context: SendContext, wanted: set[int]) -> None:
        """What was asked for beside the look itself; each reads what the ledger knows by now."""
        parameters, work = self._parameters, self._work
        if parameters.renew_links is not None:
            mine = self._mine(wanted)
            due = links.due(mine.values(), days=parameters.renew_links, now=self._now())
            work.links_due = len(due)
            work.links_renewed = await links.renew(context, due)
        if parameters.reports is not None:
            await self._fetch(context, wanted)
        if parameters.credits:
            await self._read_credits(context, wanted)

    async def _fetch(self, context: SendContext, wanted: set[int]) -> None:
        every = self._every()
        due = reports.due(of for of in every if of.invitation_id in wanted)
        if not due or context.stop_signal.is_set() or not self._observer.may_fetch(len(due)):
            return
        rows = self._ledger.followups.rows_of([of.invitation_id for of in due])
        folder = reports.folder_for_reports(str(self._parameters.reports))
        names = reports.names_of(due, every, rows)
        self._work.fetched = await reports.fetch(context, due, folder, names)

    async def _read_credits(self, context: SendContext, wanted: set[int]) -> None:
        every = self._every()
        since = credit_ledger.period_of(of for of in every if of.invitation_id in wanted)
        self._work.charges = []
        if since is None:
            return
        accounts = sorted({of.account for of in every if of.invitation_id in wanted})
        for account in accounts:
            charges = await credit_ledger.read_charges(context, merchant_in(account), since)
            mine = [of for of in every if of.account == account]
            assigned = credit_ledger.assigned(charges or [], mine)
            self._work.charges += assigned
            await asyncio.to_thread(self._keep, account, assigned)

    def _keep(self, account: str, assigned: Sequence[credit_ledger.Assigned]) -> None:
        rows = self._rows_of(assigned)
        layouts = self._ledger.followups.layouts_of(sorted({row.run_id for row in rows.values()}))
        kept = credit_ledger.kept_charges(assigned, rows, layouts)
        self._ledger.followups.add_charges(account, kept)

    def _rows_of(self, assigned: Sequence[credit_ledger.Assigned]) -> Mapping[int, Any]:
        ids = sorted({each.of.invitation_id for each in assigned if each.of is not None})
        return self._ledger.followups.rows_of(ids)

    def _mine(self, wanted: set[int]) -> dict[int, Followed]:
        return {of.invitation_id: of for of in self._every() if of.invitation_id in wanted}

    def _now(self) -> datetime:
        return self._wall().astimezone(UTC).replace(tzinfo=None)

    # The end

    def _concluded(
        self, context: SendContext, selected: Selected, signals: Sequence[int]
    ) -> FollowUpSummary:
        mine = self._mine(selected.wanted)
        reason = context.stop_signal.reason
        not_looked = self._not_looked_at(selected.wanted, reason.message if reason else None)
        changed = {of.invitation_id for of in mine.values() if of.has_changed}
        renew = self._parameters.renew_links
        shown = Shown(
            now=self._now(),
            chase_days=self._settings.chase_days,
            renew_days=RENEW_DAYS if renew is None else renew,
            not_looked_at=not_looked,
            changed=changed,
        )
        written = write_followup(
            selected, mine, shown,
            stages=self._parameters.stages, only_changed=self._parameters.changed,
        )  # fmt: skip
        counts = self._credits(selected)
        # Once the file is there: whoever was looked at is told of, and changes from here.
        self._ledger.followups.tell(sorted(self._work.seen.checked & selected.wanted))
        return self._summary(context, selected, mine, changed, signals).model_copy(
            update={
                "rows_written": written,
                "not_looked_at": len(not_looked),
                "to_chase": sum(self._is_to_chase(of) for of in mine.values()),
                "credits": counts,
            }
        )

    def _not_looked_at(self, wanted: set[int], why: str | None) -> dict[int, str]:
        seen = self._work.seen
        reason = why or "its list could not be read; run followup again"
        return {each: seen.why_not.get(each, reason) for each in wanted - seen.checked}

    def _summary(
        self,
        context: SendContext,
        selected: Selected,
        mine: Mapping[int, Followed],
        changed: set[int],
        signals: Sequence[int],
    ) -> FollowUpSummary:
        reason, work = context.stop_signal.reason, self._work
        is_short = len(selected.wanted - work.seen.checked) > 0
        code = ExitCode.STOPPED if reason is not None or is_short else ExitCode.OK
        decided = Counter(
            of.last.decision.value for of in mine.values() if of.last and of.last.decision
        )
        return FollowUpSummary(
            environment=self._settings.environment,
            started_at=self._started_at,
            ended_at=self._wall(),
            exit_code=ExitCode.of_signal(signals[0]) if signals else code,
            rows=selected.rows,
            invitations=len(mine),
            stages={stage.value: count for stage, count in counted(mine.values()).items()},
            decisions={name: decided[name] for name in ("selected", "rejected")},
            changed=len(changed),
            calls=context.tally.calls,
            links_due=work.links_due,
            links_renewed=work.links_renewed,
            reports_written=work.fetched.written,
            reports_failed=work.fetched.failed,
            files=FollowUpFiles(
                followup=str(selected.target),
                credits=str(credits_target(selected.target)) if work.charges is not None else None,
                reports=self._parameters.reports,
            ),
            stop_code=reason.code.value if reason is not None else None,
            stop_message=reason.message if reason is not None else None,
        )

    def _is_to_chase(self, of: Followed) -> bool:
        last = of.last
        if last is None or last.stage is not Stage.NOT_STARTED or last.decision is not None:
            return False
        since = last.link_made_at or last.stage_since
        if since is None or not of.interview_url:
            return False
        return (self._now() - since).total_seconds() > self._settings.chase_days * SECONDS_A_DAY

    def _credits(self, selected: Selected) -> CreditCounts | None:
        charges = self._work.charges
        if charges is None:
            return None
        rows = self._rows_of(charges)
        credit_ledger.write_credits(credits_target(selected.target), charges, rows)
        sums = Counter[credit_ledger.Owner]()
        for each in charges:
            sums[each.owner] += each.amount  # type: ignore[assignment]
        again = [each for each in charges if each.is_again]
        named = [rows[each.of.invitation_id] for each in again if each.of is not None]
        return CreditCounts(
            charges=len(charges),
            total=round(sum(each.amount for each in charges), 6),
            invitations=round(sums[credit_ledger.Owner.INVITATION], 6),
            old_unknowns=round(sums[credit_ledger.Owner.UNKNOWN], 6),
            not_ours=round(sums[credit_ledger.Owner.NOT_OURS], 6),
            charged_twice=len(again),
            charged_twice_credits=round(sum(each.amount for each in again), 6),
            charged_twice_rows=tuple(
                f"row {row.row} of {row.source}" for row in named[:MOST_NAMED]
            ),
        )


async def _stopped(context: SendContext, stop_when: StopWhen) -> None:
    context.stop_signal.stop(ErrorCode.INTERRUPTED, await stop_when())
