"""How a try of a night ended: in counts, and in lines for whoever is told of it."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobmojito_batch.alerts import MOST_NAMED, Night, Trouble
from jobmojito_batch.columns import ErrorCode
from jobmojito_batch.errors import LostLedgerError, VolumeError, told
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.series import inputs_text
from jobmojito_batch.settings import Settings
from jobmojito_batch.summary import Summary

STOP_AGAIN: Final = frozenset(
    {
        ErrorCode.UNAUTHORIZED.value,
        ErrorCode.FORBIDDEN.value,
        ErrorCode.INSUFFICIENT_CREDITS.value,
        ErrorCode.SERVICE_PAUSED.value,
    }
)
"""Why a run stopped that waiting does not mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightEnd:
    """A run that is over; exactly one of *conclusion* and *error* is there."""

    parameters: InviteParameters
    at: datetime
    taken: SelectedInputs | None = None
    """None if taking itself failed."""
    planned: Planned | None = None
    """None if it did not come so far."""
    settings: Settings | None = None
    conclusion: Summary | None = None
    error: Exception | None = None
    has_begun: bool = False
    """Whether the ledger may hold claims of the run."""

    def as_night(self) -> Night:
        """What alerts and later nights know of it."""
        conclusion, taken, planned = self.conclusion, self.taken, self.planned
        day = taken.day if taken is not None else self.at.date()
        place = taken.place if taken is not None else inputs_text(self.parameters.inputs)
        facts = where(place)
        new = planned.plan.to_send if planned is not None else 0
        known = planned.known if planned is not None else 0
        if conclusion is None:
            trouble = _trouble_of(self.error)
            return Night(
                day=day,
                # One that was held was never entered in the ledger: nobody would find it.
                run_id=planned.run_id if planned is not None and trouble is Trouble.FAULT else None,
                exit_code=ExitCode.USAGE,
                trouble=trouble,
                rows=planned.rows if planned is not None else 0,
                new=new,
                known=known,
                cause=told(self.error) if self.error is not None else None,
                may_have_sent=self.has_begun,
                facts=facts,
            )
        return Night(
            day=day,
            run_id=conclusion.run_id,
            exit_code=conclusion.exit_code,
            rows=conclusion.rows,
            new=new,
            known=known,
            seconds=conclusion.seconds,
            outcomes=conclusion.occurring,
            unreadable_files=conclusion.unreadable_files,
            not_taken=conclusion.not_taken,
            closed=taken.left_out.closed if taken else (),
            cause=conclusion.stop_message,
            stops_again=bool(STOP_AGAIN & conclusion.reasons.keys()),
            token_due=conclusion.token_due,
            errors_file=conclusion.files.errors,
            facts=(*facts, *_facts(conclusion)),
        )


def where(inputs: str) -> tuple[str, ...]:
    """What an alert says first below its sentences: the machine, and the inputs as text."""
    return (f"host: {platform.node()}", *([f"inputs: {inputs}"] if inputs else []))


def _trouble_of(error: Exception | None) -> Trouble:
    if isinstance(error, LostLedgerError):
        return Trouble.LEDGER
    return Trouble.VOLUME if isinstance(error, VolumeError) else Trouble.FAULT


def _facts(conclusion: Summary) -> Iterator[str]:
    """What came of the run, what it cost, where its files lie."""
    yield f"rows: {conclusion.sentence}"
    left = conclusion.credits_left
    says_left = f", about {left:g} left" if left is not None else ""
    yield f"credits: about {conclusion.credits_estimated:g} used{says_left}"
    if conclusion.new_by_position:
        yield f"new people: {_by_position(conclusion.new_by_position)}"
    if conclusion.left_aside:
        staying = (f"{file.file} ({file.reason})" for file in conclusion.left_aside)
        yield f"not taken: {', '.join(staying)}"
    for name, path in conclusion.files.written():
        yield f"{name}: {path}"


def _by_position(counts: dict[str, int]) -> str:
    """Counts by the ids of positions, the first of them one by one."""
    said = [
        f"{count} at {position or '(no id)'}"
        for position, count in list(counts.items())[:MOST_NAMED]
    ]
    others = list(counts.values())[MOST_NAMED:]
    more = f", {sum(others)} at {len(others)} other positions" if others else ""
    return f"{', '.join(said)}{more}"
