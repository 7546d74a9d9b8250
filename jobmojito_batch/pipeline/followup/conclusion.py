"""The end of a look: its file, what is told of it, and its summary."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from jobmojito_batch.columns import Stage
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Followed
from jobmojito_batch.parameters import RENEW_DAYS
from jobmojito_batch.pipeline.followup.credits import Owner, write_credits
from jobmojito_batch.pipeline.followup.files import Shown, credits_target, write_followup
from jobmojito_batch.pipeline.followup.gathering import Gathering
from jobmojito_batch.pipeline.followup.look import counted
from jobmojito_batch.pipeline.followup.summary import (
    CreditCounts,
    FollowUpFiles,
    FollowUpSummary,
)
from jobmojito_batch.pipeline.selected import Selected

SECONDS_A_DAY: Final = 86_400.0
MOST_NAMED: Final = 20
"""Rows charged twice that a summary names; the file has all of them."""


def concluded(
    gathering: Gathering, selected: Selected, *, started_at: datetime, signals: Sequence[int]
) -> FollowUpSummary:
    """Write the file, and say what the look came to. Raises BatchError."""
    parameters, settings = gathering.parameters, gathering.settings
    mine, now = gathering.mine(selected.wanted), gathering.now()
    not_looked = _not_looked_at(gathering, selected.wanted)
    changed = {of.invitation_id for of in mine.values() if of.has_changed}
    renew = parameters.renew_links
    shown = Shown(
        now=now,
        chase_days=settings.chase_days,
        renew_days=RENEW_DAYS if renew is None else renew,
        not_looked_at=not_looked,
        changed=changed,
    )
    written = write_followup(
        selected, mine, shown, stages=parameters.stages, only_changed=parameters.changed
    )
    counts = _credits(gathering, selected)
    # Once the file is there: whoever was looked at is told of, and changes from here.
    followups = gathering.context.ledger.followups
    followups.tell(sorted(gathering.seen.checked & selected.wanted))
    reason = gathering.context.stop_signal.reason
    code = ExitCode.STOPPED if reason is not None or not_looked else ExitCode.OK
    decided = Counter(
        of.last.decision.value for of in mine.values() if of.last and of.last.decision
    )
    return FollowUpSummary(
        environment=settings.environment,
        started_at=started_at,
        ended_at=gathering.context.clock.wall(),
        exit_code=ExitCode.of_signal(signals[0]) if signals else code,
        rows=selected.rows,
        rows_written=written,
        invitations=len(mine),
        not_looked_at=len(not_looked),
        to_chase=sum(_is_to_chase(of, now, settings.chase_days) for of in mine.values()),
        credits=counts,
        stages={stage.value: count for stage, count in counted(mine.values()).items()},
        decisions={name: decided[name] for name in ("selected", "rejected")},
        changed=len(changed),
        calls=gathering.context.tally.calls,
        links_due=gathering.links_due,
        links_renewed=gathering.links_renewed,
        reports_written=gathering.fetched.written,
        reports_failed=gathering.fetched.failed,
        files=FollowUpFiles(
            followup=str(selected.target),
            credits=str(credits_target(selected.target)) if counts is not None else None,
            reports=parameters.reports,
        ),
        stop_code=reason.code.value if reason is not None else None,
        stop_message=reason.message if reason is not None else None,
    )


def _not_looked_at(gathering: Gathering, wanted: set[int]) -> dict[int, str]:
    seen, stopped = gathering.seen, gathering.context.stop_signal.reason
    why = stopped.message if stopped is not None else None
    reason = why or "its list could not be read; run followup again"
    return {each: seen.why_not.get(each, reason) for each in wanted - seen.checked}


def _is_to_chase(of: Followed, now: datetime, days: float) -> bool:
    last = of.last
    if last is None or last.stage is not Stage.NOT_STARTED or last.decision is not None:
        return False
    since = last.link_made_at or last.stage_since
    if since is None or not of.interview_url:
        return False
    return (now - since).total_seconds() > days * SECONDS_A_DAY


def _credits(gathering: Gathering, selected: Selected) -> CreditCounts | None:
    charges = gathering.charges
    if charges is None:
        return None
    rows = gathering.rows_of(charges)
    write_credits(credits_target(selected.target), charges, rows)
    sums = Counter[Owner]()
    for each in charges:
        sums[each.owner] += each.amount  # type: ignore[assignment]
    again = [each for each in charges if each.is_again]
    named = [rows[each.of.invitation_id] for each in again if each.of is not None]
    return CreditCounts(
        charges=len(charges),
        total=round(sum(each.amount for each in charges), 6),
        invitations=round(sums[Owner.INVITATION], 6),
        old_unknowns=round(sums[Owner.UNKNOWN], 6),
        not_ours=round(sums[Owner.NOT_OURS], 6),
        charged_twice=len(again),
        charged_twice_credits=round(sum(each.amount for each in again), 6),
        charged_twice_rows=tuple(f"row {row.row} of {row.source}" for row in named[:MOST_NAMED]),
    )
