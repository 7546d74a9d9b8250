"""Whether a plan may be sent unasked: its doubts, and the earlier nights of its series."""

from dataclasses import dataclass

from jobmojito_batch.alerts import Night, lost_ledger, volume_doubt
from jobmojito_batch.errors import DoubtError, LostLedgerError, VolumeError
from jobmojito_batch.ledger import Ledger, named
from jobmojito_batch.pipeline.nightly.header_drift import drifted
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.planned import Planned
from jobmojito_batch.pipeline.source_layout import from_json
from jobmojito_batch.records import InputDoubt


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesComparison:
    """A plan beside the earlier nights of its series."""

    history: tuple[Night, ...]
    """The latest first."""
    volume_doubt: str | None
    """Why the plan does not look like a night of its series, as a sentence."""
    lost_ledger: str | None
    """Why the ledger is not that of the earlier nights, as a sentence."""
    drift: tuple[InputDoubt, ...] = ()
    """Inputs whose columns are not what they were."""

    @property
    def warnings(self) -> list[str]:
        """All that is in doubt, as sentences."""
        drift = [doubt.text for doubt in self.drift]
        return [*filter(None, [self.lost_ledger, self.volume_doubt]), *drift]


def compare(taken: SelectedInputs, planned: Planned, ledger: Ledger | None) -> SeriesComparison:
    """The plan beside the nights that the ledger has of the series. Raises BatchError."""
    history = tuple(ledger.nights.of_series(taken.series)) if ledger is not None else ()
    return SeriesComparison(
        history=history,
        volume_doubt=volume_doubt(
            new=planned.plan.to_send,
            known=planned.known,
            history=history,
        ),
        lost_ledger=_lost_ledger(taken, ledger),
        drift=_drift(taken, planned, ledger),
    )


def _drift(
    taken: SelectedInputs, planned: Planned, ledger: Ledger | None
) -> tuple[InputDoubt, ...]:
    if ledger is None or not planned.plan.to_send:  # nothing depends on it
        return ()
    earlier = [layout for text in ledger.nights.layouts(taken.series) for layout in from_json(text)]
    return drifted(planned.inputs.layouts, earlier, planned.parameters)


def _lost_ledger(taken: SelectedInputs, ledger: Ledger | None) -> str | None:
    """
    Whether the folders of earlier days are of runs of which the ledger knows none, or the latest.

    An older copy of it has forgotten whom the latest runs have invited. Others' results may lie
    beside ours, but an inbox has one ledger: its files were taken by runs of that one.

    However few rows are new tonight: this run would be one that it knows, and the next one would
    pass.
    """
    of_inbox = taken.runs_of_inbox()
    runs = taken.runs_of_results() | of_inbox
    known = ledger.nights.latest_known(runs.keys()) if ledger is not None else None
    if known is not None:
        runs = {run_id: folder for run_id, folder in of_inbox.items() if run_id > known}
    if not runs:
        return None
    return lost_ledger(
        runs=len(runs),
        example=str(max(runs.values())),
        ledger=named(taken.settings.ledger_url),
        is_older=known is not None,
    )


def hold_if_unsure(
    planned: Planned, comparison: SeriesComparison, *, is_attended: bool = False
) -> None:
    """
    Raises DoubtError or VolumeError if the plan rests on a guess that nobody has seen.

    *is_attended*: a person confirms the run, with the doubts above the question.
    """
    held = [*(doubt for doubt in planned.doubts if doubt.holds), *comparison.drift]
    if held and not is_attended:
        raise DoubtError(". ".join(doubt.text for doubt in held) + ". Nothing was sent")
    _check_volume(planned, comparison, is_attended=is_attended)


def _check_volume(planned: Planned, comparison: SeriesComparison, *, is_attended: bool) -> None:
    """
    Raises VolumeError if the plan holds more new rows than were expected.

    What somebody expects decides if it was said. Else, if no person confirms the run
    (*is_attended*), the recent nights of the same series do (see alerts.volume_doubt). A ledger
    that is not the one of the earlier nights is no question of numbers: only a person at the
    terminal may go on with it, who is asked, so never if there is nothing to ask about.
    """
    new = planned.plan.to_send
    if comparison.lost_ledger is not None and not (is_attended and new):
        raise LostLedgerError(f"{comparison.lost_ledger}. Nothing was sent")
    expected = planned.parameters.expect_at_most
    if expected is not None:
        if new > expected:
            raise VolumeError(
                f"{new} new rows would be sent, more than the {expected} expected; nothing was "
                "sent. Look at the file and at the plan (`check`), or expect more"
            )
        return
    if is_attended or not planned.parameters.volume_guard or comparison.volume_doubt is None:
        return
    raise VolumeError(
        f"{comparison.volume_doubt}; nothing was sent. Look at the file and at the plan (`check`); "
        f"`--expect-at-most {new}` releases it"
    )
